//! The palette: everything by a few letters.
//!
//! Commands with their keys, names of the text, clips and scenes, functions of the library. It is a list over the window and no dialog: what
//! plays goes on, and any other click closes it.

use super::act::Act;
use super::model::See;
use super::words::WORDS;
use egui::{Id, Key, Modifiers};
use modurust_runtime::command::{Command, Perform};
use modurust_runtime::compiler::ide::topic::{self, PRIMITIVES};
use modurust_runtime::compiler::lang::edit::{Edit, Splice};

/// Most that are listed.
const MOST: usize = 12;

/// The palette's own state.
#[derive(Default)]
pub struct Palette {
    open: bool,
    query: String,
    chosen: usize,
}

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What is looked for.
    pub name: String,
    /// What is said about it.
    pub doc: String,
    /// Its keys, if it has some.
    pub keys: String,
    /// What it does.
    pub act: Act,
}

/// Everything, the commands first.
pub fn entries(see: &See<'_>) -> Vec<Entry> {
    let words = WORDS.iter().map(|word| Entry {
        name: word.name.replace('-', " "),
        doc: word.doc.to_string(),
        keys: see.keymap.keys_of(word.name).unwrap_or_default(),
        act: Act::Word(word.name),
    });
    let symbols = see.symbols.iter().map(|symbol| Entry {
        name: symbol.name.clone(),
        doc: format!("goes to {}", symbol.name),
        keys: String::new(),
        act: Act::Select { at: symbol.selection.start as usize, reveal: true },
    });
    let timeline = see.feedback.program.as_ref().map(|program| &program.timeline);
    let clips = timeline.into_iter().flat_map(|timeline| {
        let sets = timeline.sets.iter().flat_map(|set| {
            let track = if set.strip.is_empty() { &set.binding } else { &set.strip };
            set.clips.iter().map(move |clip| format!("{track}.{}", clip.name))
        });
        let scenes = timeline.scenes.iter().map(|scene| scene.name.clone());
        sets.chain(scenes).chain(timeline.arrangements.iter().map(|song| song.name.clone()))
    });
    let launches = clips.map(|path| Entry {
        name: format!("launch {path}"),
        doc: "plays it when `quantise` says".into(),
        keys: String::new(),
        act: Act::Send(Command::Perform(Perform::Launch { path, launch: true, legato: false, at: None })),
    });
    let at = see.at;
    let nodes = topic::all().iter().filter(|topic| topic.category != PRIMITIVES).map(move |topic| Entry {
        name: format!("write {}", topic.name),
        doc: topic.summary.clone(),
        keys: String::new(),
        act: Act::Edit {
            edit: Edit { splices: vec![Splice { range: at..at, text: topic.name.clone() }] },
            say: format!("wrote {}", topic.name),
        },
    });
    let files = see.tabs.iter().filter(|tab| !tab.open).map(|tab| Entry {
        name: format!("open {}", tab.name),
        doc: tab.file.clone(),
        keys: String::new(),
        act: Act::Open(tab.file.clone()),
    });
    words.chain(symbols).chain(files).chain(launches).chain(nodes).collect()
}

/// What is said in words rather than chosen from a list: `tempo 132`.
fn spoken(query: &str) -> Option<Entry> {
    let bpm: f64 = query.trim().strip_prefix("tempo ")?.trim().trim_end_matches("bpm").trim().parse().ok()?;
    (20.0..=400.0).contains(&bpm).then(|| Entry {
        name: format!("tempo {bpm}"),
        doc: "writes the tempo into the text".into(),
        keys: String::new(),
        act: Act::Tempo(bpm),
    })
}

/// How well a name fits letters: all of them in order, the earlier and the closer together the better. `None` if they are not in it.
pub fn fit(query: &str, name: &str) -> Option<usize> {
    let mut cost = 0;
    let mut rest = name.char_indices();
    let mut last = None;
    for letter in query.chars().filter(|c| !c.is_whitespace()) {
        let (at, _) = rest.find(|(_, c)| c.eq_ignore_ascii_case(&letter))?;
        let starts = at == 0 || name[..at].ends_with([' ', '.', '_', '-']);
        cost += match last {
            Some(last) if at == last + 1 => 0,
            _ if starts => 1,
            _ => 4 + at,
        };
        last = Some(at);
    }
    Some(cost * 64 + name.len().min(63))
}

impl Palette {
    /// Opens it, empty.
    pub fn open(&mut self) {
        *self = Palette { open: true, ..Palette::default() };
    }

