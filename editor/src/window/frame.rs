//! The frame: what stands where. Transport above, status below, code and one view always between them.
//!
//! Nothing floats and nothing asks: what has to be said is said in the status line, what has to be chosen is chosen in a panel. The frame
//! gives each part its room, collects what the hands asked for, and lets the model carry it out when all is drawn.

use super::act::Act;
use super::arrange::ArrangeView;
use super::code::{CodePane, Manner, Wanted};
use super::hex::HexView;
use super::live::LiveView;
use super::look::{Split, View};
use super::model::{Model, See};
use super::palette::Palette;
use super::words::WORDS;
use super::{panels, stage, status, transport};
use crate::piano;
use egui::{Frame, Margin, Panel, Ui};
use modurust_runtime::command::Command;

/// Size of the letters of the code, points.
const LETTERS: f32 = 14.0;

/// The parts and what they remember.
#[derive(Default)]
pub(crate) struct Parts {
    /// The code.
    pub code: CodePane,
    /// The hexes.
    pub hex: HexView,
    /// Clips and scenes.
    pub live: LiveView,
    /// Time.
    pub arrange: ArrangeView,
    /// The palette.
    pub palette: Palette,
    /// What the panels remember.
    pub panels: panels::Panels,
    wanted: Wanted,
    full: bool,
    dressed: Option<usize>,
}

/// Draws everything, and carries out what was asked for.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, parts: &mut Parts) {
    let ctx = ui.ctx().clone();
    if parts.dressed != Some(model.look.theme) {
        model.theme().dress(&ctx);
        parts.dressed = Some(model.look.theme);
    }
    ctx.set_zoom_factor(model.look.zoom);
    let acts = keys(&ctx, model, parts);
    acts.into_iter().for_each(|act| model.act(act));
    model.attend();
    parts.wants(model, &ctx);
    let (mut acts, mut whole) = (Vec::new(), Vec::new());
    let see = model.see();
    if see.look.stage {
        stage::show(ui, &see, model, &mut parts.code, &mut parts.wanted, &mut acts);
    } else {
        parts.whole(ui, (&see, &model.see_root()), model, (&mut acts, &mut whole));
    }
    if see.look.second {
        stage::second(&ctx, &see, &mut acts);
    }
    parts.palette.show(&ctx, &see, &mut acts);
    acts.into_iter().for_each(|act| model.act(act));
    whole.into_iter().for_each(|act| model.act_at_root(act));
}

/// Keys that hold everywhere, before any widget sees them; then those of the view, where nobody types.
fn keys(ctx: &egui::Context, model: &Model, parts: &mut Parts) -> Vec<Act> {
    let mut acts = Vec::new();
    while let Some(word) = model.keymap.pressed(ctx, "all") {
        acts.push(Act::Word(word));
    }
    // Escape three times is panic, wherever the keys go.
    if ctx.input(|input| input.key_pressed(egui::Key::Escape)) {
        let now = ctx.input(|input| input.time);
        if parts.panels.escaped(now) {
            acts.push(Act::Word("panic"));
        }
    }
    if model.look.keys {
        acts.extend(played(ctx));
    }
    if !ctx.egui_wants_keyboard_input() && !parts.palette.is_open() {
        while let Some(word) = model.keymap.pressed(ctx, "view") {
            acts.push(Act::Word(word));
        }
    }
    acts
}

/// Keys that play: they reach nobody else.
fn played(ctx: &egui::Context) -> Vec<Act> {
    let mut acts = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| match event {
            egui::Event::Key { key: egui::Key::Escape, pressed: true, .. } => {
                acts.push(Act::Word("play-keys"));
                false
            }
            egui::Event::Key { key, pressed, repeat, modifiers, .. } if !(modifiers.command || modifiers.alt) => {
                let name = key.symbol_or_name();
                let mut letters = name.chars();
                let letter = letters.next().filter(|_| letters.next().is_none());
                if let Some(note) = letter.and_then(piano::note).filter(|_| !*repeat) {
                    acts.push(Act::Send(Command::Key { note, down: *pressed }));
                }
                if !*repeat {
                    acts.push(Act::Key { name: key.name().to_lowercase(), down: *pressed });
                }
                false
            }
            egui::Event::Text(_) => false,
            _ => true,
        });
    });
    acts
}

