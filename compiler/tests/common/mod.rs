//! Random graphs: every operation, memory in and out of loops, any lanes. From a seed, so that a failure can be met again.
#![allow(dead_code)]

pub mod spectra;

use modurust_compiler::codegen::cache::Cache;
use modurust_compiler::codegen::isa::Isa;
use modurust_compiler::exec::{Backend, Instance, Options, SampleMemory, assemble, compile_with};
use modurust_compiler::graph::ops::{ALL, Op, same};
use modurust_compiler::graph::{
    CellId, FrameId, Graph, Node, NodeId, Out, OutKind, Param, ParamId, QUANTUM, Row, RowId, Sample, SampleId, Ty,
    check::check, text,
};
use modurust_compiler::passes::{Passes, optimise, pack::pack_all};
use modurust_compiler::program::Patch;
use std::sync::Arc;

/// Xorshift: small, and the same everywhere.
pub struct Rng(pub u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 24) as u32
    }
    pub fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n.max(1)
    }
    pub fn chance(&mut self, percent: u32) -> bool {
        self.next() % 100 < percent
    }
    pub fn unit(&mut self) -> f32 {
        (self.next() as i32 >> 8) as f32 / 8_388_608.0
    }
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
    /// A float of any kind: plain ones mostly, the corners often.
    pub fn float(&mut self) -> f32 {
        const CORNERS: [f32; 14] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            2.0,
            1e-40,
            -1e-39,
            f32::MIN_POSITIVE,
            f32::MAX,
            f32::INFINITY,
            f32::NAN,
            1e-30,
            3e9,
        ];
        match self.below(8) {
            0 => self.pick(&CORNERS),
            1 => f32::from_bits(self.next()),
            2 => self.below(9) as f32 - 4.0,
            3 => self.unit() * 1000.0,
            _ => self.unit(),
        }
    }
}

pub const LANES: [u32; 7] = [1, 2, 3, 4, 5, 12, 16];

/// A graph of about `size` nodes.
pub fn random_graph(seed: u64, size: usize) -> Graph {
    graph_with(seed, size, 0)
}

/// A graph of about `size` nodes that reads so many samples.
pub fn graph_with(seed: u64, size: usize, samples: u32) -> Graph {
    let mut r = Rng::new(seed);
    for _ in 0..8 {
        r.next();
    }
    let wide = r.pick(&LANES);
    let mut g = Graph::new();
    let frame = g.frame(FrameId(0), "patch", true, 0);
    let lanes = |r: &mut Rng| if r.chance(50) { wide } else { 1 };
    for i in 0..samples {
        g.samples.push(Sample { files: vec![format!("{i}.wav")], stretch: 1_000_000, anchors: Vec::new(), head: 0 });
    }
    for i in 0..1 + r.below(3) {
        let value = r.unit() * 4.0;
        Arc::make_mut(&mut g.params).push(Param { frame, name: format!("p{i}").into(), value });
        g.push(Node::Param(ParamId(i as u32)));
    }
    for field in 0..r.below(3) as u32 {
        let lanes = lanes(&mut r);
        Arc::make_mut(&mut g.rows).push(Row { unit: 0, field, lanes });
        g.push(Node::Row(RowId(field)));
    }
    for _ in 0..2 {
        let n = lanes(&mut r);
        let bits = (0..n).map(|_| r.float().to_bits()).collect();
        g.push(Node::Const(Ty::F32, bits));
        let n = lanes(&mut r);
        let bits = (0..n).map(|_| r.next() >> (r.next() % 32)).collect();
        g.push(Node::Const(Ty::I32, bits));
    }
    g.push(Node::Frame);
    if r.chance(30) {
        let channel = r.below(2) as u32;
        g.push(Node::Input(channel));
    }
    for i in 0..r.below(4) {
        let ty = if r.chance(75) { Ty::F32 } else { Ty::I32 };
        let init = if ty == Ty::F32 { r.unit().to_bits() } else { r.next() };
        let lanes = lanes(&mut r);
        let cell = g.cell(frame, &format!("c{i}"), ty, lanes, init);
        g.push(Node::Read(cell));
    }
    for i in 0..r.below(3) {
        let lanes = lanes(&mut r);
        let longest = [1, 60, 200][r.below(3)];
        g.ring(frame, &format!("r{i}"), lanes, longest);
    }
    while g.nodes.len() < size {
        random_node(&mut g, &mut r, wide);
    }
    close(&mut g, &mut r);
    for i in 0..1 + r.below(3) {
        let node = stereo(&mut g, &mut r);
        let kind = if i == 0 { OutKind::Master } else { OutKind::Track };
        g.outs.push(Out { name: format!("o{i}"), kind, node, frame });
    }
    if r.chance(50) {
        let n = r.pick(&[1, 1, 2, 3, 7]);
        copies(&mut g, &mut r, n);
    }
    g
}

