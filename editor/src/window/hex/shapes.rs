//! What a filter lets through and how an envelope goes, as a curve inside of the hex, with handles that a hand can move.
//!
//! A curve is drawn from the numbers that are written, or their defaults. An expression is drawn at rest: what moves by itself is nothing in a sum, and
//! leaves a product alone, so `cutoff * (1 + 4*env)` lies at the cutoff; it has no handle. Filters are drawn as
//! their analog prototypes, 20 Hz to 20 kHz by octaves and -36 to 24 dB; envelopes in straight lines, with a gate that is up for as long as
//! attack and decay take and a little more. A handle is as many as two numbers: a filter's frequency and resonance, a decay's time and level.
//!
//! ```text
//! lpf(x, 800hz, q: 4)      ───╮╲         adsr(g, 10ms, 90ms, 0.5, 200ms)     ╱╲__
//! ```

use super::graph::{Hex, Port, Value};
use super::knob::{Knob, Literal};
use super::signature::number;
use modurust_runtime::compiler::lang::ast::{Arg, BinaryOp, Expr, ExprKind, UnaryOp};
use modurust_runtime::compiler::lang::parse::parse_expr;
use modurust_runtime::compiler::lang::source::FileId;
use modurust_runtime::compiler::lang::visit;
use std::ops::Range;

/// Points of a curve.
const POINTS: usize = 33;
/// Where filters of the library stand if nothing is said, hertz.
const FREQ: f64 = 1000.0;
/// Lowest and highest frequency, hertz, and level, dB.
const HERTZ: [f64; 2] = [20.0, 20_000.0];
const DECIBELS: [f64; 2] = [-36.0, 24.0];

/// A curve in a box that is 1 wide and 1 high; up is up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    /// From left to right.
    pub points: Vec<[f32; 2]>,
    /// What can be moved.
    pub handles: Vec<Handle>,
}

/// A place of a curve that can be moved, and the numbers that follow: one to the side, one up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Handle {
    /// Where it is.
    pub at: [f32; 2],
    pub across: Option<Axis>,
    pub up: Option<Axis>,
}

/// A number that follows a handle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// Its port.
    pub port: usize,
    /// Its bytes.
    pub at: Range<usize>,
    /// Base units that the width of the box is; `None`: the whole travel of its knob.
    span: Option<f64>,
}

impl Axis {
    /// The text of the number with the handle some part of the box further.
    pub fn moved(&self, port: &Port, written: &str, by: f64) -> Option<String> {
        match self.span {
            Some(span) => {
                let literal = Literal::read(written)?;
                let most = port.range.map_or(f64::MAX, |(_, most, _)| most) / literal.scale;
                Some(literal.with((literal.value + by * span / literal.scale).clamp(0.0, most)))
            }
            None => {
                let knob = Knob::of(port, written)?;
                Some(knob.at(knob.position() + by))
            }
        }
    }
}

/// A number of a hex by the name of its parameter, as it is written: port, bytes, value in base units.
struct Number {
    port: usize,
    at: Option<Range<usize>>,
    value: f64,
}

/// The value of an expression if all that is not known has this value.
fn value(expr: &Expr, named: &dyn Fn(&str) -> Option<f64>, unknown: f64) -> f64 {
    let of = |expr: &Expr| value(expr, named, unknown);
    match &expr.kind {
        ExprKind::Number { .. } => number(expr).map_or(unknown, |(value, _)| value),
        ExprKind::Note(key) => 440.0 * ((f64::from(*key) - 69.0) / 12.0).exp2(),
        ExprKind::Name(name) => named(name).unwrap_or(unknown),
        ExprKind::Unary { op: UnaryOp::Neg, x } => -of(x),
        ExprKind::Ramp { from, .. } => of(from),
        ExprKind::Binary { op, left, right } => match op {
            BinaryOp::Add => of(left) + of(right),
            BinaryOp::Sub => of(left) - of(right),
            BinaryOp::Mul => of(left) * of(right),
            BinaryOp::Div => of(left) / of(right),
            _ => unknown,
        },
        _ => unknown,
    }
}

/// True if a number with a unit, a note or a known name is among the terms and factors of an expression.
fn measured(expr: &Expr, named: &dyn Fn(&str) -> Option<f64>) -> bool {
    match &expr.kind {
        ExprKind::Number { unit, .. } => unit.is_some(),
        ExprKind::Note(_) => true,
        ExprKind::Name(name) => named(name).is_some(),
        ExprKind::Unary { x, .. } | ExprKind::Ramp { from: x, .. } => measured(x, named),
        ExprKind::Binary { left, right, .. } => measured(left, named) || measured(right, named),
        _ => false,
    }
}

