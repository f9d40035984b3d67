//! Parts that sleep: sets of random tracks, played and let rest, by machine code that leaves out what sleeps and by the interpreter
//! that computes everything. No bit may differ, whatever happens in between: notes at any frame, stolen voices, parameters that
//! move, state that goes over to another instance, resets. What is looked at before a part sleeps is taken away in turn, and must be
//! missed.

mod common;

use common::Rng;
use modurust_compiler::codegen::isa::Isa;
use modurust_compiler::exec::{self, Backend, Instance, compile, word_moves};
use modurust_compiler::few::{Bank, Kind};
use modurust_compiler::front::{Compiler, Elaborated, Options, World};
use modurust_compiler::graph::check::check;
use modurust_compiler::graph::idle;
use modurust_compiler::graph::ops::same;
use modurust_compiler::graph::{CellId, FrameId, ParamId, QUANTUM, RingId, RowId, Ty};
use modurust_compiler::passes::pack::pack;
use modurust_compiler::passes::{Passes, optimise};
use modurust_compiler::program::{FieldSource, Layout, Patch, Sleeper};
use std::sync::Arc;

struct Text(String);

impl World for Text {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

fn elaborate(text: &str) -> Elaborated {
    let options = Options { sample_rate: 48_000, passes: Passes::Fast, backend: Backend::Jit, seed: 0, verify: true };
    let (elaborated, diagnostics, sources) =
        Compiler::new(options).elaborate(&Text(text.to_string()), &["a.modu".to_string()]);
    elaborated.unwrap_or_else(|| panic!("{text}\n{}", modurust_lang::diag::render(&diagnostics, &sources, false)))
}

fn patch(elaborated: &Elaborated, passes: Passes, backend: Backend) -> Patch {
    compile(&elaborated.graph, &exec::Options { sample_rate: 48_000, passes, backend, verify: true }).expect("valid")
}

const VOICES: &str = "
plain(freq, gate, vel) = sin(freq) * ar(gate, 1ms, 5ms) * vel
soft(freq, gate) = saw(freq) >> lpf(600hz + 2khz * adsr(gate, 2ms, 10ms, 0.5, 10ms), q: 2) * adsr(gate, 1ms, 5ms, 0.6, 8ms)
after(freq, gate) = saw(freq) * ar(gate, 1ms, 4ms) >> lpf(900hz, q: 0.7)
struck(freq, gate, vel) = sin(freq, sin(freq * 3) * perc(gate, 3ms)) * perc(gate, 6ms) * vel
both(freq, gate) = noise * perc(gate, 2ms) + tri(freq) * ar(gate, 2ms, 5ms)
twice(freq, gate) = (square(freq) >> hpf(300hz) * perc(gate, 30ms)) * asr(gate, 1ms, 1, 4ms)
shaky(freq, gate) = square(freq * (1 + 0.01 * lfsin(6hz))) >> onepole(3khz) * ar(gate, 1ms, 5ms)
wide(freq, gate) = saw(freq + [-5hz, 5hz]) >> lpf(freq * 3) >> spread(0.7) * ar(gate, 2ms, 6ms)
organic(freq, gate) = sin(freq) * gate
string(freq, gate) = {
  line = prim.ring(noise * ad(gate, 0s, 2ms) + 0.4 * line_end, 20ms)
  line_end = prim.tap(line, 200)
  line_end
}
";

const NAMES: [&str; 10] = ["plain", "soft", "after", "struck", "both", "twice", "shaky", "wide", "organic", "string"];

const EFFECTS: [&str; 12] = [
    "",
    " >> drive(6db)",
    " >> comp(-18db, ratio: 4, attack: 1ms, release: 2ms)",
    " >> chorus(0.3)",
    " >> phaser(rate: 0.5hz)",
    " >> tremolo(5hz)",
    " >> lpf(800hz + 300hz * lfsin(0.7hz))",
    " >> echo(5ms, fb: 0.2, mix: 0.4)",
    " >> pan(0.3)",
    " >> flanger(fb: 0.2)",
    " >> hpf(100hz) >> softclip",
    " >> allpass(3ms, 0.3)",
];

/// Some tracks, on some of which notes could be played, and a bus.
fn set(r: &mut Rng) -> String {
    let mut text = VOICES.to_string();
    text += match r.below(4) {
        2 => "bus room = in >> drive(6db) >> drive(3db) >> drive(9db) >> drive(2db)\n",
        0 => "bus room = in >> echo(7ms, fb: 0.2, mix: 1)\n",
        1 => "bus room = in >> chorus(0.5) >> comp(-20db, ratio: 3, release: 3ms)\n",
        _ => "bus room = in >> allpass(2ms, 0.3) >> allpass(3ms, 0.3) * -3db\n",
    };
    let tracks = if r.chance(12) { 9 + r.below(5) } else { 1 + r.below(4) };
    for track in 0..tracks {
        let voice = NAMES[r.below(NAMES.len())];
        let voices = if r.chance(60) { 1 + r.below(9) } else { [12, 16, 24, 40][r.below(4)] };
        let player = if r.chance(60) { format!("poly({voices}, {voice})") } else { format!("mono({voice})") };
        text += &format!("track t{track} = \"0\" >> {player}{}", EFFECTS[r.below(EFFECTS.len())]);
        text += EFFECTS[if r.chance(30) { r.below(EFFECTS.len()) } else { 0 }];
        text += if r.chance(50) { " * -6db >> send(room, -9db)\n" } else { " * -6db\n" };
    }
    if r.chance(20) {
        text += "track drone = saw(55hz) >> lpf(300hz) * -20db\n";
    }
    text
}

/// Rows as an engine writes them: steps at frames, then level.
struct Rows {
    memory: Vec<Vec<f32>>,
    now: Vec<Vec<f32>>,
    stale: Vec<bool>,
    /// Every change is said to be one of all voices.
    all: bool,
}

impl Rows {
    fn new(e: &Elaborated) -> Rows {
        let start = |row: usize| {
            let row = &e.graph.rows[row];
            e.units[row.unit as usize].fields[row.field as usize].default
        };
        let rows = e.graph.rows.len();
        let len = |row: usize| exec::buffer_len(e.graph.rows[row].lanes);
        Rows {
            memory: (0..rows).map(|row| vec![start(row); len(row)]).collect(),
            now: (0..rows).map(|row| vec![start(row); e.graph.rows[row].lanes as usize]).collect(),
            stale: vec![true; rows],
            all: false,
        }
    }

