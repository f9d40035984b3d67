//! Sets that `modurust bench --edit` measures beside its own: about five hundred lines each, made up from a seed.
//!
//! What an edit costs hangs on how a set is written: how many statements name a value or call a function, and how much each makes. One
//! set says what one hand is like, and what is mended for it may be nothing for another. So there are several, each with much of one
//! thing: values that many tracks name, functions that call functions, drums, tracks of many lines, songs. The same seed gives the same
//! text on every machine.

use modurust_runtime::compiler::lang::dice::Dice;
use std::fmt::Write as _;

/// So many lines a set has at least.
const LINES: usize = 500;
/// What values and functions are called after.
const WORDS: [&str; 16] = [
    "amber", "birch", "cedar", "dune", "ember", "flint", "gale", "haze", "iris", "jade", "kelp", "loam", "moss", "oak",
    "pine", "quartz",
];
const NOTES: [&str; 6] = ["0 3 5 7", "0 ~ 4 [7 2]", "<0 5> 2 4 2", "7 5 3 0*2", "[0 2] ~ 5 <3 9>", "0 0 12 ~"];
const BEATS: [&str; 6] =
    ["bd*4, ~ cp", "bd ~ sd hh*3", "hh*8, bd(3,8)", "bd ~ bd [~ bd], ~ sd", "[~ hh]*4, oh", "bd(5,8), hh(7,16)"];
const SCALES: [&str; 4] = ["c3, minor", "d3, dorian", "f2, major", "a2, minor"];

/// What writes a set of a shape.
type Write = fn(&mut Dice) -> String;

/// The shapes, by name.
pub const SHAPES: [(&str, Write); 5] =
    [("values", values), ("functions", functions), ("drums", drums), ("blocks", blocks), ("songs", songs)];

/// What all of them begin with.
fn head(dice: &mut Dice) -> String {
    format!(
        "tempo {}bpm\nmeter 4/4\nseed {}\n\nbus room = in >> reverb(2s) * -6db\nbus slap = in >> echo(1/8n, fb: 0.3, mix: 1)\n\
         bus group = in >> drive(3db) * -2db\nbus master = in >> limit(-1db)\n\n",
        90 + dice.below(60),
        dice.below(100)
    )
}

/// Adds statements until there are lines enough.
fn filled(mut text: String, mut add: impl FnMut(&mut String, usize)) -> String {
    let mut n = 0;
    while text.lines().count() < LINES {
        add(&mut text, n);
        text.push('\n');
        n += 1;
    }
    text
}

/// A line more.
fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Text takes all that is written to it.
    let _ = text.write_fmt(line);
    text.push('\n');
}

/// One of the words, with a number behind it from the second time round.
fn name(n: usize) -> String {
    let word = WORDS[n % WORDS.len()];
    if n < WORDS.len() { word.to_string() } else { format!("{word}{}", n / WORDS.len()) }
}

/// Many values, numbers and signals and patterns, each of which several tracks name.
fn values(dice: &mut Dice) -> String {
    let mut text = head(dice);
    for n in 0..12 {
        line(&mut text, format_args!("{}_hz = {}hz", name(n), 200 + dice.below(3000)));
        line(&mut text, format_args!("{}_part = 0.{}", name(n), 1 + dice.below(8)));
        line(&mut text, format_args!("{}_sway = lfsin(0.{}hz) * {}_part", name(n), 1 + dice.below(8), name(n)));
        let (notes, scale) = (dice.pick(&NOTES), dice.pick(&SCALES));
        line(&mut text, format_args!("{}_notes = \"{notes}\" >> scale({scale})", name(n)));
    }
    for n in 0..6 {
        let own = name(n);
        line(&mut text, format_args!("v_{own}(freq, gate, vel) = {{\n  e = adsr(gate, {}ms, 90ms, 0.6, 200ms)", 2 + n));
        line(&mut text, format_args!("  saw(freq) + tri(freq * 0.5) >> lpf({own}_hz * (0.5 + e)) * e * vel\n}}\n"));
    }
    filled(text, |text, n| {
        let word = |dice: &mut Dice| name(dice.below(12));
        let (a, b, c, d) = (word(dice), word(dice), word(dice), word(dice));
        line(text, format_args!("track t{n} = {a}_notes >> mono(v_{})", name(dice.below(6))));
        line(text, format_args!("  >> lpf({b}_hz * (1 + 0.5 * {c}_sway)) >> hpf({d}_hz * 0.1)"));
        line(text, format_args!("  >> pan({a}_part - 0.5) * -{}db >> send(room, -{}db)", 9 + n % 6, 6 + n % 9));
    })
}

