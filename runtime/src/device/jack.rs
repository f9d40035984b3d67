//! JACK, and so PipeWire: sound in and out and MIDI in one callback, by one clock.
//!
//! The server says at which frame of a period a message came. Its note begins at that frame of the same period, if periods are whole
//! quanta, and otherwise at the first that is still to be computed; sound that comes in is heard in the same period as well. Sources of MIDI
//! are connected by hand, or by `--midi NAME`; what is connected to a port of ours gives it its name.
//!
//! ```text
//! system:capture_1 -> modurust:in_1         modurust:out_1 -> system:playback_1     modurust:bass_1 -> ..
//! Launchkey:midi   -> modurust:midi_in_1    modurust:midi_out_1 -> Digitone:midi
//! ```

use super::guard::{Guard, mean};
use super::output::{Line, Output};
use super::strips::Strip;
use super::{DeviceInfo, DeviceOptions};
use crate::engine::Engine;
use crate::inbox::{Incoming, PortName};
use crate::midi::wire::{self, Reader};
use crate::tap::TAPS;
use jack::{
    AsyncClient, AudioIn, AudioOut, Client, ClientOptions, ClientStatus, Control, Frames, MidiIn, MidiOut,
    NotificationHandler, Port, PortFlags, ProcessHandler, ProcessScope, RawMidi,
};
use modurust_compiler::graph::QUANTUM;
use rtrb::{Consumer, Producer, RingBuffer};
use std::any::Any;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Ports for MIDI that comes in, and for MIDI that goes out.
const MIDI_PORTS: usize = 4;
/// News of ports on their way to the callback.
const NEWS: usize = 64;

/// A client that is not active yet.
pub struct Card {
    client: Client,
    inputs: usize,
    unguarded: bool,
    midi: Vec<String>,
}

/// A client that plays until it is dropped, and the thread that looks after its ports.
struct Stream {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// How often ports are looked after.
const LOOK: Duration = Duration::from_millis(100);

/// Opens a client, if a server runs. It is not started for us.
fn open() -> Result<Client, String> {
    // Errors of the library come back as errors; what it prints besides is for nobody.
    jack::set_logger(jack::LoggerType::None);
    match Client::new("modurust", ClientOptions::NO_START_SERVER) {
        Ok((client, _)) => Ok(client),
        Err(error) => Err(format!("there is no JACK server: {error}")),
    }
}

/// The server as an output, if it runs.
pub fn info() -> Option<DeviceInfo> {
    let client = open().ok()?;
    Some(DeviceInfo {
        host: "jack".into(),
        name: "jack".into(),
        description: "JACK server".into(),
        default: true,
        rate: client.sample_rate(),
        channels: 2,
    })
}

/// What of MIDI the server can listen to and speak to, but for our own ports; `None` without a server.
pub fn midi() -> Option<(Vec<String>, Vec<String>)> {
    let client = open().ok()?;
    let ports = |flags| {
        let all = client.ports(None, Some(MIDI), flags);
        all.into_iter().filter(|name| !name.starts_with("modurust")).collect::<Vec<_>>()
    };
    Some((ports(PortFlags::IS_OUTPUT), ports(PortFlags::IS_INPUT)))
}

/// Connects to the server.
pub fn find(options: &DeviceOptions) -> Result<Card, String> {
    let DeviceOptions { inputs, unguarded, midi, .. } = options;
    Ok(Card { client: open()?, inputs: *inputs, unguarded: *unguarded, midi: midi.clone() })
}

impl Card {
    /// What is not as it was wished.
    pub fn message(&self, options: &DeviceOptions) -> Option<String> {
        let own = self.client.sample_rate();
        let wanted = options.rate.filter(|rate| *rate != own)?;
        Some(format!("JACK runs at {own} Hz, not at {wanted} Hz"))
    }
}

impl Output for Card {
    fn rate(&self) -> u32 {
        self.client.sample_rate()
    }

    fn block(&self) -> Option<u32> {
        Some(self.client.buffer_size())
    }

