//! `modurust osc-layout`: faders and buttons for a set, as a session of Open Stage Control.
//!
//! Every strip becomes a panel with its level, place, mute, solo and clips; numbers with a name become faders over the range of their
//! knobs; scenes, songs and transport become buttons. All of them speak to the addresses of [`modurust_runtime::osc::space`], so what is
//! drawn is what `modurust play --osc` hears.

use super::work::{self, Work};
use super::{Failure, terminal};
use modurust_runtime::compiler::front::Compiler;
use modurust_runtime::compiler::program::Program;
use modurust_runtime::osc::space::{Place, Space, Target};
use modurust_runtime::session::compile;
use modurust_runtime::world::FileWorld;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What `osc-layout` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Files that play together
    #[arg(required = true)]
    files: Vec<String>,
    /// Where to write; standard output if this is left out
    #[arg(short, long, value_name = "JSON")]
    out: Option<PathBuf>,
    /// The port at which `modurust play --osc PORT` listens
    #[arg(long, default_value_t = 9000)]
    port: u16,
}

/// Loudest that a fader of a strip goes, as a factor.
const LOUDEST: f64 = 1.5;

/// Writes the layout.
pub fn run(args: &Args) -> Result<(), Failure> {
    let work = Work::files(&args.files)?;
    let mut compiler = Compiler::new(work::options(work::RATE));
    let outcome = compile(&mut compiler, &FileWorld::new(), &work.roots).map_err(Failure::because)?;
    let Some(program) = outcome.program.as_ref().filter(|_| !outcome.diagnostics.iter().any(|d| d.is_error())) else {
        terminal::complain(&outcome.render(terminal::colour()));
        return Err(Failure::Text);
    };
    let text = format!("{:#}\n", layout(program, args.port));
    match &args.out {
        Some(path) => std::fs::write(path, text).map_err(|why| Failure::because(format!("{}: {why}", path.display()))),
        None => terminal::print(&text),
    }
}