/// Functions that call functions, and tracks that give them numbers of their own.
fn functions(dice: &mut Dice) -> String {
    let mut text = head(dice);
    text += "cut = 900hz\nslow = lfsin(0.1hz)\n\n";
    line(&mut text, format_args!("warm(x, by = 4db) = x >> drive(by) >> lpf(cut * 3) * -2db"));
    line(&mut text, format_args!("thin(x, at: hz = 120hz) = x >> hpf(at)"));
    line(
        &mut text,
        format_args!("wash(x, part = 0.3) = {{\n  wet = warm(x) >> chorus(0.4)\n  x * (1 - part) + wet * part\n}}"),
    );
    line(&mut text, format_args!("duck(x, deep = 0.3) = x * (1 - deep * slow)"));
    line(&mut text, format_args!("glue(x) = x >> thin(at: 60hz) >> warm(by: 2db) >> duck\n"));
    for n in 0..14 {
        line(&mut text, format_args!("v_{}(freq, gate, vel, q = 0.{}) = {{", name(n), 5 + n % 4));
        line(&mut text, format_args!("  e = adsr(gate, {}ms, 120ms, 0.5, {}ms)", 2 + n, 90 + 10 * n));
        line(&mut text, format_args!("  x = saw(freq) + square(freq * 0.5) * 0.{}", 2 + n % 6));
        line(&mut text, format_args!("  x >> lpf(cut + 2khz * e * vel, q: q) >> warm * e\n}}\n"));
    }
    let ends = ["warm", "thin(at: 200hz)", "wash(0.2)", "duck(0.5)", "wash >> duck", "warm(by: 7db)", "glue"];
    filled(text, |text, n| {
        let (notes, scale) = (dice.pick(&NOTES), dice.pick(&SCALES));
        line(text, format_args!("track t{n} = \"{notes}\" >> scale({scale})"));
        line(text, format_args!("  >> poly({}, v_{})", 2 + dice.below(4), name(dice.below(14))));
        line(text, format_args!("  >> {} >> glue", dice.pick(&ends)));
        line(text, format_args!("  >> {} * -{}db >> send(room, -9db)", dice.pick(&ends), 8 + n % 8));
    })
}

/// Drums with noise in them, each in its own pattern.
fn drums(dice: &mut Dice) -> String {
    let mut text = head(dice);
    text += "tight = 80ms\nair = noise >> hpf(5khz) * 0.1\nloose = 0.4\n\n";
    text += "snap(gate, vel) = {\n  e = perc(gate, tight)\n  noise >> bpf(1800hz, q: 2) * e * vel\n}\n\n";
    text += "tick(gate, vel) = {\n  e = perc(gate, tight * 0.5)\n  (noise - brown) >> hpf(4khz) * e * vel\n}\n\n";
    text += "squash(x) = x >> drive(5db) >> hpf(40hz) * -3db\n\n";
    filled(text, |text, n| {
        let beat = dice.pick(&BEATS);
        match n % 4 {
            0 => line(text, format_args!("track t{n} = \"{beat}\" >> kit('tr909')\n  >> squash >> to(group)")),
            1 => line(
                text,
                format_args!("track t{n} = \"1*8\" >> mono(snap)\n  >> pan(loose - 0.{}) >> squash * -9db", n % 9),
            ),
            2 => line(
                text,
                format_args!(
                    "track t{n} = \"{beat}\" >> swing(5{}%) >> kit('tr909')\n  >> squash * -{}db",
                    1 + n % 8,
                    4 + n % 9
                ),
            ),
            _ => line(
                text,
                format_args!(
                    "track t{n} = \"1 1*2 ~ 1\" >> mono(tick) + air\n  >> echo(3/16n, fb: 0.2, mix: loose) >> send(slap, -12db)"
                ),
            ),
        }
    })
}

