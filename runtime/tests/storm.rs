//! A storm of edits that change no sound: renamed tracks, numbers that get a name, stages that do nothing, silent tracks, remarks. Whatever
//! is swapped, and whenever, what is heard is what would have been heard without it, to the bit.
//!
//! Twice: a session that plays through the null device, by the clock, and gets a text twenty times a second; and an engine as fast as it
//! goes, with a swap of code in every block. Every run of the tests does this for twenty seconds and for two thousand blocks. The long ones:
//!
//! ```text
//! STORM=12000 cargo test -p modurust-runtime --test storm paced -- --nocapture
//! SWAPS=1000000 cargo test -p modurust-runtime --test storm block -- --nocapture
//! ```

mod common;

use common::{RATE, Random, Text, asked, options};
use modurust_runtime::command::{ChangeKind, Command, EngineNotice, Notice};
use modurust_runtime::compiler::exec::Backend;
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::{self, DeviceOptions};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::tap::Spout;
use std::time::{Duration, Instant};

const FILE: &str = "storm.modu";
/// Ways of writing the same sound.
const WAYS: u64 = 64;

/// One of the ways. A number of the text is divided in double precision, one that has a name in single; of 187.5 Hz both know the width in
/// turns exactly. The last one that differs is a remark, so that most edits are edits of code.
fn text(way: u64) -> String {
    let choose = |bit: u64, one: &'static str, other: &'static str| if way >> bit & 1 == 0 { one } else { other };
    format!(
        "tempo 126bpm
pluck(freq, gate, vel) = saw(freq) >> lpf(900hz + 400hz * lfsin(0.3hz), q: 2) * perc(gate, 200ms) * vel
bus room = in >> reverb(1.5s) * 0.5
{}
track keys = \"0 <3 5> [7 12] 2\" >> scale(a2, minor) >> poly(6, pluck){} * -9db >> send(room, -12db)
track {} = \"0 0 <0 5> 0*2\" >> scale(a1, minor) >> mono(pluck) >> softclip * -6db
track wet = tri({}) * perc(lfsquare(2hz), 100ms) >> echo(0.25s){} * 0.1
{}
",
        choose(0, "", "base = 187.5hz"),
        choose(1, "", " * 1"),
        choose(2, "bass", "low"),
        choose(0, "187.5hz", "base"),
        choose(3, "", " * 1"),
        choose(4, "", "track hum = sin(50hz) * 0").to_string() + choose(5, "", "\n// A remark."),
    )
}

/// Another way: one thing is written otherwise.
fn edit(way: u64, random: &mut Random) -> u64 {
    way ^ 1 << random.below(6)
}

