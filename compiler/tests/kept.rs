//! What is kept between texts changes nothing: after any edits the front stages make of a text what a compiler makes of it that has never
//! seen another one. Graph, score, units, timeline, messages and places are compared word by word.
//!
//! Texts are drawn from a stock of statements in which all kinds of things hang together: numbers that shape, signals that many tracks
//! share, functions in functions, feedback in one binding and through two, buses in a circle, clips in tracks and in definitions,
//! scenes, songs, automation, words of drums, files that come and go, fields, chance, errors, and names that come and go.

use modurust_compiler::exec::Backend;
use modurust_compiler::front::{Compiler, Options, World};
use modurust_compiler::passes::Passes;
use modurust_lang::dice::Dice;
use modurust_lang::token::{Kind, tokens};

/// A text, and whether the files beside it are there.
struct Text<'a>(&'a str, bool);

impl World for Text<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        match path {
            "a.modu" => Ok(self.0.to_string()),
            "more.modu" => Ok("wob = sin(3hz)\nshape(x) = x * wob >> drive(amount)\namount = 6db\n".into()),
            "amen.wav" if self.1 => Ok(String::new()),
            "just.scl" if self.1 => Ok("! just.scl\n!\nfive\n 5\n!\n 9/8\n 5/4\n 3/2\n 5/3\n 2/1\n".into()),
            _ => Err("no such file".into()),
        }
    }

    fn is_long(&self, path: &str) -> bool {
        path == "long.wav"
    }

    fn exists(&self, path: &str) -> bool {
        path == "long.wav" || self.read(path).is_ok()
    }

    fn folder(&self, path: &str) -> Vec<String> {
        match path {
            "mine" if self.1 => vec!["bd1.wav".into(), "sd.wav".into()],
            "mine" => vec!["bd.wav".into()],
            _ => Vec::new(),
        }
    }
}

fn compiler() -> Compiler {
    let options =
        Options { sample_rate: 48_000, passes: Passes::Fast, backend: Backend::Interp, seed: 0, verify: false };
    Compiler::new(options)
}

/// All that the front stages say of a text.
fn seen(compiler: &mut Compiler, text: &str, files: bool) -> (Option<String>, Vec<String>) {
    let (made, diagnostics, _) = compiler.elaborate(&Text(text, files), &["a.modu".into()]);
    let made = made.map(|e| {
        let lines = |x: &dyn std::fmt::Debug| format!("{x:?}");
        let g = &e.graph;
        let mut all: Vec<String> = g.nodes.iter().enumerate().map(|(i, n)| format!("%{i} = {n:?}")).collect();
        all.extend(g.cells.iter().map(|x| lines(x)));
        all.extend(g.rings.iter().map(|x| lines(x)));
        all.extend(g.params.iter().map(|x| lines(x)));
        all.extend(g.rows.iter().map(|x| lines(x)));
        all.extend(g.samples.iter().map(|x| lines(x)));
        all.extend(g.frames.iter().map(|x| lines(x)));
        all.extend(g.outs.iter().map(|x| lines(x)));
        all.extend(e.units.iter().map(|x| lines(x)));
        all.extend([lines(&e.timing), lines(&e.timeline), lines(&e.score)]);
        all.join("\n")
    });
    (made, diagnostics.iter().map(|d| format!("{d:?}")).collect())
}

/// Asserts that a compiler with a past and a new one say the same.
#[track_caller]
fn same(old: &mut Compiler, text: &str, files: bool, past: &[String]) {
    let (kept, fresh) = (seen(old, text, files), seen(&mut compiler(), text, files));
    if kept == fresh {
        return;
    }
    let (a, b) = (kept.0.unwrap_or_default(), fresh.0.unwrap_or_default());
    let differ = a.lines().zip(b.lines()).find(|(a, b)| a != b);
    panic!(
        "what was kept shows in\n{text}\n--- before:\n{}\n--- first line: {differ:#?}\n--- messages: {:#?}\n{:#?}",
        past.iter().rev().take(3).cloned().collect::<Vec<_>>().join("\n---\n"),
        kept.1,
        fresh.1
    );
}

