//! Launches, follow actions, moving tempo and changing meter fall on the frames that rational arithmetic gives.

mod common;

use common::{Build, Random};
use modurust_runtime::command::{EngineCommand, EngineNotice};
use modurust_runtime::compiler::lang::{FileId, Span};
use modurust_runtime::compiler::program::{FieldSource, Program, Timing, UnitKind};
use modurust_runtime::compiler::score::tempo::{FRACTION, STEPS, TempoMap};
use modurust_runtime::compiler::score::timeline::{
    Arrangement, Automation, Choice, Clip, ClipSet, Follow, Lane, Length, Motion, Place, Play, Point, Scene, Section,
    SetId, Slot, Target, Timeline,
};
use modurust_runtime::compiler::score::{Curve, Ratio, ScoreBuilder, Value};
use modurust_runtime::engine::{Engine, EngineOptions};
use modurust_runtime::launcher::{Happened, Jump, Order, Quantise, What, Wish};
use modurust_runtime::transport::{Source, Transport};
use std::sync::Arc;

const SLOW_RATE: u32 = 2000;

const PLACE: Place = Place { file: FileId(0), span: Span { start: 0, end: 0 } };

fn clip(name: &str, length: Option<Ratio>, to: Option<Follow>) -> Clip {
    let then = to.map(|to| Choice { to, weight: 1.0, place: PLACE }).into_iter().collect();
    Clip { name: name.into(), pattern: None, length: length.map(Length::Bars), then, place: PLACE }
}

fn set(clips: Vec<Clip>) -> ClipSet {
    ClipSet { strip: "t".into(), binding: "t".into(), clips, place: PLACE }
}

/// A program whose left channel is the number of the clip that plays.
fn indexed() -> Program {
    let mut b = Build::new();
    b.rate = SLOW_RATE;
    let index = b.score.clip_index(SetId(0));
    let frame = b.frame("t");
    let rows = b.unit(frame, UnitKind::Hold, 1, index, &[FieldSource::Value]);
    b.mono("t", rows[0]);
    b.finish()
}

/// How the tempo of a script moves.
#[derive(Clone, Debug)]
enum Moves {
    /// Beats per minute, each for so many equal parts of a bar, from the start again.
    Steps(Vec<i64>, i64),
    Ramp(i64, i64, Ratio),
}

impl Moves {
    fn pattern(&self, b: &mut ScoreBuilder) -> modurust_runtime::compiler::score::PatId {
        match self {
            Moves::Steps(bpm, parts) => {
                let pats: Vec<_> = bpm.iter().map(|x| b.pure(Value::Num(*x as f64))).collect();
                let bars: Vec<_> = pats.chunks(*parts as usize).map(|bar| b.fastcat(bar)).collect();
                b.cat(&bars)
            }
            Moves::Ramp(from, to, over) => b.ramp(*from as f64, *to as f64, *over, Curve::Lin),
        }
    }

    /// The tempo at a position and the end of its stretch, by hand.
    fn at(&self, cycle: Ratio) -> (Ratio, Ratio) {
        match self {
            Moves::Steps(bpm, parts) => {
                let part = (cycle * Ratio::int(*parts)).floor();
                (Ratio::int(bpm[part.rem_euclid(bpm.len() as i64) as usize]), Ratio::new(part + 1, *parts))
            }
            Moves::Ramp(from, to, over) => {
                let step = (cycle * Ratio::int(STEPS)).floor();
                let place = (Ratio::new(2 * step + 1, 2 * STEPS).to_f64() / over.to_f64()).min(1.0);
                let bpm = if place >= 1.0 { *to as f64 } else { *from as f64 + (*to - *from) as f64 * place };
                (Ratio::new((bpm * 1024.0).round() as i64, 1024), Ratio::new(step + 1, STEPS))
            }
        }
    }
}

/// The moments of positions, by sums of whole numbers.
struct Clock {
    moves: Moves,
    meters: Vec<(i64, Ratio)>,
    rate: u32,
    cycle: Ratio,
    moment: i128,
}