/// Few tracks, of many lines each.
fn blocks(dice: &mut Dice) -> String {
    let mut text = head(dice);
    text += "deep = 55hz\nslow = lfsin(0.07hz)\nsoft(x) = x >> drive(3db) >> lpf(4khz)\n\n";
    filled(text, |text, n| {
        line(text, format_args!("track t{n} = {{"));
        line(text, format_args!("  rate = {}hz\n  part = 0.{}", 2 + dice.below(9), 2 + dice.below(7)));
        line(text, format_args!("  hum(freq, gate) = {{\n    e = ar(gate, {}ms, 400ms)", 5 + dice.below(200)));
        line(
            text,
            format_args!(
                "    a = saw(freq) * 0.5\n    b = square(freq * 1.01) * 0.3\n    a + b >> lpf(freq * 4 * (0.2 + e)) * e\n  }}"
            ),
        );
        let (notes, scale) = (dice.pick(&NOTES), dice.pick(&SCALES));
        line(text, format_args!("  notes = \"{notes}\" >> scale({scale})\n  low = notes >> mono(hum) >> soft"));
        line(text, format_args!("  wind = noise >> bpf(deep * {} + 300hz * slow, q: 2) * part", 2 + n % 9));
        line(
            text,
            format_args!(
                "  shake = 1 + 0.1 * sin(rate)\n  loop = low + wind * shake + 0.3 * (loop >> delay({}ms))",
                90 + 13 * n
            ),
        );
        line(
            text,
            format_args!(
                "  dry = loop >> hpf(deep)\n  wet = dry >> chorus(0.3) >> soft\n  dry * (1 - part) + wet * part"
            ),
        );
        line(text, format_args!("}} >> pan(0.{} * slow) * -12db >> send(room, -{}db)", n % 8, 6 + n % 6));
    })
}

/// Clips, scenes, lanes, and automation.
fn songs(dice: &mut Dice) -> String {
    let mut text = head(dice);
    text += "quantise 1bar\nbright = 1.8khz\nwide = 0.3\nsoft(x, by = 3db) = x >> drive(by) >> lpf(bright * 2)\n\n";
    for n in 0..5 {
        line(&mut text, format_args!("v_{}(freq, gate) = {{\n  e = ar(gate, {}ms, 300ms)", name(n), 10 + 40 * n));
        line(
            &mut text,
            format_args!("  saw(freq + [-5ct, {}ct]) >> lpf(bright * (0.3 + e)) >> spread(wide) * e\n}}\n", 3 + n),
        );
    }
    for n in 0..34 {
        line(&mut text, format_args!("track t{n} = clips {{"));
        for clip in ["a", "b", "c"] {
            match n % 3 {
                0 => line(&mut text, format_args!("  {clip}: \"{}\" for 4bars then b", dice.pick(&BEATS))),
                _ => line(
                    &mut text,
                    format_args!("  {clip}: \"{}\" >> scale({}) for 8bars", dice.pick(&NOTES), dice.pick(&SCALES)),
                ),
            }
        }
        let voice = if n % 3 == 0 { "kit('tr909')".into() } else { format!("poly(3, v_{})", name(dice.below(5))) };
        line(
            &mut text,
            format_args!(
                "}} >> {voice} >> soft(by: {}db)\n  >> pan(wide - 0.{}) * -9db >> send(slap, -9db)\n",
                1 + n % 5,
                n % 8
            ),
        );
    }
    for n in 0..5 {
        line(&mut text, format_args!("scene s{n} {{"));
        (0..34).step_by(2).for_each(|t| line(&mut text, format_args!("  t{t}: {}", dice.pick(&["a", "b", "c"]))));
        line(&mut text, format_args!("}} for 16bars\n"));
    }
    text += "arrange {\n  s0 16bars\n  s1 32bars { t2.level: 0.5 ~> 1 }\n  s2 16bars\n  s3 32bars\n  s4 8bars\n}\n\n";
    filled(text, |text, n| {
        line(
            text,
            format_args!("automate t{}.level {{ 0bar: 0.{}, 16bar: 1, {}bar: 0.8 }}", 2 * (n % 17), 2 + n % 7, 20 + n),
        )
    })
}