/// Statements by what they are about; each has several forms.
const STOCK: &[&[&str]] = &[
    &[
        "tempo 120bpm",
        "tempo 126bpm",
        "tempo 120bpm // the same",
        "tempo \"120|150\"",
        "tempo 100bpm ~> 140bpm over 8bars",
        "tempo 60bpm",
        "tempo pace",
    ],
    &["pace = 120", "pace = 96", "pace = 1b / 1s * 60"],
    &["cut = 400hz", "cut = 400hz // as before", "cut = 900hz", "cut = 400hz + 200hz", "cut = lowest * 2", "cut = 400"],
    &["lowest = 200hz", "lowest = 100hz", "lowest = 200hz // low", "lowest = cut / 2"],
    &["slow = lfsin(0.2hz)", "slow = lfsin(0.3hz)", "slow = noise >> lpf(1hz)", "slow = 0.5", "slow = fast1 * 0.5"],
    &["fast1 = sin(5hz)", "fast1 = slow' + 0.1 * (1 - slow')", "fast1 = tri(4hz)"],
    &["sizes = [100hz, 200hz, 300hz]", "sizes = [100hz, cut]", "sizes = [slow, fast1]"],
    &["twice(x) = x + x", "twice(x) = x * 2", "twice = x => x * slow", "twice(x) = x >> lpf(cut)"],
    &[
        "v(freq, gate) = saw(freq) >> lpf(cut) * adsr(gate, 5ms, 100ms, 0.5, 100ms)",
        "v(freq, gate, vel) = sin(freq) * perc(gate, 300ms) * vel",
        "v(freq, gate, bright: hz = 800hz) = {\n  e = ar(gate, 10ms, 200ms)\n  twice(saw(freq)) >> lpf(bright * (1 + e)) * e\n}",
        "v(freq, gate) = saww(freq) * gate",
    ],
    &[
        "riff = \"0 3 7 <10 12>\" >> scale(c4, minor)",
        "riff = \"0 3? 7\" >> scale(c3, major)",
        "riff = \"0 ~ 5\"",
        "riff = clips { a: \"0 3\" b: \"5 7\" }",
        "riff = beat",
    ],
    &["beat = \"bd sd [hh oh] sd\"", "beat = \"hh*4, bd sd\"", "beat = \"oh bd?\"", "beat = riff"],
    &["acc = acc' + 0.01 * (slow - acc')", "acc = delay(acc * 0.5 + fast1, 20ms)", "acc = acc + 1"],
    &["use ./more", "use ./more as m", "use std/filter as flt"],
    &["amount = 3db", "amount = slow"],
    &[
        "bus hall = in >> reverb(1s) * -6db",
        "bus hall = in >> echo(200ms, fb: 0.3, mix: 1)",
        "bus hall = in >> lpf(cut) >> send(dub, -9db)",
    ],
    &["bus dub = in >> delay(100ms)", "bus dub = in >> delay(120ms) >> send(hall, -12db)"],
    &["bus master = in >> limit(-1db)", "bus master = in * slow"],
    &[
        "track a = clips { a: riff b: \"0 1\" for 2bars then a } >> mono(v) >> send(hall, -6db) >> send(dub)",
        "track a = riff >> mono(v) * -6db",
        "track a = riff >> mono(v, glide: 40ms) >> send(hall, -6db)",
        "track a = \"0 7\" >> poly(4, v) * -6db",
        "track a = riff >> mono(v) >> shape",
        "track a = riff >> mono(v) >> m.shape",
    ],
    &[
        "track b = beat >> kit('tr909') * -3db",
        "track b = beat >> kit('tr909') >> pan(slow)",
        "track b = beat >> kit(tr909)",
        "track b = {\n  level2 = 0.5\n  beat >> kit('tr909') * level2\n}",
    ],
    &[
        "track c = saw(sizes) >> mix * 0.1",
        "track c = twice(saw(cut)) * 0.1",
        "track c = sin(100hz) * acc >> send(hall, -3db)",
        "track c = saw(100hz",
        "track c = noise * slow'",
    ],
    &[
        "track d = riff >> with(bright: \"400 900\") >> poly(3, v)",
        "track d = saw(cut) * m.wob",
        "track d = riff >> rev >> sometimes(fast(2)) >> mono(v)",
    ],
    &["out = sin(440hz) * 0.1", "out = sin(cut) * acc * 0.1", "out = riff"],
    &["scene one {\n  a: a\n}", "scene one {\n  a: b\n} for 4bars then two", "scene one {\n  c: a\n  b: off\n}"],
    &["bus group = in * 0.9", "bus group = in >> to(hall)", "bus group = in >> send(hall, -3db, pre: on)"],
    &[
        "pads = noise >> lpf(cut) >> send(hall, -6db)",
        "pads = clips { x: saw(100hz) y: sin(cut) } >> send(group, -3db)",
    ],
    &["track e = pads * 0.1 >> to(group)", "track e = pads * 0.2", "track e = saw(60hz) * 0.1 >> to(group)"],
    &["track f = pads * 0.1", "track f = \"0 7\" >> mono(v) >> send(group, -3db, pre: on)"],
    &["scene two {\n  a: a\n} for 2bars then one"],
    &[
        "arrange {\n  one 4bars { a.level: 0.5 ~> 1 }\n  two 4bars\n}",
        "arrange {\n  two 2bars { b.pan: \"<0 1>\" }\n  one 4bars xfade 1bar\n}",
    ],
    &[
        "automate a.level { 0bar: 0, 4bar: 1 }",
        "automate cut { 0bar: 100hz, 4bar: 1khz exp }",
        "automate a.bright { 0bar: 100hz, 2bar: 900hz }",
        "automate a.pan { 0bar: \"<0 1>\", 1bar: 1 }",
        "automate b.level2 { 0bar: 0, 1bar: 1 }",
    ],
    &["launch one", "launch a.b at next bar", "mute master"],
    &[
        "track g = loop('amen.wav', 2bars) >> lpf(cut)",
        "track g = play('long.wav') * 0.3",
        "track g = 'amen.wav' >> play",
    ],
    &[
        "track i = noise * 0.1 >> fft(1024) >> blur(200ms) >> ifft",
        "track i = saw(cut) >> fft(512) >> robot >> ifft >> send(hall)",
    ],
    &["track h = \"bd sd\" >> kit('mine')", "track h = play('long.wav', start: 2s)"],
    &["// a word", "// two words"],
    &["seed 3", "seed 4", "seed 3 // the same", "seed pace"],
    &["swing 56%", "swing 60%", "swing 50%", "swing nearly"],
    &["nearly = 55%", "nearly = gap / 1b * 1.2"],
    &["meter 4/4", "meter 7/8", "meter 3/4", "meter 5/4\nmeter 6/8 from 4bars"],
    &["tuning 'just.scl'", "tuning 'nothing.scl'"],
    // Times that hang on the tempo: lengths of delay lines, what is chosen by them, and numbers that parts share.
    &["gap = 3/16n", "gap = 1/8n", "gap = 150ms", "gap = 1bar / 16", "gap = 1/8n + 20ms"],
    &[
        "push(x, by = 6db) = x >> drive(by) >> echo(gap, fb: 0.3, mix: 0.3)",
        "push(x, by = 5db) = x >> drive(by) >> echo(gap, fb: 0.3, mix: 0.3)",
        "push(x, by = 6db) = x * by >> delay(if gap / 1s < 0.3 then gap * 2 else gap)",
        "push(x, by = 6db) = {\n  wet = x >> chorus(0.3) >> twice\n  wet * by + x * noise\n}",
        "push = x => x >> echo(gap)",
    ],
    &[
        "track j = riff >> mono(v) >> push(by: 4db) >> pan(lfsin(1bar))",
        "track j = \"0 3 7\" >> scale(c3, minor) >> poly(3, v) >> push >> send(hall, -6db)",
        "track j = noise * 0.1 >> push >> push(by: -3db)",
    ],
    &[
        "track k = \"bd? [hh|oh]*4 sd\" >> degradeBy(0.3) >> kit('tr909') >> push",
        "track k = beat >> kit('tr909') >> push >> push",
        "track k = clips { a: beat for 3beats then b  b: \"hh*8\" for 2bars then a } >> kit('tr909') >> push",
    ],
    &[
        "track l = loop('amen.wav', 1bar + 2beats) >> push(by: 3db)",
        "track l = 'amen.wav' >> warp(140bpm) >> push",
        "track l = \"0 1\" >> with(bright: 500 ~> 900 over 4s) >> mono(v) >> push",
        "track l = saw(sizes) >> mix >> push(by: 2db) * lfsin(2b)",
    ],
];