/// Writes a graph out n more times, as somebody might by hand: with other constants and parameters, with parts in common, and
/// sometimes one copy behind another. All of them are heard.
fn copies(g: &mut Graph, r: &mut Rng, n: usize) {
    let (nodes, cells, rings) = (g.nodes.len(), g.cells.len(), g.rings.len());
    // Mostly true to the first, so that what is alike is large.
    let common = r.pick(&[0, 0, 0, 5, 20]);
    let heard: Vec<NodeId> = g.outs.iter().map(|out| out.node).collect();
    for _ in 0..n {
        let mut new: Vec<NodeId> = (0..nodes as u32).map(NodeId).collect();
        let (mut new_cells, mut new_rings) = (vec![None; cells], vec![None; rings]);
        let shapes = shapes(g);
        let before = g.nodes.len();
        for old in 0..nodes {
            let mut node = g.nodes[old].clone();
            let other = NodeId((nodes + r.below(before - nodes)) as u32);
            if r.chance(common) {
                continue;
            } else if before > nodes && common > 0 && r.chance(2) && shapes[other.index()] == shapes[old] {
                new[old] = other;
                continue;
            }
            for operand in modurust_compiler::passes::cross::operands_mut(&mut node) {
                *operand = new[operand.index()];
            }
            match &mut node {
                Node::Const(ty, bits) if r.chance(30) => {
                    let word = if *ty == Ty::F32 { r.float().to_bits() } else { r.next() };
                    bits[0] = word;
                }
                Node::Param(p) if r.chance(50) => *p = ParamId(r.below(g.params.len()) as u32),
                Node::Read(c) => {
                    let cell = g.cells[c.index()].clone();
                    let init = if r.chance(90) { cell.init } else { 1f32.to_bits() };
                    *c = *new_cells[c.index()].get_or_insert_with(|| {
                        g.cells.push(modurust_compiler::graph::Cell { init, ..cell });
                        CellId(g.cells.len() as u32 - 1)
                    });
                }
                Node::Tap(ring, _) => {
                    let copy = g.rings[ring.index()].clone();
                    *ring = *new_rings[ring.index()].get_or_insert_with(|| {
                        g.rings.push(copy);
                        modurust_compiler::graph::RingId(g.rings.len() as u32 - 1)
                    });
                }
                _ => {}
            }
            new[old] = g.push(node);
        }
        for (old, cell) in new_cells.into_iter().enumerate() {
            let next = g.cells[old].next.map(|x| new[x.index()]);
            if let Some(cell) = cell {
                g.cells[cell.index()].next = next;
            }
        }
        for (old, ring) in new_rings.into_iter().enumerate() {
            let input = g.rings[old].input.map(|x| new[x.index()]);
            if let Some(ring) = ring {
                g.rings[ring.index()].input = input;
            }
        }
        for (o, first) in heard.iter().enumerate() {
            let copy = g.op(Op::Finite, &[new[first.index()]]);
            g.outs[o].node = g.op(Op::Add, &[g.outs[o].node, copy]);
        }
    }
}

/// Types and lanes of the nodes so far. Memory is still open, so the validator cannot be asked yet.
fn shapes(g: &Graph) -> Vec<(Ty, u32)> {
    let mut closed = g.clone();
    closed.cells.iter_mut().for_each(|c| c.next = None);
    let zero = closed.push(Node::Const(Ty::F32, vec![0]));
    let izero = closed.push(Node::Const(Ty::I32, vec![0]));
    closed.cells.iter_mut().for_each(|c| c.next = Some(if c.ty == Ty::F32 { zero } else { izero }));
    closed.rings.iter_mut().for_each(|r| r.input = Some(zero));
    let info = check(&closed).unwrap_or_else(|e| panic!("{e:?}\n{}", text::print(&closed)));
    info.ty.into_iter().zip(info.lanes).take(g.nodes.len()).collect()
}

