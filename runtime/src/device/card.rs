//! Sound cards and sound servers, through cpal: ALSA as built, JACK with the cargo feature `jack`.
//!
//! The callback takes the engine out of its slot, lets it fill the block (converting when the card wants whole numbers), and puts
//! it back. A missed deadline is counted. Any error that ends the stream raises a flag, and [`super::Running::poll`] falls back
//! to the null device.

use super::{DEFAULT_RATE, DeviceInfo, DeviceOptions, Shared, Slot};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Frames converted at once when a card wants whole numbers.
const CONVERT: usize = 1024;

/// A card with the configuration that it will be opened with.
pub struct Card {
    device: cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    name: String,
}

/// A stream that plays until it is dropped.
pub struct Stream {
    _stream: cpal::Stream,
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
    let usable = |format: SampleFormat| match format {
        SampleFormat::F32 => 0,
        SampleFormat::I32 => 1,
        SampleFormat::I16 => 2,
        _ => 9,
    };
    let mut best = None;
    if let Ok(configs) = device.supported_output_configs() {
        for range in configs {
            let Some(config) = range.try_with_sample_rate(rate) else { continue };
            let key = (usable(config.sample_format()), config.channels() != 2, config.channels());
            if key.0 < 9 && best.as_ref().is_none_or(|(k, _)| key < *k) {
                best = Some((key, config));
            }
        }
    }
    let chosen = best.map_or(own, |(_, config)| config);
    if usable(chosen.sample_format()) == 9 {
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
    Ok(Card { device, config, format, name })
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
        let open = |config| match self.format {
            SampleFormat::F32 => self.open_float(config, Arc::clone(&slot), Arc::clone(&shared)),
            SampleFormat::I32 => self.open_whole::<i32>(config, Arc::clone(&slot), Arc::clone(&shared)),
            _ => self.open_whole::<i16>(config, Arc::clone(&slot), Arc::clone(&shared)),
        };
        let stream = match open(self.config) {
            // The size of the block was a wish.
            Err(_) if self.block().is_some() => open(StreamConfig { buffer_size: BufferSize::Default, ..self.config }),
            other => other,
        };
        let stream = stream.map_err(|e| e.to_string())?;
        stream.play().map_err(|e| e.to_string())?;
        Ok(Stream { _stream: stream })
    }

    fn open_float(
        &self,
        config: StreamConfig,
        slot: Arc<Slot>,
        shared: Arc<Shared>,
    ) -> Result<cpal::Stream, cpal::Error> {
        let channels = usize::from(config.channels);
        let errors = Arc::clone(&shared);
        self.device.build_output_stream(
            config,
            move |out: &mut [f32], _: &cpal::OutputCallbackInfo| match slot.take() {
                Some(mut live) => {
                    live.process(out, channels, &shared);
                    slot.put(live);
                }
                None => out.fill(0.0),
            },
            move |error| note(&error, &errors),
            Some(Duration::from_secs(2)),
        )
    }

    fn open_whole<T>(
        &self,
        config: StreamConfig,
        slot: Arc<Slot>,
        shared: Arc<Shared>,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let channels = usize::from(config.channels).max(1);
        let errors = Arc::clone(&shared);
        let mut scratch = vec![0.0f32; CONVERT * channels];
        self.device.build_output_stream(
            config,
            move |out: &mut [T], _: &cpal::OutputCallbackInfo| {
                let mut live = slot.take();
                for part in out.chunks_mut(CONVERT * channels) {
                    let floats = &mut scratch[..part.len()];
                    match &mut live {
                        Some(live) => live.process(floats, channels, &shared),
                        None => floats.fill(0.0),
                    }
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