impl Clock {
    fn beats(&self, cycle: Ratio) -> (Ratio, Option<i64>) {
        let bar = cycle.floor();
        let beats = self.meters.iter().rev().find(|m| m.0 <= bar).map_or(Ratio::int(4), |m| m.1);
        (beats, self.meters.iter().find(|m| m.0 > bar).map(|m| m.0))
    }

    /// floor((to - from) * 60 * rate * beats / bpm * 2^20)
    fn span(&self, from: Ratio, to: Ratio, bpm: Ratio, beats: Ratio) -> i128 {
        let d = to - from;
        let num = i128::from(d.num()) * 60 * i128::from(self.rate) * i128::from(beats.num()) * i128::from(bpm.den());
        let den = i128::from(d.den()) * i128::from(beats.den()) * i128::from(bpm.num());
        (num << FRACTION).div_euclid(den)
    }

    /// The moment of a position; positions must rise.
    fn moment(&mut self, to: Ratio) -> i128 {
        loop {
            let (bpm, end) = self.moves.at(self.cycle);
            let (beats, next) = self.beats(self.cycle);
            let end = next.map_or(end, |n| end.min(Ratio::int(n)));
            if end > to {
                return self.moment + self.span(self.cycle, to, bpm, beats);
            }
            self.moment += self.span(self.cycle, end, bpm, beats);
            self.cycle = end;
        }
    }
}

fn clock(moves: &Moves, meters: &[(i64, Ratio)], rate: u32) -> Clock {
    Clock { moves: moves.clone(), meters: meters.to_vec(), rate, cycle: Ratio::ZERO, moment: 0 }
}