fn compile(compiler: &mut Compiler, way: u64) -> Program {
    let outcome = compiler.compile(&Text(text(way)), &[FILE.to_string()]);
    outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

/// Reads what was played, and counts where it differs from an engine that nobody edits.
struct Judge {
    plain: Engine,
    tap: Spout,
    frames: u64,
    differing: u64,
    peak: f32,
}

impl Judge {
    fn look(&mut self) {
        let waiting = self.tap.ring.slots() / 64 * 64;
        let mut right = vec![0.0; waiting * 2];
        self.plain.process(&mut right, 2);
        for pair in right.chunks_exact(2) {
            let heard = self.tap.ring.pop().expect("so many are waiting");
            self.differing += u64::from(heard.map(f32::to_bits) != [pair[0].to_bits(), pair[1].to_bits()]);
            self.peak = heard.into_iter().map(f32::abs).fold(self.peak, f32::max);
        }
        self.frames += waiting as u64;
    }
}

#[test]
fn a_paced_storm_changes_no_sample() {
    let wanted = asked("STORM", 400);
    let mut begin = SessionOptions::new(vec![FILE.to_string()], options(Backend::Jit));
    begin.watch = false;
    begin.texts.insert(FILE.to_string(), text(0));
    let (session, engine) = Session::new(begin).expect("a session");
    let tap = session.take_tap().expect("a tap");
    tap.valve.open("master", Ratio::ZERO, 0);
    let program = compile(&mut Compiler::new(options(Backend::Jit)), 0);
    let (plain, _control, _) = Engine::new(&EngineOptions::new(RATE), Some(program)).expect("an engine");
    let mut judge = Judge { plain, tap, frames: 0, differing: 0, peak: 0.0 };
    let null =
        DeviceOptions { name: Some("null".into()), rate: Some(RATE), block: Some(64), ..DeviceOptions::default() };
    let mut running = device::choose(&null).start(engine);
    let start = Instant::now();
    let (mut random, mut way, mut adopted, mut codes, mut waits) = (Random(2026), 0, 0, 0, false);
    let mut next = start;
    while adopted < wanted {
        if !waits && Instant::now() >= next {
            // A remark is no swap: with it comes something that is one.
            while !waits {
                let edited = edit(way, &mut random);
                waits = (edited ^ way) >> 5 == 0;
                way = edited;
            }
            session.send(Command::Text { file: FILE.to_string(), text: text(way) });
            next = Instant::now() + Duration::from_millis(50);
        }
        for notice in session.notices() {
            match notice {
                Notice::Adopted { kind, .. } => {
                    (adopted, waits) = (adopted + 1, false);
                    codes += u64::from(kind == ChangeKind::Code);
                }
                Notice::Compiled { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        judge.look();
        std::thread::sleep(Duration::from_millis(2));
        assert!(start.elapsed() < Duration::from_secs(60 + wanted), "{adopted} swaps only");
    }
    // Until the last fade is over.
    std::thread::sleep(Duration::from_millis(100));
    judge.look();
    let (seconds, xruns) = (start.elapsed().as_secs_f64(), running.stats().xruns);
    println!(
        "{adopted} swaps, {codes} of them of code, in {seconds:.1} s through the null device: {} of {} frames differ; {xruns} late",
        judge.differing, judge.frames
    );
    assert!(running.poll().iter().all(|n| matches!(n, Notice::Xruns { .. })));
    assert_eq!((judge.differing, judge.tap.valve.lost()), (0, 0));
    assert!(judge.frames > adopted * 2_000 && judge.peak > 0.05 && codes * 2 > adopted, "{} {codes}", judge.peak);
}

#[test]
fn a_swap_of_code_in_every_block_changes_no_sample() {
    let wanted = asked("SWAPS", 2_000);
    let mut compiler = Compiler::new(options(Backend::Jit));
    // Without remarks: each of these is another patch than its neighbours.
    let programs: Vec<Program> = (0..WAYS / 2).map(|way| compile(&mut compiler, way)).collect();
    let engine = |way: usize| Engine::new(&EngineOptions::new(RATE), Some(programs[way].clone())).expect("an engine");
    let ((mut plain, ..), (mut swapped, mut control, _)) = (engine(0), engine(0));
    // As long as a fade, in whole quanta: a shorter block would wait for the fade before.
    let mut blocks = [[0.0f32; 2 * 1024]; 2];
    let (mut random, mut way, mut adopted, mut differing) = (Random(31), 0, 0, 0u64);
    let begin = Instant::now();
    for swap in 0..wanted {
        way ^= 1 << random.below(5);
        let published = control.publish(&programs[way as usize], None);
        assert_eq!(published.map(|p| p.kind), Some(ChangeKind::Code), "swap {swap}");
        plain.process(&mut blocks[0], 2);
        swapped.process(&mut blocks[1], 2);
        differing += blocks[0].iter().zip(&blocks[1]).filter(|(a, b)| a.to_bits() != b.to_bits()).count() as u64;
        while let Some(notice) = control.notice() {
            adopted += u64::from(matches!(notice, EngineNotice::Adopted { .. }));
        }
        control.collect();
    }
    let (hours, seconds) = (plain.frame() as f64 / 3600.0 / f64::from(RATE), begin.elapsed().as_secs_f64());
    println!("{adopted} swaps in {hours:.2} h of sound: {differing} samples differ ({seconds:.0} s)");
    assert_eq!((adopted, differing), (wanted, 0));
}

/// The judge can be wrong: a stage that does something is seen at once.
#[test]
fn an_edit_that_is_heard_is_seen() {
    let mut compiler = Compiler::new(options(Backend::Jit));
    let programs = [text(0), text(0).replace("* 0.1", "* 0.1001")]
        .map(|text| compiler.compile(&Text(text), &[FILE.to_string()]).program.expect("a program"));
    let sounds = programs.map(|program| {
        let (mut engine, ..) = Engine::new(&EngineOptions::new(RATE), Some(program)).expect("an engine");
        let mut out = vec![0.0f32; 48_000];
        engine.process(&mut out, 2);
        out.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    });
    assert_ne!(sounds[0], sounds[1]);
}
