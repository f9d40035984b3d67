//! Sound files: what is in them, as stereo frames at a rate.
//!
//! Decoding is Symphonia's work, resampling rubato's. A [`Source`] yields a file packet by packet, from any frame on; [`read`] takes
//! all of it at once. What breaks off is played as far as it goes.

use rubato::{FftFixedIn, Resampler};
use std::path::Path;
use symphonia::core::audio::SampleBuffer;
use symphonia::core::codecs::Decoder;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::probe::Hint;

/// Longest file that is held in memory, seconds.
pub const LONGEST: u64 = 600;
/// Frames that the resampler takes at once.
const CHUNK: usize = 1024;

/// Two sides.
pub type Frame = [f32; 2];

/// A file that is being decoded.
pub struct Source {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn Decoder>,
    track: u32,
    /// Frames in it, if it says so.
    pub frames: Option<u64>,
    /// Its own frames per second, if it says so before the first packet.
    pub rate: Option<u32>,
}

impl Source {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Source, String> {
        let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut hint = Hint::new();
        if let Some(end) = path.extension().and_then(|e| e.to_str()) {
            hint.with_extension(end);
        }
        let probe = symphonia::default::get_probe();
        let format = probe.format(&hint, stream, &Default::default(), &Default::default()).map_err(why)?.format;
        let track = format.default_track().ok_or("it holds no sound")?;
        let params = &track.codec_params;
        let decoder = symphonia::default::get_codecs().make(params, &Default::default()).map_err(why)?;
        let (track, frames, rate) = (track.id, params.n_frames, params.sample_rate);
        Ok(Source { format, decoder, track, frames, rate })
    }

    /// Adds the frames of the next packet. False at the end, and where the file breaks off.
    pub fn more(&mut self, frames: &mut Vec<Frame>) -> Result<bool, String> {
        loop {
            let Ok(packet) = self.format.next_packet() else { return Ok(false) };
            if packet.track_id() != self.track {
                continue;
            }
            let decoded = match self.decoder.decode(&packet) {
                Ok(decoded) => decoded,
                Err(Error::DecodeError(_)) => continue,
                Err(_) => return Ok(false),
            };
            let spec = *decoded.spec();
            let channels = spec.channels.count();
            if channels == 0 || !(1000..=768_000).contains(&spec.rate) {
                return Err("it has no channels, or an impossible rate".into());
            }
            self.rate = Some(spec.rate);
            let mut buffer = SampleBuffer::<f32>::new(decoded.capacity() as u64, spec);
            buffer.copy_interleaved_ref(decoded);
            frames.extend(buffer.samples().chunks_exact(channels).map(stereo));
            return Ok(true);
        }
    }

    /// Goes to a frame, or to one before it, which is returned.
    pub fn seek(&mut self, frame: u64) -> Result<u64, String> {
        let to = SeekTo::TimeStamp { ts: frame, track_id: self.track };
        let reached = self.format.seek(SeekMode::Accurate, to).map_err(why)?;
        self.decoder.reset();
        Ok(reached.actual_ts)
    }
}

fn why(error: Error) -> String {
    match error {
        Error::IoError(error) => error.to_string(),
        Error::Unsupported(what) => format!("this kind of file is not known ({what})"),
        other => other.to_string(),
    }
}

/// A file as stereo frames at a rate.
pub fn read(path: &Path, rate: u32) -> Result<Vec<Frame>, String> {
    let mut source = Source::open(path)?;
    let mut frames = Vec::new();
    while source.more(&mut frames)? {
        if frames.len() as u64 > LONGEST * u64::from(source.rate.unwrap_or(rate)) {
            return Err(format!("it is longer than {} minutes", LONGEST / 60));
        }
    }
    if frames.is_empty() {
        return Err("it holds no sound".into());
    }
    let own = source.rate.unwrap_or(rate);
    if own == rate { Ok(frames) } else { resample(&frames, own, rate).map_err(|e| e.to_string()) }
}

/// Two sides of any number of channels: centre and surround 3 dB down on their sides, low effects left out (ITU-R BS.775, annex 4).
/// The order of channels is that of WAV: left, right, centre, low effects, back left and right, side left and right.
fn stereo(frame: &[f32]) -> [f32; 2] {
    const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
    match *frame {
        [x] => [x; 2],
        [l, r] => [l, r],
        [l, r, c] => [l + HALF * c, r + HALF * c],
        [l, r, bl, br] => [l + HALF * bl, r + HALF * br],
        [l, r, c, bl, br] => [l + HALF * (c + bl), r + HALF * (c + br)],
        [l, r, c, _, ref more @ ..] => {
            let side = |side: usize| more.iter().skip(side).step_by(2).sum::<f32>();
            [l + HALF * (c + side(0)), r + HALF * (c + side(1))]
        }
        [] => [0.0; 2],
    }
}

/// From one rate to another, in step with the original: frame `i` is what sounded `i / to` seconds after the beginning.
pub fn resample(frames: &[[f32; 2]], from: u32, to: u32) -> Result<Vec<Frame>, Box<dyn std::error::Error>> {
    let mut resampler = FftFixedIn::<f32>::new(from as usize, to as usize, CHUNK, 2, 2)?;
    let wanted = (frames.len() as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize;
    let late = resampler.output_delay();
    let mut out: Vec<Frame> = Vec::with_capacity(wanted + late + 2 * CHUNK);
    let mut at = 0;
    while out.len() < wanted + late {
        let n = resampler.input_frames_next();
        let side =
            |c: usize| -> Vec<f32> { (at..at + n).map(|i| frames.get(i).map_or(0.0, |frame| frame[c])).collect() };
        let sides = resampler.process(&[side(0), side(1)], None)?;
        out.extend(sides[0].iter().zip(&sides[1]).map(|(&l, &r)| [l, r]));
        at += n;
    }
    out.drain(..late);
    out.truncate(wanted);
    Ok(out)
}