    fn describe(&self) -> String {
        format!("JACK, {} Hz, {} frames, 2 channels", self.client.sample_rate(), self.client.buffer_size())
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn has_ports(&self) -> bool {
        true
    }

    /// Registers ports, connects them and begins to play.
    fn start(self: Box<Self>, line: Line) -> Result<Box<dyn Any>, String> {
        let Card { client, inputs, unguarded, midi } = *self;
        let failed = |error: jack::Error| format!("JACK: {error}");
        let numbered = |name: &str, i: usize| format!("{name}_{}", i + 1);
        let mut outs = Vec::new();
        for i in 0..2 {
            outs.push(client.register_port(&numbered("out", i), AudioOut::default()).map_err(failed)?);
        }
        let mut ins = Vec::new();
        for i in 0..inputs {
            ins.push(client.register_port(&numbered("in", i), AudioIn::default()).map_err(failed)?);
        }
        let mut keys = Vec::new();
        for i in 0..MIDI_PORTS {
            let port = client.register_port(&numbered("midi_in", i), MidiIn::default()).map_err(failed)?;
            keys.push((port, Reader::default()));
        }
        let mut instruments = Vec::new();
        for i in 0..MIDI_PORTS {
            let port = client.register_port(&numbered("midi_out", i), MidiOut::default()).map_err(failed)?;
            instruments.push((port, PortName::NONE));
        }
        let name = |port: Result<String, jack::Error>| port.map_err(failed);
        let out_names = outs.iter().map(|port| name(port.name())).collect::<Result<Vec<_>, _>>()?;
        let in_names = ins.iter().map(|port| name(port.name())).collect::<Result<Vec<_>, _>>()?;
        let mut ports = Vec::new();
        for (port, _) in &keys {
            ports.push((name(port.name())?, String::new()));
        }
        let mut exits = Vec::new();
        for (port, _) in &instruments {
            exits.push((name(port.name())?, PortName::NONE));
        }
        let (news, heard) = RingBuffer::new(NEWS);
        let (asks, asked) = RingBuffer::new(NEWS);
        let block = vec![0.0; 2 * client.buffer_size() as usize];
        let (leads, led) = RingBuffer::new(TAPS);
        let told = Told(line.clone());
        let guard = (inputs > 0 && !unguarded).then(|| Guard::new(client.sample_rate()));
        let gains = vec![1.0; client.buffer_size() as usize];
        let player = Player {
            line: line.clone(),
            outs,
            ins,
            keys,
            instruments,
            news: heard,
            asks,
            block,
            late: None,
            rolled: None,
            guard,
            gains,
            led,
            strips: Vec::with_capacity(TAPS),
        };
        let client = client.activate_async(told, player).map_err(failed)?;
        // To the loudspeakers and from the inputs of the machine, where there are some. A refusal is no reason not to play.
        let physical = |kind, flags| client.as_client().ports(None, Some(kind), flags | PortFlags::IS_PHYSICAL);
        for (ours, theirs) in out_names.iter().zip(physical(AUDIO, PortFlags::IS_INPUT)) {
            let _ = client.as_client().connect_ports_by_name(ours, &theirs);
        }
        for (ours, theirs) in in_names.iter().zip(physical(AUDIO, PortFlags::IS_OUTPUT)) {
            let _ = client.as_client().connect_ports_by_name(&theirs, ours);
        }
        let mut ports = Ports { client, ports, exits, asked, wanted: midi, news, line, leads };
        ports.look();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let look = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::park_timeout(LOOK);
                ports.look();
            }
            ports.close();
        };
        let thread = std::thread::Builder::new().name("modurust-jack".into()).spawn(look).map_err(|e| e.to_string())?;
        Ok(Box::new(Stream { stop, thread: Some(thread) }))
    }
}

/// What JACK calls sound, and MIDI.
const AUDIO: &str = "32 bit float mono audio";
const MIDI: &str = "8 bit raw midi";

/// Our ports, from outside of the callback.
struct Ports {
    client: AsyncClient<Told, Player>,
    /// Ports for MIDI by their full names, and what was last told of them.
    ports: Vec<(String, String)>,
    /// Ports for MIDI that goes out, and the instruments that they are for.
    exits: Vec<(String, PortName)>,
    asked: Consumer<(usize, PortName)>,
    wanted: Vec<String>,
    news: Producer<Incoming>,
    line: Line,
    leads: Producer<Led>,
}

/// A strip and its ports.
struct Led {
    strip: Strip,
    ports: [Port<AudioOut>; 2],
}

impl Ports {
    /// Makes ports for strips that are to have some. Without room for more the strip waits.
    fn lead(&mut self) {
        let client = self.client.as_client();
        let mut strips = self.line.shared.strips.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.leads.is_full()
            && let Some(strip) = strips.pop()
        {
            let port = |side: usize| client.register_port(&format!("{}_{side}", strip.name), AudioOut::default());
            // A name that the server refuses has no ports; everything else goes on.
            if let (Ok(left), Ok(right)) = (port(1), port(2)) {
                // There is room, as was seen.
                let _ = self.leads.push(Led { strip, ports: [left, right] });
            }
        }
    }

    /// Ends the sound, and leaves the strips to the next device.
    fn close(self) {
        let Ports { client, line, leads, .. } = self;
        let ended = client.deactivate();
        drop(leads);
        if let Ok((client, _, Player { mut led, strips: playing, .. })) = ended {
            let waiting = std::iter::from_fn(|| led.pop().ok());
            let mut strips = line.shared.strips.lock().unwrap_or_else(PoisonError::into_inner);
            for Led { strip, ports } in playing.into_iter().chain(waiting) {
                ports.into_iter().for_each(|port| drop(client.unregister_port(port)));
                strips.push(strip);
            }
        }
    }