    /// True while it is there.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Shows it, if it is open.
    pub fn show(&mut self, ctx: &egui::Context, see: &See<'_>, acts: &mut Vec<Act>) {
        if !self.open {
            return;
        }
        let mut found: Vec<(usize, Entry)> =
            entries(see).into_iter().filter_map(|entry| Some((fit(&self.query, &entry.name)?, entry))).collect();
        if !self.query.is_empty() {
            found.sort_by_key(|(cost, _)| *cost);
        }
        if let Some(entry) = spoken(&self.query) {
            found.insert(0, (0, entry));
        }
        found.truncate(MOST);
        let pressed = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let last = found.len().saturating_sub(1);
        let mut run = None;
        if pressed(Key::Escape) {
            self.open = false;
            return;
        }
        if pressed(Key::ArrowDown) {
            self.chosen = if self.chosen >= last { 0 } else { self.chosen + 1 };
        }
        if pressed(Key::ArrowUp) {
            self.chosen = self.chosen.checked_sub(1).unwrap_or(last);
        }
        if pressed(Key::Enter) {
            run = found.get(self.chosen);
        }
        let width = (ctx.content_rect().width() * 0.5).clamp(320.0, 640.0);
        let area = egui::Area::new(Id::unique("palette")).order(egui::Order::Foreground);
        let shown = area.anchor(egui::Align2::CENTER_TOP, [0.0, 64.0]).show(ctx, |ui| {
            egui::Frame::popup(ui.style()).inner_margin(8).show(ui, |ui| {
                ui.set_width(width);
                let field = egui::TextEdit::singleline(&mut self.query)
                    .hint_text("command, name, clip or node")
                    .desired_width(width);
                let field = ui.add(field.id(Id::unique("palette query")));
                field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SearchInput, true, "find anything"));
                field.request_focus();
                if field.changed() {
                    self.chosen = 0;
                }
                for (i, (_, entry)) in found.iter().enumerate() {
                    if row(ui, see, entry, i == self.chosen).clicked() {
                        run = found.get(i);
                    }
                }
                if found.is_empty() {
                    ui.weak("nothing has these letters");
                }
            })
        });
        if let Some((_, entry)) = run {
            acts.push(entry.act.clone());
            self.open = false;
        } else if shown.response.clicked_elsewhere() && ctx.input(|input| input.pointer.any_click()) {
            self.open = false;
        }
    }
}

fn row(ui: &mut egui::Ui, see: &See<'_>, entry: &Entry, chosen: bool) -> egui::Response {
    let height = 22.0;
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), height), egui::Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::MenuItem, true, chosen, &entry.name));
    let painter = ui.painter();
    if chosen || response.hovered() {
        painter.rect_filled(rect, 3.0, if chosen { see.theme.accent.gamma_multiply(0.3) } else { see.theme.raised });
    }
    let font = egui::FontId::proportional(13.5);
    let left = rect.left_center() + egui::vec2(6.0, 0.0);
    let name = painter.text(left, egui::Align2::LEFT_CENTER, &entry.name, font.clone(), see.theme.text);
    let keys = painter.text(
        rect.right_center() - egui::vec2(6.0, 0.0),
        egui::Align2::RIGHT_CENTER,
        &entry.keys,
        egui::FontId::monospace(12.0),
        see.theme.weak,
    );
    let room = (keys.min.x - name.max.x - 24.0).max(0.0);
    let mut job = egui::text::LayoutJob::simple_singleline(entry.doc.clone(), font, see.theme.weak);
    job.wrap = egui::text::TextWrapping::truncate_at_width(room);
    let galley = painter.layout_job(job);
    painter.galley(egui::pos2(name.max.x + 12.0, rect.center().y - galley.size().y / 2.0), galley, see.theme.weak);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_find_what_begins_with_them_first() {
        let names = ["write lpf", "evaluate file", "show live", "launch drums.fill"];
        let best = |query: &str| {
            let mut found: Vec<_> = names.iter().filter_map(|name| Some((fit(query, name)?, *name))).collect();
            found.sort();
            found.first().map(|(_, name)| *name)
        };
        assert_eq!(best("lpf"), Some("write lpf"));
        assert_eq!(best("ef"), Some("evaluate file"));
        assert_eq!(best("sl"), Some("show live"));
        assert_eq!(best("dfill"), Some("launch drums.fill"));
        assert_eq!(best("xyz"), None);
    }
}
