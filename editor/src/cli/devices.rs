//! `modurust devices`: where sound can go, what of MIDI can be listened and spoken to, and how late sound is that comes back.

use super::output::Output;
use super::{Failure, terminal, work};
use modurust_runtime::command::Notice;
use modurust_runtime::compiler::score::Ratio;
use modurust_runtime::device::{self, latency};
use modurust_runtime::patchbay::system;
use modurust_runtime::session::{Session, SessionOptions};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What `devices` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    /// Measure how late sound is that goes out and comes in again: with a cable from output 1 to input 1, or a microphone at a loudspeaker
    #[arg(long)]
    measure: bool,
    #[command(flatten)]
    output: Output,
}

/// How long is listened, seconds.
const LISTEN: f64 = 1.5;

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    host: String,
    name: String,
    description: String,
    default: bool,
    /// Of sound alone.
    rate: Option<u32>,
    channels: Option<u32>,
}

impl Row {
    /// A port of MIDI.
    fn port(kind: &'static str, host: &str, name: String) -> Row {
        let (host, description) = (host.to_string(), String::new());
        Row { kind, host, name, description, default: false, rate: None, channels: None }
    }
}

/// What is printed of a measurement with `--json`.
#[derive(Serialize)]
struct Measured<'a> {
    device: &'a str,
    rate: u32,
    frames: Option<usize>,
    ms: Option<f64>,
}

/// Plays noise and listens for it.
fn measure(args: &Args) -> Result<(), Failure> {
    let choice = args.output.choose(&[])?;
    let rate = choice.rate();
    let (session, engine) = Session::new(SessionOptions {
        watch: false,
        inputs: args.output.inputs(),
        texts: [("probe".to_string(), latency::TEXT.to_string())].into(),
        ..SessionOptions::new(vec!["probe".into()], work::options(rate))
    })
    .map_err(Failure::outside)?;
    let mut running = choice.start(engine);
    let program = session.snapshot().program.ok_or_else(|| Failure::because("the probe does not play"))?;
    if let Some(Notice::Device { message }) = running.deaf(&program) {
        terminal::complain(&format!("{message}\n"));
    }
    let taps = [session.take_tap(), session.take_tap()];
    let [Some(mut played), Some(mut heard)] = taps else {
        return Err(Failure::because("the engine cannot be recorded"));
    };
    // After a while, in which an input has opened and whoever connects ports has done so.
    let frame = || session.meters().frame.load(std::sync::atomic::Ordering::Relaxed);
    let from = frame() + u64::from(rate) * 2;
    for (spout, strip) in [(&played, "probe"), (&heard, "heard")] {
        spout.valve.open(strip, Ratio::ZERO, from);
    }
    let wanted = (LISTEN * f64::from(rate)) as usize;
    let (begin, mut sounds) = (Instant::now(), [Vec::new(), Vec::new()]);
    while sounds.iter().any(|sound| sound.len() < wanted) {
        for (sound, spout) in sounds.iter_mut().zip([&mut played, &mut heard]) {
            sound.extend(std::iter::from_fn(|| spout.ring.pop().ok()).map(|frame| frame[0]));
        }
        if begin.elapsed() > Duration::from_secs(20) {
            return Err(Failure::because("the device does not play"));
        }
        session.notices();
        std::thread::sleep(Duration::from_millis(10));
    }
    let frames = latency::lateness(&sounds[0], &sounds[1]);
    let device = running.describe().to_string();
    let ms = frames.map(|frames| frames as f64 * 1e3 / f64::from(rate));
    running.stop();
    if args.json {
        return terminal::print_json(&Measured { device: &device, rate, frames, ms });
    }
    let Some((frames, ms)) = frames.zip(ms) else {
        return Err(Failure::because(format!(
            "{device}: nothing of what was played came in; lead output 1 into input 1 by a cable, or hold a microphone to a loudspeaker"
        )));
    };
    terminal::print(&format!(
        "{device}: what goes out is back after {frames} frames, {ms:.2} ms; recordings of inputs are put right with `--latency {frames}`\n"
    ))
}

/// Lists outputs of sound, and ports of MIDI.
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.measure {
        return measure(args);
    }
    let mut devices = device::list();
    // With no usable output `play` goes on with the null device, which is the last.
    if !devices.iter().any(|d| d.default)
        && let Some(null) = devices.last_mut()
    {
        null.default = true;
    }
    let (ports, jack) = (system::list(), device::jack_midi());
    if args.json {
        let rows = devices.into_iter().map(|d| Row {
            kind: "audio output",
            host: d.host,
            name: d.name,
            description: d.description,
            default: d.default,
            rate: Some(d.rate),
            channels: Some(d.channels),
        });
        let mut rows: Vec<Row> = rows.collect();
        for (host, (sources, sinks)) in [("midi", ports.unwrap_or_default()), ("jack", jack.unwrap_or_default())] {
            rows.extend(sources.into_iter().map(|name| Row::port("midi input", host, name)));
            rows.extend(sinks.into_iter().map(|name| Row::port("midi output", host, name)));
        }
        return terminal::print_json(&rows);
    }
    let mut rows = vec![["", "name", "host", "rate", "channels", "description"].map(str::to_string).to_vec()];
    for d in devices {
        let mark = if d.default { "*" } else { "" };
        rows.push(vec![mark.into(), d.name, d.host, d.rate.to_string(), d.channels.to_string(), d.description]);
    }
    terminal::print(&terminal::table(&rows))?;
    terminal::print("\n* is used unless `--device NAME` names another; a part of the name is enough.\n\n")?;
    let lines = |title: &str, names: Vec<String>| {
        let names = if names.is_empty() { vec!["none".to_string()] } else { names };
        format!("{title}\n{}\n", names.into_iter().map(|name| format!("  {name}\n")).collect::<String>())
    };
    match ports {
        Ok((sources, sinks)) => {
            let sources = lines("MIDI that can be listened to, by a part of its name: midi('keys')", sources);
            let sinks = lines("MIDI that can be played: midi_out('synth')", sinks);
            terminal::print(&format!("{sources}{sinks}"))?;
        }
        Err(why) => terminal::print(&format!("There is no MIDI of the system here: {why}.\n"))?,
    }
    let Some((sources, sinks)) = jack else { return Ok(()) };
    let sources = lines("MIDI of JACK that can be listened to: --midi NAME connects it", sources);
    let sinks = lines("MIDI of JACK that can be played: midi_out('synth')", sinks);
    terminal::print(&format!("{sources}{sinks}"))
}
