//! Steps for the window to carry out by itself: for pictures of the documentation and for tests of the real thing.
//!
//! One step a line. `key ctrl+k`, `type "text"`, `click NAME`, `double NAME`, `drag NAME DX DY` are what hands do, by the names that readers of
//! screens hear; a name may be a part of one. `run WORD` is a command, `wait 500ms` waits, `shot FILE.png` takes a picture, `expect text "..."`,
//! `expect status "..."` and `expect name "..."` end the script with an error if it is not so, `idle 5s` if a frame is drawn in that time; `quit` ends it.

use super::keymap;
use super::model::Model;
use super::words;
use egui::{Event, Modifiers, PointerButton, Pos2, RawInput, Rect};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for what a step expects.
const PATIENCE: Duration = Duration::from_secs(5);

/// Frames that were asked for before an idle time may still come within this.
const SETTLED: Duration = Duration::from_millis(250);

/// A step.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(egui::KeyboardShortcut),
    Type(String),
    Click(String, u32),
    Drag(String, f32, f32),
    Run(&'static str),
    Wait(Duration),
    Shot(PathBuf),
    Expect(Place, String),
    Idle(Duration),
    Quit,
}

/// Where something is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Text,
    Status,
    Name,
}

/// Where each named thing is on the screen.
pub type Names = Arc<Mutex<BTreeMap<String, Rect>>>;

/// A script on its way.
pub struct Script {
    steps: VecDeque<(usize, Step)>,
    names: Names,
    since: Instant,
    /// Events for frames to come: a press, then its release.
    events: VecDeque<Vec<Event>>,
    pictures: Arc<Mutex<usize>>,
    taken: usize,
    /// Frames of the step that wants none.
    idle: usize,
    /// Why it ended early.
    pub failed: Option<String>,
}

