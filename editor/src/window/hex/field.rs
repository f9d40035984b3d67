//! A field at a hex in which a value is typed: a number, a name, a pattern, an expression for one of its inputs.
//!
//! Enter writes it, Tab writes it and goes on to the next input, the arrows go on without; an empty field takes out what is there. Behind the
//! last input is a line for an argument that says its name. What comes of it is [`Gesture::Write`].

use super::gesture::Gesture;
use super::graph::{Rate, Site, Value, What};
use super::{HexView, Mode};
use crate::window::act::Act;
use crate::window::model::See;
use egui::{Align2, FontId, Key, Modifiers, Rect, Role, TextEdit, Ui, WidgetInfo, vec2};

/// Size of the field with its lines, points.
const SIZE: egui::Vec2 = vec2(340.0, 78.0);

/// What is typed.
#[derive(Debug)]
pub(super) struct Field {
    hex: String,
    /// The number of an input, or one behind the last.
    port: usize,
    text: String,
    /// The field has not had the keys yet, or shows another input.
    new: bool,
}

impl HexView {
    /// Opens the field at the hex that the keys are at, for its chosen number, or the first input that nothing flows into.
    pub(super) fn open_field(&mut self, acts: &mut Vec<Act>) {
        let Some(number) = self.at.get(&self.cursor).copied() else { return };
        let hex = &self.view.hexes[number];
        let params = self.params(number);
        let chosen = params.get(self.param).map(|(port, _)| *port);
        let open = |port: &usize| {
            let port = &hex.ports[*port];
            port.rate == Rate::Control && !matches!(port.value, Value::Wire(_))
        };
        let ports = self.writable(number);
        let first = chosen.or_else(|| ports.iter().copied().find(open)).or(ports.first().copied());
        if hex.what == What::Beyond || hex.stale || first.is_none() && hex.ports.is_empty() {
            return acts.push(Act::Say(format!("`{}` has nothing that could be typed here", hex.name)));
        }
        let field =
            Field { hex: hex.key.clone(), port: first.unwrap_or(hex.ports.len()), text: String::new(), new: true };
        self.mode = Mode::Write(field);
    }

    /// The inputs of a hex whose text is here.
    fn writable(&self, hex: usize) -> Vec<usize> {
        let ports = &self.view.hexes[hex].ports;
        (0..ports.len()).filter(|i| !matches!(ports[*i].site, Site::Fixed | Site::Send)).collect()
    }