fn find(g: &Graph, r: &mut Rng, shapes: &[(Ty, u32)], want: impl Fn((Ty, u32)) -> bool) -> Option<NodeId> {
    let fit: Vec<u32> = (0..g.nodes.len() as u32).filter(|&i| want(shapes[i as usize])).collect();
    if fit.is_empty() {
        return None;
    }
    // Late nodes are likelier, so that graphs grow deep.
    let i = r.below(fit.len()).max(r.below(fit.len()));
    Some(NodeId(fit[i]))
}

fn random_node(g: &mut Graph, r: &mut Rng, wide: u32) {
    let shapes = shapes(g);
    let float = |(ty, _): (Ty, u32)| ty == Ty::F32;
    if !g.samples.is_empty() && r.chance(15) {
        let Some(index) = find(g, r, &shapes, |(ty, _)| ty == Ty::I32) else { return };
        // Near the sample, and anywhere.
        let near = g.push(Node::Const(Ty::I32, vec![255]));
        let index = if r.chance(80) { g.op(Op::Iand, &[index, near]) } else { index };
        let sample = SampleId(r.below(g.samples.len()) as u32);
        g.push(Node::Peek(sample, index));
        return;
    }
    match r.below(20) {
        0 if !g.rings.is_empty() => {
            let ring = modurust_compiler::graph::RingId(r.below(g.rings.len()) as u32);
            let lanes = g.rings[ring.index()].lanes;
            let fits = |s: (Ty, u32)| float(s) && (s.1 == 1 || lanes == 1 || s.1 == lanes);
            if let Some(delay) = find(g, r, &shapes, fits) {
                let k = [0.0, 3.0, 70.0, 1000.0][r.below(4)];
                let k = g.constant(k);
                let delay = g.op(Op::Mul, &[delay, k]);
                // Some are never shorter than a quantum, so that they close no loop; one just misses that.
                let least = [0.0, 63.0, 64.0, 100.0][r.below(4)];
                let delay = if least > 0.0 {
                    let least = g.constant(least);
                    g.op(Op::Max, &[delay, least])
                } else {
                    delay
                };
                g.push(Node::Tap(ring, delay));
            }
        }
        1 => {
            let Some(x) = find(g, r, &shapes, |_| true) else { return };
            let n = shapes[x.index()].1;
            let count = if r.chance(50) { wide } else { 1 };
            let map = (0..count).map(|_| r.below(n as usize) as u32).collect();
            g.push(Node::Shuffle(x, map));
        }
        2 => {
            let Some(x) = find(g, r, &shapes, float) else { return };
            let n = shapes[x.index()].1;
            let fit: Vec<u32> = (1..=n).filter(|k| n.is_multiple_of(*k) && (*k == 1 || *k == wide)).collect();
            let to = r.pick(&fit);
            g.push(Node::Reduce(x, to));
        }
        3 if wide > 1 => {
            let Some(x) = find(g, r, &shapes, |s| s.1 == 1) else { return };
            let ty = shapes[x.index()].0;
            let mut args = vec![x];
            while args.len() < wide as usize {
                args.extend(find(g, r, &shapes, |s| s == (ty, 1)));
            }
            g.push(Node::Join(args));
        }
        4 => {
            let bits = r.float().to_bits();
            g.push(Node::Const(Ty::F32, vec![bits]));
        }
        5 => {
            let Some(x) = find(g, r, &shapes, |s| float(s) && (s.1 == 1 || s.1 == wide)) else { return };
            familiar(g, r, x, shapes[x.index()].1);
        }
        _ => {
            // Half of the time something that keeps a signal alive.
            const LIVELY: [Op; 8] = [Op::Add, Op::Sub, Op::Mul, Op::Min, Op::Select, Op::Iadd, Op::Imul, Op::Unit];
            let op = if r.chance(50) { r.pick(&LIVELY) } else { r.pick(ALL) };
            let info = op.info();
            let mut args = Vec::new();
            for &ty in info.types {
                match find(g, r, &shapes, |s| s.0 == ty && (s.1 == 1 || s.1 == wide)) {
                    Some(x) => args.push(x),
                    None => return,
                }
            }
            g.push(Node::Op(op, args.into()));
        }
    }
}

