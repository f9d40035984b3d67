//! Packing: what is written several times becomes lanes of one, no bit changes, and memory keeps its names.

use modurust_compiler::exec::{Backend, Instance, compile, word_moves};
use modurust_compiler::front::{Compiler, Elaborated, Options, World};
use modurust_compiler::graph::state::StateMap;
use modurust_compiler::graph::{CellId, Graph, Node, QUANTUM, text};
use modurust_compiler::passes::pack::{Packed, pack};
use modurust_compiler::passes::{Passes, optimise};
use std::sync::Arc;

struct Text(String);

impl World for Text {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

fn elaborate(text: &str) -> Elaborated {
    let options = Options { sample_rate: 48_000, passes: Passes::Exact, backend: Backend::Jit, seed: 0, verify: true };
    let (elaborated, diagnostics, sources) =
        Compiler::new(options).elaborate(&Text(text.to_string()), &["a.modu".to_string()]);
    elaborated.unwrap_or_else(|| panic!("{}", modurust_lang::diag::render(&diagnostics, &sources, false)))
}

fn packed(text: &str) -> (Graph, Packed) {
    let graph = optimise(&elaborate(text).graph, Passes::Exact);
    let packed = pack(&graph, Passes::Exact);
    (graph, packed)
}

/// Lanes of all cells, widest first.
fn lanes(packed: &Packed) -> Vec<u32> {
    let mut lanes: Vec<u32> = packed.graph.cells.iter().map(|cell| cell.lanes).collect();
    lanes.sort_by(|a, b| b.cmp(a));
    lanes
}

fn instance(graph: &Graph, passes: Passes, backend: Backend) -> Instance {
    let options = modurust_compiler::exec::Options { sample_rate: 48_000, passes, backend, verify: true };
    Instance::new(Arc::new(compile(graph, &options).expect("valid")))
}

/// Rows as an engine might leave them: gates open, frequencies apart.
fn play(instance: &mut Instance) {
    for row in 0..instance.patch().graph.rows.len() as u32 {
        let row = modurust_compiler::graph::RowId(row);
        instance.row_mut(row).iter_mut().enumerate().for_each(|(i, x)| *x = 100.0 + (i * 37 % 11) as f32);
    }
}

/// The text sounds the same packed and unpacked, by machine code and by the interpreter.
fn sounds_the_same(text: &str) {
    let graph = elaborate(text).graph;
    let ways = [(Passes::None, Backend::Interp), (Passes::Exact, Backend::Interp), (Passes::Exact, Backend::Jit)];
    let mut all = ways.map(|(passes, backend)| instance(&graph, passes, backend));
    for quantum in 0..40u64 {
        for instance in &mut all {
            play(instance);
            instance.run(quantum * QUANTUM as u64);
        }
        for out in 0..graph.outs.len() {
            for i in 0..QUANTUM {
                let [want, interp, jit] = [0, 1, 2].map(|way| all[way].out_frame(out, i).map(f32::to_bits));
                assert_eq!((interp, jit), (want, want), "quantum {quantum} frame {i} of out {out}:\n{text}");
            }
        }
    }
}

const FILTERS: &str = "
low(x, k) = {
  v0 = x - s2'
  v1 = 0.3 * s1' + k * v0
  v2 = s2' + k * s1' + 0.1 * k * v0
  s1 = 2 * v1 - s1'
  s2 = 2 * v2 - s2'
  v2
}
a = low(noise, 0.11) * 0.3
b = low(noise, 0.12) * 0.3
c = low(noise, 0.13)
d = low(saw(110hz), 0.14)
e = low(noise, 0.15)
f = low(sin(200hz), 0.16)
g = low(noise * 0.5, 0.17)
h = low(noise, 0.18)
out = a + b + c + d + e + f + g + h
";

#[test]
fn eight_filters_written_by_hand_are_one_cell_of_eight_lanes() {
    let (graph, packed) = packed(FILTERS);
    assert_eq!(lanes(&packed)[..2], [8, 8], "{}", text::print(&packed.graph));
    let filters: Vec<u32> =
        (0..graph.cells.len()).filter(|&c| &*graph.cells[c].name == "s1").map(|c| c as u32).collect();
    assert_eq!(filters.len(), 8);
    let mut places: Vec<_> = filters.iter().map(|&c| packed.cells[c as usize]).collect();
    places.sort_by_key(|place| place.lane);
    assert!(places.iter().enumerate().all(|(i, p)| p.lane == i as u32 && p.cell == places[0].cell), "{places:?}");
    sounds_the_same(FILTERS);
}

#[test]
fn lanes_stay_packed_from_stage_to_stage() {
    // Oscillator, shaper, filter and level of each: one body, and lanes come apart once, at the sum.
    let one = "voice(f: hz, q) = tanh(saw(f) * 2) >> svf(f * 4, q) * 0.2\n";
    let (single, _) = packed(&format!("{one}out = voice(100hz, 1)"));
    let sum: Vec<String> = (1..=8).map(|i| format!("voice({i}01hz, 0.{i})")).collect();
    let text = format!("{one}out = {}", sum.join(" + "));
    let (graph, packed) = packed(&text);
    assert_eq!(packed.graph.cells.len(), single.cells.len(), "{}", text::print(&packed.graph));
    assert!(packed.cells.len() == 8 * single.cells.len());
    let sample_ops = |g: &Graph| {
        let info = modurust_compiler::graph::check::check(g).expect("valid");
        (0..g.nodes.len())
            .filter(|&n| matches!(g.nodes[n], Node::Op(..)) && info.rate[n] == modurust_compiler::graph::Rate::Sample)
            .count()
    };
    // Seven additions more than one voice has.
    assert_eq!(sample_ops(&packed.graph), sample_ops(&single) + 7, "{}", text::print(&packed.graph));
    assert!(sample_ops(&graph) > 7 * sample_ops(&single));
    sounds_the_same(&text);
}

#[test]
fn copies_of_a_function_are_lanes() {
    let source = "out = sum(64, k => sin(40hz * (k + 1) + 0.37hz * k) / (k + 1)) * 0.2";
    let (_, packed) = packed(source);
    assert_eq!(lanes(&packed), [64]);
    // Their sum is a sum over lanes, in the same order.
    let sums = packed.graph.nodes.iter().filter(|node| matches!(node, Node::Reduce(..))).count();
    assert_eq!(sums, 1, "{}", text::print(&packed.graph));
    let turned = |node: &Node| matches!(node, Node::Shuffle(_, map) if map.len() > 2);
    assert!(!packed.graph.nodes.iter().any(turned), "{}", text::print(&packed.graph));
    sounds_the_same(source);
    for n in [2, 3, 4, 5, 7, 11, 33, 100] {
        sounds_the_same(&format!("out = sum({n}, k => lpf(noise, 50hz * (k + 1)) * [0.1, 0.2])"));
    }
}

#[test]
fn equal_voices_of_a_track_are_lanes_and_tracks_stay_apart() {
    let voice = "tone(freq, gate, c = 1khz) = saw(freq) * adsr(gate, 5ms, 100ms, 0.7, 200ms) >> svf(c)\n";
    let part = |n: usize| format!("(\"c4 e4\" >> poly(4, tone) * 0.{n})");
    let one = format!("{voice}track t = {} + {} + {}\n", part(1), part(2), part(3));
    // Times are the same for all voices, and so is what remembers them.
    let voiced = |text: &str| -> Vec<u32> {
        let cells = packed(text).1.graph.cells;
        cells.iter().filter(|cell| cell.name.as_ref() != "x" || cell.lanes >= 4).map(|cell| cell.lanes).collect()
    };
    let all = voiced(&one);
    assert!(all.len() > 6 && all.iter().all(|lanes| *lanes == 12), "{all:?}");
    sounds_the_same(&one);
    // What rests with one track must not be kept awake by another.
    let track = |n: usize| format!("track t{n} = {}\n", part(n));
    let three = format!("{voice}{}{}{}", track(1), track(2), track(3));
    assert!(voiced(&three).iter().all(|lanes| *lanes == 4));
    sounds_the_same(&three);
}

#[test]
fn what_needs_each_other_is_not_merged() {
    let text = "out = noise >> chain(5, (x, k) => x >> lpf(100hz * (k + 1))) + 0.1 * saw(50hz)";
    assert!(lanes(&packed(text).1).iter().all(|lanes| *lanes == 1));
    sounds_the_same(text);
    // Chains side by side meet stage by stage.
    let chain = "(noise >> chain(5, (x, k) => x >> lpf(100hz * (k + 1))))";
    let text = format!("out = {chain} - {chain} - {chain} - {chain}");
    assert_eq!(lanes(&packed(&text).1), [4; 10]);
    sounds_the_same(&text);
}

#[test]
fn delay_lines_stay_apart_while_what_is_computed_for_them_is_packed() {
    let comb = "comb(x, t) = { late = prim.tap(line, t)\n dark = 0.6 * late + 0.4 * dark'\n line = prim.ring(x + dark * 0.8, 2000smp)\n late }\n";
    let text = format!("{comb}x = noise * 0.1\nout = comb(x, 1009) + comb(x, 1193) + comb(x, 1381) + comb(x, 1571)");
    let (graph, packed) = packed(&text);
    let shapes = |g: &Graph| g.rings.iter().map(|r| (r.name.clone(), r.lanes, r.capacity)).collect::<Vec<_>>();
    assert_eq!((graph.rings.len(), shapes(&graph)), (4, shapes(&packed.graph)));
    sounds_the_same(&text);
    // Stereo, crossed, and with delays shorter than a quantum.
    let cross = "cross(x, t) = { l = prim.tap(prim.ring(x + 0.5 * r, 100smp), t)\n r = prim.tap(prim.ring(0.5 * l, 100smp), t)\n [l, r] }\n";
    sounds_the_same(&format!("{cross}out = cross(noise, 7) + cross(saw(50hz), 9) + cross(sin(70hz), 90)"));
}

/// A set of tracks, each with its own level.
fn tracks(names: &[(&str, &str)]) -> Elaborated {
    let lines: Vec<String> = names.iter().map(|(name, sound)| format!("track {name} = {sound}\n")).collect();
    elaborate(&lines.concat())
}

const ACID: &str = "saw(55hz) >> lpf(800hz + 300hz * sin(1hz), q: 3) >> delay(30ms)";
const BELL: &str = "sin(330hz) * 0.3 >> lpf(900hz + 200hz * sin(2hz), q: 2) >> delay(30ms)";
const HISS: &str = "noise >> lpf(700hz + 100hz * sin(3hz), q: 1) >> delay(30ms)";

#[test]
fn a_track_that_comes_or_goes_changes_no_bit_of_the_others() {
    let sets = [
        tracks(&[("a", ACID), ("b", HISS)]),
        tracks(&[("new", HISS), ("a", ACID), ("b", HISS), ("c", BELL)]),
        tracks(&[("b", HISS)]),
        tracks(&[("c", BELL), ("b", HISS), ("d", "saw(3hz) >> lpf(2hz)")]),
        tracks(&[("b", HISS), ("x", "noise * 0.1")]),
    ];
    for (old, new) in [(Backend::Jit, Backend::Jit), (Backend::Jit, Backend::Interp), (Backend::Interp, Backend::Jit)] {
        let mut alone = instance(&sets[2].graph, Passes::Exact, old);
        let mut now = instance(&sets[0].graph, Passes::Exact, old);
        let mut kept = 0;
        for quantum in 0..100u64 {
            if quantum % 20 == 19 {
                let next = &sets[quantum as usize / 20];
                let mut next = instance(&next.graph, Passes::Exact, if quantum % 40 == 19 { new } else { old });
                let map = StateMap::between(&now.patch().graph, &[], &next.patch().graph, &[]);
                kept += map.cells.len();
                let moves = word_moves(next.patch(), now.patch(), &map.cells);
                assert!(moves.len() <= map.cells.len());
                next.copy_words(&now, &moves);
                next.move_rings(&mut now, &map.rings);
                now = next;
            }
            now.run(quantum * QUANTUM as u64);
            alone.run(quantum * QUANTUM as u64);
            let track = |i: &Instance| i.patch().graph.outs.iter().position(|o| o.name == "b").expect("track b");
            let (a, b) = (track(&now), track(&alone));
            for i in 0..QUANTUM {
                let bits = |x: [f32; 2]| x.map(f32::to_bits);
                assert_eq!(bits(now.out_frame(a, i)), bits(alone.out_frame(b, i)), "quantum {quantum} frame {i}");
            }
        }
        assert!(kept > 10, "only {kept} cells went over");
    }
}

#[test]
fn a_reset_of_a_track_leaves_the_lanes_of_the_others() {
    let set = tracks(&[("a", ACID), ("b", HISS), ("c", BELL)]);
    let (graph, packed) = packed(&(1..5).map(|i| format!("track t{i} = noise >> lpf({i}hz)\n")).collect::<String>());
    assert!(packed.cells.iter().any(|place| place.lane > 0), "{}", text::print(&graph));
    for backend in [Backend::Jit, Backend::Interp] {
        let mut instance = instance(&set.graph, Passes::Exact, backend);
        (0..20).for_each(|q| instance.run(q * QUANTUM as u64));
        let graph = instance.patch().graph.clone();
        let frame = graph.outs.iter().find(|o| o.name == "b").expect("track b").frame;
        let inside = |cell: CellId| graph.path(graph.cells[cell.index()].frame).starts_with(&graph.path(frame));
        let all: Vec<CellId> = (0..graph.cells.len() as u32).map(CellId).collect();
        let before: Vec<Vec<u32>> = all.iter().map(|&c| instance.cell(c).to_vec()).collect();
        instance.reset(frame);
        for (&cell, before) in all.iter().zip(&before) {
            let want = if inside(cell) { &vec![graph.cells[cell.index()].init; before.len()] } else { before };
            assert_eq!(instance.cell(cell), want, "{}", graph.cells[cell.index()].name);
        }
        assert!(all.iter().any(|&c| inside(c)) && all.iter().any(|&c| !inside(c)));
    }
}

#[test]
fn forward_code_by_itself_is_left_alone() {
    // Nothing to be gained: it is computed over time, and lanes would have to be joined and taken apart.
    let (graph, packed) = packed("out = tanh(noise * 2) + tanh(noise * 3) + lpf(noise, 100hz)");
    assert_eq!(packed.graph, graph);
}