/// Functions that many statements call, in forms that differ by a number, a name, a setting, or more than that; and their callers.
const CALLS: &[&[&str]] = &[
    &["level = 0.5", "level = 0.7", "level = cut / 800hz", "level = slow * 0.5"],
    &["loud = level", "loud = 0.4", "loud = 2 * level"],
    &[
        "warm(x, by = 3db) = x >> drive(by) >> lpf(900hz) * level",
        "warm(x, by = 3db) = x >> drive(by) >> lpf(950hz) * level",
        "warm(x, by = 3db) = x >> drive(by) >> lpf(950hz) * loud",
        "warm(x, by = 4db) = x >> drive(by) >> lpf(900hz) * 0.5",
        "warm(x, by = 3db) = x >> drive(by) >> hpf(900hz) * level",
        "warm(x) = x >> drive(3db)",
    ],
    &[
        "wet(x, far = 0.3) = {\n  near = x * (1 - far)\n  near + (warm(x) >> echo(gap, fb: 0.3, mix: 1) * far)\n}",
        "wet(x, far = 0.3) = {\n  near = x * (1.01 - far)\n  near + (warm(x) >> echo(gap, fb: 0.3, mix: 1) * far)\n}",
        "wet(x, far = 0.3) = {\n  near = x * (1 - far)\n  near + (warm(x) >> echo(1/8n, fb: 0.35, mix: 1) * far)\n}",
        "wet(x, far = 0.3) = x + noise * far * level",
        "wet(x, far = 0.3) = x + noise * far * loud",
        "wet(x, far = 0.3) = if far > 0.35 then x else x * 0.5 + 0.1 * warm(x)",
        "wet(x, far = 0.3) = {\n  y = x + far * y'\n  y * level\n}",
        "wet(x, far = 0.3) = {\n  y = x + far * y' * 0.9\n  y * level\n}",
        "wet(x, far = 0.3) = (x >> send(hall, -9db)) * far",
        "wet(x, far = 0.3) = x * y\n",
    ],
    &[
        "bell(freq, gate) = warm(sin(freq * level), by: 2db) * perc(gate, 300ms)",
        "bell(freq, gate) = warm(sin(freq * loud), by: 2db) * perc(gate, 300ms)",
        "bell(freq, gate) = warm(sin(freq * level), by: 2db) * perc(gate, 320ms)",
        "bell(freq, gate, bright: hz = 500hz) = warm(saw(freq) >> lpf(bright)) * perc(gate, 300ms)",
        "bell(freq, gate, bright: hz = 600hz) = warm(saw(freq) >> lpf(bright)) * perc(gate, 300ms)",
    ],
    &["moved = wet(slow, 0.2)", "moved = wet(slow, 0.25)", "moved = warm(noise) * level", "moved = wet(level)"],
    &["track m = riff >> mono(bell) >> wet", "track m = riff >> mono(bell) >> wet(0.3) >> wet(far: 0.4)"],
    &[
        "track n = \"0 5\" >> poly(2, bell) >> wet",
        "track n = riff >> with(bright: \"300 900\") >> mono(bell) >> warm(by: 6db)",
    ],
    &[
        "track o = saw(cut) * 0.1 >> wet >> pan(moved)",
        "track o = saw(cut * level) * 0.1 >> wet(level)",
        "track o = warm(noise) >> warm",
    ],
    &["track p = noise * 0.1 * moved >> wet >> warm >> send(hall, -6db)", "track p = wet(wet(saw(90hz)), 0.1) * 0.1"],
];