#[test]
fn ten_thousand_scripts_fall_on_their_frames() {
    let base = indexed();
    let mut random = Random(2026);
    let mut changes_in_one_block = 0;
    let frames = 64 * 24u64;
    for round in 0..10_000 {
        let bpm = |random: &mut Random| 300 + random.below(1500) as i64;
        let moves = if random.below(2) == 0 {
            let parts = 1 + random.below(4) as i64;
            Moves::Steps((0..parts * 3).map(|_| bpm(&mut random)).collect(), parts)
        } else {
            Moves::Ramp(bpm(&mut random), bpm(&mut random), Ratio::new(1 + random.below(9) as i64, 2))
        };
        let mut meters = vec![];
        let mut bar = 0;
        for _ in 0..random.below(3) {
            bar += 1 + random.below(2) as i64;
            meters.push((bar, Ratio::new(3 + random.below(6) as i64, 2)));
        }
        let lengths: Vec<Option<Ratio>> = (0..3)
            .map(|_| {
                let length = Ratio::new(1 + random.below(12) as i64, 3 + random.below(5) as i64);
                (random.below(3) > 0).then_some(length)
            })
            .collect();
        let follow: Vec<Follow> = (0..3)
            .map(|_| [Follow::Next, Follow::Prev, Follow::Again, Follow::Stop, Follow::To(2)][random.below(5) as usize])
            .collect();
        let clips = (0..3).map(|i| clip(["a", "b", "c"][i], lengths[i], Some(follow[i]))).collect();
        let mut score = ScoreBuilder::new(0);
        let tempo = moves.pattern(&mut score);
        let index = score.clip_index(SetId(0));
        let mut units = (*base.units).clone();
        units[0].pattern = index;
        let map = TempoMap { pattern: Some(tempo), meters: meters.clone() };
        let timeline = Timeline { sets: vec![set(clips)], tempo: map, ..Timeline::default() };
        let program = Program {
            score: Arc::new(score.finish()),
            units: Arc::new(units),
            timing: Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(4) },
            timeline: Arc::new(timeline),
            ..base.clone()
        };
        let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(SLOW_RATE), Some(program)).unwrap();
        // Orders: at a block, for a clip or a stop, at a multiple.
        let mut orders: Vec<(u64, Option<u32>, Ratio)> = (0..random.below(5))
            .map(|_| {
                let clip = (random.below(4) < 3).then_some(random.below(3) as u32);
                (random.below(24), clip, Ratio::new(1 + random.below(3) as i64, 1 + random.below(8) as i64))
            })
            .collect();
        orders.sort_by_key(|o| o.0);
        let said = orders.clone();
        let mut heard = Vec::new();
        for block in 0..24u64 {
            for (_, clip, step) in orders.iter().filter(|o| o.0 == block) {
                let what = clip.map_or(What::Set(0), |clip| What::Clip { set: 0, clip });
                let at = Quantise::Bars(*step);
                let order = Order { what, launch: clip.is_some(), legato: false, at };
                assert!(control.send(EngineCommand::Wish { epoch: 0, wish: Wish::Order(order) }));
            }
            let mut out = [0.0; 128];
            engine.process(&mut out, 2);
            heard.extend(out.chunks(2).map(|f| f[0]));
        }
        // The same by hand: the first clip plays from the start; an order takes the next multiple of its step.
        let mut now = clock(&moves, &meters, SLOW_RATE);
        let mut playing = Some(0u32);
        let mut due = lengths[0];
        let mut queued: Option<(Ratio, Option<u32>)> = None;
        let mut expected = vec![0.0f32; frames as usize];
        let mut last_change = None;
        let mut orders = orders.into_iter().peekable();
        loop {
            let next = [queued.map(|q| q.0), due].into_iter().flatten().min();
            let frame = next.map(|t| clock(&moves, &meters, SLOW_RATE).moment(t) >> FRACTION);
            // Orders of blocks that begin before it come first.
            if let Some(order) = orders.peek()
                && frame.is_none_or(|f| i128::from(order.0 * 64) <= f)
            {
                let begin = i128::from(order.0 * 64) << FRACTION;
                let mut turn = 0i64;
                while clock(&moves, &meters, SLOW_RATE).moment(order.2 * Ratio::int(turn)) < begin {
                    turn += 1;
                }
                queued = Some((order.2 * Ratio::int(turn), order.1));
                orders.next();
                continue;
            }
            let (Some(at), Some(frame)) = (next, frame) else { break };
            if frame >= i128::from(frames) {
                break;
            }
            playing = match queued.filter(|q| q.0 == at) {
                Some((_, clip)) => {
                    queued = None;
                    clip
                }
                None => match follow[playing.unwrap() as usize] {
                    Follow::Next => playing.map(|c| (c + 1) % 3),
                    Follow::Prev => playing.map(|c| (c + 2) % 3),
                    Follow::Again => playing,
                    Follow::To(c) => Some(c),
                    Follow::Stop | Follow::Any => None,
                },
            };
            due = playing.and_then(|c| lengths[c as usize]).map(|length| at + length);
            expected[frame as usize..].fill(playing.map_or(-1.0, |c| c as f32));
            changes_in_one_block += u32::from(last_change == Some(frame / 64));
            last_change = Some(frame / 64);
        }
        assert!(now.moment(Ratio::ONE) > 0);
        for (f, (heard, expected)) in heard.iter().zip(&expected).enumerate() {
            assert_eq!(
                heard, expected,
                "script {round}, frame {f}: {moves:?} {meters:?} {lengths:?} {follow:?} {said:?}"
            );
        }
    }
    assert!(changes_in_one_block > 500, "{changes_in_one_block}");
}

#[test]
fn a_day_of_changing_tempo_ends_on_its_frame() {
    let moves = Moves::Steps(vec![120, 127, 131, 90, 171, 113, 140], 7);
    let meters = vec![(3, Ratio::new(7, 2)), (1000, Ratio::int(3)), (20_000, Ratio::new(5, 1))];
    let mut score = ScoreBuilder::new(0);
    let tempo = moves.pattern(&mut score);
    let score = score.finish();
    let map = TempoMap { pattern: Some(tempo), meters: meters.clone() };
    let timing = Timing { bpm: Ratio::int(120), beats_per_bar: Ratio::int(4) };
    let mut transport = Transport::new(48_000, timing, 0);
    let mut clock = clock(&moves, &meters, 48_000);
    let day = 24 * 3600 * 48_000u64;
    let mut frame = 0;
    let mut compared = 0u32;
    let mut last_end = Ratio::ZERO;
    while frame < day {
        transport.advance(frame, 960, Some(Source { score: &score, map: &map, song: None }));
        for piece in transport.pieces() {
            assert_eq!(piece.begin, last_end, "pieces touch");
            last_end = piece.end;
            if piece.begin == piece.mark.cycle {
                // A stretch begins here: at the very moment that the sum says.
                assert_eq!(piece.mark.moment, clock.moment(piece.begin), "at {:?}", piece.begin);
                compared += 1;
            }
        }
        frame += 960;
    }
    assert!(compared > 200_000, "{compared} stretches");
}

