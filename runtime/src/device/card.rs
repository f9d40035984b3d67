//! Sound cards and sound servers, through cpal: ALSA as built, JACK with the cargo feature `jack`.
//!
//! The callback takes the engine out of its slot, lets it fill the block (converting when the card wants whole numbers), and puts
//! it back. A missed deadline is counted. Any error that ends the stream raises a flag, and [`super::Running::poll`] falls back
//! to the null device.
//!
//! Inputs are streams of their own, by a clock of their own ([`super::inflow`]), and are opened when a text asks for them. One that fails or goes is
//! silent, and the output plays on.

use super::guard::{Guard, mean};
use super::inflow::{self, Inflow, Source};
use super::{DEFAULT_RATE, DeviceInfo, DeviceOptions, Shared, Slot};
use crate::engine::Engine;
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize};
use modurust_compiler::graph::QUANTUM;
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Frames converted at once when a card wants whole numbers.
const CONVERT: usize = 1024;

/// A card with the configuration that it will be opened with.
pub struct Card {
    device: cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    name: String,
    unguarded: bool,
}

/// A stream that plays until it is dropped, and the one that listens, if a text wants that.
pub struct Stream {
    // First: what comes in ends before what hears it.
    input: Option<cpal::Stream>,
    _output: cpal::Stream,
    device: cpal::Device,
    rate: u32,
    inflows: Producer<Box<Inflow>>,
    old: Consumer<Box<Inflow>>,
}

/// What the output's callback hears.
struct Mouth {
    news: Consumer<Box<Inflow>>,
    old: Producer<Box<Inflow>>,
    now: Option<Box<Inflow>>,
    guard: Option<Guard>,
}

impl Mouth {
    /// Sees what goes out.
    fn see(&mut self, out: &[f32], channels: usize, shared: &Shared) {
        let Some(guard) = self.guard.as_mut().filter(|_| self.now.is_some()) else { return };
        out.chunks_exact(channels.max(1)).for_each(|frame| guard.see(mean(frame)));
        shared.howls.store(guard.turns(), Ordering::Relaxed);
    }

    /// Gives the engine what has come in, as much as it is going to play for so many frames.
    fn give(&mut self, engine: &mut Engine, frames: usize) {
        if !self.old.is_full()
            && let Ok(new) = self.news.pop()
            && let Some(old) = self.now.replace(new)
        {
            // There is room, as was seen.
            let _ = self.old.push(old);
        }
        let Some(inflow) = &mut self.now else { return };
        let end = (engine.next_frame() + frames as u64).next_multiple_of(QUANTUM as u64);
        let quanta = end.saturating_sub(engine.frame()) as usize / QUANTUM;
        let guard = &mut self.guard;
        inflow.give(quanta, Instant::now(), |channels| {
            let at = |channel: &Vec<f32>, frame: usize| channel.get(frame).copied().unwrap_or(0.0);
            let mut gains = [1.0; QUANTUM];
            if let Some(guard) = guard {
                let sum = |frame| channels.iter().map(|channel| at(channel, frame)).sum();
                gains.iter_mut().enumerate().for_each(|(frame, gain)| *gain = guard.hear(sum(frame)));
            }
            engine.sound_in(QUANTUM, |frame, channel| {
                channels.get(channel).map_or(0.0, |sound| at(sound, frame)) * gains[frame]
            });
        });
    }
}