/// A loop as there are many: a smoother, an oscillator, a comb.
fn familiar(g: &mut Graph, r: &mut Rng, x: NodeId, lanes: u32) {
    let (frame, k) = (FrameId(1), r.unit());
    let k = g.constant(k);
    match r.below(3) {
        0 => {
            let cell = g.cell(frame, "y", Ty::F32, lanes, 0);
            let last = g.push(Node::Read(cell));
            let step = g.op(Op::Sub, &[x, last]);
            let step = g.op(Op::Mul, &[k, step]);
            g.cells[cell.index()].next = Some(g.op(Op::Add, &[last, step]));
        }
        1 => {
            let cell = g.cell(frame, "phase", Ty::I32, lanes, 0);
            let last = g.push(Node::Read(cell));
            let step = g.op(Op::Phase, &[x]);
            g.cells[cell.index()].next = Some(g.op(Op::Iadd, &[step, last]));
            g.op(Op::Turn, &[last]);
        }
        _ => {
            let (late, half) = (r.pick(&[0.0, 5.0, 90.0]), g.constant(0.5));
            let late = g.constant(late);
            let ring = g.ring(frame, "comb", lanes, 90);
            let tap = g.push(Node::Tap(ring, late));
            let cell = g.cell(frame, "dark", Ty::F32, lanes, 0);
            let last = g.push(Node::Read(cell));
            let sum = g.op(Op::Add, &[tap, last]);
            let dark = g.op(Op::Mul, &[sum, half]);
            let back = g.op(Op::Mul, &[dark, k]);
            g.cells[cell.index()].next = Some(dark);
            g.rings[ring.index()].input = Some(g.op(Op::Add, &[x, back]));
        }
    }
}

/// Writes all memory, mostly so that it stays in bounds.
fn close(g: &mut Graph, r: &mut Rng) {
    for i in (0..g.cells.len()).filter(|&i| g.cells[i].next.is_none()).collect::<Vec<_>>() {
        let shapes = shapes(g);
        let (ty, lanes) = (g.cells[i].ty, g.cells[i].lanes);
        let next = find(g, r, &shapes, |s| s.0 == ty && (s.1 == 1 || s.1 == lanes));
        let next = next.unwrap_or_else(|| g.push(Node::Const(ty, vec![0])));
        g.cells[i].next = Some(if ty == Ty::F32 && r.chance(70) { bounded(g, next) } else { next });
    }
    for i in (0..g.rings.len()).filter(|&i| g.rings[i].input.is_none()).collect::<Vec<_>>() {
        let shapes = shapes(g);
        let lanes = g.rings[i].lanes;
        let input =
            find(g, r, &shapes, |s| s.0 == Ty::F32 && (s.1 == 1 || s.1 == lanes)).expect("a parameter at least");
        g.rings[i].input = Some(if r.chance(70) { bounded(g, input) } else { input });
    }
}

fn bounded(g: &mut Graph, x: NodeId) -> NodeId {
    let (low, high, k) = (g.constant(-2.0), g.constant(2.0), g.constant(0.9));
    let x = g.op(Op::Max, &[low, x]);
    let x = g.op(Op::Min, &[high, x]);
    g.op(Op::Mul, &[x, k])
}

fn stereo(g: &mut Graph, r: &mut Rng) -> NodeId {
    let mut parts = Vec::new();
    for _ in 0..1 + r.below(4) {
        let x = pair(g, r);
        parts.push(g.op(Op::Finite, &[x]));
    }
    if r.chance(20) {
        return pair(g, r);
    }
    parts.into_iter().reduce(|a, b| g.op(Op::Add, &[a, b])).expect("one at least")
}