#[test]
fn a_ramp_loses_and_doubles_nothing() {
    // Sixteen steps a bar through a ramp of tempo that ends inside a bar.
    let mut b = Build::new();
    let pats: Vec<_> = (0..16).map(|k| b.score.pure(Value::Num(f64::from(k) + 1.0))).collect();
    let steps = b.score.fastcat(&pats);
    let frame = b.frame("probe");
    let rows = b.unit(frame, UnitKind::Mono, 1, steps, &[FieldSource::Value, FieldSource::Gate]);
    b.track("probe", rows[0], rows[1]);
    let moves = Moves::Ramp(180, 600, Ratio::new(7, 3));
    let tempo = moves.pattern(&mut b.score);
    let mut program = b.finish();
    let map = TempoMap { pattern: Some(tempo), meters: vec![(2, Ratio::int(3))] };
    program.timeline = Arc::new(Timeline { tempo: map, ..Timeline::default() });
    let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(program)).unwrap();
    let mut out = vec![0.0; 2 * 200_000];
    engine.process(&mut out, 2);
    let mut clock = clock(&moves, &[(2, Ratio::int(3))], 48_000);
    let frames: Vec<usize> =
        (0..200).map(|k| (clock.moment(Ratio::new(k, 16)) >> FRACTION) as usize).take_while(|f| *f < 200_000).collect();
    assert!(frames.len() > 60);
    for (k, pair) in frames.windows(2).enumerate() {
        for f in pair[0]..pair[1] {
            assert_eq!(out[2 * f], (k % 16) as f32 + 1.0, "step {k} at {f}");
            let gate = if f + 1 == pair[1] { 0.0 } else { 1.0 };
            assert_eq!(out[2 * f + 1], gate, "gate of step {k} at {f}");
        }
    }
}

/// Two sets, two scenes, a song of three sections; each set's number is a channel.
fn song_program() -> Program {
    let mut b = Build::new();
    let frame = b.frame("t");
    let mut rows = Vec::new();
    for set in 0..2 {
        let index = b.score.clip_index(SetId(set));
        rows.extend(b.unit(frame, UnitKind::Hold, 1, index, &[FieldSource::Value]));
    }
    b.track("t", rows[0], rows[1]);
    let mut program = b.finish();
    let slot = |set: u32, clip: u32| Slot { set: SetId(set), clip: Some(clip), again: false, place: PLACE };
    let scene =
        |name: &str, slots: Vec<Slot>| Scene { name: name.into(), slots, length: None, then: vec![], place: PLACE };
    let section = |scene: u32, bars: i64| Section {
        play: Play::Scene(scene),
        length: Length::Bars(Ratio::int(bars)),
        xfade: None,
        lanes: vec![],
        place: PLACE,
    };
    let timeline = Timeline {
        sets: vec![
            set(vec![
                clip("a", Some(Ratio::new(3, 2)), Some(Follow::To(1))),
                clip("b", Some(Ratio::ONE), Some(Follow::To(0))),
            ]),
            set(vec![clip("x", None, None), clip("y", None, None)]),
        ],
        scenes: vec![scene("one", vec![slot(0, 0)]), scene("two", vec![slot(0, 1), slot(1, 1)])],
        arrangements: vec![Arrangement {
            name: "song".into(),
            sections: vec![section(0, 4), section(1, 2), section(0, 3)],
            place: PLACE,
        }],
        ..Timeline::default()
    };
    program.timeline = Arc::new(timeline);
    program
}

fn channels(engine: &mut Engine, frames: usize) -> Vec<[f32; 2]> {
    let mut out = vec![0.0; frames * 2];
    engine.process(&mut out, 2);
    out.chunks(2).map(|f| [f[0], f[1]]).collect()
}