impl Parts {
    /// What the parts remember that a control may change, for tests.
    #[cfg(test)]
    pub fn asked(&self) -> String {
        format!("{:?}", (&self.panels.remembered(), self.code.offers(), self.hex.remembered()))
    }

    /// What commands asked of the frame.
    fn wants(&mut self, model: &mut Model, ctx: &egui::Context) {
        let wants = std::mem::take(&mut model.wants);
        if wants.palette {
            self.palette.open();
        }
        if self.full != model.look.full {
            self.full = model.look.full;
            ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(self.full));
        }
        if wants.close {
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        if wants.focus_view {
            ctx.memory_mut(|memory| memory.surrender_focus(super::code::id()));
            self.hex.focus();
        }
        if let Some(word) = wants.hex {
            self.hex.asked(word);
        }
        self.wanted.focus |= wants.focus_code;
        self.wanted.complete |= wants.complete;
        self.wanted.reveal |= std::mem::take(&mut model.reveal);
    }

    /// `see` is the file that is open, `root` the first, which says what the piece is as a whole.
    fn whole(
        &mut self,
        ui: &mut Ui,
        (see, root): (&See<'_>, &See<'_>),
        model: &Model,
        (acts, whole): (&mut Vec<Act>, &mut Vec<Act>),
    ) {
        let theme = see.theme;
        let panel = Frame::new().fill(theme.panel).inner_margin(Margin::symmetric(8, 5));
        Panel::top("transport").frame(panel).resizable(false).show(ui, |ui| transport::show(ui, see, acts));
        Panel::bottom("status").frame(panel).resizable(false).show(ui, |ui| status::show(ui, see, model, acts));
        let side = Frame::new().fill(theme.panel).inner_margin(8);
        if see.look.mixer {
            let mixer =
                Panel::bottom("mixer").frame(side).resizable(true).default_size(240.0).size_range(140.0..=460.0);
            mixer.show(ui, |ui| self.panels.mixer(ui, root, whole));
        }
        if see.look.browser {
            let browser =
                Panel::left("browser").frame(side).resizable(true).default_size(190.0).size_range(140.0..=360.0);
            browser.show(ui, |ui| self.panels.browser(ui, see, acts));
        }
        if see.look.history || see.look.help {
            let right =
                Panel::right("history").frame(side).resizable(true).default_size(270.0).size_range(180.0..=460.0);
            right.show(ui, |ui| {
                if see.look.help { panels::help(ui, see, acts) } else { self.panels.history(ui, see, acts) }
            });
        } else if see.look.inspector && see.look.split != Split::Code {
            let right =
                Panel::right("inspector").frame(side).resizable(true).default_size(210.0).size_range(150.0..=400.0);
            right.show(ui, |ui| self.panels.inspector(ui, see, acts));
        }
        let code = Frame::new().fill(theme.back).inner_margin(Margin::same(2));
        if see.look.split == Split::Both {
            let half = ui.available_width() * 0.46;
            let pane = Panel::left("code").frame(code).resizable(true).default_size(half).size_range(220.0..=2000.0);
            pane.show(ui, |ui| self.code(ui, see, acts));
        }
        egui::CentralPanel::default().frame(Frame::new().fill(theme.back)).show(ui, |ui| match see.look.split {
            Split::Code => self.code(ui, see, acts),
            Split::Both | Split::View => match see.look.view {
                View::Hex => self.hex.show(ui, see, acts),
                View::Live => self.live.show(ui, root, whole),
                View::Arrange => self.arrange.show(ui, root, whole),
            },
        });
    }

    fn code(&mut self, ui: &mut Ui, see: &See<'_>, acts: &mut Vec<Act>) {
        super::files::show(ui, see, acts);
        let manner = Manner { size: LETTERS, plates: false, gutter: true };
        self.code.show(ui, see, manner, &mut self.wanted, acts);
    }
}

/// Every command as a line of the help.
pub(crate) fn help_lines(see: &See<'_>) -> Vec<(String, &'static str, &'static str)> {
    WORDS.iter().map(|word| (see.keymap.keys_of(word.name).unwrap_or_default(), word.name, word.doc)).collect()
}