    /// Shows the field, if it is open.
    pub(super) fn field(&mut self, ui: &mut Ui, see: &See<'_>, canvas: Rect, acts: &mut Vec<Act>) {
        let Mode::Write(field) = &self.mode else { return };
        let Some(number) = self.view.find(&field.hex) else {
            self.mode = Mode::Idle;
            return;
        };
        let mut lines = self.writable(number);
        lines.push(self.view.hexes[number].ports.len());
        let here = lines.iter().position(|line| *line >= field.port).unwrap_or(0);
        let port = self.view.hexes[number].ports.get(lines[here]).cloned();
        let (title, hint) = match &port {
            Some(port) => (port.name.clone(), about(port)),
            None => ("an argument by name".to_string(), "name: value".to_string()),
        };
        let name = self.view.hexes[number].name.clone();
        let written = match port.as_ref().map(|port| &port.value) {
            Some(Value::Literal(at) | Value::Other(at)) => see.text.get(at.clone()).unwrap_or("").to_string(),
            Some(Value::Wire(key)) => key.clone(),
            _ => String::new(),
        };
        // What stands in quotes is typed without them.
        let shown = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&written).to_string();
        let rect = self.plate(canvas, self.cells[number], vec2(SIZE.x.min(canvas.width() - 16.0), SIZE.y));
        let painter = ui.painter_at(canvas);
        let theme = see.theme;
        painter.rect(rect, 6.0, theme.raised, egui::Stroke::new(1.0, theme.accent), egui::StrokeKind::Inside);
        let label = format!("{name}.{title}");
        painter.text(
            rect.left_top() + vec2(12.0, 14.0),
            Align2::LEFT_CENTER,
            &label,
            FontId::proportional(12.5),
            theme.text,
        );
        let place = format!("{} of {}", here + 1, lines.len());
        painter.text(
            rect.right_top() + vec2(-12.0, 14.0),
            Align2::RIGHT_CENTER,
            place,
            FontId::proportional(11.0),
            theme.weak,
        );
        let galley = painter.layout_job({
            let told = format!("{hint}   Tab next   Enter   Esc");
            let mut job = egui::text::LayoutJob::simple_singleline(told, FontId::proportional(11.0), theme.weak);
            job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width() - 24.0);
            job
        });
        painter.galley(rect.left_bottom() + vec2(12.0, -19.0), galley, theme.weak);
        let (enter, next, previous, escape) = ui.input_mut(|input| {
            let tab = input.consume_key(Modifiers::NONE, Key::Tab);
            (
                input.consume_key(Modifiers::NONE, Key::Enter),
                (tab, tab || input.consume_key(Modifiers::NONE, Key::ArrowDown)),
                input.consume_key(Modifiers::NONE, Key::ArrowUp),
                input.consume_key(Modifiers::NONE, Key::Escape),
            )
        });
        let Mode::Write(field) = &mut self.mode else { return };
        field.port = lines[here];
        let new = std::mem::take(&mut field.new);
        if new {
            field.text.clone_from(&shown);
        }
        let inner = Rect::from_min_size(rect.min + vec2(8.0, 26.0), vec2(rect.width() - 16.0, 24.0));
        let edit = TextEdit::singleline(&mut field.text)
            .id(super::canvas_id().with("field"))
            .font(egui::TextStyle::Monospace)
            .background_color(theme.back)
            .lock_focus(true)
            .desired_width(inner.width());
        let response = ui.put(inner, edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, format!("value of {label}")));
        if new {
            response.request_focus();
            let all = egui::text::CCursorRange::two(
                egui::text::CCursor::new(0),
                egui::text::CCursor::new(field.text.chars().count()),
            );
            let mut state = egui::text_edit::TextEditState::load(ui.ctx(), response.id).unwrap_or_default();
            state.cursor.set_char_range(Some(all));
            state.store(ui.ctx(), response.id);
        }
        let away = !new && !response.has_focus() && ui.input(|input| input.pointer.any_pressed());
        let (tab, on) = next;
        let typed = field.text.trim().to_string();
        let changed = typed != shown.trim();
        let (hex, at) = (field.hex.clone(), field.port);
        if on || previous {
            let to = if on { (here + 1) % lines.len() } else { (here + lines.len() - 1) % lines.len() };
            (field.port, field.new) = (lines[to], true);
        }
        if escape || away || enter {
            self.mode = Mode::Idle;
            self.wants_focus = true;
        }
        if (enter || tab)
            && changed
            && !self.ask(see, &Gesture::Write { hex: hex.clone(), port: at, value: typed.clone() }, acts)
        {
            // What was refused can be mended.
            self.mode = Mode::Write(Field { hex, port: at, text: typed, new: false });
            self.wants_focus = false;
        }
    }
}

/// What an input takes, in a line.
fn about(port: &super::graph::Port) -> String {
    let mut told = match (&port.site, port.rate) {
        (Site::Term(_), _) => "one more".to_string(),
        (_, Rate::Audio) => "a sound".to_string(),
        (_, Rate::Event) => "a pattern".to_string(),
        _ if port.name == "pattern" => "notes or words in time".to_string(),
        _ => String::new(),
    };
    if let Some((low, high, _)) = port.range {
        told = format!("{low}..{high} {}", port.unit).trim_end().to_string();
    } else if !port.unit.is_empty() {
        told.clone_from(&port.unit);
    }
    match &port.default {
        Some(default) => format!("{told}  default {default}").trim_start().to_string(),
        None => told,
    }
}