    fn step(&mut self, e: &Elaborated, row: usize, voice: usize, frame: usize, value: f32) {
        let lanes = e.graph.rows[row].lanes;
        for i in frame..QUANTUM {
            self.memory[row][exec::buffer_index(lanes, voice, i)] = value;
        }
        self.now[row][voice] = value;
        self.stale[row] = true;
    }

    /// A quantum of notes: how busy, in percent.
    fn play(&mut self, e: &Elaborated, r: &mut Rng, busy: u32) {
        for row in 0..self.memory.len() {
            let lanes = e.graph.rows[row].lanes;
            for voice in 0..lanes as usize {
                for i in 0..QUANTUM {
                    self.memory[row][exec::buffer_index(lanes, voice, i)] = self.now[row][voice];
                }
            }
        }
        for (unit, of) in e.units.iter().enumerate() {
            if !r.chance(busy) {
                continue;
            }
            let (voice, frame) = (r.below(of.voices.max(1) as usize), r.below(QUANTUM));
            for (row, at) in e.graph.rows.iter().enumerate().filter(|(_, row)| row.unit as usize == unit) {
                let value = match of.fields[at.field as usize].source {
                    FieldSource::Gate => f32::from(u8::from(self.now[row][voice] == 0.0)),
                    FieldSource::Freq => 50.0 + r.below(900) as f32,
                    _ => 0.25 + 0.25 * r.below(4) as f32,
                };
                self.step(e, row, voice, frame, value);
            }
        }
    }