/// Two lanes of any node.
fn pair(g: &mut Graph, r: &mut Rng) -> NodeId {
    let shapes = shapes(g);
    let x = find(g, r, &shapes, |_| true).expect("a node");
    let (ty, lanes) = shapes[x.index()];
    let x = if ty == Ty::I32 { g.op(Op::Unit, &[x]) } else { x };
    match lanes {
        2 => x,
        n if n % 2 == 0 && r.chance(50) => g.push(Node::Reduce(x, 2)),
        n => {
            let map = vec![r.below(n as usize) as u32, r.below(n as usize) as u32];
            g.push(Node::Shuffle(x, map))
        }
    }
}

thread_local! {
    /// One for all graphs of a test, so that code which goes from one to another shows itself, if it should not have gone.
    static CACHE: std::cell::RefCell<Cache> = std::cell::RefCell::default();
}

/// Compiles with the verifier on.
pub fn instance(graph: &Graph, passes: Passes, backend: Backend) -> Result<Instance, String> {
    let options = Options { sample_rate: 48_000, passes, backend, verify: true };
    let patch = CACHE.with_borrow_mut(|cache| compile_with(graph, &options, 0, cache, &mut |_| {}));
    let patch = patch.map_err(|e| e.to_string())?;
    Ok(sounding(patch))
}

/// An instance whose first sample is there, and whose others are not yet.
pub fn sounding(patch: Patch) -> Instance {
    let samples = patch.graph.samples.len();
    let mut instance = Instance::new(Arc::new(patch));
    let mut r = Rng::new(7);
    let words: Vec<f32> = (0..200).map(|_| r.float()).collect();
    if samples > 0 {
        instance.set_sample(SampleId(0), Arc::new(SampleMemory::new(&words)));
    }
    instance
}

/// Moves parameters, rows and inputs of all instances alike, as the engine might.
pub fn perturb(instances: &mut [Instance], graph: &Graph, r: &mut Rng) {
    for p in 0..graph.params.len() as u32 {
        if r.chance(50) {
            let value = r.float();
            instances.iter_mut().for_each(|i| i.set_param(ParamId(p), value));
        }
    }
    for row in 0..graph.rows.len() as u32 {
        let words = modurust_compiler::exec::buffer_len(graph.rows[row as usize].lanes);
        let (mut value, mut values) = (r.float(), Vec::with_capacity(words));
        for _ in 0..words {
            if r.chance(5) {
                value = r.float();
            }
            values.push(value);
        }
        instances.iter_mut().for_each(|i| i.row_mut(RowId(row)).copy_from_slice(&values));
    }
    let values: Vec<f32> = (0..2 * QUANTUM).map(|_| r.float()).collect();
    for instance in instances {
        for channel in 0..instance.input_count() {
            instance.input_mut(channel).copy_from_slice(&values[channel * QUANTUM..][..QUANTUM]);
        }
    }
}

