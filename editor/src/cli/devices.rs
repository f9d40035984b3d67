//! `modurust devices`: where sound can go.

use super::{Failure, terminal};
use modurust_runtime::device;
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
    rate: u32,
    channels: u32,
}

/// Lists the outputs.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut devices = device::list();
    // With no usable output `play` goes on with the null device, which is the last.
    if !devices.iter().any(|d| d.default)
        && let Some(null) = devices.last_mut()
    {
        null.default = true;
    }
    if args.json {
        let rows = devices.into_iter().map(|d| Row {
            kind: "audio output",
            host: d.host,
            name: d.name,
            description: d.description,
            default: d.default,
            rate: d.rate,
            channels: d.channels,
        });
        return terminal::print_json(&rows.collect::<Vec<_>>());
    }
    let mut rows = vec![["", "name", "host", "rate", "channels", "description"].map(str::to_string).to_vec()];
    for d in devices {
        let mark = if d.default { "*" } else { "" };
        rows.push(vec![mark.into(), d.name, d.host, d.rate.to_string(), d.channels.to_string(), d.description]);
    }
    terminal::print(&terminal::table(&rows))?;
    terminal::print("\n* is used unless `--device NAME` names another; a part of the name is enough.\n")
}