    /// Lets all notes end.
    fn release(&mut self, e: &Elaborated) {
        for row in 0..self.memory.len() {
            let at = &e.graph.rows[row];
            if e.units[at.unit as usize].fields[at.field as usize].source == FieldSource::Gate {
                (0..at.lanes as usize).for_each(|voice| self.step(e, row, voice, 7, 0.0));
            }
        }
    }

    /// Gives the rows that have changed.
    fn give(&mut self, instances: &mut [Instance]) {
        for (row, memory) in self.memory.iter().enumerate() {
            let id = RowId(row as u32);
            // What was stepped is level in the next quantum.
            let (before, lanes) = (instances[0].row_voices_mut(id, 0), self.now[row].len());
            let pad = exec::padded(lanes as u32);
            let changed =
                |voice: &usize| before.iter().skip(*voice).step_by(pad).ne(memory.iter().skip(*voice).step_by(pad));
            let voices = (0..lanes).filter(changed).fold(0, |mask, voice| mask | 1 << voice);
            if voices != 0 || self.stale[row] {
                // Somebody who knows no better says that all have changed.
                let voices = if self.all { u64::MAX } else { voices };
                instances.iter_mut().for_each(|i| i.row_voices_mut(id, voices).copy_from_slice(memory));
            }
            self.stale[row] = false;
        }
    }
}

/// What a run has met.
#[derive(Default)]
struct Met {
    /// Quanta in which something slept.
    slept: u64,
    /// Times that something woke.
    woken: u64,
    /// Quanta in which fewer voices were computed than there are, though some were.
    few: u64,
    /// Times that other voices were computed than before, or another number.
    changed: u64,
}

/// Plays a set in every way; `Err` says where two differ first. `tamper` is for planted faults.
fn agree(e: &Elaborated, seed: u64, passes: Passes, tamper: &dyn Fn(&mut Layout)) -> Result<Met, String> {
    let isas = [Isa::Portable, Isa::Lanes4, Isa::Lanes8, Isa::Lanes16].into_iter().filter(|isa| isa.is_here());
    let names: Vec<String> = isas.clone().map(|isa| isa.name().to_string()).collect();
    let mut patches = vec![Arc::new(patch(e, passes, Backend::Interp))];
    for isa in isas {
        let mut patch = patch(e, passes, Backend::Isa(isa));
        tamper(&mut patch.layout);
        patches.push(Arc::new(patch));
    }
    let mut instances: Vec<Instance> = patches.iter().map(|patch| Instance::new(Arc::clone(patch))).collect();
    let mut rows = Rows::new(e);
    let mut r = Rng::new(seed);
    rows.all = r.chance(15);
    let mut met = Met::default();
    let (mut busy, mut left, mut before, mut computed) = (8, 60, 0, 0);
    let mut fading: Vec<Instance> = Vec::new();
    for quantum in 0..900u64 {
        if left == 0 {
            busy = if busy == 0 { [3, 8, 30][r.below(3)] } else { 0 };
            left = if busy == 0 { 100 + r.below(150) } else { 10 + r.below(60) };
            if busy == 0 && r.chance(90) {
                rows.release(e);
                rows.give(&mut instances);
                run(&mut instances, quantum);
                compare(e, &mut instances, &names, quantum, false)?;
                continue;
            }
        }
        left -= 1;
        rows.play(e, &mut r, busy);
        rows.give(&mut instances);
        if r.chance(1) && !e.graph.params.is_empty() {
            let param = r.below(e.graph.params.len());
            let value = e.graph.params[param].value * [0.5, 1.0, 1.25][r.below(3)];
            instances.iter_mut().for_each(|i| i.set_param(ParamId(param as u32), value));
        }
        if r.below(400) == 0 {
            instances.iter_mut().for_each(|i| i.reset(FrameId(0)));
        }
        if r.below(300) == 0 {
            fading = swap(&patches, &mut instances);
            rows.stale.fill(true);
            rows.give(&mut instances);
        }
        run(&mut instances, quantum);
        fading.clear();
        let asleep = instances[1].resting();
        met.slept += u64::from(asleep > 0);
        met.woken += u64::from(asleep < before);
        before = asleep;
        let (some, all) = instances[1].computed_voices();
        met.few += u64::from(some > 0 && some < all);
        met.changed += u64::from(some != computed);
        computed = some;
        compare(e, &mut instances, &names, quantum, r.chance(3))?;
    }
    Ok(met)
}

fn run(instances: &mut [Instance], quantum: u64) {
    // Across the wrap of 2^32 frames, too.
    let start = u64::from(u32::MAX) + 1 - 500 * QUANTUM as u64;
    instances.iter_mut().for_each(|i| i.run(start + quantum * QUANTUM as u64));
}

/// Lets new instances of the same patches go on; the old ones come back.
fn swap(patches: &[Arc<Patch>], instances: &mut [Instance]) -> Vec<Instance> {
    let next = |(patch, old): (&Arc<Patch>, &mut Instance)| {
        let mut new = Instance::new(Arc::clone(patch));
        let cells: Vec<(CellId, CellId, u32)> = (0..patch.graph.cells.len() as u32)
            .map(|c| (CellId(c), CellId(c), patch.graph.cells[c as usize].lanes))
            .collect();
        let rings: Vec<(RingId, RingId)> =
            (0..patch.graph.rings.len() as u32).map(|r| (RingId(r), RingId(r))).collect();
        old.settle();
        new.copy_words(old, &word_moves(patch, patch, &cells));
        new.move_rings(old, &rings);
        (0..patch.graph.params.len() as u32).for_each(|p| new.set_param(ParamId(p), old.param(ParamId(p))));
        std::mem::replace(old, new)
    };
    patches.iter().zip(instances).map(next).collect()
}

fn compare(
    e: &Elaborated,
    instances: &mut [Instance],
    names: &[String],
    quantum: u64,
    cells: bool,
) -> Result<(), String> {
    let (right, others) = instances.split_first_mut().expect("an interpreter");
    for (other, name) in others.iter_mut().zip(names) {
        for out in 0..e.graph.outs.len() {
            let differs = |(a, b): (&f32, &f32)| !same(Ty::F32, a.to_bits(), b.to_bits());
            if let Some(i) = right.out(out).iter().zip(other.out(out)).position(differs) {
                let (want, got) = (right.out(out)[i], other.out(out)[i]);
                let asleep = other.resting();
                return Err(format!(
                    "{name}: out {out} quantum {quantum} word {i}: {got}, not {want}; {asleep} asleep"
                ));
            }
        }
        if !cells {
            continue;
        }
        other.settle();
        for cell in (0..right.patch().graph.cells.len() as u32).map(CellId) {
            // What is empty may be so with either sign.
            let alike = |(a, b): (&u32, &u32)| a == b || a << 1 == 0 && b << 1 == 0;
            if !right.cell(cell).iter().zip(other.cell(cell)).all(alike) {
                let cell = &right.patch().graph.cells[cell.index()];
                return Err(format!("{name}: `{}` differs after quantum {quantum}", cell.name));
            }
        }
    }
    Ok(())
}

#[test]
fn sleeping_changes_no_bit() {
    let (mut slept, mut woken, mut few, mut changed) = (0, 0, 0, 0);
    for seed in 0..24 {
        let mut r = Rng::new(seed);
        let text = set(&mut r);
        let e = elaborate(&text);
        let passes = if seed % 4 == 0 { Passes::Exact } else { Passes::Fast };
        let met = agree(&e, seed, passes, &|_| {}).unwrap_or_else(|why| panic!("{seed}: {why}\n{text}"));
        slept += met.slept;
        woken += met.woken;
        few += met.few;
        changed += met.changed;
    }
    assert!(slept > 24 * 200, "hardly anything slept: {slept} quanta of {}", 24 * 900);
    assert!(woken > 24 * 2, "hardly anything woke: {woken} times");
    assert!(few > 24 * 50, "hardly ever few voices were computed: {few} quanta of {}", 24 * 900);
    assert!(changed > 24 * 5, "hardly ever others were computed: {changed} times");
}

/// Some set in which a fault is seen.
fn seen(tamper: &dyn Fn(&mut Sleeper)) -> bool {
    seen_in(&|layout| layout.sleepers.iter_mut().for_each(tamper))
}

fn seen_in(tamper: &dyn Fn(&mut Layout)) -> bool {
    (100..130).any(|seed| {
        let e = elaborate(&set(&mut Rng::new(seed)));
        agree(&e, seed, Passes::Fast, tamper).is_err()
    })
}

#[test]
fn a_part_that_sleeps_while_its_envelopes_are_open_is_heard() {
    assert!(seen(&|part| part.guards.clear()));
}

#[test]
fn a_part_that_sleeps_while_its_cells_move_is_heard() {
    assert!(seen(&|part| {
        part.held.clear();
        part.guards.clear();
    }));
}

#[test]
fn a_part_that_sleeps_before_its_tail_has_ended_is_heard() {
    assert!(seen(&|part| {
        part.zero.clear();
        part.rings.clear();
    }));
}

#[test]
fn a_part_that_its_notes_do_not_wake_is_heard() {
    assert!(seen(&|part| part.units.clear()));
}

#[test]
fn a_counter_that_stands_still_is_heard() {
    assert!(seen(&|part| part.running.clear()));
}

/// Some set in which a fault in what is known of voices is seen.
fn seen_in_banks(tamper: &dyn Fn(&mut Bank)) -> bool {
    seen_in(&|layout| layout.banks.iter_mut().for_each(tamper))
}

#[test]
fn a_voice_that_is_left_out_while_it_sounds_is_heard() {
    assert!(seen_in_banks(&|bank| {
        bank.guards.clear();
        bank.copies.iter_mut().for_each(|copy| copy.guards.clear());
    }));
}

#[test]
fn a_voice_that_is_left_out_while_its_memory_moves_is_heard() {
    assert!(seen_in_banks(&|bank| {
        bank.guards.clear();
        bank.copies.iter_mut().for_each(|copy| copy.guards.clear());
        bank.cells.iter_mut().filter(|cell| cell.kind != Kind::Running).for_each(|cell| cell.kind = Kind::Running);
    }));
}

#[test]
fn a_voice_whose_memory_stays_behind_is_heard() {
    assert!(seen_in_banks(&|bank| {
        bank.cells.pop();
        bank.copies.iter_mut().for_each(|copy| drop(copy.cells.pop()));
    }));
}

#[test]
fn a_part_that_sleeps_while_what_it_hears_sounds_is_heard() {
    // A bus without memory, of two tracks.
    let drives =
        " >> drive(6db) >> softclip >> drive(3db) >> softclip >> drive(2db) >> softclip >> drive(1db) >> softclip";
    let track = |name: &str| format!("track {name} = \"0\" >> mono(plain) >> send(room, -3db)\n");
    let text = format!("{VOICES}bus room = in{drives}{drives}\n{}{}", track("a"), track("b"));
    let e = elaborate(&text);
    let careless = |needs: bool| {
        let tamper = move |part: &mut Sleeper| {
            if !part.needs.is_empty() {
                part.guards.clear();
                part.needs.retain(|_| needs);
            }
        };
        agree(&e, 3, Passes::Fast, &|layout| layout.sleepers.iter_mut().for_each(tamper)).is_ok()
    };
    assert!(careless(true), "what it hears is silent: no need to look at more");
    assert!(!careless(false));
}

/// The parts of a text that sleep in the end, of how many.
fn parts(text: &str) -> (usize, usize) {
    let e = elaborate(text);
    let mut instance = Instance::new(Arc::new(patch(&e, Passes::Fast, Backend::Jit)));
    let mut rows = Rows::new(&e);
    let mut r = Rng::new(1);
    for quantum in 0..1500u64 {
        if quantum < 100 {
            rows.play(&e, &mut r, 20);
        } else if quantum == 100 {
            rows.release(&e);
        } else if quantum == 101 {
            rows.play(&e, &mut r, 0);
        }
        if quantum < 102 {
            rows.give(std::slice::from_mut(&mut instance));
        }
        run(std::slice::from_mut(&mut instance), quantum);
    }
    (instance.resting(), instance.patch().layout.sleepers.len())
}

#[test]
fn every_voice_and_effect_comes_to_rest() {
    for voice in NAMES {
        for effect in EFFECTS {
            let text = format!("{VOICES}track t = \"0\" >> poly(4, {voice}){effect}\n");
            let graph = pack(&optimise(&elaborate(&text).graph, Passes::Fast), Passes::Fast).graph;
            let found = idle::parts(&graph, &check(&graph).expect("valid"));
            assert_eq!(found.refused, [], "{voice}{effect}");
            // What is too small for a question of its own always runs.
            let (asleep, all) = parts(&text);
            assert_eq!(asleep, all, "{voice}{effect}");
        }
    }
}

#[test]
fn a_sum_of_tracks_rests_with_them() {
    let mut text = VOICES.to_string();
    (0..12).for_each(|i| text += &format!("track t{i} = \"0\" >> poly(4, soft) >> drive({i}db)\n"));
    let patch = patch(&elaborate(&text), Passes::Fast, Backend::Jit);
    let of = |parts: &[Sleeper]| parts.iter().filter(|part| part.units.len() == 4).count();
    assert_eq!(of(&patch.layout.sleepers), 3, "four tracks each");
    let (asleep, all) = parts(&text);
    assert_eq!(asleep, all);
}

#[test]
fn what_runs_by_itself_and_what_goes_round_for_ever_does_not_sleep() {
    let (_, all) = parts(&format!("{VOICES}track t = \"0\" >> mono(plain) + saw(50hz) >> lpf(300hz) >> drive(3db)\n"));
    assert_eq!(all, 0, "a drone is never over");
    let text = format!("{VOICES}track t = \"0\" >> poly(4, soft) >> comb_fb(5ms, 1)\n");
    assert_eq!(parts(&text), (1, 2), "a loop that loses nothing is never empty, but its voices rest");
}

#[test]
fn a_number_that_moves_wakes_only_what_hears_it() {
    let text = format!(
        "{VOICES}track a = \"0\" >> poly(4, soft) >> drive(6db)\ntrack b = \"0\" >> poly(4, wide) >> drive(3db)\n"
    );
    let e = elaborate(&text);
    let level = e.graph.params.iter().position(|param| &*param.name == "a.level").expect("a track has a level");
    let of = |backend| Instance::new(Arc::new(patch(&e, Passes::Fast, backend)));
    let mut both = [of(Backend::Interp), of(Backend::Jit)];
    let all = both[1].patch().layout.sleepers.len();
    assert_eq!(all, 4, "voices and effects of both tracks");
    for quantum in 0..60 {
        if quantum >= 20 {
            let value = 0.5 + quantum as f32 / 100.0;
            both.iter_mut().for_each(|i| i.set_param(ParamId(level as u32), value));
        }
        run(&mut both, quantum);
        compare(&e, &mut both, &["machine code".to_string()], quantum, false).expect("no bit differs");
        if quantum == 19 {
            assert_eq!(both[1].resting(), all, "nobody plays");
        } else if quantum > 20 {
            assert_eq!(both[1].resting(), all - 1, "the level is that of the effects of one track");
        }
    }
}

#[test]
fn all_voices_without_a_delay_line_of_their_own_have_code_for_few() {
    for voice in NAMES {
        let e = elaborate(&format!("{VOICES}track t = \"0\" >> poly(8, {voice}) >> drive(6db)\n"));
        let layout = patch(&e, Passes::Fast, Backend::Jit).layout;
        let few: Vec<u32> = layout.banks.iter().flat_map(|bank| bank.copies.iter().map(|copy| copy.voices)).collect();
        let wanted: &[u32] = if voice == "string" { &[] } else { &[2, 4] };
        assert_eq!(few, wanted, "{voice}");
    }
}