struct Set {
    stmts: Vec<(usize, usize)>,
    blank: Vec<bool>,
}

impl Set {
    fn text(&self) -> String {
        let stmts = self.stmts.iter().zip(&self.blank);
        stmts
            .map(|((kind, form), blank)| format!("{}{}\n", if *blank { "\n" } else { "" }, STOCK[*kind][*form]))
            .collect()
    }

    fn new(dice: &mut Dice) -> Set {
        let mut set = Set { stmts: Vec::new(), blank: Vec::new() };
        for (kind, forms) in STOCK.iter().enumerate() {
            // First forms go with each other.
            if dice.below(12) > 0 {
                let form = if dice.below(12) > 0 { 0 } else { dice.below(forms.len()) };
                set.insert(dice, (kind, form));
            }
        }
        set
    }

    fn insert(&mut self, dice: &mut Dice, stmt: (usize, usize)) {
        let at = dice.below(self.stmts.len() + 1);
        self.stmts.insert(at, stmt);
        self.blank.insert(at, dice.below(5) == 0);
    }

    fn edit(&mut self, dice: &mut Dice) {
        let n = self.stmts.len();
        if n == 0 || dice.below(6) == 0 {
            let there = |kind: usize| self.stmts.iter().any(|(known, _)| *known == kind);
            let missing: Vec<usize> = (0..STOCK.len()).filter(|kind| !there(*kind)).collect();
            let kind = if missing.is_empty() { dice.below(STOCK.len()) } else { dice.pick(&missing) };
            let form = dice.below(STOCK[kind].len());
            return self.insert(dice, (kind, form));
        }
        let at = dice.below(n);
        match dice.below(10) {
            0 => {
                self.stmts.remove(at);
                self.blank.remove(at);
            }
            1 => {
                let stmt = self.stmts.remove(at);
                let blank = self.blank.remove(at);
                let to = dice.below(n);
                self.stmts.insert(to, stmt);
                self.blank.insert(to, blank);
            }
            2 => self.blank[at] = !self.blank[at],
            3..6 => self.stmts[at].1 = dice.below(STOCK[self.stmts[at].0].len()),
            // What is broken is mended.
            _ => {
                self.stmts.iter_mut().for_each(|(_, form)| *form = if dice.below(5) > 0 { 0 } else { *form });
                self.stmts[at].1 = dice.below(STOCK[self.stmts[at].0].len());
            }
        }
    }
}

