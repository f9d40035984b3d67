//! FLAC files: what is written without loss at about half of the size.
//!
//! The encoder wants all of a sound at once, so whole numbers are kept until the file is closed: four bytes a sample. They are
//! dithered as in a WAV file of as many bits.

use crate::wav::{Bits, Dither, WavError};
use flacenc::component::BitRepr;
use flacenc::error::Verify;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// A FLAC file that is being made.
pub struct FlacFile {
    samples: Vec<i32>,
    channels: u16,
    rate: u32,
    bits: Bits,
    dither: Dither,
    path: PathBuf,
}

impl FlacFile {
    /// Creates or replaces the file. There is no FLAC of floats: 24 bits are written in their place.
    pub fn create(path: &Path, channels: u16, rate: u32, bits: Bits) -> Result<FlacFile, WavError> {
        let bits = if bits == Bits::F32 { Bits::I24 } else { bits };
        std::fs::write(path, []).map_err(|source| WavError::io(path, source))?;
        Ok(FlacFile { samples: Vec::new(), channels, rate, bits, dither: Dither::default(), path: path.to_path_buf() })
    }

    /// Adds samples, interleaved.
    pub fn write(&mut self, samples: &[f32]) {
        let (bits, dither) = (self.bits, &mut self.dither);
        self.samples.extend(samples.iter().map(|x| dither.quantise(*x, bits.scale())));
    }

    /// Encodes, writes and closes the file.
    pub fn finish(self) -> Result<(), WavError> {
        let refused = |why: String| WavError::io(&self.path, Error::new(ErrorKind::InvalidData, why));
        let depth = if self.bits == Bits::I16 { 16 } else { 24 };
        let config =
            flacenc::config::Encoder::default().into_verified().map_err(|(_, why)| refused(why.to_string()))?;
        let sound = flacenc::source::MemSource::from_samples(
            &self.samples,
            usize::from(self.channels),
            depth,
            self.rate as usize,
        );
        let mut stream = flacenc::encode_with_fixed_block_size(&config, sound, config.block_size)
            .map_err(|why| refused(why.to_string()))?;
        // The last block may be shorter; the least size that is told is that of the others (RFC 9639, section 8.2).
        let _ = stream.stream_info_mut().set_block_sizes(config.block_size, config.block_size);
        let mut sink = flacenc::bitsink::ByteSink::new();
        stream.write(&mut sink).map_err(|why| refused(why.to_string()))?;
        std::fs::write(&self.path, sink.as_slice()).map_err(|source| WavError::io(&self.path, source))
    }
}
