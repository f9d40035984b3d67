//! tmp
use modurust_runtime::{
    compiler::{exec::Backend, front::*, passes::Passes},
    device::*,
    world::FileWorld,
};
fn main() {
    let secs: f64 = std::env::args().nth(1).unwrap().parse().unwrap();
    for f in std::env::args().skip(2) {
        let mut c = Compiler::new(Options {
            sample_rate: 48000,
            passes: Passes::Exact,
            backend: Backend::Jit,
            seed: 0,
            verify: false,
        });
        let w = FileWorld::new();
        let t = std::time::Instant::now();
        let o = c.compile(&w, &[f.clone()]);
        let ms = t.elapsed().as_secs_f64() * 1e3;
        print!("{}", o.render(false));
        let mut c2 = Compiler::new(*c.options());
        let t = std::time::Instant::now();
        let _ = c2.compile(&w, &[f.clone()]);
        let ms2 = t.elapsed().as_secs_f64() * 1e3;
        let t = std::time::Instant::now();
        let _ = c2.elaborate(&w, &[f.clone()]);
        let ms3 = t.elapsed().as_secs_f64() * 1e3;
        let Some(p) = o.program else { continue };
        let n = p.patch.graph.nodes.len();
        let mut r = RenderOptions::new(p, (secs * 48000.0) as u64);
        r.out =
            Some(format!("/tmp/out/{}.wav", std::path::Path::new(&f).file_stem().unwrap().to_string_lossy()).into());
        let rep = render(r).unwrap();
        println!(
            "{f}: cold {ms:.2} ms warm {ms2:.2} ms elab {ms3:.2} nodes {n} peak {:.3} ({:.1} dB) rms {:.3} hash {:?} lost {} x{:.0}",
            rep.peak,
            20.0 * rep.peak.log10(),
            rep.rms,
            rep.hash,
            rep.lost,
            secs / rep.seconds
        );
    }
}