const BAR: usize = 96_000;

#[test]
fn a_song_plays_its_sections_and_ends() {
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(song_program())).unwrap();
    let out = channels(&mut engine, BAR * 10);
    let at = |bar: f64| out[(bar * BAR as f64) as usize];
    // One: a for 3/2, b for 1, a for 3/2. Two: b for 1, a from then, which goes on into one.
    for (bar, expected) in [
        (0.0, [0.0, -1.0]),
        (1.49, [0.0, -1.0]),
        (1.5, [1.0, -1.0]),
        (2.5, [0.0, -1.0]),
        (4.0, [1.0, 1.0]),
        (5.0, [0.0, 1.0]),
        (6.0, [0.0, -1.0]),
        (6.5, [1.0, -1.0]),
        (7.5, [0.0, -1.0]),
        (9.0, [-1.0, -1.0]),
    ] {
        assert_eq!(at(bar), expected, "bar {bar}");
    }
    let sections: Vec<Ratio> = std::iter::from_fn(|| control.notice())
        .filter_map(|n| match n {
            EngineNotice::Happened(Happened::Scene { at, by_song: true, .. }) => Some(at),
            _ => None,
        })
        .collect();
    assert_eq!(sections, [0, 4, 6].map(Ratio::int));
}

#[test]
fn a_song_is_found_again_from_any_position() {
    let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(song_program())).unwrap();
    let whole = channels(&mut engine, BAR * 10);
    for sixteenths in (1..150).step_by(7) {
        let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(song_program())).unwrap();
        control.send(EngineCommand::Seek(Ratio::new(sixteenths, 16)));
        let from = sixteenths as usize * BAR / 16;
        let part = channels(&mut engine, BAR);
        let end = whole.len().min(from + BAR);
        let other = part.iter().zip(&whole[from..end]).position(|(a, b)| a != b);
        assert_eq!(other, None, "from {sixteenths}/16");
    }
}

#[test]
fn a_song_is_played_from_a_place_and_goes_round() {
    let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(song_program())).unwrap();
    let whole = channels(&mut engine, BAR * 10);
    let mut random = Random(15);
    for round in 0..40 {
        let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(song_program())).unwrap();
        // Played by hand for a while first: of that, nothing is left.
        let wish =
            Wish::Order(Order { what: What::Clip { set: 1, clip: 0 }, launch: true, legato: false, at: Quantise::Now });
        control.send(EngineCommand::Wish { epoch: 0, wish });
        let before = 64 * (1 + random.below(3000) as usize);
        channels(&mut engine, before);
        let from = Ratio::new(random.below(128) as i64, 16);
        let length = Ratio::new(1 + random.below(40) as i64, 16);
        let to = (round % 3 != 0).then(|| from + length);
        let step = Ratio::new(1, 1 + random.below(7) as i64);
        let at = if round % 4 == 0 { Quantise::Now } else { Quantise::Bars(step) };
        control.send(EngineCommand::Wish { epoch: 0, wish: Wish::Jump(Jump { at, song: 0, from, to }) });
        let part = channels(&mut engine, BAR * 6);
        // From the frame of the jump on it is the whole, round and round: positions count, and frames are their whole parts.
        let now = Ratio::new(before as i64, BAR as i64);
        let jump = if round % 4 == 0 { now } else { step * Ratio::int((now / step).ceil()) };
        for (k, heard) in part.iter().enumerate() {
            let passed = Ratio::new((before + k) as i64, BAR as i64) - jump;
            if passed < Ratio::new(1, BAR as i64) {
                continue;
            }
            let mut place = from + passed;
            let mut near = false;
            if let Some(to) = to {
                let turns = ((place - from) / (to - from)).floor();
                place = place - (to - from) * Ratio::int(turns);
                // Frames in which the turn itself falls.
                near = (place - from) < Ratio::new(1, BAR as i64);
            }
            let frame = (place * Ratio::int(BAR as i64)).floor() as usize;
            // Where a clip changes, the frame before or after may be meant: the jump falls between frames.
            // After the end of the song it is as at its end.
            let frame = frame.min(whole.len() - 2);
            let fits = whole[frame.saturating_sub(1)..frame + 2].contains(heard) || near;
            assert!(
                fits,
                "round {round}, {from:?}..{to:?} at {jump:?}, frame {k}, place {}: {heard:?}",
                place.to_f64()
            );
        }
    }
}

