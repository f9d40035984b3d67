//! Sound files.
//!
//! Whole numbers of 16 and 24 bits are dithered: two random numbers of a fixed sequence, a triangle of one step to either side,
//! turn the error of rounding into a faint even noise. The sequence depends on nothing but the position in the file, so a
//! rendering is the same bytes every time. 32-bit floats are written as they are. A name that ends in `.flac` makes a FLAC file.

use crate::flac::FlacFile;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// How a sample is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bits {
    /// 32-bit float: exact, no ceiling.
    #[default]
    F32,
    /// 24-bit whole numbers, dithered.
    I24,
    /// 16-bit whole numbers, dithered.
    I16,
}

impl Bits {
    /// What full scale is in whole numbers.
    pub(crate) fn scale(self) -> f64 {
        if self == Bits::I16 { 32_768.0 } else { 8_388_608.0 }
    }
}

impl std::str::FromStr for Bits {
    type Err = String;
    fn from_str(text: &str) -> Result<Bits, String> {
        match text {
            "32f" => Ok(Bits::F32),
            "24" => Ok(Bits::I24),
            "16" => Ok(Bits::I16),
            other => Err(format!("`{other}` is no sample format; there is 32f, 24 and 16")),
        }
    }
}

/// A sound file that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct WavError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: hound::Error,
}

impl WavError {
    /// A file that the system refused.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> WavError {
        WavError { path: path.to_path_buf(), source: hound::Error::IoError(source) }
    }
}

/// Noise of one step to either side, in the shape of a triangle: the sum of two even random numbers (Lipshitz, Wannamaker and
/// Vanderkooy, 1992).
#[derive(Clone, Debug)]
pub(crate) struct Dither {
    random: u64,
}

impl Default for Dither {
    fn default() -> Dither {
        Dither { random: 0x9e37_79b9_7f4a_7c15 }
    }
}

impl Dither {
    /// A random number from -0.5 to 0.5.
    fn noise(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    /// A sample as a whole number.
    pub(crate) fn quantise(&mut self, x: f32, scale: f64) -> i32 {
        let dither = self.noise() + self.noise();
        let whole = (f64::from(x) * scale + dither).round();
        if whole.is_finite() { whole.clamp(-scale, scale - 1.0) as i32 } else { 0 }
    }
}

/// Writes interleaved frames into a file, of the kind that its name says.
pub enum SoundFile {
    /// WAV.
    Wav(Box<WavFile>),
    /// FLAC.
    Flac(Box<FlacFile>),
}

impl SoundFile {
    /// Creates or replaces the file.
    pub fn create(path: &Path, channels: u16, sample_rate: u32, bits: Bits) -> Result<SoundFile, WavError> {
        let flac = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("flac"));
        Ok(if flac {
            SoundFile::Flac(Box::new(FlacFile::create(path, channels, sample_rate, bits)?))
        } else {
            SoundFile::Wav(Box::new(WavFile::create(path, channels, sample_rate, bits)?))
        })
    }

    /// Adds samples, interleaved.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), WavError> {
        match self {
            SoundFile::Wav(file) => file.write(samples),
            SoundFile::Flac(file) => {
                file.write(samples);
                Ok(())
            }
        }
    }

    /// Adds silence.
    pub fn silence(&mut self, samples: u64) -> Result<(), WavError> {
        (0..samples).try_for_each(|_| self.write(&[0.0]))
    }

    /// Writes what is left, and closes the file.
    pub fn finish(self) -> Result<(), WavError> {
        match self {
            SoundFile::Wav(file) => file.finish(),
            SoundFile::Flac(file) => file.finish(),
        }
    }
}

/// Writes interleaved frames into a WAV file.
pub struct WavFile {
    writer: hound::WavWriter<BufWriter<File>>,
    bits: Bits,
    dither: Dither,
    path: PathBuf,
}

