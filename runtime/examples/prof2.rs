//! tmp
use modurust_runtime::{
    compiler::{exec::Backend, front::*, passes::Passes, *},
    world::FileWorld,
};
fn main() {
    let f = std::env::args().nth(1).unwrap();
    let mut c = Compiler::new(Options {
        sample_rate: 48000,
        passes: Passes::Exact,
        backend: Backend::Jit,
        seed: 0,
        verify: false,
    });
    let w = FileWorld::new();
    let mut n = 0;
    for _ in 0..20 {
        let (e, _, _) = c.elaborate(&w, &[f.clone()]);
        let g = e.unwrap().graph;
        let o = passes::optimise(&g, Passes::Exact);
        n += o.nodes.len();
    }
    println!("{n}");
}
