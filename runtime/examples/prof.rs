//! tmp
use modurust_runtime::{
    compiler::{exec::Backend, front::*, graph::check::check, passes::Passes, *},
    world::FileWorld,
};
use std::time::Instant;
fn main() {
    for f in std::env::args().skip(1) {
        let mut c = Compiler::new(Options {
            sample_rate: 48000,
            passes: Passes::Exact,
            backend: Backend::Jit,
            seed: 0,
            verify: false,
        });
        let w = FileWorld::new();
        let (e, _, _) = c.elaborate(&w, &[f.clone()]);
        let g = e.unwrap().graph;
        for _ in 0..3 {
            let t = Instant::now();
            let _ = check(&g);
            let a = t.elapsed();
            let t = Instant::now();
            let o = passes::optimise(&g, Passes::Exact);
            let b = t.elapsed();
            let t = Instant::now();
            let i = check(&o).unwrap();
            let cc = t.elapsed();
            let t = Instant::now();
            let s = schedule::schedule(&o, &i);
            let d = t.elapsed();
            let t = Instant::now();
            let j = codegen::jit::jit(&o, &s, false).unwrap();
            let e = t.elapsed();
            let t = Instant::now();
            let tx = codegen::jit::text(&o, &s).unwrap();
            let e2 = t.elapsed();
            println!(
                "{f} nodes {} -> {} check {a:?} opt {b:?} check {cc:?} sched {d:?} jit {e:?} regions {} bytes {} clif lines {} text {e2:?}",
                g.nodes.len(),
                o.nodes.len(),
                s.regions.len(),
                j.bytes,
                tx.lines().count()
            );
        }
    }
}
