//! The window: `modurust edit`.
//!
//! One window, code always visible beside one of three views, and the text as the only truth: every gesture ends as an edit of the text or a
//! command for the engine. The parts, from what is heard to what is seen:
//!
//! ```text
//! player    a session on its own thread            history   every text that played, on disk
//! model     the text, what plays, what is selected; carries out each Act
//! act       what a gesture may ask for             words     commands by name: keymap, palette, scripts
//! frame     who gets which room                    theme     colours by what they mean
//! code hex live arrange mixer panels stage         what is seen; they look at a See and push Acts
//! frames    what a frame costs                     lit       steps that sound
//! monitor   how the selected sounds                files     the files of the piece
//! script    steps for pictures and tests           monkey    steps by chance
//! bake      numbers of hands into the text
//! ```
//!
//! A fault in what draws is caught: the parts are built anew from the model, and the sound has never known.

pub(crate) mod act;
mod arrange;
mod bake;
mod code;
mod files;
mod frame;
pub(crate) mod frames;
mod hex;
mod history;
mod keymap;
mod lit;
mod live;
mod look;
mod mixer;
mod model;
mod monitor;
mod monkey;
mod palette;
mod panels;
mod player;
mod routes;
mod script;
mod stage;
mod status;
mod steps;
#[cfg(test)]
mod tests;
mod theme;
mod transport;
pub(crate) mod words;

use crate::cli::begin::Begin;
use crate::cli::osc::OscArgs;
use crate::cli::output::Output;
use crate::cli::{Failure, terminal, work};
use eframe::NativeOptions;
use frame::Parts;
use history::History;
use keymap::Keymap;
use look::View;
use model::Model;
use modurust_runtime::session::{Session, SessionOptions};
use modurust_runtime::world::read_text;
use monkey::Trial;
use player::{Sounding, Waker};
use script::{Order, Script};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Smallest window, points.
const SMALLEST: [f32; 2] = [720.0, 440.0];

/// Largest side of the picture that letters lie in, pixels: some thousand of them at the size of the stage.
const LETTERS: usize = 2048;

/// What `edit` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file; it need not be there yet
    #[arg(required_unless_present = "words")]
    file: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    osc: OscArgs,
    /// Go on where the last time ended, by a crash or not: with the text that played, at that bar
    #[arg(long, conflicts_with = "words")]
    resume: bool,
    /// The view to begin with: arrange, live, hex
    #[arg(long, value_name = "NAME", value_parser = ["arrange", "live", "hex"], default_value = "hex")]
    view: String,
    /// Colours: dark, contrast, light
    #[arg(long, value_name = "NAME", value_parser = ["dark", "contrast", "light"], default_value = "dark")]
    theme: String,
    /// Size of the window
    #[arg(long, value_name = "WxH", value_parser = size, default_value = "1280x720")]
    size: [f32; 2],
    /// Begin on the stage: large code, nothing else
    #[arg(long)]
    stage: bool,
    /// Carry out the steps of a file, then close
    #[arg(long, value_name = "FILE")]
    script: Option<String>,
    /// Let chance play for so many seconds on the null device, then take all back; says what was found
    #[arg(long, value_name = "SECONDS", hide = true, conflicts_with = "script")]
    monkey: Option<u32>,
    /// Seed of the chance
    #[arg(long, value_name = "N", hide = true, default_value_t = 1)]
    seed: u64,
    /// Keys in place of the standard ones
    #[arg(long, value_name = "FILE")]
    keymap: Option<String>,
    /// List the commands that keys and scripts may name
    #[arg(long)]
    words: bool,
}

fn size(text: &str) -> Result<[f32; 2], String> {
    let (width, height) = text.split_once('x').ok_or("a size is width and height: 1280x720")?;
    let side = |text: &str| text.parse::<u16>().ok().filter(|side| *side >= 200).map(f32::from);
    side(width)
        .zip(side(height))
        .map(|(w, h)| [w, h])
        .ok_or_else(|| "a size is two numbers of 200 or more: 1280x720".into())
}

/// Opens the window, and closes it again.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.words {
        let rows: Vec<Vec<String>> = words::WORDS.iter().map(|word| vec![word.name.into(), word.doc.into()]).collect();
        return terminal::print(&terminal::table(&rows));
    }
    let Some(file) = &args.file else { return Err(Failure::Usage("which file?".into())) };
    displayed()?;
    let script = args.script.as_deref().map(steps).transpose()?;
    let roots = vec![file.clone()];
    let Begin { saved, text, journal, .. } = Begin::new(&roots, args.resume)?;
    let layout = read_text(Path::new(&model::layout_file(file))).unwrap_or_default();
    let choice = args.output.choose(&roots)?;
    let rate = choice.rate();
    let (session, engine) = Session::new(SessionOptions {
        edited: true,
        recorded: args.output.records(),
        inputs: args.output.inputs(),
        latency: args.output.latency(),
        texts: BTreeMap::from([(file.clone(), text.clone())]),
        journal,
        resume: args.resume,
        ..SessionOptions::new(roots, work::options(rate))
    })
    .map_err(Failure::outside)?;
    let recorder = args.output.recorder(&session, rate, false)?;
    let heard = args.osc.start(&session)?;
    let waker = Waker::default();
    let (osc, evals) = heard.map(|heard| heard.apart()).unzip();
    let player = Sounding::start(session, (choice, engine), (args.osc.clone(), evals), Waker::clone(&waker))
        .map_err(Failure::outside)?;
    let (history, wrong) = History::open(history::place(file).as_deref());
    let mut model = Model::new(Box::new(player), file, &text, &layout, history);
    model.look.view = match args.view.as_str() {
        "arrange" => View::Arrange,
        "live" => View::Live,
        _ => View::Hex,
    };
    model.look.theme = theme::THEMES.iter().position(|theme| theme.name == args.theme).unwrap_or(0);
    model.look.stage = args.stage;
    let differs = model.history.head().is_some_and(|head| *head.text != *text);
    if args.resume {
        model.resume(saved);
    } else if differs {
        model.say(
            "what played last is another text than the file: `--resume` goes on with it, and the history (F7) has it",
        );
    }
    let mut wrong = wrong;
    wrong.extend(keys(args, &mut model));
    wrong.into_iter().for_each(|line| model.complain(line));
    let hands = match (script, args.monkey) {
        (Some(script), _) => Hands::Script(Box::new(script)),
        (None, Some(seconds)) => Hands::Monkey(Box::new(Trial::new(args.seed, seconds, &text))),
        (None, None) => Hands::Player,
    };
    let failed = open(args, model, hands, waker);
    drop(osc);
    args.output.finish(recorder)?;
    failed
}