impl Stream {
    /// Listens, to so many channels at most: those of the same card, or of the default input where it has none. How many there are, and of what.
    /// `Err` says why not.
    pub fn listen(&mut self, most: usize) -> Result<(usize, String), String> {
        while self.old.pop().is_ok() {}
        let hears = |device: &cpal::Device| device.default_input_config().is_ok();
        let other = || hosts().iter().filter_map(|(_, host)| host.default_input_device()).find(hears);
        let device = Some(self.device.clone()).filter(hears).or_else(other).ok_or("there is no input")?;
        let own = device.default_input_config().map_err(|e| e.to_string())?;
        let at_rate = |range: cpal::SupportedStreamConfigRange| range.try_with_sample_rate(self.rate);
        let configs = device.supported_input_configs().into_iter().flatten().filter_map(at_rate);
        let key = |config: &cpal::SupportedStreamConfig| {
            let channels = usize::from(config.channels());
            (usable(config.sample_format()), channels < most, channels)
        };
        let best = configs.filter(|config| usable(config.sample_format()) < NOT).min_by_key(key);
        let chosen = best.unwrap_or(own);
        let (format, config) = (chosen.sample_format(), StreamConfig::from(chosen));
        let channels = usize::from(config.channels).min(most.max(1));
        let (source, inflow) = inflow::pair(channels, config.sample_rate, self.rate)?;
        let stream = match format {
            SampleFormat::F32 => hear::<f32>(&device, config, source),
            SampleFormat::I32 => hear::<i32>(&device, config, source),
            SampleFormat::I16 => hear::<i16>(&device, config, source),
            other => return Err(format!("`{}` only gives samples of type {other:?}", describe(&device))),
        };
        let stream = stream.map_err(|e| e.to_string())?;
        stream.play().map_err(|e| e.to_string())?;
        self.inflows.push(Box::new(inflow)).map_err(|_| "the output does not answer")?;
        self.input = Some(stream);
        let plural = if channels == 1 { "" } else { "s" };
        Ok((channels, format!("{}, {} Hz, {channels} channel{plural}", describe(&device), config.sample_rate)))
    }
}

/// Opens an input; its callback puts what comes into a ring.
fn hear<T>(device: &cpal::Device, config: StreamConfig, mut source: Source) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample + Send + 'static,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels).max(1);
    device.build_input_stream(
        config,
        move |sound: &[T], _: &cpal::InputCallbackInfo| {
            source.put(sound.len() / channels, Instant::now(), |frame, channel| {
                sound.get(frame * channels + channel).map_or(0.0, |x| <f32 as FromSample<T>>::from_sample_(*x))
            });
        },
        // An input that goes is silent.
        |_| {},
        Some(Duration::from_secs(2)),
    )
}

/// No format that we read or write.
const NOT: u8 = 9;

/// How much a format is liked.
fn usable(format: SampleFormat) -> u8 {
    match format {
        SampleFormat::F32 => 0,
        SampleFormat::I32 => 1,
        SampleFormat::I16 => 2,
        _ => NOT,
    }
}