#[test]
fn first_forms_go_with_each_other() {
    let set = Set { stmts: (0..STOCK.len()).map(|kind| (kind, 0)).collect(), blank: vec![false; STOCK.len()] };
    let (made, messages) = seen(&mut compiler(), &set.text(), true);
    assert!(made.is_some(), "{messages:#?}");
}

#[test]
fn what_was_kept_shows_in_nothing() {
    let sequences = std::env::var("SEQUENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let first: u64 = std::env::var("FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let (mut good, mut all) = (0, 0);
    for seed in first..first + sequences {
        let mut dice = Dice::new(seed);
        let (mut set, mut old, mut past) = (Set::new(&mut dice), compiler(), Vec::new());
        for _ in 0..6 {
            let text = set.text();
            let files = dice.below(10) > 0;
            same(&mut old, &text, files, &past);
            all += 1;
            good += u32::from(seen(&mut old, &text, files).0.is_some());
            past.push(text);
            for _ in 0..1 + dice.below(2) {
                set.edit(&mut dice);
            }
        }
    }
    println!("{good} of {all} are whole");
    assert!(good * 7 > all, "too few of the texts are whole to say much: {good} of {all}");
}

/// Only what calls and is called, so that most edits reach several callers.
#[test]
fn what_is_known_of_calls_shows_in_nothing() {
    let sequences = std::env::var("SEQUENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let first: u64 = std::env::var("FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let around = [
        "cut = 400hz",
        "slow = lfsin(0.2hz)",
        "gap = 3/16n",
        "riff = \"0 3 7\" >> scale(c4, minor)",
        "bus hall = in >> delay(0.1s)",
    ];
    let settings = ["", "tempo 96bpm\n", "seed 5\n", "tempo 150bpm\nseed 6\n"];
    let (mut good, mut all) = (0, 0);
    for seed in first..first + sequences {
        let mut dice = Dice::new(seed);
        let mut forms = vec![0; CALLS.len()];
        let (mut setting, mut old, mut past) = (0, compiler(), Vec::new());
        for _ in 0..8 {
            let stmts = CALLS.iter().zip(&forms).map(|(all, form)| format!("{}\n", all[*form]));
            let text = format!("{}{}\n{}", settings[setting], around.join("\n"), stmts.collect::<String>());
            same(&mut old, &text, true, &past);
            all += 1;
            good += u32::from(seen(&mut old, &text, true).0.is_some());
            past.push(text);
            match dice.below(8) {
                0 => setting = dice.below(settings.len()),
                _ => {
                    let at = dice.below(CALLS.len());
                    forms[at] = dice.below(CALLS[at].len());
                }
            }
        }
    }
    println!("{good} of {all} are whole");
    assert!(good * 2 > all, "too few of the texts are whole to say much: {good} of {all}");
}

/// A text in which a word is another wherever it is a name.
fn respelt(text: &str, from: &str, to: &str) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for token in tokens(text).filter(|token| token.kind == Kind::Word && token.text(text) == from) {
        out += &text[at..token.span.start as usize];
        out += to;
        at = token.span.end as usize;
    }
    out + &text[at..]
}

/// Values that are called otherwise and back, between other edits, with their names in comments and in other roles now and then.
#[test]
fn what_was_renamed_shows_in_nothing() {
    let sequences = std::env::var("SEQUENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let first: u64 = std::env::var("FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let around = [
        "cut = 400hz",
        "slow = lfsin(0.2hz)",
        "gap = 3/16n",
        "riff = \"0 3? 7\" >> scale(c4, minor)",
        "plain = \"0 3 7\" >> scale(c4, minor)",
        "hum = noise >> lpf(cut) * slow",
        "twice = (x) => x >> lpf(cut * 2)",
        "turn = saw(60hz) + 0.5 * (turn >> delay(gap))",
        "track one = plain >> mono(vox) >> lpf(cut) >> twice + hum * 0.1",
        "track two = riff >> mono(vox) >> hpf(cut * 0.5) * (1 + slow) + (saw(cut) >> lpf(cut, q: 0.4)) + saw(cut * 0.5)",
        "track six = plain >> poly(2, vox) + turn * 0.1",
        "vox(freq, gate) = saw(freq) >> lpf(cut + 200hz * slow) * ar(gate, 3ms, 0.2s)",
        "bus hall = in >> delay(0.1s)",
        "automate cut { 0bar: 200hz, 4bar: 900hz }",
    ];
    let names = ["cut", "slow", "gap", "riff", "plain", "hum", "twice", "turn"];
    let words = ["a", "brightness", "cut", "slow", "echo", "x", "k"];
    let (mut good, mut all) = (0, 0);
    for seed in first..first + sequences {
        let mut dice = Dice::new(seed);
        let mut forms = vec![0; CALLS.len()];
        let mut called: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let (mut old, mut past, mut more) = (compiler(), Vec::new(), "");
        for _ in 0..10 {
            let stmts = CALLS.iter().zip(&forms).map(|(all, form)| format!("{}\n", all[*form]));
            let mut text = format!("{}\n{more}{}", around.join("\n"), stmts.collect::<String>());
            // By way of words that nobody uses, so that two may change places.
            for (n, name) in names.iter().enumerate() {
                text = respelt(&text, name, &format!("zz{n}"));
            }
            for (n, name) in called.iter().enumerate() {
                text = respelt(&text, &format!("zz{n}"), name);
            }
            same(&mut old, &text, true, &past);
            all += 1;
            good += u32::from(seen(&mut old, &text, true).0.is_some());
            past.push(text);
            match dice.below(8) {
                0 => {
                    let at = dice.below(CALLS.len());
                    forms[at] = dice.below(CALLS[at].len());
                }
                1 => {
                    more = dice.pick(&[
                        "",
                        "// Of cut and brightness.\n",
                        "brightness = 3khz\n",
                        "a = 400hz\ntrack far = saw(a)\n",
                    ])
                }
                _ => {
                    let at = dice.below(names.len());
                    called[at] = match dice.chance(40) {
                        true => names[at].to_string(),
                        false => dice.pick(&words).to_string(),
                    };
                }
            }
        }
    }
    println!("{good} of {all} are whole");
    assert!(good * 3 > all, "too few of the texts are whole to say much: {good} of {all}");
}
