//! The work of `freeze.modu` in fundsp: `freeze <seconds>`. `resynth` has windows of 1024 frames, four at a time; as in SuperCollider, what
//! is held are the magnitudes, and phases go on as they come.
use fundsp::prelude32::*;

fn main() {
    let seconds: usize = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(60);
    let mut held = vec![0f32; 513];
    let mut synth = saw_hz(110.0) * 0.3
        >> resynth::<U1, U1, _>(1024, move |fft| {
            let hold = (fft.time() * 0.5).fract() < 0.5;
            for i in 0..fft.bins() {
                let bin = fft.at(0, i);
                let size = bin.norm();
                if !hold {
                    held[i] = size;
                }
                fft.set(0, i, if size > 0.0 { bin * (held[i] / size) } else { bin });
            }
        });
    synth.set_sample_rate(48000.0);
    synth.allocate();
    let mut out = BufferVec::new(1);
    let mut sum = 0f64;
    for _ in 0..seconds * 750 {
        synth.process(64, &BufferRef::empty(), &mut out.buffer_mut());
        sum += (0..64).map(|i| f64::from(out.at_f32(0, i)).powi(2)).sum::<f64>();
    }
    println!("rms {:.4}", (sum / (seconds * 48000) as f64).sqrt());
}