/// Runs a graph in every way; `Err` says where two of them differ first.
pub fn agree(graph: &Graph, seed: u64, quanta: u64) -> Result<(), String> {
    let ways = [
        (Passes::None, Backend::Interp),
        (Passes::Exact, Backend::Interp),
        (Passes::None, Backend::Jit),
        (Passes::Exact, Backend::Jit),
        (Passes::Exact, Backend::Isa(Isa::Portable)),
        (Passes::Exact, Backend::Isa(Isa::Lanes4)),
        (Passes::Exact, Backend::Isa(Isa::Lanes8)),
        (Passes::Exact, Backend::Isa(Isa::Lanes16)),
    ];
    let ways = ways.into_iter().filter(|(_, backend)| !matches!(backend, Backend::Isa(isa) if !isa.is_here()));
    let ways: Vec<(Passes, Backend)> = ways.collect();
    let mut instances = Vec::new();
    for &(passes, backend) in &ways {
        instances.push(instance(graph, passes, backend)?);
    }
    // Packed wherever it can be, whether it pays or not.
    let named = optimise(graph, Passes::Exact);
    let all = pack_all(&named);
    for backend in [Backend::Interp, Backend::Jit] {
        let options = Options { sample_rate: 48_000, passes: Passes::Exact, backend, verify: true };
        let patch = CACHE
            .with_borrow_mut(|cache| assemble(named.clone(), &all, &options, 0, cache, &mut |_| {}))
            .map_err(|e| e.to_string())?;
        instances.push(sounding(patch));
    }
    let mut names: Vec<String> =
        ways.iter().map(|way| format!("{way:?}")).chain(["all packed".into(), "all packed, Jit".into()]).collect();
    // The fast passes have a rounding of their own, on which all evaluators agree.
    let fast = instances.len();
    let here = |backend: &Backend| !matches!(backend, Backend::Isa(isa) if !isa.is_here());
    let isas = Isa::ALL.map(Backend::Isa);
    for backend in [Backend::Interp, Backend::Jit].into_iter().chain(isas).filter(here) {
        instances.push(instance(graph, Passes::Fast, backend)?);
        names.push(format!("Fast, {backend:?}"));
    }
    let mut r = Rng::new(seed ^ 0x5eed);
    for quantum in 0..quanta {
        if quantum > 0 {
            perturb(&mut instances, graph, &mut r);
        }
        // Across the wrap of 2^32 frames, too.
        let frame = (u64::from(u32::MAX) + 1 - 2 * QUANTUM as u64) * (seed % 2) + quantum * QUANTUM as u64;
        instances.iter_mut().for_each(|i| i.run(frame));
        for out in 0..graph.outs.len() {
            for i in 0..QUANTUM {
                for (k, (way, instance)) in names.iter().zip(&instances).enumerate().skip(1) {
                    let want = instances[if k < fast { 0 } else { fast }].out_frame(out, i).map(f32::to_bits);
                    let got = instance.out_frame(out, i).map(f32::to_bits);
                    if !same(Ty::F32, want[0], got[0]) || !same(Ty::F32, want[1], got[1]) {
                        let [want, got] = [want, got].map(|w| w.map(f32::from_bits));
                        return Err(format!("{way}: out {out} quantum {quantum} frame {i}: {got:?}, not {want:?}"));
                    }
                }
            }
        }
        for way in 3..instances.len() {
            let interp = &instances[if way < fast { 1 } else { fast }];
            for cell in (0..interp.patch().graph.cells.len() as u32).map(CellId) {
                if interp.cell(cell) != instances[way].cell(cell) {
                    return Err(format!("{}: cell {} differs after quantum {quantum}", names[way], cell.0));
                }
            }
        }
    }
    Ok(())
}

/// Makes a failing graph smaller: nodes become zeros as long as it still fails.
pub fn shrink(graph: &Graph, fails: impl Fn(&Graph) -> bool) -> Graph {
    let mut best = graph.clone();
    loop {
        let before = best.clone();
        for i in (0..best.nodes.len()).rev() {
            let Ok(info) = check(&best) else { return best };
            let zero = Node::Const(info.ty[i], vec![0; info.lanes[i] as usize]);
            if best.nodes[i] == zero {
                continue;
            }
            let mut smaller = best.clone();
            smaller.nodes[i] = zero;
            if fails(&smaller) {
                best = smaller;
            }
        }
        for i in (0..best.outs.len()).rev() {
            let mut smaller = best.clone();
            smaller.outs.remove(i);
            if !smaller.outs.is_empty() && fails(&smaller) {
                best = smaller;
            }
        }
        if best == before {
            return modurust_compiler::passes::dead::dead(&best);
        }
    }
}

/// How an output sounds: (share of finite samples, true when it changes).
pub fn liveliness(graph: &Graph, seed: u64) -> (f32, bool) {
    let mut instances = vec![instance(graph, Passes::Exact, Backend::Jit).expect("valid")];
    let mut r = Rng::new(seed);
    let (mut finite, mut total, mut changes, mut last) = (0, 0, false, None);
    for quantum in 0..4u64 {
        perturb(&mut instances, graph, &mut r);
        instances[0].run(quantum * QUANTUM as u64);
        for i in 0..QUANTUM {
            let [x, _] = instances[0].out_frame(0, i);
            total += 1;
            finite += usize::from(x.is_finite());
            changes |= last.is_some_and(|l: f32| l.to_bits() != x.to_bits());
            last = Some(x);
        }
    }
    (finite as f32 / total as f32, changes)
}
