//! The graph in double precision: what it would sound like if rounding cost nothing.
//!
//! The same walk as [`crate::graph::interp`], with the same order, over values of 64 bits. Integer operations are the same to
//! the bit; floats have the range of the signal's 32 bits (what is tinier is zero, what is greater infinite) and the precision
//! of 53. It judges what the fast passes lose, so it runs the graph before them.
//!
//! How much rounding alone may do to a graph is found by the same walk with [`Oracle::noise`]: every result that an evaluator
//! of 32 bits would round is moved by a random part of its last place (the random arithmetic of Vignes' CESTAC). A graph
//! whose outputs part then is chaotic, and nobody can say what it should sound like.

use crate::exec::rings::{self, RingMemory, RingPtr};
use crate::exec::{SampleMemory, TINY, buffer_index, padded};
use crate::graph::check::GraphInfo;
use crate::graph::interp::{Action, actions};
use crate::graph::ops::{Op, canonical, flush, hash_word};
use crate::graph::{Graph, Node, NodeId, QUANTUM, Rate, RingId, Ty};
use crate::kernel::Kernels;
use std::sync::Arc;

/// Frames per second, as kernels are told.
const RATE: u32 = 48_000;

/// A graph running in double precision. Not for the audio thread.
pub struct Oracle<'a> {
    graph: &'a Graph,
    info: &'a GraphInfo,
    block: Vec<NodeId>,
    sample: Vec<Action>,
    values: Vec<Vec<f64>>,
    cells: Vec<Vec<f64>>,
    rings: Vec<Vec<f64>>,
    /// Kernels compute in 32 bits here, too, over rings of their own.
    kernels: Option<(Kernels, Vec<Arc<RingMemory>>, Vec<RingPtr>)>,
    /// Ends of each line: before and after the quantum.
    lines: Vec<Vec<(f64, f64)>>,
    first: bool,
    noise: Option<u64>,
    /// True once a result was too great for 32 bits: what comes after depends on how it was computed.
    pub overflowed: bool,
    /// Values of the parameters.
    pub params: Vec<f32>,
    /// Rows of this quantum, laid out as buffers.
    pub rows: Vec<Vec<f32>>,
    /// Input channels of this quantum.
    pub inputs: Vec<Vec<f32>>,
    /// Sounds of the samples.
    pub samples: Vec<Arc<SampleMemory>>,
    /// The outputs of the last quantum.
    pub outs: Vec<Vec<[f64; 2]>>,
}