/// The player's own keys.
fn keys(args: &Args, model: &mut Model) -> Vec<String> {
    let home = std::env::var_os("XDG_CONFIG_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
    let standard = home.map(|home| home.join("modurust/keymap.txt")).filter(|path| path.exists());
    let Some(path) = args.keymap.as_ref().map(std::path::PathBuf::from).or(standard) else { return Vec::new() };
    match read_text(&path) {
        Ok(text) => {
            let (keymap, wrong) = Keymap::standard().with(&text);
            model.keymap = keymap;
            wrong
        }
        Err(why) => vec![format!("{}: {why}", path.display())],
    }
}

/// Says so where there is nothing to show a window on.
fn displayed() -> Result<(), Failure> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") && !set("WAYLAND_SOCKET") {
        return Err(Failure::because("there is no display here; `modurust repl` edits in a terminal"));
    }
    Ok(())
}

fn steps(file: &str) -> Result<Script, Failure> {
    Script::read(&work::readable(file)?).map_err(|why| Failure::because(format!("{file}, {why}")))
}

/// Whose hands are at the window.
enum Hands {
    /// The player's.
    Player,
    /// A script's.
    Script(Box<Script>),
    /// Nobody's, by chance.
    Monkey(Box<Trial>),
}

/// Bounds the picture of letters, in every window: letters of every size that was ever shown lie in it, and where a card takes larger ones it
/// would grow to a gigabyte before it is cleared. Two windows that disagree would each begin it anew in every frame.
struct Narrow;

impl egui::Plugin for Narrow {
    fn debug_name(&self) -> &'static str {
        "the picture of letters"
    }

    fn input_hook(&mut self, _ctx: &egui::Context, input: &mut egui::RawInput) {
        input.max_texture_side = Some(input.max_texture_side.unwrap_or(LETTERS).min(LETTERS));
    }
}

/// The window as eframe has it.
struct App {
    model: Model,
    parts: Parts,
    hands: Hands,
    failed: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

fn open(args: &Args, model: Model, hands: Hands, waker: Waker) -> Result<(), Failure> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Modurust")
        .with_app_id("modurust")
        .with_inner_size(args.size)
        .with_min_inner_size(SMALLEST);
    // A script's pictures have the size that was asked for, wherever the window manager would put it.
    let alone = !matches!(hands, Hands::Player);
    let viewport = if alone { viewport.with_position([0.0, 0.0]).with_decorations(false) } else { viewport };
    let options = NativeOptions { viewport, ..NativeOptions::default() };
    let failed = std::sync::Arc::new(std::sync::Mutex::new(None));
    let told = std::sync::Arc::clone(&failed);
    let opened = eframe::run_native(
        "modurust",
        options,
        Box::new(move |creation| {
            let ctx = &creation.egui_ctx;
            theme::Theme::letters(ctx);
            ctx.add_plugin(Narrow);
            let _ = waker.set(ctx.clone());
            if let Hands::Script(script) = &hands {
                ctx.enable_accesskit();
                ctx.add_plugin(script.ears());
            }
            Ok(Box::new(App { model, parts: Parts::default(), hands, failed: told }))
        }),
    );
    if let Err(why) = opened {
        return Err(Failure::because(format!("the window cannot be opened: {why}")));
    }
    match failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
        Some(why) => Err(Failure::because(why)),
        None => Ok(()),
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        draw(ui, &mut self.model, &mut self.parts);
        let end = |failed: Option<String>| {
            // A closing window may draw once more; the first word counts.
            let mut told = self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *told = told.take().or(failed);
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
        };
        match &mut self.hands {
            Hands::Player => {}
            Hands::Script(script) => match script.step(ui.ctx(), &self.model) {
                Some(Order::Run(word)) => self.model.act(act::Act::Word(word)),
                Some(Order::Close) => end(script.failed.take()),
                None => {}
            },
            Hands::Monkey(trial) => {
                if let Some(found) = trial.step(ui.ctx(), &mut self.model) {
                    end(found.err());
                }
            }
        }
    }

    fn raw_input_hook(&mut self, _ctx: &egui::Context, input: &mut egui::RawInput) {
        match &mut self.hands {
            Hands::Player => {}
            Hands::Script(script) => script.hands(input),
            Hands::Monkey(trial) => trial.hands(input),
        }
    }
}

/// Draws a frame. A fault leaves the model and the sound as they are; what draws begins anew.
fn draw(ui: &mut egui::Ui, model: &mut Model, parts: &mut Parts) {
    let drawn = catch_unwind(AssertUnwindSafe(|| frame::show(ui, model, parts)));
    if drawn.is_err() {
        *parts = Parts::default();
        model.complain("the window failed and was built anew; the sound has not noticed");
        ui.ctx().request_repaint();
    }
    if model.see().flash.is_some() {
        ui.ctx().request_repaint_after(model::FLASH);
    }
}