/// Where an expression stands while nothing moves; `None` if that is nowhere. `named` knows what names stand for.
pub(super) fn at_rest(text: &str, named: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
    let expr = parse_expr(FileId(0), text).0?;
    if let Some((value, _)) = number(&expr) {
        return Some(value);
    }
    let known = |unknown: f64| Some(value(&expr, named, unknown)).filter(|value| *value > 0.0 && value.is_finite());
    // What scales all of it leaves it alone, if there is a number that is no factor: one with a unit.
    known(0.0).or_else(|| known(1.0).filter(|_| measured(&expr, named)))
}

/// What is given for a parameter of the call that a hex is called after, as it is written: by name, or the frequency behind the sound.
fn argument(hex: &Hex, name: &str, written: &dyn Fn(&Range<usize>) -> String) -> Option<String> {
    fn call<'a>(expr: &'a Expr, kind: &str, piped: bool) -> Option<(&'a [Arg], bool)> {
        match &expr.kind {
            ExprKind::Call { callee, args } if matches!(&callee.kind, ExprKind::Name(name) if name == kind) => {
                Some((args, piped))
            }
            ExprKind::Pipe { left, right } => call(right, kind, true).or_else(|| call(left, kind, false)),
            ExprKind::Binary { left, right, .. } => call(left, kind, piped).or_else(|| call(right, kind, false)),
            _ => visit::children(expr).into_iter().find_map(|child| call(child, kind, false)),
        }
    }
    let body = written(&hex.body);
    let expr = parse_expr(FileId(0), &body).0?;
    let (args, piped) = call(&expr, &hex.kind, false)?;
    let by_name = args.iter().find(|arg| arg.name.as_ref().is_some_and(|word| word.name == name));
    let second = || args.get(usize::from(!piped)).filter(|arg| name == "freq" && arg.name.is_none());
    let span = by_name.or_else(second)?.value.span;
    body.get(span.start as usize..span.end as usize).map(str::to_string)
}

/// Numbers of a hex. `None` if one of them is not a number at the moment.
fn numbers<const N: usize>(
    hex: &Hex,
    names: [&str; N],
    written: &dyn Fn(&Range<usize>) -> String,
    named: &dyn Fn(&str) -> Option<f64>,
) -> Option<[Number; N]> {
    let one = |name: &str| {
        // Where an expression stands, its parts are the ports.
        let rest = || at_rest(&argument(hex, name, written)?, named);
        let Some(port) = hex.ports.iter().position(|port| port.name == name) else {
            return Some(Number { port: 0, at: None, value: rest().or((name == "freq").then_some(FREQ))? });
        };
        let default = || Some(number(&parse_expr(FileId(0), hex.ports[port].default.as_ref()?).0?)?.0);
        let (at, value) = match &hex.ports[port].value {
            Value::Literal(at) => (Some(at.clone()), Some(number(&parse_expr(FileId(0), &written(at)).0?)?.0)),
            _ => (None, rest()),
        };
        // What moves by itself is drawn where it would stand.
        Some(Number { port, at, value: value.or_else(default)? })
    };
    let found: Option<Vec<Number>> = names.iter().map(|name| one(name)).collect();
    found?.try_into().ok()
}

fn axis(number: &Number, span: Option<f64>) -> Option<Axis> {
    Some(Axis { port: number.port, at: number.at.clone()?, span })
}

/// The curve of a hex, if it is a filter or an envelope of the library. `written` gives the text of some bytes as it is at the moment.
/// `named` knows the numbers that names stand for.
pub(super) fn curve(
    hex: &Hex,
    written: &dyn Fn(&Range<usize>) -> String,
    named: &dyn Fn(&str) -> Option<f64>,
) -> Option<Curve> {
    filter(hex, written, named).or_else(|| envelope(hex, written, named))
}

