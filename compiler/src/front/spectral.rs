//! Calls of kernels: what the library reaches as `prim.fft`, `prim.freeze` and the like ([`crate::kernel`]).
//!
//! A kernel becomes a ring of the graph. The signals that it reads, and its controls, are written to rings of their own first; spectra
//! come from the ring of another kernel. What it makes is spectra again, or a tap of its ring:
//!
//! ```text
//! prim.fft(x, 1024, 256)     ring "x" <- x ; ring "fft 1024/256" by fft           Value::Spec
//! prim.freeze(spec, hold)    ring "hold" <- hold ; ring "freeze 1024/256"         Value::Spec
//! prim.ifft(spec)            ring "ifft 1024/256" by ifft ; tap of it, 0 ago      Value::Sig
//! ```
//!
//! Names say the size, so that an edit keeps what has the same. Which numbers, ranges and units a player may write is
//! said in `stdlib/spectral.modu`.

use crate::front::builtins::{Builtin, Call, Run};
use crate::front::elab::Elab;
use crate::front::outside::take;
use crate::front::value::*;
use crate::graph::{Node, QUANTUM, RingId, SampleId};
use crate::kernel::{self, Kernel, Kind, Work};
use modurust_lang::units::Dim;
use std::sync::{Arc, OnceLock};

/// Smallest and largest transform.
const POINTS: std::ops::RangeInclusive<u32> = 16..=65536;

/// Kernels as functions of the compiler.
pub(super) fn table() -> &'static [Builtin] {
    static TABLE: OnceLock<Vec<Builtin>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let builtin = |kind: Kind| {
            let info = kind.info();
            Builtin {
                name: info.name,
                signature: info.signature,
                doc: info.doc,
                category: "primitives",
                run: Run::Fn(call),
            }
        };
        kernel::all().map(builtin).collect()
    })
}

fn call<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Value<'a> {
    let Some(kind) = Kind::named(call.name) else { return Value::Broken };
    let info = kind.info();
    let (mut reads, mut specs): (Vec<Sig>, Vec<Spec>) = (Vec::new(), Vec::new());
    for (k, shape) in info.reads.iter().enumerate() {
        match shape {
            kernel::Shape::Signal => {
                let x = take!(e.want(call, ["x", "y"][k.min(1)]));
                reads.push(take!(e.signal(x.value, x.span)));
            }
            kernel::Shape::Spectrum => specs.push(take!(spec(e, call))),
        }
    }
    let sample = match info.sample {
        true => {
            let slot = take!(e.slot_arg(call, "slot"));
            Some(e.sample_of(&slot))
        }
        false => None,
    };
    let size = match specs.as_slice() {
        [] => take!(size(e, call)),
        [first, others @ ..] => {
            if let Some(other) = others.iter().find(|other| (other.n, other.hop) != (first.n, first.hop)) {
                let (n, m) = (first.n, other.n);
                let message = format!("a spectrum of {n} points does not meet one of {m} or of another hop");
                e.error("type", call.span, message).help = Some("give both `fft`s the same size".into());
                return Value::Broken;
            }
            (first.n, first.hop)
        }
    };
    let mut controls = Vec::with_capacity(info.controls.len());
    for name in info.controls {
        let x = take!(e.want(call, name));
        controls.push((*name, take!(e.signal(x.value, x.span))));
    }
    let shapes = reads.iter().map(|sig| sig.shape).chain(specs.iter().map(|spec| spec.shape));
    let shapes = shapes.chain(controls.iter().map(|(_, sig)| sig.shape));
    let shape = shapes.reduce(|a, b| a.join(b)).unwrap_or(Shape::MONO);
    let work = Work { kind, n: size.0, hop: size.1, seed: e.place_seed() };
    e.kernel(work, shape, (reads, specs, controls), sample)
}

/// An argument that is spectra.
fn spec<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<Spec> {
    let arg = e.want(call, "spec")?;
    match arg.value {
        Value::Spec(spec) => Some(spec),
        other => {
            let article = other.article();
            let message = format!("`{}` works on spectra, got {article}", call.name);
            let between = if call.name == "ifft" { String::new() } else { format!("{}(..) >> ", call.name) };
            e.error("type", arg.span, message).help = Some(format!("write `>> fft(2048) >> {between}ifft`"));
            None
        }
    }
}

/// Points and hop of a transform.
fn size<'a>(e: &mut Elab<'a>, call: &mut Call<'a>) -> Option<(u32, u32)> {
    let n = e.want(call, "n")?;
    let points = match n.value {
        Value::Num(x) if POINTS.contains(&(x.value as u32)) && (x.value as u32).is_power_of_two() => x.value as u32,
        _ => {
            let (low, high) = (POINTS.start(), POINTS.end());
            let message = format!("the size of a spectrum is a power of two from {low} to {high}");
            e.error("type", n.span, message).help = Some("write `fft(2048)`".into());
            return None;
        }
    };
    let hop = e.want(call, "hop")?;
    match hop.value {
        Value::Num(x) if x.value >= 1.0 && x.value <= f64::from(points / 2) && x.value.fract() == 0.0 => {
            Some((points, x.value as u32))
        }
        _ => {
            let message =
                format!("the hop of a spectrum of {points} points is a whole number from 1 to {}", points / 2);
            e.error("type", hop.span, message).help = Some(format!("write `hop: {}`", points / 4));
            None
        }
    }
}

/// What a kernel is given: signals, spectra, and controls by name.
type Given = (Vec<Sig>, Vec<Spec>, Vec<(&'static str, Sig)>);

impl<'a> Elab<'a> {
    /// A ring that a signal is written to, for a kernel to read.
    fn written(&mut self, name: &str, sig: Sig, shape: Shape, longest: u32) -> RingId {
        let narrow = sig.shape.lanes(self.voices()) == 1;
        let node = if narrow { sig.node } else { self.spread(sig, shape) };
        let (frame, lanes) = (self.here(), if narrow { 1 } else { shape.lanes(self.voices()) });
        let ring = self.graph.ring(frame, name, lanes, longest);
        self.graph.rings[ring.index()].input = Some(node);
        ring
    }

    /// A kernel, and what it makes.
    fn kernel(
        &mut self,
        work: Work,
        shape: Shape,
        (signals, specs, controls): Given,
        sample: Option<SampleId>,
    ) -> Value<'a> {
        let info = work.kind.info();
        let mut reads: Vec<RingId> =
            signals.into_iter().map(|sig| self.written("x", sig, shape, (info.longest)(work))).collect();
        reads.extend(specs.iter().map(|spec| spec.ring));
        let quantum = QUANTUM as u32;
        let controls = controls.into_iter().map(|(name, sig)| self.written(name, sig, shape, quantum)).collect();
        let (frame, lanes) = (self.here(), shape.lanes(self.voices()));
        let name = format!("{} {}/{}", info.name, work.n, work.hop);
        let ring = self.graph.ring(frame, &name, lanes, (info.ahead)(work));
        let kernel = Kernel { work, reads, controls, sample, words: work.words(lanes) };
        self.graph.rings[ring.index()].kernel = Some(Arc::new(kernel));
        if info.makes == kernel::Shape::Spectrum {
            return Value::Spec(Spec { ring, n: work.n, hop: work.hop, shape });
        }
        let now = self.graph.constant(0.0);
        let node = self.graph.push(Node::Tap(ring, now));
        Value::Sig(Sig { node, shape, dim: Dim::None })
    }
}