impl WavFile {
    /// Creates or replaces the file.
    pub fn create(path: &Path, channels: u16, sample_rate: u32, bits: Bits) -> Result<WavFile, WavError> {
        let (bits_per_sample, sample_format) = match bits {
            Bits::F32 => (32, hound::SampleFormat::Float),
            Bits::I24 => (24, hound::SampleFormat::Int),
            Bits::I16 => (16, hound::SampleFormat::Int),
        };
        let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format };
        let writer =
            hound::WavWriter::create(path, spec).map_err(|source| WavError { path: path.to_path_buf(), source })?;
        Ok(WavFile { writer, bits, dither: Dither::default(), path: path.to_path_buf() })
    }

    /// Adds samples, interleaved.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), WavError> {
        self.write_all(samples).map_err(|source| WavError { path: self.path.clone(), source })
    }

    fn write_all(&mut self, samples: &[f32]) -> Result<(), hound::Error> {
        match self.bits {
            Bits::F32 => samples.iter().try_for_each(|x| self.writer.write_sample(*x)),
            bits => samples.iter().try_for_each(|x| {
                let whole = self.dither.quantise(*x, bits.scale());
                self.writer.write_sample(whole)
            }),
        }
    }

    /// Writes the header and closes the file.
    pub fn finish(self) -> Result<(), WavError> {
        let WavFile { writer, path, .. } = self;
        writer.finalize().map_err(|source| WavError { path, source })
    }
}

/// A sound file in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Interleaved samples, -1..1.
    pub samples: Vec<f32>,
    /// Channels.
    pub channels: usize,
    /// Frames per second.
    pub sample_rate: u32,
}

/// Reads a whole WAV file.
pub fn read(path: &Path) -> Result<Sound, WavError> {
    let wrap = |source| WavError { path: path.to_path_buf(), source };
    let mut reader = hound::WavReader::open(path).map_err(wrap)?;
    let spec = reader.spec();
    let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1i64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            reader.samples::<i32>().map(|x| x.map(|x| x as f32 * scale)).collect()
        }
    };
    Ok(Sound {
        samples: samples.map_err(wrap)?,
        channels: usize::from(spec.channels.max(1)),
        sample_rate: spec.sample_rate,
    })
}

/// FNV-1a over the little-endian bytes of samples: the hash of a rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoundHash(pub u64);

impl Default for SoundHash {
    fn default() -> SoundHash {
        SoundHash(0xcbf2_9ce4_8422_2325)
    }
}

impl SoundHash {
    /// Adds samples.
    pub fn add(&mut self, samples: &[f32]) {
        for byte in samples.iter().flat_map(|x| x.to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl std::fmt::Display for SoundHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_come_back() {
        let dir = std::env::temp_dir().join(format!("modurust-wav-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let samples: Vec<f32> = (0..2000).map(|i| (i as f32 * 0.01).sin() * 1.2).collect();
        for (bits, step) in [(Bits::F32, 0.0), (Bits::I24, 3.0 / 8_388_608.0), (Bits::I16, 3.0 / 32_768.0)] {
            let path = dir.join(format!("{bits:?}.wav"));
            let mut file = WavFile::create(&path, 2, 44_100, bits).unwrap();
            file.write(&samples).unwrap();
            file.finish().unwrap();
            let sound = read(&path).unwrap();
            assert_eq!((sound.channels, sound.sample_rate, sound.samples.len()), (2, 44_100, 2000));
            for (a, b) in samples.iter().zip(&sound.samples) {
                let a = if bits == Bits::F32 { *a } else { a.clamp(-1.0, 1.0) };
                assert!((a - b).abs() <= step, "{a} {b}");
            }
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn hash_of_known_bytes() {
        let mut hash = SoundHash::default();
        hash.add(&[]);
        assert_eq!(hash.to_string(), "cbf29ce484222325");
        hash.add(&[0.0]);
        assert_ne!(hash, SoundHash::default());
    }
}
