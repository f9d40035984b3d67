//! What edits keep: a table of texts before and after, and what must go on, begin and end.
//!
//! The plan is written in a line: how much changes (`nothing`, `numbers`, `patterns`, `code`), then what does not simply go on under its
//! name: `+out/drive` begins anew (and nothing else does), `-out/lpf` is gone, `~b/saw` goes on under another name. What is not named
//! must be kept, so an edit that loses anything without being said to fails.

use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::graph::state::{Piece, StateMap};
use modurust_runtime::compiler::program::Program;
use modurust_runtime::swap::change;
use modurust_tests::sound::program;
use std::collections::BTreeMap;

/// Texts that are edited.
const BASES: &[(&str, &str)] = &[
    ("pipe", "out = saw(110hz) >> lpf(800hz) >> delay(0.2s) * 0.3\n"),
    (
        "poly",
        "voice(freq, gate, vel, cut = 900hz) = saw(freq) >> lpf(cut) * adsr(gate, 5ms, 50ms, 0.6, 100ms)
track keys = \"60 64 67\" >> poly(4, voice) * -6db\n",
    ),
    (
        "named",
        "tone = saw(110hz) >> lpf(800hz)
track a = tone * 0.2
track b = sin(220hz) >> echo(0.25s) * 0.2\n",
    ),
    (
        "loop",
        "dub(x, time = 0.2s, fb = 0.6) = {
  wet = x + fb * wet' >> delay(time) >> hpf(200hz)
  x + wet
}
track skank = tri(220hz) * perc(lfsquare(2hz), 100ms) >> dub * 0.2\n",
    ),
    (
        "bus",
        "bus room = in >> reverb(2s)
track a = saw(110hz) * 0.1 >> send(room, -9db)
track b = sin(330hz) * 0.1\n",
    ),
    ("wide", "out = [saw(110hz), saw(111hz)] >> lpf(900hz) * 0.2\n"),
    (
        "clips",
        "held(freq, gate) = sin(freq) * adsr(gate, 5ms, 50ms, 0.6, 100ms)
track t = clips { a: \"0 3\"  b: \"7\" } >> scale(a2, minor) >> mono(held)
scene one { t: a }\n",
    ),
    ("drums", "track d = \"bd sd\" >> kit('tr909')\n"),
    ("many", "out = sum(4, k => sin(110hz * (k + 1))) * 0.1 >> chorus(0.5)\n"),
    (
        "user",
        "smooth(x, a = 0.9) = {
  y = a * y' + (1 - a) * x
  y
}
out = noise * 0.2 >> smooth(0.95) >> smooth(0.8)\n",
    ),
];