/// A session of Open Stage Control.
fn layout(program: &Program, port: u16) -> Value {
    let space = Space::of(program);
    let target = json!([format!("127.0.0.1:{port}")]);
    let widget = |address: &str, place: &Place| widget(address, place, program, &target);
    let below = |prefix: &str| -> Vec<Value> {
        let own =
            space.iter().filter(|(address, _)| address.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')));
        own.filter_map(|(address, place)| widget(address, place)).collect()
    };
    let strips = program.timeline.strips.iter().filter(|strip| *strip != "master");
    let mut panels: Vec<Value> =
        strips.clone().map(|strip| panel(strip, "vertical", below(&format!("/{strip}")))).collect();
    let of_strip = |address: &str| {
        let first = address[1..].split('/').next().unwrap_or("");
        address[1..].contains('/') && (first == "master" || strips.clone().any(|strip| strip == first))
    };
    let rest = space.iter().filter(|(address, _)| !of_strip(address));
    let (mut launches, mut transport, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (address, place) in rest {
        let list = match &place.targets[0] {
            Target::Launch(_) => &mut launches,
            Target::Param(_) => &mut numbers,
            _ => &mut transport,
        };
        list.extend(widget(address, place));
    }
    panels.insert(0, panel("transport", "horizontal", transport));
    panels.push(panel("scenes", "vertical", launches));
    panels.push(panel("numbers", "horizontal", numbers));
    panels.retain(|panel| panel["widgets"].as_array().is_some_and(|widgets| !widgets.is_empty()));
    json!({
        "createdWith": "Open Stage Control",
        "version": "1.25.0",
        "type": "session",
        "content": { "type": "root", "id": "root", "layout": "horizontal", "widgets": panels, "tabs": [] },
    })
}

fn panel(name: &str, layout: &str, mut widgets: Vec<Value>) -> Value {
    if !widgets.is_empty() {
        widgets.insert(0, json!({ "type": "text", "id": format!("{name} label"), "default": name }));
    }
    json!({ "type": "panel", "id": name, "layout": layout, "widgets": widgets })
}

/// What an address looks like; `None` for what has no face.
fn widget(address: &str, place: &Place, program: &Program, target: &Value) -> Option<Value> {
    let name = address.rsplit('/').next().unwrap_or(address);
    let common = |kind: &str| json!({ "type": kind, "id": address, "address": address, "target": target });
    let with = |mut widget: Value, more: Value| {
        if let (Value::Object(widget), Value::Object(more)) = (&mut widget, more) {
            widget.extend(more);
        }
        widget
    };
    let start = |name: &str| {
        let at = program.patch.graph.params.iter().position(|param| *param.name == *name)?;
        program.params.get(at).copied().map(f64::from)
    };
    Some(match &place.targets[0] {
        Target::Param(param) if param.ends_with(".mute") => {
            with(common("button"), json!({ "label": name, "mode": "toggle", "on": 1, "off": 0 }))
        }
        Target::Solo(_) => with(common("button"), json!({ "label": name, "mode": "toggle", "on": 1, "off": 0 })),
        Target::Param(param) => {
            let start = start(param).unwrap_or(0.0);
            let (low, high) = match place.range {
                Some((low, high)) => (f64::from(low), f64::from(high)),
                None if param.ends_with(".level") => (0.0, LOUDEST),
                // Without a range in the text: twice as far as it stands, or from 0 to 1.
                None if start != 0.0 => ((2.0 * start).min(0.0), (2.0 * start).max(0.0)),
                None => (0.0, 1.0),
            };
            let kind = if param.ends_with(".pan") { "knob" } else { "fader" };
            with(common(kind), json!({ "label": name, "range": { "min": low, "max": high }, "default": start }))
        }
        Target::Tempo => {
            let bpm = program.timing.bpm.to_f64();
            with(common("fader"), json!({ "label": name, "range": { "min": 40, "max": 220 }, "default": bpm }))
        }
        Target::Launch(_) | Target::Stop(_) => with(common("button"), json!({ "label": name, "mode": "tap" })),
        Target::Play | Target::Pause | Target::Hush | Target::Panic | Target::Tap => {
            with(common("button"), json!({ "label": name, "mode": "tap" }))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_runtime::compiler::front::World;

    struct Text(&'static str);

    impl World for Text {
        fn read(&self, _: &str) -> Result<String, String> {
            Ok(self.0.into())
        }
    }

    #[test]
    fn what_is_drawn_is_what_is_heard() {
        let text = "cut = knob(800hz, 200hz..8khz)\ntrack bass = clips { a: \"0\"  b: \"7\" } >> scale(c2, minor) >> mono(sub) >> lpf(cut)\n\
                    scene one { bass: a }\nlaunch one\n";
        let outcome = Compiler::new(work::options(48_000)).compile(&Text(text), &["set.modu".into()]);
        let program = outcome.program.as_ref().unwrap_or_else(|| panic!("{}", outcome.render(false)));
        let session = layout(program, 9001);
        let mut widgets: Vec<&Value> = Vec::new();
        let mut open = vec![&session["content"]];
        while let Some(next) = open.pop() {
            open.extend(next["widgets"].as_array().into_iter().flatten());
            widgets.extend(next["address"].is_string().then_some(next));
        }
        let space = Space::of(program);
        for widget in &widgets {
            let address = widget["address"].as_str().unwrap();
            assert!(space.get(address).is_some(), "nobody hears {address}");
            assert_eq!(widget["target"], json!(["127.0.0.1:9001"]));
        }
        let find =
            |address: &str| *widgets.iter().find(|w| w["address"] == address).unwrap_or_else(|| panic!("no {address}"));
        assert_eq!(find("/cut")["range"], json!({ "min": 200.0, "max": 8000.0 }));
        assert_eq!(find("/cut")["default"], json!(800.0));
        assert_eq!(find("/bass/mute")["mode"], "toggle");
        assert_eq!(find("/bass/clip/b")["mode"], "tap");
        assert_eq!(find("/bass/pan")["type"], "knob");
        find("/scene/one");
        find("/panic");
    }
}