/// What the application is to do.
#[derive(Debug, PartialEq)]
pub enum Order {
    /// Carry out a command.
    Run(&'static str),
    /// Close the window.
    Close,
}

impl Script {
    /// Reads steps; `Err` names the line.
    pub fn read(text: &str) -> Result<Script, String> {
        let mut steps = VecDeque::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                steps.push_back((number, step(line).map_err(|why| format!("line {number}: {why}"))?));
            }
        }
        Ok(Script {
            steps,
            names: Names::default(),
            since: Instant::now(),
            events: VecDeque::new(),
            pictures: Arc::default(),
            taken: 0,
            idle: 0,
            failed: None,
        })
    }

    /// What hears the names of a frame.
    pub fn ears(&self) -> Ears {
        Ears { names: Arc::clone(&self.names) }
    }

    /// Before a frame: what the hands do in it.
    pub fn hands(&mut self, input: &mut RawInput) {
        if let Some(events) = self.events.pop_front() {
            input.events.extend(events);
        }
    }

    /// After a frame: the next step. True while there is one.
    pub fn step(&mut self, ctx: &egui::Context, model: &Model) -> Option<Order> {
        if !matches!(self.steps.front(), Some((_, Step::Idle(_)))) {
            ctx.request_repaint();
        }
        let waits = *self.pictures.lock().unwrap_or_else(PoisonError::into_inner) < self.taken;
        if !self.events.is_empty() || waits {
            self.since = Instant::now();
            return None;
        }
        let Some((line, step)) = self.steps.front().cloned() else { return Some(Order::Close) };
        let elapsed = self.since.elapsed();
        let mut done = true;
        let mut order = None;
        match &step {
            Step::Wait(time) => done = elapsed >= *time,
            Step::Key(keys) => self.press(*keys),
            Step::Type(text) => self.events.push_back(vec![Event::Text(text.clone())]),
            Step::Click(name, times) => match self.find(name) {
                Some(rect) => self.click(rect.center(), *times),
                None => done = self.missing(line, name, elapsed),
            },
            Step::Drag(name, x, y) => match self.find(name) {
                Some(rect) => self.drag(rect.center(), egui::vec2(*x, *y)),
                None => done = self.missing(line, name, elapsed),
            },
            Step::Run(word) => order = Some(Order::Run(word)),
            Step::Shot(path) => self.shoot(ctx, path),
            Step::Expect(place, what) => {
                let there = match place {
                    Place::Text => model.text().contains(what),
                    Place::Status => model.status.text.contains(what),
                    Place::Name => self.find(what).is_some(),
                };
                if !there {
                    done = elapsed > PATIENCE;
                    if done {
                        self.failed = Some(format!(
                            "line {line}: there is no `{what}`; the status is `{}` and the text\n{}",
                            model.status.text,
                            model.text()
                        ));
                    }
                }
            }
            Step::Idle(time) => {
                done = elapsed >= *time;
                ctx.request_repaint_after((*time + Duration::from_millis(20)).saturating_sub(elapsed));
                if self.idle == 0 {
                    self.since = Instant::now();
                    done = false;
                } else if !done && elapsed > SETTLED {
                    self.failed = Some(format!("line {line}: a frame was drawn after {} ms", elapsed.as_millis()));
                }
                self.idle = if done { 0 } else { self.idle + 1 };
            }
            Step::Quit => order = Some(Order::Close),
        }
        if done {
            self.steps.pop_front();
            self.since = Instant::now();
        }
        if self.failed.is_some() { Some(Order::Close) } else { order }
    }

    fn missing(&mut self, line: usize, name: &str, elapsed: Duration) -> bool {
        if elapsed > PATIENCE {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            let all: Vec<&str> = names.keys().map(String::as_str).collect();
            self.failed = Some(format!("line {line}: nothing is called `{name}`; there are {}", all.join(", ")));
            return true;
        }
        false
    }

    /// The place of a name: the whole name before a part of one.
    fn find(&self, name: &str) -> Option<Rect> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let part = || names.iter().find(|(known, _)| known.contains(name)).map(|(_, rect)| *rect);
        names.get(name).copied().or_else(part)
    }

    fn press(&mut self, keys: egui::KeyboardShortcut) {
        let mut modifiers = keys.modifiers;
        if modifiers.command {
            modifiers.ctrl = true;
        }
        let event =
            |pressed| Event::Key { key: keys.logical_key, physical_key: None, pressed, repeat: false, modifiers };
        self.events.push_back(vec![Event::ModifiersChanged(modifiers), event(true)]);
        self.events.push_back(vec![event(false), Event::ModifiersChanged(Modifiers::NONE)]);
    }

    fn button(pos: Pos2, pressed: bool) -> Event {
        Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
    }

    fn click(&mut self, at: Pos2, times: u32) {
        self.events.push_back(vec![Event::PointerMoved(at)]);
        for _ in 0..times {
            self.events.push_back(vec![Script::button(at, true)]);
            self.events.push_back(vec![Script::button(at, false)]);
        }
        // Away again: what hovers would lie over the picture.
        self.events.push_back(vec![Event::PointerGone]);
    }

    fn drag(&mut self, at: Pos2, by: egui::Vec2) {
        self.events.push_back(vec![Event::PointerMoved(at)]);
        self.events.push_back(vec![Script::button(at, true)]);
        for part in 1..=8 {
            self.events.push_back(vec![Event::PointerMoved(at + by * part as f32 / 8.0)]);
        }
        self.events.push_back(vec![Script::button(at + by, false)]);
        self.events.push_back(vec![Event::PointerGone]);
    }

    fn shoot(&mut self, ctx: &egui::Context, path: &Path) {
        self.taken += 1;
        let (path, pictures) = (path.to_path_buf(), Arc::clone(&self.pictures));
        ctx.request_screenshot(move |image| {
            if let Err(why) = write(&path, &image) {
                eprintln!("{}: {why}", path.display());
            }
            *pictures.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        });
    }
}

fn write(path: &Path, image: &egui::ColorImage) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, image.size[0] as u32, image.size[1] as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let bytes: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(())
}

/// Hears what readers of screens would hear of each frame.
pub struct Ears {
    names: Names,
}

