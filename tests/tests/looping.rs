//! Loops and grains: what is recorded comes round again to the sample, layers come and go without a click, and an edit elsewhere in the
//! text takes nothing out of them.

use modurust_runtime::compiler::exec::Backend;
use modurust_tests::facts;
use modurust_tests::sound::hear;
use modurust_tests::suite::{self, sections};

const ONCE: &str = "(timer(impulse(0hz)) < 0.25)";

/// The largest step between neighbours of a piece of sound, by milliseconds.
fn step(x: &[f32], from: usize, to: usize) -> f64 {
    facts::step(&x[from * 48..to * 48])
}

#[test]
fn what_was_recorded_comes_round_again_to_the_sample() {
    // A sound that never repeats.
    let [x, _] = hear("sin(300hz + 100hz * timer(impulse(0hz))) * 0.5", 1.0);
    let [y, _] = hear(&format!("sin(300hz + 100hz * timer(impulse(0hz))) * 0.5 >> looper(250ms, record: {ONCE})"), 1.0);
    let n = 12_000;
    // The gate fades for 5 ms at each end; between them there is no difference.
    for round in 1..4 {
        let worst = (300..n - 300).map(|i| (x[i] - y[round * n + i]).abs()).fold(0.0, f32::max);
        assert!(worst == 0.0, "round {round} is off by {worst}");
    }
    let [rec, _] = hear("sin(300hz + 100hz * timer(impulse(0hz))) * 0.5 >> rec(250ms)", 1.0);
    assert_eq!(rec, y);
}

#[test]
fn layers_come_and_go_without_a_click() {
    // A low sine has no steps of its own; its loop does not end where it begins.
    let quiet = facts::step(&hear("sin(70hz) * 0.4", 0.5)[0]);
    let at = |ms: u32| format!("edge(timer(impulse(0hz)) - {})", f64::from(ms) / 1000.0);
    let during = |a: u32, b: u32| {
        format!("(abs(timer(impulse(0hz)) - {}) < {})", f64::from(a + b) / 2e3, f64::from(b - a) / 2e3)
    };
    for more in [
        String::new(),
        format!(", dub: {}", during(333, 777)),
        format!(", dub: {}, undo: {}", during(333, 777), at(901)),
        format!(", dub: {}, undo: {}", during(333, 777), at(401)),
        format!(", clear: {}", at(555)),
    ] {
        let [y, _] = hear(&format!("sin(70hz) * 0.4 >> looper(250ms, record: {ONCE}{more})"), 1.5);
        let most = step(&y, 0, 1500);
        // A fade of 5 ms adds a step of the sound's level in 240 samples.
        assert!(most < 2.0 * quiet + 0.4 / 240.0 + 0.002, "{more}: a step of {most}, where the sound has {quiet}");
    }
}

#[test]
fn undo_takes_back_the_last_layer_and_clear_all() {
    let level = |more: &str, from: usize, to: usize| {
        let [y, _] = hear(&format!("sin(440hz) * 0.3 >> looper(250ms, record: {ONCE}{more})"), 2.0);
        facts::peak(&y[from * 48..to * 48])
    };
    const DUB: &str = ", dub: (abs(timer(impulse(0hz)) - 0.625) < 0.125)";
    assert!((level(DUB, 1000, 2000) - 0.6).abs() < 0.01, "two layers: {}", level(DUB, 1000, 2000));
    let undone = format!("{DUB}, undo: edge(timer(impulse(0hz)) - 0.9)");
    assert!((level(&undone, 1300, 2000) - 0.3).abs() < 0.01, "one is taken back: {}", level(&undone, 1300, 2000));
    let cleared = format!("{DUB}, clear: edge(timer(impulse(0hz)) - 0.9)");
    assert!(level(&cleared, 1200, 2000) < 1e-6, "cleared: {}", level(&cleared, 1200, 2000));
}

#[test]
fn loops_and_clouds_are_kept_by_an_edit() {
    for node in ["looper(250ms, record: (timer(impulse(0hz)) < 0.25))", "rec(250ms)"] {
        let text = |more: &str| format!("out = sin(300hz + 50hz * timer(impulse(0hz))) * 0.4 >> {node}{more}\n");
        let file = format!("--- loop ---\n{}=== after 36000\n{}", text(""), text(" >> lowshelf(100hz, gain: 0db)"));
        let section = &sections("loop", &file)[0];
        let plain = suite::hear(section, "1.5s", Backend::Jit, 64, false).expect("compiles").samples;
        let edited = suite::hear(section, "1.5s", Backend::Jit, 64, true).expect("compiles").samples;
        let worst = plain.iter().zip(&edited).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{node}: the edit changed {worst}");
    }
}

#[test]
fn grains_begin_and_end_at_zero_however_dense_and_long_they_are() {
    let quiet = facts::step(&hear("sin(440hz) * 0.5", 0.5)[0]);
    for how in [
        "0.3, 60ms, 20hz",
        "0.3, 1s, 20hz",
        "0.3, 400ms, 100hz",
        "0.3, 60ms, 20hz, jitter: 1",
        "0.3, 60ms, 20hz, jitter: 0.3, reverse: 0.5, spread: 1",
        "0.3, 60ms, 20hz, window: 0.3",
        "0.99, 200ms, 20hz, reverse: 1",
    ] {
        let [y, right] = hear(&format!("samplecloud('tone.wav', {how})"), 2.0);
        assert!(facts::rms(&y) + facts::rms(&right) > 0.01, "{how} is silent");
        let most = facts::step(&y[4800..]).max(facts::step(&right[4800..]));
        assert!(most < 4.0 * quiet, "{how}: a step of {most}, where a piece of the sound has {quiet}");
    }
}