/// Base, words that are replaced, what stands there afterwards, the plan.
const CASES: &[(&str, &str, &str, &str)] = &[
    // Numbers.
    ("pipe", "110hz", "120hz", "numbers"),
    ("pipe", "800hz", "2khz", "numbers"),
    ("pipe", "0.2s", "0.21s", "numbers"),
    ("pipe", "0.3", "0.25", "numbers"),
    ("pipe", "110hz", "a2", "nothing"),
    ("pipe", "110hz", "0.11khz", "nothing"),
    ("pipe", "0.2s", "200ms", "nothing"),
    ("pipe", "lpf(800hz)", "lpf(freq: 800hz)", "nothing"),
    ("poly", "900hz", "1200hz", "numbers"),
    ("poly", "-6db", "-9db", "numbers"),
    ("poly", "5ms", "10ms", "numbers"),
    ("poly", "0.6", "0.5", "numbers"),
    ("named", "800hz", "850hz", "numbers"),
    ("named", "tone * 0.2", "tone * 0.3", "numbers"),
    ("named", "220hz", "221hz", "numbers"),
    ("loop", "0.6", "0.5", "numbers"),
    ("loop", "200hz", "300hz", "numbers"),
    ("bus", "-9db", "-12db", "numbers"),
    ("bus", "110hz", "55hz", "numbers"),
    ("wide", "111hz", "112hz", "numbers"),
    ("wide", "900hz", "950hz", "numbers"),
    ("many", "110hz", "111hz", "numbers"),
    ("user", "0.95", "0.96", "numbers"),
    ("user", "0.8", "0.7", "numbers"),
    ("clips", "0.6", "0.7", "numbers"),
    // Words that say the same.
    ("pipe", "out =", "// louder?\nout =", "nothing"),
    ("pipe", " >> lpf", "\n  >> lpf", "nothing"),
    ("pipe", "saw(110hz) >> lpf(800hz)", "lpf(saw(110hz), 800hz)", "nothing"),
    ("poly", "track keys", "\n\ntrack keys", "nothing"),
    ("named", "track a", "// first\ntrack a", "nothing"),
    ("clips", "track t", "// set\ntrack t", "nothing"),
    ("clips", "a: \"0 3\"  b", "a: \"0 3\"\n  b", "nothing"),
    ("drums", "track d =", "track d =\n ", "nothing"),
    ("many", "k => sin(110hz * (k", "i => sin(110hz * (i", "nothing"),
    // Patterns.
    ("poly", "60 64 67", "60 64", "patterns"),
    ("poly", "60 64 67", "[60,64] 67*2", "patterns"),
    ("poly", "\"60 64 67\"", "\"60 64 67\" >> fast(2)", "patterns"),
    ("poly", "\"60 64 67\"", "\"60 64 67\" >> rev", "patterns"),
    ("poly", "\"60 64 67\"", "\"60 64 67\" >> every(4, fast(2))", "patterns"),
    ("clips", "\"0 3\"", "\"0 3 5\"", "patterns"),
    ("clips", "b: \"7\"", "b: \"7\"  c: \"5\"", "patterns"),
    ("clips", "  b: \"7\"", "", "patterns"),
    ("clips", "b: \"7\"", "other: \"7\"", "patterns"),
    ("clips", "{ a: \"0 3\"", "{ a: \"0 3\" for 4bars then b", "patterns"),
    ("clips", "scene one { t: a }", "scene one { t: b }", "patterns"),
    ("clips", "scene one", "scene two", "patterns"),
    ("clips", "scene one { t: a }", "scene one { t: a }\nscene two { t: b }", "patterns"),
    ("clips", "scene one { t: a }\n", "", "patterns"),
    ("clips", "minor", "dorian", "patterns"),
    ("drums", "bd sd", "bd [sd sd]", "patterns"),
    ("drums", "bd sd", "bd*4 sd", "patterns"),
    // A stage more.
    ("pipe", ">> lpf", ">> drive(6db) >> lpf", "code"),
    ("pipe", ">> delay", ">> hpf(100hz) >> delay", "code +out/hpf"),
    ("pipe", ">> delay", ">> lpf(500hz) >> delay", "code +out/lpf"),
    ("pipe", "* 0.3", ">> chorus(0.5) * 0.3", "code +out/chorus"),
    ("pipe", "* 0.3", ">> ladder(900hz) * 0.3", "code +out/ladder"),
    ("pipe", "* 0.3", ">> reverb(1s) * 0.3", "code +out/reverb"),
    ("pipe", "saw(110hz)", "saw(110hz) * sin(2hz)", "code +out/sin"),
    ("pipe", "saw(110hz)", "(saw(110hz) + sin(55hz))", "code +out/sin"),
    ("pipe", "saw(110hz)", "(sin(55hz) + saw(110hz))", "code +out/sin"),
    ("pipe", "110hz", "110hz + 2hz * sin(5hz)", "code +out/sin"),
    ("pipe", "lpf(800hz)", "lpf(800hz + 300hz * sin(0.2hz))", "code +out/sin"),
    ("pipe", "* 0.3", "* 0.3 >> softclip", "code"),
    ("named", "tone * 0.2", "tone * 0.2 >> hpf(50hz)", "code +a/hpf"),
    ("named", ">> lpf(800hz)", ">> lpf(800hz) >> hpf(30hz)", "code +tone/hpf"),
    ("poly", "* -6db", ">> chorus(0.5) * -6db", "code +keys/chorus"),
    ("poly", "saw(freq)", "(saw(freq) + sin(freq))", "code +keys/poly/voice/sin"),
    ("poly", ">> lpf(cut)", ">> lpf(cut) >> hpf(100hz)", "code +keys/poly/voice/hpf"),
    ("loop", ">> hpf(200hz)", ">> hpf(200hz) >> lpf(3khz)", "code +skank/dub/wet/lpf"),
    ("loop", ">> dub", ">> hpf(100hz) >> dub", "code +skank/hpf"),
    ("bus", "reverb(2s)", "reverb(2s) >> hpf(100hz)", "code +room/hpf"),
    ("bus", "* 0.1 >> send", ">> lpf(900hz) * 0.1 >> send", "code +a/lpf"),
    ("wide", ">> lpf", ">> hpf(50hz) >> lpf", "code +out/hpf"),
    ("user", ">> smooth(0.95)", ">> smooth(0.95) >> lpf(5khz)", "code +out/lpf"),
    ("many", ">> chorus(0.5)", ">> chorus(0.5) >> lpf(2khz)", "code +out/lpf"),
    ("clips", ">> mono(held)", ">> mono(held) >> lpf(900hz)", "code +t/lpf"),
    ("drums", "kit('tr909')", "kit('tr909') >> hpf(60hz)", "code +d/hpf"),
    // A stage less.
    ("pipe", ">> lpf(800hz) ", "", "code -out/lpf"),
    ("pipe", ">> delay(0.2s) ", "", "code -out/delay"),
    ("named", ">> echo(0.25s) ", "", "code -b/echo"),
    ("named", " >> lpf(800hz)", "", "code -tone/lpf"),
    ("poly", " >> lpf(cut)", "", "code -keys/poly/voice/lpf"),
    ("loop", " >> hpf(200hz)", "", "code -skank/dub/wet/hpf"),
    ("loop", " >> dub", "", "code -skank/dub"),
    ("wide", ">> lpf(900hz) ", "", "code -out/lpf"),
    ("many", " >> chorus(0.5)", "", "code -out/chorus"),
    ("user", " >> smooth(0.8)", "", "code -out/smooth"),
    ("bus", " >> send(room, -9db)", "", "code"),
    // A stage in the place of another.
    ("pipe", "lpf(800hz)", "ladder(800hz)", "code +out/ladder -out/lpf"),
    ("pipe", "lpf(800hz)", "onepole(800hz)", "code +out/onepole -out/lpf"),
    ("pipe", "delay(0.2s)", "chorus(0.5)", "code +out/chorus -out/delay"),
    ("pipe", "saw(110hz)", "noise", "code -out/saw"),
    ("bus", "reverb(2s)", "echo(0.3s)", "code +room/echo -room/reverb"),
    // What holds the memory is the same.
    ("pipe", "lpf(800hz)", "hpf(800hz)", "code ~out/hpf"),
    ("pipe", "lpf(800hz)", "bpf(800hz)", "code ~out/bpf"),
    ("pipe", "saw(110hz)", "tri(110hz)", "code ~out/tri"),
    ("poly", "saw(freq)", "square(freq)", "code ~keys/poly/voice/square"),
    ("named", "sin(220hz)", "tri(220hz)", "code ~b/tri"),
    // In another order.
    ("pipe", ">> lpf(800hz) >> delay(0.2s)", ">> delay(0.2s) >> lpf(800hz)", "code"),
    ("named", "sin(220hz) >> echo(0.25s)", "sin(220hz) >> hpf(90hz) >> echo(0.25s)", "code +b/hpf"),
    ("user", "smooth(0.95) >> smooth(0.8)", "smooth(0.8) >> smooth(0.95)", "numbers"),
    ("wide", "[saw(110hz), saw(111hz)]", "[saw(111hz), saw(110hz)]", "numbers"),
    // Under another name.
    ("named", "track b", "track c", "code ~c"),
    ("poly", "track keys", "track pad", "code ~pad"),
    ("loop", "track skank", "track dubbed", "code ~dubbed"),
    ("drums", "track d", "track drums", "code ~drums"),
    ("bus", "track b", "track pure", "code ~pure"),
    // Two at once.
    ("pipe", ">> lpf(800hz) >> delay(0.2s)", ">> chorus(0.5)", "code +out/chorus -out/lpf -out/delay"),
    ("named", "tone * 0.2", "tone * 0.2\ntrack d = noise * 0.1 >> lpf(1khz)", "code +d"),
    ("named", "track b = sin(220hz) >> echo(0.25s) * 0.2\n", "", "code -b"),
    ("named", "track a = tone * 0.2\n", "", "code -tone"),
    ("poly", "* -6db\n", "* -6db\ntrack two = \"48\" >> mono(voice)\n", "code +two"),
    ("bus", "track b = sin(330hz) * 0.1\n", "", "code -b"),
    ("clips", "scene one", "track u = sin(220hz) * 0.1\nscene one", "code +u"),
    ("drums", "kit('tr909')\n", "kit('tr909')\ntrack low = sin(50hz) * 0.1\n", "code +low"),
    // Taken out into a name, and put back.
    ("pipe", "out = saw(110hz) >> lpf(800hz)", "cut = 800hz\nout = saw(110hz) >> lpf(cut)", "code"),
    ("pipe", "out = saw(110hz)", "osc = saw(110hz)\nout = osc", "code ~osc"),
    ("pipe", "out = saw(110hz) >> lpf(800hz)", "osc = saw(110hz) >> lpf(800hz)\nout = osc", "code ~osc"),
    ("named", "tone = saw(110hz) >> lpf(800hz)\ntrack a = tone", "track a = saw(110hz) >> lpf(800hz)", "code ~a"),
    ("pipe", "lpf(800hz) >> delay(0.2s)", "chain2\nchain2(x) = x >> lpf(800hz) >> delay(0.2s)", "code ~out/chain2"),
    ("loop", "0.6) =", "0.6, cut = 200hz) =", "nothing"),
    // Voices, channels, delays.
    ("poly", "poly(4", "poly(8", "code"),
    ("poly", "poly(4", "poly(2", "code"),
    ("poly", "poly(4, voice)", "mono(voice)", "code ~keys/mono +keys/mono -keys/poly"),
    ("clips", "mono(held)", "poly(4, held)", "code ~t/poly +t/poly -t/mono"),
    ("wide", "saw(111hz)]", "saw(111hz), saw(112hz)]", "code +out/saw"),
    ("wide", "[saw(110hz), saw(111hz)]", "saw(110hz)", "code -out/saw"),
    ("many", "sum(4", "sum(5", "code +out/fn"),
    ("many", "sum(4", "sum(3", "code -out/fn"),
    ("pipe", "0.2s", "0.001s", "numbers"),
    ("pipe", "delay(0.2s)", "delay(0.2s + 0.01s * sin(0.5hz))", "code +out/sin"),
    ("pipe", "delay(0.2s)", "echo(0.2s)", "code +out/echo -out/delay"),
    // Functions of one's own.
    ("user", "y = a * y' + (1 - a) * x", "y = a * y' + (1 - a) * x * 1.1", "code"),
    ("user", "  y = a * y' + (1 - a) * x\n  y", "  z = a * z' + (1 - a) * x\n  z", "code +out/smooth -out/smooth"),
    ("user", "smooth(x, a = 0.9)", "smooth(x, a = 0.5)", "nothing"),
    ("user", "noise * 0.2 >>", "noise * 0.2 >> smooth(0.5) >>", "code +out/smooth"),
    ("loop", "x + wet", "wet", "code"),
    ("loop", "fb * wet'", "fb * wet' * 0.9", "code"),
    ("poly", "* adsr(", "* 0.9 * adsr(", "code"),
    ("poly", "vel, cut", "cut", "code"),
    // Settings and scenes beside the sound.
    ("pipe", "out =", "tempo 130bpm\nout =", "numbers"),
    ("poly", "voice(", "tempo 130bpm\nvoice(", "numbers"),
    ("clips", "held(", "quantise 1bar\nheld(", "patterns"),
    ("clips", "scene one { t: a }\n", "scene one { t: a }\nlaunch one\n", "patterns"),
    ("clips", "scene one { t: a }\n", "scene one { t: a }\narrange { one 4bars }\n", "patterns"),
    ("bus", "bus room", "xfade 50ms\nbus room", "patterns"),
    // Channels that come or go before a delay, and a delay beyond its room.
    ("pipe", ">> lpf", ">> chorus(0.5) >> lpf", "code +out/chorus"),
    ("named", ">> echo", ">> chorus(0.5) >> echo", "code +b/chorus"),
    ("pipe", "saw(110hz) >> lpf(800hz)", "saw(120hz) >> lpf(900hz) >> chorus(0.5)", "code +out/chorus"),
    ("pipe", ">> lpf(800hz)", ">> chorus(0.5) >> hpf(90hz)", "code +out/chorus ~out/hpf"),
    ("pipe", "saw(110hz)", "[saw(110hz), saw(111hz)]", "code +out/saw"),
    ("pipe", "0.2s", "0.9s", "code"),
    ("pipe", "delay(0.2s)", "delay(5s)", "code"),
    ("drums", "track d", "swing 60%\ntrack d", "patterns"),
];