impl egui::Plugin for Ears {
    fn debug_name(&self) -> &'static str {
        "names of the script"
    }

    fn output_hook(&mut self, _ctx: &egui::Context, output: &mut egui::FullOutput) {
        let Some(update) = &output.platform_output.accesskit_update else { return };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.clear();
        for (_, node) in &update.nodes {
            let (Some(name), Some(bounds)) = (node.label().or_else(|| node.value()), node.bounds()) else { continue };
            let (min, max) =
                (Pos2::new(bounds.x0 as f32, bounds.y0 as f32), Pos2::new(bounds.x1 as f32, bounds.y1 as f32));
            names.entry(name.to_string()).or_insert(Rect::from_min_max(min, max));
        }
    }
}

fn step(line: &str) -> Result<Step, String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    let needs = |what: &str| if rest.is_empty() { Err(format!("`{verb}` takes {what}")) } else { Ok(()) };
    match verb {
        "key" => keymap::keys(rest).map(Step::Key),
        "type" => quoted(rest).map(Step::Type),
        "click" => needs("a name").map(|()| Step::Click(rest.into(), 1)),
        "double" => needs("a name").map(|()| Step::Click(rest.into(), 2)),
        "drag" => {
            let mut parts = rest.rsplitn(3, ' ');
            let (y, x, name) = (parts.next(), parts.next(), parts.next());
            let number = |text: Option<&str>| text.and_then(|text| text.parse::<f32>().ok());
            match (name, number(x), number(y)) {
                (Some(name), Some(x), Some(y)) => Ok(Step::Drag(name.into(), x, y)),
                _ => Err("`drag` takes a name and two distances: `drag level of bass 0 -20`".into()),
            }
        }
        "run" => {
            words::word(rest).map(|word| Step::Run(word.name)).ok_or_else(|| format!("there is no command `{rest}`"))
        }
        "wait" => time(rest).map(Step::Wait),
        "idle" => time(rest).map(Step::Idle),
        "shot" => needs("a file").map(|()| Step::Shot(rest.into())),
        "expect" => {
            let (place, what) = rest.split_once(' ').unwrap_or((rest, ""));
            let place = match place {
                "text" => Place::Text,
                "status" => Place::Status,
                "name" => Place::Name,
                _ => return Err("`expect` takes `text`, `status` or `name`, and what".into()),
            };
            quoted(what).map(|what| Step::Expect(place, what))
        }
        "quit" => Ok(Step::Quit),
        _ => Err(format!("`{verb}` is no step: key, type, click, double, drag, run, wait, idle, shot, expect, quit")),
    }
}

/// `500ms`, `2s`
fn time(text: &str) -> Result<Duration, String> {
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        _ => return Err(format!("`{text}` is no time: write `500ms` or `2s`")),
    };
    let seconds = number.parse::<f64>().ok().filter(|s| s.is_finite() && (0.0..1e5).contains(s));
    seconds.map(|s| Duration::from_secs_f64(s * scale)).ok_or_else(|| format!("`{text}` is no time"))
}

/// A text in double quotes with `\n`, `\"` and `\\`.
fn quoted(text: &str) -> Result<String, String> {
    let inner = text.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let inner = inner.ok_or_else(|| "the text stands in double quotes".to_string())?;
    let mut out = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, false) => out.push(letter),
            (_, true) => match letters.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => return Err("a backslash stands at the end".into()),
            },
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_or_say_what_they_take() {
        let script =
            Script::read("# head\nkey ctrl+enter\ntype \"a = 1\\n\"\nwait 20ms\ndrag level of bass 0 -20\nquit\n");
        assert_eq!(script.map(|script| script.steps.len()).map_err(|e| e.to_string()), Ok(5));
        for (text, why) in [
            ("jump", "is no step"),
            ("key hyper+x", "hyper"),
            ("type abc", "double quotes"),
            ("wait long", "is no time"),
            ("wait infs", "no time"),
            ("run dance", "no command"),
            ("expect all \"x\"", "takes `text`"),
            ("click", "takes a name"),
        ] {
            let said = Script::read(text).err().unwrap_or_default();
            assert!(said.contains(why) && said.contains("line 1"), "{text}: {said}");
        }
    }
}