impl<'a> Oracle<'a> {
    /// An oracle at the beginning of time, rows and inputs silent.
    pub fn new(graph: &'a Graph, info: &'a GraphInfo) -> Oracle<'a> {
        let initial = |ty: Ty, word: u32| match ty {
            Ty::F32 => f64::from(f32::from_bits(canonical(ty, word))),
            Ty::I32 => f64::from(word as i32),
        };
        let block = info.order.iter().copied().filter(|id| info.rate[id.index()] < Rate::Sample).collect();
        let row = |r: &crate::graph::Row| vec![0.0; crate::exec::buffer_len(r.lanes)];
        Oracle {
            graph,
            info,
            block,
            sample: actions(graph, info),
            values: info.lanes.iter().map(|&n| vec![0.0; n as usize]).collect(),
            cells: graph.cells.iter().map(|c| vec![initial(c.ty, c.init); c.lanes as usize]).collect(),
            rings: graph.rings.iter().map(|r| vec![0.0; (r.capacity * r.lanes) as usize]).collect(),
            kernels: graph.rings.iter().any(|r| r.kernel.is_some()).then(|| {
                let memory = rings::memory(graph, &[]);
                let ptrs = graph.rings.iter().zip(&memory).map(|(ring, memory)| RingPtr::new(ring, memory)).collect();
                (Kernels::new(graph, RATE), memory, ptrs)
            }),
            lines: vec![Vec::new(); graph.nodes.len()],
            first: true,
            noise: None,
            overflowed: false,
            params: graph.params.iter().map(|p| if p.value.is_finite() { flush(p.value) } else { 0.0 }).collect(),
            rows: graph.rows.iter().map(row).collect(),
            inputs: vec![vec![0.0; QUANTUM]; 256],
            samples: graph.samples.iter().map(|_| Arc::new(SampleMemory::empty())).collect(),
            outs: vec![vec![[0.0; 2]; QUANTUM]; graph.outs.len()],
        }
    }

    /// Rounds by chance from here on.
    pub fn noise(mut self, seed: u64) -> Self {
        self.noise = Some(seed);
        // What was kept is as uncertain as what is computed.
        for k in 0..self.cells.len() {
            for lane in 0..self.cells[k].len() {
                if self.graph.cells[k].ty == Ty::F32 {
                    self.cells[k][lane] = self.rounded(self.cells[k][lane]);
                }
            }
        }
        self
    }

    /// Computes one quantum.
    pub fn run(&mut self, frame: u64) {
        if let Some((kernels, _, rings)) = &mut self.kernels {
            kernels.run(frame, rings);
        }
        for i in 0..self.block.len() {
            self.node(self.block[i], frame, 0);
        }
        for (id, node) in self.graph.nodes.iter().enumerate() {
            if let Node::Line(x) = node {
                let new = &self.values[x.index()];
                let old: Vec<f64> = if self.first { new.clone() } else { self.lines[id].iter().map(|l| l.1).collect() };
                self.lines[id] = old.into_iter().zip(new.iter().copied()).collect();
            }
        }
        for i in 0..QUANTUM {
            for k in 0..self.sample.len() {
                match self.sample[k] {
                    Action::Node(id) => self.node(id, frame, i),
                    Action::Write(ring) => self.write(ring, frame + i as u64),
                }
            }
            for (cell, state) in self.graph.cells.iter().zip(&mut self.cells) {
                let Some(next) = cell.next else { continue };
                let from = &self.values[next.index()];
                state.iter_mut().enumerate().for_each(|(lane, x)| *x = from[lane.min(from.len() - 1)]);
            }
            for (out, heard) in self.graph.outs.iter().zip(&mut self.outs) {
                let from = &self.values[out.node.index()];
                heard[i] = [from[0], from[1]];
            }
        }
        self.first = false;
        for (cell, state) in self.graph.cells.iter().zip(&mut self.cells).filter(|(c, _)| c.ty == Ty::F32) {
            let init = f64::from(f32::from_bits(canonical(cell.ty, cell.init)));
            // Which of two infinities, and whether their difference is one: that hangs on how it was computed.
            self.overflowed |= state.iter().any(|x| !x.is_finite());
            state.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = init);
            state.iter_mut().filter(|x| x.abs() < f64::from(TINY)).for_each(|x| *x = 0.0);
        }
    }

    /// A result as a signal may hold it, moved by chance if that is asked for.
    fn rounded(&mut self, x: f64) -> f64 {
        let mut x = x;
        if let Some(seed) = &mut self.noise {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (*seed >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
            x *= 1.0 + unit / (1u64 << 24) as f64;
            // The sign of zero is rounding, too.
            if x == 0.0 && *seed >> 63 == 1 {
                x = -x;
            }
        }
        self.overflowed |= x.is_finite() && x.abs() > f64::from(f32::MAX);
        ranged(x)
    }

    fn write(&mut self, ring: RingId, frame: u64) {
        let r = &self.graph.rings[ring.index()];
        let Some(input) = r.input else { return };
        let from = &self.values[input.index()];
        let at = (frame as u32 & (r.capacity - 1)) as usize * r.lanes as usize;
        for lane in 0..r.lanes as usize {
            let x = from[lane.min(from.len() - 1)];
            let x = if x.is_finite() { x } else { 0.0 };
            self.rings[ring.index()][at + lane] = x;
            if let Some((_, _, rings)) = &self.kernels {
                let at = (frame as u32 & (r.capacity - 1)) as usize * padded(r.lanes) + lane;
                // SAFETY: the index is masked to the capacity, and nobody else has this memory.
                unsafe { *rings[ring.index()].write.add(at) = x as f32 };
            }
        }
    }

    fn node(&mut self, id: NodeId, frame: u64, i: usize) {
        let graph = self.graph;
        let lanes = self.info.lanes[id.index()] as usize;
        let mut out = std::mem::take(&mut self.values[id.index()]);
        let lane_of = |values: &[f64], lane: usize| values[lane.min(values.len() - 1)];
        for lane in 0..lanes {
            let value = match graph.node(id) {
                Node::Const(ty, bits) => match ty {
                    Ty::F32 => f64::from(f32::from_bits(canonical(*ty, bits[lane]))),
                    Ty::I32 => f64::from(bits[lane] as i32),
                },
                Node::Param(p) => self.rounded(f64::from(self.params[p.index()])),
                Node::Row(r) => f64::from(flush(self.rows[r.index()][buffer_index(lanes as u32, lane, i)])),
                Node::Frame => f64::from((frame as u32).wrapping_add(i as u32) as i32),
                Node::Input(c) => self.rounded(f64::from(flush(self.inputs[*c as usize][i]))),
                Node::Op(op, args) => {
                    let mut given = [0.0; 3];
                    given.iter_mut().zip(args).for_each(|(x, n)| *x = lane_of(&self.values[n.index()], lane));
                    let x = operation(*op, given);
                    if rounds(*op) { self.rounded(x) } else { ranged(x) }
                }
                Node::Read(c) => self.cells[c.index()][lane],
                Node::Tap(r, delay) => {
                    let ring = &graph.rings[r.index()];
                    let (least, most) = self.info.tap_range(id, ring.capacity);
                    let x = lane_of(&self.values[delay.index()], lane);
                    let x = if x > f64::from(least) { x } else { f64::from(least) };
                    let back = x.min(f64::from(most)).floor() as u32;
                    let at = (frame as u32).wrapping_add(i as u32).wrapping_sub(back) & (ring.capacity - 1);
                    if let (Some((_, _, rings)), true) = (&self.kernels, ring.kernel.is_some()) {
                        let at = at as usize * padded(ring.lanes) + lane.min(ring.lanes as usize - 1);
                        // SAFETY: as in `write`.
                        out[lane] = f64::from(unsafe { *rings[r.index()].read.add(at) });
                        continue;
                    }
                    self.rings[r.index()][(at * ring.lanes) as usize + lane.min(ring.lanes as usize - 1)]
                }
                Node::Peek(s, at) => {
                    let at = lane_of(&self.values[at.index()], lane) as i32;
                    f64::from(self.samples[s.index()].get(at))
                }
                Node::Shuffle(x, map) => self.values[x.index()][map[lane] as usize],
                Node::Reduce(x, to) => {
                    let n = self.values[x.index()].len() / *to as usize;
                    let mut sum = self.values[x.index()][lane * n];
                    for k in 1..n {
                        sum = self.rounded(sum + self.values[x.index()][lane * n + k]);
                    }
                    sum
                }
                Node::Join(parts) => {
                    let mut at = lane;
                    let part = parts.iter().find(|x| {
                        let n = self.values[x.index()].len();
                        let here = at < n;
                        at -= if here { 0 } else { n };
                        here
                    });
                    part.map_or(0.0, |x| self.values[x.index()][at])
                }
                Node::Line(_) => {
                    let (old, new) = self.lines[id.index()][lane];
                    let x = old + (new - old) * ((i + 1) as f64 / QUANTUM as f64);
                    self.rounded(x)
                }
            };
            out[lane] = value;
        }
        self.values[id.index()] = out;
    }
}

