//! `modurust devices`: where sound can go, and what of MIDI can be listened and spoken to.

use super::{Failure, terminal};
use modurust_runtime::device;
use modurust_runtime::patchbay::system;
use serde::Serialize;

/// What `devices` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

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

/// Lists outputs of sound, and ports of MIDI.
pub fn run(args: &Args) -> Result<(), Failure> {
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