    /// Connects sources that are wished for as they come, and tells the engine what is connected.
    fn look(&mut self) {
        self.lead();
        let client = self.client.as_client();
        if !self.wanted.is_empty() {
            let sources = client.ports(None, Some(MIDI), PortFlags::IS_OUTPUT);
            for (wanted, (ours, _)) in self.wanted.iter().zip(&self.ports) {
                let wanted = wanted.to_lowercase();
                for source in sources.iter().filter(|source| source.to_lowercase().contains(&wanted)) {
                    // What is connected already is refused.
                    let _ = client.connect_ports_by_name(source, ours);
                }
            }
        }
        while let Ok((port, name)) = self.asked.pop() {
            if let Some(exit) = self.exits.get_mut(port) {
                exit.1 = name;
            }
        }
        if self.exits.iter().any(|(_, name)| *name != PortName::NONE) {
            let sinks = client.ports(None, Some(MIDI), PortFlags::IS_INPUT);
            for (ours, name) in self.exits.iter().filter(|(_, name)| *name != PortName::NONE) {
                let fits = |sink: &&String| sink.to_lowercase().contains(name.as_str());
                for sink in sinks.iter().filter(fits) {
                    let _ = client.connect_ports_by_name(ours, sink);
                }
            }
        }
        for (i, (ours, told)) in self.ports.iter_mut().enumerate() {
            let Some(port) = client.port_by_name(ours) else { continue };
            let mut sources = port.get_connections();
            sources.sort();
            let now = sources.join(", ");
            if now == *told {
                continue;
            }
            let port = i as u8;
            let what = match (told.is_empty(), now.is_empty()) {
                (true, _) => Incoming::Plugged(port, PortName::new(&now)),
                (_, true) => Incoming::Gone(port),
                // Others play on while one comes or goes.
                _ => Incoming::Named(port, PortName::new(&now)),
            };
            if self.news.push(what).is_ok() {
                *told = now;
            }
        }
    }
}

/// What the transport does now that it did not do before. That it stands still from the start says nothing.
fn transport(client: &Client, rolled: &mut Option<(bool, u32)>, frames: Frames) -> Option<Incoming> {
    let now = client.transport().query().ok()?;
    let rolls = now.state == jack::TransportState::Rolling;
    let place = now.pos.frame();
    let next = if rolls { place.wrapping_add(frames) } else { place };
    let before = rolled.replace((rolls, next));
    let news = match before {
        None => rolls,
        Some((false, _)) => rolls,
        Some((true, expected)) => !rolls || place != expected,
    };
    let rate = now.pos.frame_rate().filter(|rate| *rate > 0).unwrap_or_else(|| client.sample_rate());
    news.then(|| Incoming::Transport(rolls, f64::from(place) / f64::from(rate)))
}

/// Writes what leaves in this period into the port of its instrument, at its frame.
fn send(
    engine: &mut Engine,
    first: u64,
    instruments: &mut [(Port<MidiOut>, PortName)],
    asks: &mut Producer<(usize, PortName)>,
    scope: &ProcessScope,
) {
    let mut names = [PortName::NONE; MIDI_PORTS];
    names.iter_mut().zip(instruments.iter()).for_each(|(to, (_, name))| *to = *name);
    let mut ports = instruments.iter_mut();
    let mut writers: [_; MIDI_PORTS] = std::array::from_fn(|_| ports.next().map(|(port, _)| port.writer(scope)));
    engine.take_departures(first + u64::from(scope.n_frames()), |departure| {
        let known = names.iter().position(|name| *name == departure.device);
        let free = || names.iter().position(|name| *name == PortName::NONE);
        let Some(port) = known.or_else(free) else { return };
        if known.is_none() && asks.push((port, departure.device)).is_ok() {
            names[port] = departure.device;
        }
        let time = departure.frame.saturating_sub(first) as Frames;
        if let Some(Some(writer)) = writers.get_mut(port) {
            // A full buffer is the server's own limit; what it does not take is lost.
            wire::write(&departure.message, |bytes| drop(writer.write(&RawMidi { time, bytes })));
        }
    });
    instruments.iter_mut().zip(names).for_each(|((_, to), name)| *to = name);
}

/// What the server tells besides.
struct Told(Line);

impl NotificationHandler for Told {
    unsafe fn shutdown(&mut self, _: ClientStatus, _: &str) {
        self.0.gone();
    }

    fn sample_rate(&mut self, client: &Client, rate: Frames) -> Control {
        // Told once at the start as well.
        if rate != client.sample_rate() {
            self.0.gone();
        }
        Control::Continue
    }