/// The square of the gain of an analog prototype at `w` times its frequency; `q` is its resonance, `a` the root of its gain.
fn response(kind: &str, w: f64, q: f64, a: f64) -> Option<f64> {
    let (w2, wq) = (w * w, (w / q).powi(2));
    let poles = (1.0 - w2).powi(2) + wq;
    Some(match kind {
        "lpf" | "svf" => 1.0 / poles,
        "hpf" => w2 * w2 / poles,
        "bpf" => wq / poles,
        "notch" => (1.0 - w2).powi(2) / poles,
        "peak" => ((1.0 - w2).powi(2) + wq * a.powi(4)) / poles,
        "lowshelf" => ((a * a - w2).powi(2) + wq * a * a) / poles.max(1e-12),
        "highshelf" => ((1.0 - a * a * w2).powi(2) + wq * a * a) / poles.max(1e-12),
        "onepole" => 1.0 / (1.0 + w2),
        // Four poles and what is fed back: 1 / ((1 + jw)^4 + k).
        "ladder" | "diode" | "moog_vcf" => {
            let (re, im) = (1.0 - 6.0 * w2 + w2 * w2, 4.0 * w - 4.0 * w * w2);
            1.0 / ((re + 4.0 * q.min(0.99)).powi(2) + im * im)
        }
        _ => return None,
    })
}

/// A filter among those that a sound passes: its kind, and its numbers.
struct Band {
    kind: &'static str,
    freq: Number,
    /// Its resonance if that is no number of the text.
    q: f64,
    sharp: Option<Number>,
    gain: Option<Number>,
}

impl Band {
    /// The level at a frequency, dB.
    fn level(&self, hz: f64) -> f64 {
        let q = self.sharp.as_ref().map_or(self.q, |sharp| sharp.value).max(0.05);
        let a = self.gain.as_ref().map_or(1.0, |gain| 10f64.powf(gain.value / 40.0));
        10.0 * response(self.kind, hz / self.freq.value.max(1.0), q, a).unwrap_or(1.0).max(1e-9).log10()
    }
}

/// Filters of one band, by their names.
const FILTERS: [&str; 12] =
    ["lpf", "svf", "hpf", "bpf", "notch", "peak", "lowshelf", "highshelf", "onepole", "ladder", "diode", "moog_vcf"];
/// The bands of `eq`: what they are, and the names of their numbers.
const BANDS: [(&str, &str, &str); 4] = [
    ("lowshelf", "low_freq", "low"),
    ("peak", "mid_freq", "mid"),
    ("peak", "presence_freq", "presence"),
    ("highshelf", "high_freq", "high"),
];

/// What a hex lets pass, band by band.
fn bands(
    hex: &Hex,
    written: &dyn Fn(&Range<usize>) -> String,
    named: &dyn Fn(&str) -> Option<f64>,
) -> Option<Vec<Band>> {
    let one = |name: &str| numbers(hex, [name], written, named).map(|[number]| number);
    if hex.kind == "eq" {
        let band = |&(kind, freq, gain): &(&'static str, &str, &str)| {
            let q = if kind == "peak" { 0.7 } else { 0.707 };
            Some(Band { kind, freq: one(freq)?, q, sharp: None, gain: Some(one(gain)?) })
        };
        return BANDS.iter().map(band).collect();
    }
    let kind = *FILTERS.iter().find(|kind| **kind == hex.kind)?;
    let sharp = one(if matches!(kind, "ladder" | "diode" | "moog_vcf") { "res" } else { "q" });
    let gain = one("gain").filter(|_| matches!(kind, "peak" | "lowshelf" | "highshelf"));
    Some(vec![Band { kind, freq: one("freq")?, q: 0.707, sharp, gain }])
}

fn filter(hex: &Hex, written: &dyn Fn(&Range<usize>) -> String, named: &dyn Fn(&str) -> Option<f64>) -> Option<Curve> {
    let bands = bands(hex, written, named)?;
    let octaves = (HERTZ[1] / HERTZ[0]).ln();
    let up = |db: f64| ((db - DECIBELS[0]) / (DECIBELS[1] - DECIBELS[0])).clamp(0.0, 1.0);
    let level = |hz: f64| bands.iter().map(|band| band.level(hz)).sum();
    let point = |i: usize| {
        let x = i as f64 / (POINTS - 1) as f64;
        [x as f32, up(level(HERTZ[0] * (octaves * x).exp())) as f32]
    };
    let handle = |band: &Band| {
        let hz = band.freq.value.max(1.0);
        let lifted = band.gain.as_ref().or(band.sharp.as_ref()).and_then(|number| axis(number, None));
        let at = [((hz / HERTZ[0]).ln() / octaves).clamp(0.0, 1.0) as f32, up(level(hz)) as f32];
        Handle { at, across: axis(&band.freq, None), up: lifted }
    };
    // Of several bands those have a handle of which a number is written.
    let held = |handle: &Handle| bands.len() == 1 || handle.across.is_some() || handle.up.is_some();
    Some(Curve { points: (0..POINTS).map(point).collect(), handles: bands.iter().map(handle).filter(held).collect() })
}