/// Keeps libasound from writing its complaints on the terminal; what matters comes back as an error.
#[cfg(target_os = "linux")]
pub(crate) fn hush_alsa() {
    use std::ffi::{c_char, c_int};
    type Handler = unsafe extern "C" fn(*const c_char, c_int, *const c_char, c_int, *const c_char);
    unsafe extern "C" fn silent(_: *const c_char, _: c_int, _: *const c_char, _: c_int, _: *const c_char) {}
    unsafe extern "C" {
        fn snd_lib_error_set_handler(handler: Option<Handler>) -> c_int;
    }
    // SAFETY: libasound is linked through cpal. The handler reads none of its arguments; the variable ones that the C type has in
    // addition are passed and cleaned up by the caller in the C calling conventions of Linux.
    unsafe {
        snd_lib_error_set_handler(Some(silent));
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn hush_alsa() {}

fn hosts() -> Vec<(String, cpal::Host)> {
    hush_alsa();
    let mut hosts = Vec::new();
    for id in cpal::available_hosts() {
        if let Ok(host) = cpal::host_from_id(id) {
            hosts.push((format!("{id:?}").to_lowercase(), host));
        }
    }
    hosts
}

fn describe(device: &cpal::Device) -> String {
    device.description().map_or_else(|_| "unnamed".to_string(), |d| d.name().to_string())
}

fn id(device: &cpal::Device) -> String {
    device.id().map_or_else(|_| describe(device), |id| id.to_string())
}

/// Every output that can be opened, the null device last.
pub fn list() -> Vec<DeviceInfo> {
    let mut all = Vec::new();
    #[cfg(feature = "jack")]
    all.extend(super::jack::info());
    for (name, host) in hosts() {
        let default = host.default_output_device().map(|d| id(&d));
        let Ok(devices) = host.output_devices() else { continue };
        for device in devices {
            let Ok(config) = device.default_output_config() else { continue };
            let name_of = id(&device);
            all.push(DeviceInfo {
                host: name.clone(),
                default: default.as_ref() == Some(&name_of) && !all.iter().any(|d: &DeviceInfo| d.default),
                name: name_of,
                description: describe(&device),
                rate: config.sample_rate(),
                channels: u32::from(config.channels()),
            });
        }
    }
    all.push(DeviceInfo {
        host: "null".into(),
        name: "null".into(),
        description: "no sound, by the clock".into(),
        default: all.is_empty(),
        rate: DEFAULT_RATE,
        channels: 2,
    });
    all
}

/// The card that the options ask for.
pub fn find(options: &DeviceOptions) -> Result<Card, String> {
    let hosts = hosts();
    let device = match options.name.as_deref() {
        None => hosts
            .iter()
            .find_map(|(_, host)| host.default_output_device().filter(|d| d.default_output_config().is_ok())),
        Some(wanted) => {
            let lower = wanted.to_lowercase();
            let of_host =
                hosts.iter().find(|(name, _)| *name == lower).and_then(|(_, host)| host.default_output_device());
            of_host.or_else(|| {
                let outputs = || hosts.iter().filter_map(|(_, host)| host.output_devices().ok()).flatten();
                let exact = outputs().find(|d| id(d) == wanted || describe(d) == wanted);
                exact.or_else(|| {
                    outputs().find(|d| format!("{} {}", id(d), describe(d)).to_lowercase().contains(&lower))
                })
            })
        }
    };
    let device = device.ok_or_else(|| match &options.name {
        Some(name) => format!("there is no output `{name}`; `modurust devices` lists what there is"),
        None => "there is no default output".to_string(),
    })?;
    let own = device.default_output_config().map_err(|e| e.to_string())?;
    let rate = options.rate.unwrap_or(own.sample_rate());
    let mut best = None;
    if let Ok(configs) = device.supported_output_configs() {
        for range in configs {
            let Some(config) = range.try_with_sample_rate(rate) else { continue };
            let key = (usable(config.sample_format()), config.channels() != 2, config.channels());
            if key.0 < NOT && best.as_ref().is_none_or(|(k, _)| key < *k) {
                best = Some((key, config));
            }
        }
    }
    let chosen = best.map_or(own, |(_, config)| config);
    if usable(chosen.sample_format()) == NOT {
        return Err(format!("`{}` only takes samples of type {:?}", describe(&device), chosen.sample_format()));
    }
    let mut config: StreamConfig = chosen.into();
    let format = chosen.sample_format();
    if let Some(block) = options.block {
        let block = match chosen.buffer_size() {
            SupportedBufferSize::Range { min, max } => block.clamp(*min, *max),
            SupportedBufferSize::Unknown => block,
        };
        config.buffer_size = BufferSize::Fixed(block);
    }
    let name = describe(&device);
    Ok(Card { device, config, format, name, unguarded: options.unguarded })
}

impl Card {
    /// Frames per second.
    pub fn rate(&self) -> u32 {
        self.config.sample_rate
    }

    /// Frames per block, if that is settled.
    pub fn block(&self) -> Option<u32> {
        match self.config.buffer_size {
            BufferSize::Fixed(frames) => Some(frames),
            BufferSize::Default => None,
        }
    }

    /// What is not as it was wished.
    pub fn message(&self, options: &DeviceOptions) -> Option<String> {
        let wanted = options.rate.filter(|rate| *rate != self.rate())?;
        Some(format!("`{}` cannot run at {wanted} Hz: using {} Hz", self.name, self.rate()))
    }

    /// In a few words.
    pub fn describe(&self) -> String {
        let block = self.block().map_or_else(|| "its own block".to_string(), |b| format!("{b} frames"));
        format!("{}, {} Hz, {block}, {} channels", self.name, self.rate(), self.config.channels)
    }

    /// Opens the card and begins to play.
    pub(crate) fn start(self, slot: Arc<Slot>, shared: Arc<Shared>) -> Result<Stream, String> {
        let open = |config| {
            let ((inflows, news), (old, back)) = (RingBuffer::new(2), RingBuffer::new(2));
            let guard = (!self.unguarded).then(|| Guard::new(self.rate()));
            let mouth = Mouth { news, old, now: None, guard };
            let hands = Hands { slot: Arc::clone(&slot), shared: Arc::clone(&shared), mouth };
            let stream = match self.format {
                SampleFormat::F32 => self.open_float(config, hands),
                SampleFormat::I32 => self.open_whole::<i32>(config, hands),
                _ => self.open_whole::<i16>(config, hands),
            };
            stream.map(|stream| (stream, inflows, back))
        };
        let stream = match open(self.config) {
            // The size of the block was a wish.
            Err(_) if self.block().is_some() => open(StreamConfig { buffer_size: BufferSize::Default, ..self.config }),
            other => other,
        };
        let (output, inflows, old) = stream.map_err(|e| e.to_string())?;
        output.play().map_err(|e| e.to_string())?;
        let rate = self.rate();
        Ok(Stream { input: None, _output: output, device: self.device, rate, inflows, old })
    }

    fn open_float(&self, config: StreamConfig, hands: Hands) -> Result<cpal::Stream, cpal::Error> {
        let channels = usize::from(config.channels);
        let Hands { slot, shared, mut mouth } = hands;
        let errors = Arc::clone(&shared);
        self.device.build_output_stream(
            config,
            move |out: &mut [f32], _: &cpal::OutputCallbackInfo| match slot.take() {
                Some(mut live) => {
                    mouth.give(&mut live.engine, out.len() / channels.max(1));
                    live.process(out, channels, &shared);
                    mouth.see(out, channels, &shared);
                    slot.put(live);
                }
                None => out.fill(0.0),
            },
            move |error| note(&error, &errors),
            Some(Duration::from_secs(2)),
        )
    }

    fn open_whole<T>(&self, config: StreamConfig, hands: Hands) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let channels = usize::from(config.channels).max(1);
        let Hands { slot, shared, mut mouth } = hands;
        let errors = Arc::clone(&shared);
        let mut scratch = vec![0.0f32; CONVERT * channels];
        self.device.build_output_stream(
            config,
            move |out: &mut [T], _: &cpal::OutputCallbackInfo| {
                let mut live = slot.take();
                if let Some(live) = &mut live {
                    mouth.give(&mut live.engine, out.len() / channels);
                }
                for part in out.chunks_mut(CONVERT * channels) {
                    let floats = &mut scratch[..part.len()];
                    match &mut live {
                        Some(live) => live.process(floats, channels, &shared),
                        None => floats.fill(0.0),
                    }
                    mouth.see(floats, channels, &shared);
                    for (to, from) in part.iter_mut().zip(floats.iter()) {
                        *to = T::from_sample(*from);
                    }
                }
                if let Some(live) = live {
                    slot.put(live);
                }
            },
            move |error| note(&error, &errors),
            Some(Duration::from_secs(2)),
        )
    }
}

/// What the callback of an output has.
struct Hands {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    mouth: Mouth,
}

/// Sorts what a stream complains about: counted, ignored, or the end of it.
fn note(error: &cpal::Error, shared: &Shared) {
    match error.kind() {
        ErrorKind::Xrun => {
            shared.xruns.fetch_add(1, Ordering::Relaxed);
        }
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
        _ => shared.gone.store(true, Ordering::Release),
    }
}