    fn xrun(&mut self, _: &Client) -> Control {
        self.0.late();
        Control::Continue
    }
}

/// The callback.
struct Player {
    line: Line,
    outs: Vec<Port<AudioOut>>,
    ins: Vec<Port<AudioIn>>,
    keys: Vec<(Port<MidiIn>, Reader)>,
    /// Ports for instruments, and which each is for.
    instruments: Vec<(Port<MidiOut>, PortName)>,
    news: Consumer<Incoming>,
    asks: Producer<(usize, PortName)>,
    /// A period, interleaved.
    block: Vec<f32>,
    /// Frames by which sound that comes in is late, once that is known.
    late: Option<usize>,
    /// Whether the transport rolled in the last period, and where it was to go on.
    rolled: Option<(bool, u32)>,
    guard: Option<Guard>,
    /// By what each frame that comes in is multiplied.
    gains: Vec<f32>,
    led: Consumer<Led>,
    strips: Vec<Led>,
}

/// When the period began, by the server's own clock, which is even and is that of the system. It may lie a little ahead of now.
fn due(client: &Client, scope: &ProcessScope) -> Option<Instant> {
    let begun = scope.cycle_times().ok()?.current_usecs;
    let (now, time) = (Instant::now(), client.time());
    match time.checked_sub(begun) {
        Some(passed) => now.checked_sub(Duration::from_micros(passed)),
        None => now.checked_add(Duration::from_micros(begun - time)),
    }
}

impl ProcessHandler for Player {
    fn process(&mut self, client: &Client, scope: &ProcessScope) -> Control {
        let frames = scope.n_frames() as usize;
        let Player { line, outs, ins, keys, instruments, news, asks, block, late, rolled, guard, gains, led, strips } =
            self;
        let Some(block) = block.get_mut(..2 * frames) else { return Control::Continue };
        let first = Cell::new(0);
        let give = |engine: &mut Engine| {
            first.set(engine.next_frame());
            if let Some(what) = transport(client, rolled, frames as Frames) {
                engine.tell(0, what);
            }
            while let Ok(what) = news.pop() {
                engine.tell(0, what);
            }
            for (port, (source, reader)) in keys.iter_mut().enumerate() {
                for event in source.iter(scope) {
                    let frame = first.get() + u64::from(event.time);
                    reader.message(event.bytes, |message| {
                        engine.tell(frame, Incoming::Midi(port as u8, message));
                    });
                }
            }
            // Periods that are no whole quanta would ask for sound that is not there yet.
            let ahead = *late.get_or_insert(if frames.is_multiple_of(QUANTUM) { 0 } else { QUANTUM });
            if ahead > 0 {
                engine.sound_in(ahead, |_, _| 0.0);
                *late = Some(0);
            }
            if !ins.is_empty() {
                let at = |port: &Port<AudioIn>, frame: usize| port.as_slice(scope).get(frame).copied().unwrap_or(0.0);
                if let Some(guard) = guard.as_mut() {
                    let sum = |frame| ins.iter().map(|port| at(port, frame)).sum();
                    gains.iter_mut().take(frames).enumerate().for_each(|(i, gain)| *gain = guard.hear(sum(i)));
                }
                engine.sound_in(frames, |frame, channel| {
                    let gain = gains.get(frame).copied().unwrap_or(1.0);
                    ins.get(channel).map_or(0.0, |port| at(port, frame)) * gain
                });
            }
        };
        let ahead = Cell::new(0);
        let take = |engine: &mut Engine| {
            send(engine, first.get(), instruments, asks, scope);
            ahead.set(engine.frame().saturating_sub(engine.next_frame()) as usize + engine.latency());
        };
        line.fill_with(block, 2, due(client, scope), give, take);
        if let Some(guard) = guard {
            block.chunks_exact(2).for_each(|frame| guard.see(mean(frame)));
            line.howled(guard.turns());
        }
        while strips.len() < strips.capacity()
            && let Ok(new) = led.pop()
        {
            strips.push(new);
        }
        for Led { strip, ports: [left, right] } in strips.iter_mut() {
            strip.read(ahead.get(), [left.as_mut_slice(scope), right.as_mut_slice(scope)]);
        }
        for (channel, port) in outs.iter_mut().enumerate() {
            for (to, frame) in port.as_mut_slice(scope).iter_mut().zip(block.chunks_exact(2)) {
                *to = frame.get(channel).copied().unwrap_or(0.0);
            }
        }
        Control::Continue
    }

    fn buffer_size(&mut self, _: &Client, frames: Frames) -> Control {
        // Allowed to allocate here.
        self.block.resize(2 * frames as usize, 0.0);
        self.gains.resize(frames as usize, 1.0);
        Control::Continue
    }
}
