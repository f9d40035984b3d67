//! Which keys do what: a table in a text file, and the player's own on top of it.
//!
//! A line is a combination, a context and a command of [`super::words`]. `all` holds everywhere, `view` where no text is typed; `hex`,
//! `live`, `arrange`, `mixer` where that view has the keys. A bad line is told and left out; the rest holds.

use super::words::{self, WORDS};
use egui::{Key, KeyboardShortcut, Modifiers};

/// Contexts that a line may name.
pub const CONTEXTS: [&str; 6] = ["all", "view", "hex", "live", "arrange", "mixer"];

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The keys.
    pub keys: KeyboardShortcut,
    /// Where they hold.
    pub context: &'static str,
    /// The command.
    pub word: &'static str,
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keymap {
    /// Its lines.
    pub bindings: Vec<Binding>,
}

impl Keymap {
    /// The one that comes with the program.
    pub fn standard() -> Keymap {
        Keymap::default().with(include_str!("keymap.txt")).0
    }

    /// The table with the lines of a text in the place of its own, and what is wrong with that text.
    pub fn with(mut self, text: &str) -> (Keymap, Vec<String>) {
        let mut wrong = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match binding(line) {
                Ok(binding) => {
                    self.bindings.retain(|old| old.keys != binding.keys || old.context != binding.context);
                    self.bindings.push(binding);
                }
                Err(why) => wrong.push(format!("keymap, line {number}: {why}")),
            }
        }
        (self, wrong)
    }

    /// The keys of a command, for people.
    pub fn keys_of(&self, word: &str) -> Option<String> {
        self.bindings.iter().find(|binding| binding.word == word).map(|binding| shown(binding.keys))
    }

    /// The command whose keys of this context were pressed; they are used up by it.
    pub fn pressed(&self, ctx: &egui::Context, context: &str) -> Option<&'static str> {
        self.pressed_if(ctx, context, |_| true)
    }

    /// The same among the lines that hold at the moment.
    pub fn pressed_if(
        &self,
        ctx: &egui::Context,
        context: &str,
        holds: impl Fn(&Binding) -> bool,
    ) -> Option<&'static str> {
        let fits = |binding: &&Binding| binding.context == context && holds(binding);
        let mut lines: Vec<&Binding> = self.bindings.iter().filter(fits).collect();
        // Those with more modifiers first: `ctrl+z` would take `ctrl+shift+z` away.
        lines.sort_by_key(|binding| std::cmp::Reverse(weight(binding.keys.modifiers)));
        ctx.input_mut(|input| lines.into_iter().find(|binding| input.consume_shortcut(&binding.keys)).map(|b| b.word))
    }
}

fn weight(modifiers: Modifiers) -> usize {
    [modifiers.alt, modifiers.command || modifiers.ctrl, modifiers.shift].into_iter().filter(|held| *held).count()
}

/// Keys as they are written.
pub fn shown(keys: KeyboardShortcut) -> String {
    let Modifiers { alt, shift, ctrl, command, .. } = keys.modifiers;
    let held = [(ctrl || command, "Ctrl+"), (alt, "Alt+"), (shift, "Shift+")];
    let held: String = held.into_iter().filter(|(held, _)| *held).map(|(_, name)| name).collect();
    format!("{held}{}", keys.logical_key.symbol_or_name())
}

/// Keys from words: `ctrl+shift+f1`.
pub fn keys(text: &str) -> Result<KeyboardShortcut, String> {
    let (held, key) = text.rsplit_once('+').unwrap_or(("", text));
    let mut modifiers = Modifiers::NONE;
    for word in held.split('+').filter(|word| !word.is_empty()) {
        match word {
            "ctrl" => modifiers |= Modifiers::COMMAND,
            "shift" => modifiers |= Modifiers::SHIFT,
            "alt" => modifiers |= Modifiers::ALT,
            _ => return Err(format!("`{word}` is not held: write `ctrl`, `shift` or `alt`")),
        }
    }
    let named = || Key::ALL.iter().copied().find(|known| known.name().eq_ignore_ascii_case(key));
    let logical_key = Key::from_name(key).or_else(named);
    logical_key
        .map(|logical_key| KeyboardShortcut { modifiers, logical_key })
        .ok_or_else(|| format!("there is no key `{key}`"))
}

fn binding(line: &str) -> Result<Binding, String> {
    let mut words = line.split_whitespace();
    let (Some(combination), Some(context), Some(word), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("a line is keys, a context and a command: `ctrl+k all palette`".into());
    };
    let context = CONTEXTS.into_iter().find(|known| *known == context);
    let context = context.ok_or_else(|| format!("a context is one of {}", CONTEXTS.join(", ")))?;
    let word = WORDS.iter().find(|known| known.name == word).map(|known| known.name).ok_or_else(|| {
        let near = words::near(word).map_or(String::new(), |near| format!(": did you mean `{near}`?"));
        format!("there is no command `{word}`{near}")
    })?;
    Ok(Binding { keys: keys(combination)?, context, word })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_table_is_whole_and_nothing_is_there_twice() {
        let (map, wrong) = Keymap::default().with(include_str!("keymap.txt"));
        assert_eq!(wrong, Vec::<String>::new());
        let lines =
            include_str!("keymap.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(map.bindings.len(), lines, "a combination is given twice");
    }

    #[test]
    fn a_line_of_ones_own_takes_the_place_of_the_old_one() {
        let (map, wrong) = Keymap::standard().with("ctrl+k all hush\nctrl+j all palet\nfoo\nhyper+x all hush\n");
        assert_eq!(map.keys_of("palette"), None);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong[0].contains("line 2") && wrong[0].contains("did you mean `palette`"), "{wrong:?}");
    }

    #[test]
    fn keys_are_shown_as_they_are_pressed() {
        assert_eq!(shown(keys("ctrl+shift+f1").unwrap()), "Ctrl+Shift+F1");
    }
}