/// Levels at times, and the numbers that move each.
fn envelope(
    hex: &Hex,
    written: &dyn Fn(&Range<usize>) -> String,
    named: &dyn Fn(&str) -> Option<f64>,
) -> Option<Curve> {
    // A corner: how long after the one before, at which level, and which numbers say so.
    type Corner<'a> = (f64, f64, Option<&'a Number>, Option<&'a Number>);
    let draw = |corners: &[Corner<'_>]| {
        let whole: f64 = corners.iter().map(|corner| corner.0).sum::<f64>().max(1e-4);
        let (mut points, mut handles, mut x) = (vec![[0.0, 0.0]], Vec::new(), 0.0);
        for (long, level, across, up) in corners {
            x += long / whole;
            let at = [x as f32, *level as f32];
            points.push(at);
            let (across, up) = (across.and_then(|n| axis(n, Some(whole))), up.and_then(|n| axis(n, None)));
            if across.is_some() || up.is_some() {
                handles.push(Handle { at, across, up });
            }
        }
        Some(Curve { points, handles })
    };
    let held = |long: f64| 0.35 * long.max(0.01);
    match hex.kind.as_str() {
        "ad" => {
            let [attack, decay] = numbers(hex, ["attack", "decay"], written, named)?;
            draw(&[(attack.value, 1.0, Some(&attack), None), (decay.value, 0.0, Some(&decay), None)])
        }
        "ar" => {
            let [attack, release] = numbers(hex, ["attack", "release"], written, named)?;
            let gate = held(attack.value + release.value);
            draw(&[
                (attack.value, 1.0, Some(&attack), None),
                (gate, 1.0, None, None),
                (release.value, 0.0, Some(&release), None),
            ])
        }
        "asr" => {
            let [attack, sustain, release] = numbers(hex, ["attack", "sustain", "release"], written, named)?;
            let gate = held(attack.value + release.value);
            draw(&[
                (attack.value, sustain.value, Some(&attack), Some(&sustain)),
                (gate, sustain.value, None, None),
                (release.value, 0.0, Some(&release), None),
            ])
        }
        "adsr" => {
            let [attack, decay, sustain, release] =
                numbers(hex, ["attack", "decay", "sustain", "release"], written, named)?;
            let gate = held(attack.value + decay.value + release.value);
            draw(&[
                (attack.value, 1.0, Some(&attack), None),
                (decay.value, sustain.value, Some(&decay), Some(&sustain)),
                (gate, sustain.value, None, None),
                (release.value, 0.0, Some(&release), None),
            ])
        }
        "perc" => {
            let [decay] = numbers(hex, ["decay"], written, named)?;
            let mut curve = draw(&[(0.0, 1.0, None, None), (decay.value, 0.0, Some(&decay), None)])?;
            // It falls by 60 dB.
            let fall = |i: usize| {
                let x = i as f32 / (POINTS - 1) as f32;
                [x, 10f32.powf(-3.0 * x)]
            };
            curve.points = (0..POINTS).map(fall).collect();
            Some(curve)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::Reader;
    use super::super::properties::read_with;
    use super::*;

    fn of(text: &str) -> (Curve, Hex) {
        let patch = read_with(&mut Reader::default(), text);
        let hex = patch.whole.hex("a").unwrap().clone();
        let named = |name: &str| (name == "cutoff").then_some(400.0);
        (curve(&hex, &|at| text[at.clone()].to_string(), &named).unwrap(), hex)
    }

    fn level(curve: &Curve, hz: f32) -> f32 {
        let x = (hz / 20.0).ln() / 1000f32.ln();
        let at = curve.points.windows(2).find(|pair| pair[0][0] <= x && x <= pair[1][0]).unwrap();
        let t = (x - at[0][0]) / (at[1][0] - at[0][0]);
        -36.0 + 60.0 * (at[0][1] + t * (at[1][1] - at[0][1]))
    }

    #[test]
    fn filters_let_through_what_they_let_through() {
        let (low, _) = of("a = lpf(noise, 1khz)\n");
        assert!(level(&low, 50.0).abs() < 0.2 && (level(&low, 4000.0) + 24.0).abs() < 1.5, "{low:?}");
        let (high, _) = of("a = hpf(noise, 1khz)\n");
        assert!(level(&high, 15_000.0).abs() < 0.2 && (level(&high, 250.0) + 24.0).abs() < 1.5);
        let (ladder, _) = of("a = ladder(noise, 1khz, res: 0)\n");
        assert!(level(&ladder, 4000.0) < -35.0, "24 dB an octave");
        let (peak, hex) = of("a = peak(noise, 1khz, gain: 12db)\n");
        assert!((level(&peak, 1000.0) - 12.0).abs() < 1.0, "{}", level(&peak, 1000.0));
        assert!(level(&peak, 30.0).abs() < 0.5);
        let (shelf, _) = of("a = lowshelf(noise, 200hz, gain: -12db)\n");
        assert!(
            (level(&shelf, 25.0) + 12.0).abs() < 1.5 && level(&shelf, 10_000.0).abs() < 0.5,
            "{}",
            level(&shelf, 25.0)
        );
        let up = peak.handles[0].up.clone().unwrap();
        assert_eq!(up.moved(&hex.ports[up.port], "12db", -0.25).unwrap(), "0db");
        assert_eq!(peak.handles[0].across.as_ref().unwrap().at, 16..20);
        // What moves by itself has no handle across.
        assert_eq!(of("l = sin(1hz)\na = lpf(noise, l, q: 2)\n").0.handles[0].across, None);
    }

    #[test]
    fn bands_of_an_equaliser_are_one_curve_with_a_handle_each() {
        let text = "a = eq(noise, low: -12db, mid: 6db, mid_freq: 600hz, high: 3db)\n";
        let (curve, hex) = of(text);
        assert!((level(&curve, 25.0) + 12.0).abs() < 1.5 && (level(&curve, 600.0) - 5.5).abs() < 1.0, "{curve:?}");
        assert!((level(&curve, 19_000.0) - 3.0).abs() < 1.0);
        // The presence is not written, so nothing is there to be moved.
        assert_eq!(curve.handles.len(), 3);
        let [low, mid, _] = &curve.handles[..] else { panic!("{curve:?}") };
        assert!(low.across.is_none() && low.at[0] < mid.at[0]);
        let (across, up) = (mid.across.clone().unwrap(), mid.up.clone().unwrap());
        assert_eq!((&text[across.at.clone()], &text[up.at.clone()]), ("600hz", "6db"));
        assert_eq!(up.moved(&hex.ports[up.port], "6db", 0.125).unwrap(), "12db");
    }

    #[test]
    fn an_expression_is_drawn_where_it_rests() {
        for (text, hz) in [
            ("a = lpf(noise, 400hz * 2)\n", 800.0),
            ("a = lpf(noise, 300hz + 100hz * sin(1hz))\n", 300.0),
            ("a = lpf(noise, cutoff * (1 + 4 * noise))\n", 400.0),
            ("a = lpf(noise, noise * 700hz)\n", 700.0),
            ("a = lpf(noise, 200hz ~> 3khz over 2bars exp)\n", 200.0),
            // Nothing is known: where the library would have it.
            ("a = lpf(noise, sin(1hz))\n", 1000.0),
            ("a = lpf(noise, noise * (1 + 4 * noise))\n", 1000.0),
        ] {
            let (curve, _) = of(text);
            let x = ((hz / 20.0f32).ln() / 1000f32.ln()) - curve.handles[0].at[0];
            assert!(x.abs() < 1e-3, "{text}: {curve:?}");
            assert_eq!(curve.handles[0].across, None, "{text}");
        }
    }

    #[test]
    fn envelopes_go_where_their_numbers_say() {
        let text = "a = adsr(lfsquare(1hz), 100ms, 0.3s, 0.5, 0.6s)\n";
        let (curve, hex) = of(text);
        assert_eq!(curve.points.iter().map(|p| p[1]).collect::<Vec<_>>(), [0.0, 1.0, 0.5, 0.5, 0.0]);
        let whole = 1.0 + 0.35;
        assert!((curve.points[1][0] - 0.1 / whole).abs() < 1e-5);
        let decay = &curve.handles[1];
        let (across, up) = (decay.across.clone().unwrap(), decay.up.clone().unwrap());
        let text_of = |axis: &Axis| text[axis.at.clone()].to_string();
        assert_eq!(across.moved(&hex.ports[across.port], &text_of(&across), 0.1 / f64::from(whole)).unwrap(), "0.4s");
        assert_eq!(across.moved(&hex.ports[across.port], "0.3s", -1.0).unwrap(), "0s");
        assert_eq!(up.moved(&hex.ports[up.port], &text_of(&up), 0.25).unwrap(), "0.75");
        assert!(of("a = perc(lfsquare(1hz), 300ms)\n").0.points[16][1] < 0.05);
    }
}