#[test]
fn a_clip_by_hand_keeps_its_track_until_the_song_is_launched() {
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(song_program())).unwrap();
    let wish = |what: What, launch: bool, step: Ratio| EngineCommand::Wish {
        epoch: 0,
        wish: Wish::Order(Order { what, launch, legato: false, at: Quantise::Bars(step) }),
    };
    channels(&mut engine, BAR / 2);
    control.send(wish(What::Clip { set: 1, clip: 0 }, true, Ratio::ONE));
    let out = channels(&mut engine, BAR * 6);
    let at = |bar: f64| out[((bar - 0.5) * BAR as f64) as usize];
    assert_eq!(at(0.99)[1], -1.0);
    assert_eq!(at(1.0)[1], 0.0);
    assert_eq!(at(4.5), [1.0, 0.0], "the song has y there, but the hand has x");
    control.send(wish(What::Song(0), true, Ratio::ONE));
    let out = channels(&mut engine, BAR * 5);
    // Position 6.5: the song begins anew at 7.
    assert_eq!(out[BAR / 2], [0.0, -1.0]);
    assert_eq!(out[BAR / 2 + 4 * BAR], [1.0, 1.0]);
}

#[test]
fn legato_keeps_the_place_and_a_stop_is_silence() {
    // Clips that count eighths, so that the place can be heard.
    let mut b = Build::new();
    let counting = |b: &mut Build, base: f64| {
        let pats: Vec<_> = (0..8).map(|k| b.score.pure(Value::Num(base + f64::from(k)))).collect();
        b.score.fastcat(&pats)
    };
    let (a, c) = (counting(&mut b, 0.0), counting(&mut b, 100.0));
    let clips = b.score.clips(SetId(0), &[a, c]);
    let frame = b.frame("t");
    let rows = b.unit(frame, UnitKind::Mono, 1, clips, &[FieldSource::Value, FieldSource::Gate]);
    b.track("t", rows[0], rows[1]);
    let mut program = b.finish();
    let sets = vec![set(vec![clip("a", None, None), clip("c", None, None)])];
    program.timeline = Arc::new(Timeline { sets, ..Timeline::default() });
    let (mut engine, mut control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(program)).unwrap();
    let wish = |what: What, launch: bool, legato: bool, at: Ratio| EngineCommand::Wish {
        epoch: 0,
        wish: Wish::Order(Order { what, launch, legato, at: Quantise::Bars(at) }),
    };
    channels(&mut engine, 6400);
    control.send(wish(What::Clip { set: 0, clip: 1 }, true, true, Ratio::new(3, 8)));
    let out = channels(&mut engine, BAR);
    let at = |eighth: usize| out[eighth * BAR / 8 - 6400];
    assert_eq!((at(2)[0], at(3)[0], at(4)[0]), (2.0, 103.0, 104.0));
    control.send(wish(What::Clip { set: 0, clip: 0 }, true, false, Ratio::new(5, 16)));
    let out = channels(&mut engine, BAR);
    // Position 17/15 .. the next multiple of 5/16 is 5/4: the clip begins at its beginning.
    let at = |position: f64| out[((position - 1.0) * BAR as f64) as usize - 6400];
    assert_eq!((at(1.2499)[0], at(1.25)[0], at(1.376)[0]), (101.0, 0.0, 1.0));
    control.send(wish(What::Set(0), false, false, Ratio::new(1, 16)));
    let out = channels(&mut engine, BAR);
    let quiet = out.iter().position(|f| f[1] == 0.0 && f[0] == out[0][0]).unwrap();
    assert!(out[BAR / 8..].iter().all(|f| f[1] == 0.0), "no note hangs after {quiet}");
}

