//! What a file of sound looks like: its lowest and highest samples over time, in bounded memory however long it is.
//!
//! Read packet by packet by [`crate::decode`]. Bins begin short; whenever there are too many of them, pairs become one. So a file is read once, and its length
//! need not be known before.

use crate::decode::Source;
use std::path::Path;

/// Most bins that are kept.
const MOST: usize = 1 << 15;
/// Frames of a bin in the beginning.
const SHORTEST: usize = 64;

/// The extent of a sound over time, both sides together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peaks {
    /// How long it is, seconds.
    pub seconds: f64,
    bins: Vec<[f32; 2]>,
    /// Frames of a bin.
    per: usize,
    rate: f64,
}

impl Peaks {
    /// Of a file. `Err` says why it cannot be read; what breaks off is taken as far as it goes.
    pub fn read(path: &Path) -> Result<Peaks, String> {
        let mut source = Source::open(path)?;
        let mut peaks = Peaks { per: SHORTEST, ..Peaks::default() };
        let (mut frames, mut whole) = (Vec::new(), 0u64);
        while source.more(&mut frames)? {
            let take = frames.len() - frames.len() % peaks.per;
            whole += take as u64;
            peaks.add(&frames[..take]);
            frames.drain(..take);
        }
        whole += frames.len() as u64;
        peaks.add(&frames);
        peaks.rate = f64::from(source.rate.unwrap_or(48_000));
        peaks.seconds = whole as f64 / peaks.rate;
        Ok(peaks)
    }

    fn add(&mut self, frames: &[[f32; 2]]) {
        for part in frames.chunks(self.per) {
            let extent = |[low, high]: [f32; 2], x: &f32| [low.min(*x), high.max(*x)];
            let mut bin = part.as_flattened().iter().fold([f32::MAX, f32::MIN], extent);
            if bin[0] > bin[1] {
                bin = [0.0; 2];
            }
            self.bins.push(bin);
        }
        if self.bins.len() > MOST {
            let pair = |pair: &[[f32; 2]]| pair.iter().fold(pair[0], |a, b| [a[0].min(b[0]), a[1].max(b[1])]);
            self.bins = self.bins.chunks(2).map(pair).collect();
            self.per *= 2;
        }
    }

    /// The lowest and highest sample between two moments, seconds; `None` outside of it.
    pub fn between(&self, from: f64, to: f64) -> Option<[f32; 2]> {
        let bin = |seconds: f64| (seconds.max(0.0) * self.rate / self.per.max(1) as f64) as usize;
        let (first, last) = (bin(from), bin(to.min(self.seconds)));
        let bins = self.bins.get(first..self.bins.len().min(last.max(first) + 1)).filter(|_| to > 0.0)?;
        bins.iter().copied().reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_become_longer_and_lose_no_peak() {
        let mut peaks = Peaks { per: SHORTEST, rate: 48_000.0, seconds: 200.0, ..Peaks::default() };
        for second in 0..200 {
            let mut frames = vec![[0.0f32; 2]; 48_000];
            frames[100] = [second as f32 / 200.0, -0.5];
            let odd = frames.len() - frames.len() % peaks.per;
            peaks.add(&frames[..odd]);
            peaks.add(&frames[odd..]);
        }
        assert!(peaks.bins.len() <= MOST + 1 && peaks.per > SHORTEST);
        assert_eq!(peaks.between(0.0, 200.0), Some([-0.5, 199.0 / 200.0]));
        assert_eq!(peaks.between(201.0, 202.0), None);
        assert_eq!(Peaks::default().between(0.0, 1.0), None);
    }

    #[test]
    fn a_file_is_read_as_long_as_it_is() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/amen.wav"));
        let peaks = Peaks::read(path).expect("it is there");
        let whole = crate::decode::read(path, 48_000).expect("it is there");
        assert!((peaks.seconds - whole.len() as f64 / 48_000.0).abs() < 0.01, "{}", peaks.seconds);
        let [low, high] = peaks.between(0.0, peaks.seconds).expect("it sounds");
        assert!(low < -0.05 && high > 0.05, "{low} {high}");
        assert!(Peaks::read(Path::new("nowhere.wav")).is_err());
    }
}