/// A float in the range of a signal.
fn ranged(x: f64) -> f64 {
    if x.abs() < f64::from(f32::MIN_POSITIVE) {
        0f64.copysign(x)
    } else if x.abs() > f64::from(f32::MAX) {
        f64::INFINITY.copysign(x)
    } else {
        x
    }
}

/// True for operations whose result 32 bits cannot hold in general.
fn rounds(op: Op) -> bool {
    use Op::{Add, Div, Fma, Fms, Fnma, Fromint, Mul, Sqrt, Sub};
    matches!(op, Add | Sub | Mul | Div | Sqrt | Fma | Fms | Fnma | Fromint)
}

/// An operation in double precision. Integers are whole numbers in the range of 32 bits with a sign.
fn operation(op: Op, [x, y, z]: [f64; 3]) -> f64 {
    let truth = |t: bool| f64::from(u8::from(t));
    let (a, b) = (x as i32, y as i32);
    let whole = |n: i32| f64::from(n);
    match op {
        Op::Add => x + y,
        Op::Sub => x - y,
        Op::Mul => x * y,
        Op::Div => x / y,
        Op::Fma => x * y + z,
        Op::Fms => x * y - z,
        Op::Fnma => z - x * y,
        Op::Neg => -x,
        Op::Abs => x.abs(),
        Op::Copysign if y.is_nan() => x.abs(),
        Op::Copysign => x.abs().copysign(y),
        Op::Sqrt => x.sqrt(),
        Op::Floor => x.floor(),
        Op::Ceil => x.ceil(),
        Op::Trunc => x.trunc(),
        Op::Round => x.round_ties_even(),
        Op::Min => {
            if x < y {
                x
            } else {
                y
            }
        }
        Op::Max => {
            if y < x {
                x
            } else {
                y
            }
        }
        Op::Lt => truth(x < y),
        Op::Le => truth(x <= y),
        Op::Gt => truth(x > y),
        Op::Ge => truth(x >= y),
        Op::Eq => truth(x == y),
        Op::Ne => truth(x != y),
        Op::Select => {
            if x != 0.0 {
                y
            } else {
                z
            }
        }
        Op::And => truth(x != 0.0 && y != 0.0),
        Op::Or => truth(x != 0.0 || y != 0.0),
        Op::Not => truth(x == 0.0),
        Op::Finite => {
            if x.is_finite() {
                x
            } else {
                0.0
            }
        }
        Op::Iadd => whole(a.wrapping_add(b)),
        Op::Isub => whole(a.wrapping_sub(b)),
        Op::Imul => whole(a.wrapping_mul(b)),
        Op::Iand => whole(a & b),
        Op::Ior => whole(a | b),
        Op::Ixor => whole(a ^ b),
        Op::Ishl => whole(a.wrapping_shl(b as u32)),
        Op::Ushr => whole((a as u32).wrapping_shr(b as u32) as i32),
        Op::Sshr => whole(a.wrapping_shr(b as u32)),
        Op::Ieq => truth(a == b),
        Op::Ilt => truth(a < b),
        Op::Iselect => {
            if x != 0.0 {
                y
            } else {
                z
            }
        }
        Op::Bits if x.is_nan() => whole(f32::NAN.to_bits() as i32),
        Op::Bits => whole((x as f32).to_bits() as i32),
        Op::Float => f64::from(flush(f32::from_bits(a as u32))),
        Op::Toint => whole(x as i32),
        Op::Fromint => x,
        Op::Phase => whole(((x - x.round_ties_even()) * 4_294_967_296.0) as i64 as i32),
        Op::Turn => f64::from(a as u32 >> 8) / 16_777_216.0,
        Op::Unit => f64::from(a >> 8) / 8_388_608.0,
        Op::Exponent if x == 0.0 => -127.0,
        Op::Exponent if !x.is_finite() => 128.0,
        Op::Exponent => f64::from((x.to_bits() >> 52 & 2047) as i32 - 1023),
        Op::Mantissa if x.is_nan() => x,
        Op::Mantissa if x == 0.0 || x.is_infinite() => 1.0,
        Op::Mantissa => f64::from_bits(x.to_bits() & 0x000f_ffff_ffff_ffff | 1f64.to_bits()),
        Op::Pow2i => (if -126.0 < x { x.min(127.0) } else { -126.0 }).round_ties_even().exp2(),
        Op::Hash => whole(hash_word(a as u32) as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::ALL;

    /// The cases of the table hold in double precision, too.
    #[test]
    fn every_case() {
        let number = |ty: Ty, word: u32| match ty {
            Ty::F32 => f64::from(f32::from_bits(canonical(ty, word))),
            Ty::I32 => f64::from(word as i32),
        };
        for &op in ALL {
            let info = op.info();
            for (given, want) in (info.cases)() {
                let mut args = [0.0; 3];
                args.iter_mut().zip(&given).zip(info.types).for_each(|((x, &w), &ty)| *x = number(ty, w));
                let (got, want) = (ranged(operation(op, args)), number(info.result, want));
                let same = got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= want.abs() * 1.2e-7;
                assert!(same, "{op:?} of {args:?}: {got}, not {want}");
            }
        }
    }
}