/// A song of two sections; the first moves a parameter, and the tempo in its second half is that of its end.
fn moving_program(tempo: bool) -> Program {
    let mut b = Build::new();
    let frame = b.frame("t");
    let x = b.param(frame, "t.x", 0.5);
    let y = b.param(frame, "t.y", 0.25);
    b.track("t", x, y);
    let mut program = b.finish();
    let lane = |target: Target, motion: Motion| Lane { target, motion, place: PLACE };
    let rise = Motion::Line { from: 1.0, to: 3.0, over: None, curve: Curve::Lin };
    let mut lanes = vec![lane(Target::Param(0), rise)];
    if tempo {
        lanes.push(lane(Target::Tempo, Motion::Line { from: 120.0, to: 180.0, over: None, curve: Curve::Lin }));
    }
    let section = |bars: i64, lanes: Vec<Lane>| Section {
        play: Play::Scene(0),
        length: Length::Bars(Ratio::int(bars)),
        xfade: None,
        lanes,
        place: PLACE,
    };
    let point = |bar: i64, value: f64, curve: Curve| Point {
        at: Length::Bars(Ratio::int(bar)),
        value,
        pattern: None,
        curve,
        place: PLACE,
    };
    program.timeline = Arc::new(Timeline {
        scenes: vec![Scene { name: "s".into(), slots: vec![], length: None, then: vec![], place: PLACE }],
        arrangements: vec![Arrangement {
            name: "song".into(),
            sections: vec![section(2, lanes), section(2, vec![])],
            place: PLACE,
        }],
        automations: vec![Automation {
            target: Target::Param(1),
            points: vec![point(1, 8.0, Curve::Lin), point(2, 2.0, Curve::Exp), point(3, 5.0, Curve::Hold)],
            place: PLACE,
        }],
        ..Timeline::default()
    });
    program
}

#[test]
fn lanes_and_automation_move_parameters() {
    let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(moving_program(false))).unwrap();
    let out = channels(&mut engine, BAR * 4);
    let at = |bar: f64| out[(bar * BAR as f64) as usize];
    let near = |a: f32, b: f64| (f64::from(a) - b).abs() < 2e-3;
    for (bar, x, y) in [
        (0.5, 1.5, 0.25),
        (1.25, 2.25, 8.0 * 0.25f64.powf(0.25)),
        (1.5, 2.5, 4.0),
        (2.5, 3.0, 2.0),
        (2.99, 3.0, 2.0),
        (3.01, 3.0, 5.0),
    ] {
        assert!(near(at(bar)[0], x) && near(at(bar)[1], y), "bar {bar}: {:?}, wanted {x} {y}", at(bar));
    }
    // From anywhere it is the same.
    for eighths in [3, 9, 14, 21, 27] {
        let (mut engine, mut control, _taps) =
            Engine::new(&EngineOptions::new(48_000), Some(moving_program(false))).unwrap();
        control.send(EngineCommand::Seek(Ratio::new(eighths, 8)));
        let part = channels(&mut engine, 6400);
        let from = eighths as usize * BAR / 8;
        for f in 128..6400 {
            assert!((0..2).all(|c| (part[f][c] - out[from + f][c]).abs() < 1e-6), "{eighths}/8 + {f}");
        }
    }
}

#[test]
fn a_song_moves_the_tempo() {
    let (mut engine, _control, _taps) = Engine::new(&EngineOptions::new(48_000), Some(moving_program(true))).unwrap();
    channels(&mut engine, 64);
    let mut frames = 64u64;
    while engine.cycle() < Ratio::int(2) {
        channels(&mut engine, 64);
        frames += 64;
    }
    // Two bars of four beats from 120 to 180: 60 * 8 / 60 * ln(1.5) seconds.
    let exact = 48_000.0 * 8.0 * 1.5f64.ln();
    assert!((frames as f64 - exact).abs() < 70.0, "{frames} {exact}");
    let begin = engine.cycle();
    channels(&mut engine, 64_000);
    let passed = (engine.cycle() - begin).to_f64();
    assert!((passed - 1.0).abs() < 1e-6, "a bar at 180 is 64000 frames: {passed}");
}