/// Paths of pieces under which a plan may say something, for one sign.
fn all_under(pieces: &[Piece], prefixes: &[&str], sign: char, faults: &mut Vec<String>) {
    let key = |piece: &Piece| piece.key.rsplit(" -> ").next().unwrap_or("").to_string();
    let under =
        |key: &str, prefix: &str| key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    for piece in pieces {
        let key = key(piece);
        if !prefixes.iter().any(|prefix| under(&key, prefix)) {
            faults.push(format!("{sign}{}", piece.key));
        }
    }
    for prefix in prefixes {
        if !pieces.iter().any(|piece| under(&key(piece), prefix)) {
            faults.push(format!("nothing is {sign}{prefix}"));
        }
    }
}

#[test]
fn edits_keep_what_the_table_says() {
    assert!(CASES.len() >= 150, "{} cases", CASES.len());
    let bases: BTreeMap<&str, (&str, Program)> =
        BASES.iter().map(|(name, text)| (*name, (*text, program(text, Backend::Interp)))).collect();
    let mut wrong = Vec::new();
    for (base, from, to, plan) in CASES {
        let (text, old) = &bases[base];
        assert!(text.contains(from), "{base} has no `{from}`");
        let new = program(&text.replacen(from, to, 1), Backend::Interp);
        let mut words = plan.split(' ');
        let mut faults = Vec::new();
        let kind = change(old, &new).word();
        if words.next() != Some(kind) {
            faults.push(kind.to_string());
        }
        let report = StateMap::between(&old.patch.graph, &old.units, &new.patch.graph, &new.units).report;
        let words: Vec<&str> = words.collect();
        for (sign, pieces) in [('+', &report.made), ('-', &report.dropped), ('~', &report.moved)] {
            let prefixes: Vec<&str> = words.iter().filter_map(|word| word.strip_prefix(sign)).collect();
            all_under(pieces, &prefixes, sign, &mut faults);
        }
        if !faults.is_empty() {
            wrong.push(format!("{base}: `{from}` -> `{to}`: {plan}: {}", faults.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}
