//! Where sound goes: the device and the recording, for every command that plays.

use super::Failure;
use super::terminal::{self, Level};
use super::work;
use modurust_runtime::device::{self, Choice, DeviceOptions};
use modurust_runtime::recorder::{self, Recorded, Recorder, What};
use modurust_runtime::session::Session;
use modurust_runtime::wav::Bits;
use std::path::PathBuf;

/// What a command that plays takes for it.
#[derive(clap::Args, Default)]
pub(crate) struct Output {
    /// The output, or a part of its name; `null` plays by the clock, without sound
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Frames per second; the device's own if it cannot
    #[arg(long, value_parser = work::rate)]
    rate: Option<u32>,
    /// Frames per block; the device's own if it cannot
    #[arg(long, value_parser = work::block)]
    block: Option<u32>,
    /// Channels of sound that come in, for `input(1)` and on, once a text asks for one
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=64))]
    inputs: u32,
    /// Frames by which sound that comes in is late, as `devices --measure` finds it: recordings of inputs are put right by it
    #[arg(long, value_name = "FRAMES", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=384_000))]
    latency: u32,
    /// Connect sources of MIDI with this in their name (JACK); may be given several times
    #[arg(long, value_name = "NAME")]
    midi: Vec<String>,
    /// Let an input howl: nothing turns it down when it hears its own loudspeaker
    #[arg(long)]
    no_guard: bool,
    /// Record what plays, before the limiter, into a WAV file
    #[arg(long, value_name = "WAV")]
    record: Option<PathBuf>,
}

impl Output {
    /// To a device of this name, as it likes.
    pub fn to(device: Option<String>) -> Output {
        Output { device, ..Output::default() }
    }

    /// The device, or what stands in for it, which is told. Refuses a recording over a file of the session.
    pub fn choose(&self, files: &[String]) -> Result<Choice, Failure> {
        if let Some(record) = &self.record {
            work::keep_apart(record, files)?;
        }
        let choice = device::choose(&DeviceOptions {
            name: self.device.clone(),
            rate: self.rate,
            block: self.block,
            inputs: self.inputs as usize,
            midi: self.midi.clone(),
            unguarded: self.no_guard,
        });
        if let Some(message) = choice.message() {
            terminal::complain(&format!("{message}\n"));
        }
        Ok(choice)
    }

    /// Channels of sound that come in.
    pub fn inputs(&self) -> usize {
        self.inputs as usize
    }

    /// Frames by which that is late.
    pub fn latency(&self) -> u64 {
        u64::from(self.latency)
    }

    /// True if what plays is recorded.
    pub fn records(&self) -> bool {
        self.record.is_some()
    }

    /// Starts to record, if that is asked for; `beside` what was recorded before, and not over it.
    pub fn recorder(&self, session: &Session, rate: u32, beside: bool) -> Result<Option<Recorder>, Failure> {
        let Some(path) = &self.record else { return Ok(None) };
        let path = &if beside { recorder::free(path) } else { path.clone() };
        let tell = |message: String| terminal::complain(&format!("{message}\n"));
        let tap = session.take_tap().ok_or_else(|| Failure::because("the engine cannot be recorded"))?;
        let recorder = Recorder::start(tap, What::now("master"), path, (rate, Bits::F32), Box::new(tell));
        recorder.map(Some).map_err(Failure::outside)
    }

    /// Ends the recording, and tells if something is missing in it.
    pub fn finish(&self, recorder: Option<Recorder>) -> Result<Option<Recorded>, Failure> {
        let (Some(recorder), Some(path)) = (recorder, &self.record) else { return Ok(None) };
        let recorded = recorder.stop().1.map_err(Failure::outside)?;
        if recorded.lost > 0 {
            terminal::warn(&format!("{}: the disk was too slow, {} frames are missing", path.display(), recorded.lost));
        }
        terminal::log(Level::Info, || format!("recorded {} frames to {}", recorded.frames, path.display()));
        Ok(Some(recorded))
    }
}
