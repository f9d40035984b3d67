//! What lies where on a grid of pads, as a text.
//!
//! A line is a word and what it takes; `#` begins a comment. What cannot be read is told with its line, and the rest holds.
//!
//! ```text
//! device  launchpad                      a part of the name of its ports
//! hello   f0 00 20 29 02 0d 0e 01 f7     sent when it comes; `bye` when it is left
//! pads    8x8 note 81 +1 -10             columns, rows, the first at the top left, one to the right, one down
//! scenes  8 cc 89 -10                    a line of buttons: how many, the first, one further
//! stops   8 cc 91 +1                     under the columns: stop a track
//! light   playing 21                     what is sent to a pad: empty, stopped, queued, playing, scene
//! ```

use crate::midi::{Exclusive, Message, Voice};
use modurust_compiler::exclusive::Template;

/// Most pads and buttons of one kind.
const MOST: i32 = 128;

/// Maps that come with the program, by name.
pub const KNOWN: [(&str, &str); 3] = [
    ("launchpad-mk3", include_str!("launchpad-mk3.txt")),
    ("launchpad-mini", include_str!("launchpad-mini.txt")),
    ("apc-mini", include_str!("apc-mini.txt")),
];

/// A pad or button: a note or controller of the first channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// A controller, not a note.
    pub controller: bool,
    /// Its number.
    pub number: u8,
}

impl Key {
    /// The message that lights it; 0 is dark.
    pub fn light(self, colour: u8) -> Message {
        let voice = match (self.controller, colour) {
            (true, _) => Voice::Controller { index: self.number, value: u32::from(colour) << 25 },
            (false, 0) => Voice::Off { note: self.number, velocity: 0 },
            (false, _) => Voice::On { note: self.number, velocity: u16::from(colour) << 9 },
        };
        Message::Channel(0, voice)
    }

    /// The key that a message presses.
    pub fn pressed(message: &Message) -> Option<Key> {
        match message {
            Message::Channel(_, Voice::On { note, .. }) => Some(Key { controller: false, number: *note }),
            Message::Channel(_, Voice::Controller { index, value }) if *value > 0 => {
                Some(Key { controller: true, number: *index })
            }
            _ => None,
        }
    }
}

/// Keys in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Field {
    columns: i32,
    rows: i32,
    controller: bool,
    first: i32,
    right: i32,
    down: i32,
}

impl Field {
    fn key(&self, column: i32, row: i32) -> Key {
        let number = self.first + column * self.right + row * self.down;
        Key { controller: self.controller, number: number.clamp(0, 127) as u8 }
    }

    fn keys(self) -> impl Iterator<Item = (usize, usize, Key)> {
        let place = move |at: i32| (at % self.columns, at / self.columns);
        (0..self.columns * self.rows)
            .map(place)
            .map(move |(column, row)| (column as usize, row as usize, self.key(column, row)))
    }
}

/// What a pad shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// There is no clip.
    Empty,
    /// A clip that does not play.
    Stopped,
    /// One that waits to be launched.
    Queued,
    /// One that plays.
    Playing,
    /// A scene, or a button that stops.
    Scene,
}

const SHOWN: [(&str, Shown); 5] = [
    ("empty", Shown::Empty),
    ("stopped", Shown::Stopped),
    ("queued", Shown::Queued),
    ("playing", Shown::Playing),
    ("scene", Shown::Scene),
];

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The clip of a row of a track.
    Clip {
        /// Which track with clips, from 0.
        column: usize,
        /// Which of its clips, from 0.
        row: usize,
    },
    /// A scene, from 0.
    Scene(usize),
    /// Stops a track with clips, from 0.
    Stop(usize),
}

/// A grid, as its text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// A part of the name of its ports, in lower case.
    pub device: String,
    /// Sent when it comes.
    pub hello: Vec<Exclusive>,
    /// Sent when it is left.
    pub bye: Vec<Exclusive>,
    pads: Field,
    scenes: Field,
    stops: Field,
    lights: [u8; SHOWN.len()],
}

impl Map {
    /// Reads a text; what is wrong with it comes with the numbers of the lines.
    pub fn read(text: &str) -> (Map, Vec<String>) {
        let (mut map, mut wrong) = (Map::default(), Vec::new());
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or("").trim();
            if !line.is_empty()
                && let Err(why) = map.line(line)
            {
                wrong.push(format!("line {number}: {why}"));
            }
        }
        if map.device.is_empty() {
            wrong.push("which device? write `device` and a part of the name of its ports".into());
        }
        (map, wrong)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "device" if !rest.is_empty() => self.device = rest.to_lowercase(),
            "device" => return Err("which device? write a part of the name of its ports".into()),
            "hello" => self.hello.push(message(rest)?),
            "bye" => self.bye.push(message(rest)?),
            "pads" => self.pads = field(rest)?,
            "scenes" => self.scenes = field(rest)?,
            "stops" => self.stops = field(rest)?,
            "light" => {
                let (name, colour) = rest.split_once(char::is_whitespace).ok_or("write `light playing 21`")?;
                let at = SHOWN.iter().position(|(known, _)| *known == name);
                let at =
                    at.ok_or_else(|| format!("`{name}` is not shown: empty, stopped, queued, playing, scene are"))?;
                let colour = colour.trim().parse().ok().filter(|colour| *colour < 128);
                self.lights[at] = colour.ok_or("a light is a number from 0 to 127")?;
            }
            _ => return Err(format!("`{word}` is nothing here: device, hello, bye, pads, scenes, stops, light are")),
        }
        Ok(())
    }

    /// Every key, and what it is for.
    pub fn keys(&self) -> impl Iterator<Item = (Key, Role)> {
        let pads = self.pads.keys().map(|(column, row, key)| (key, Role::Clip { column, row }));
        let line = |field: Field| field.keys().map(|(column, row, key)| (key, column.max(row)));
        let scenes = line(self.scenes).map(|(key, at)| (key, Role::Scene(at)));
        pads.chain(scenes).chain(line(self.stops).map(|(key, at)| (key, Role::Stop(at))))
    }

    /// What a key is for.
    pub fn role(&self, key: Key) -> Option<Role> {
        self.keys().find(|(known, _)| *known == key).map(|(_, role)| role)
    }

    /// What is sent to a key to show something.
    pub fn colour(&self, shown: Shown) -> u8 {
        SHOWN.iter().position(|(_, known)| *known == shown).map_or(0, |at| self.lights[at])
    }
}

fn message(text: &str) -> Result<Exclusive, String> {
    let template = Template::parse(text).map_err(|why| why.to_string())?;
    if template.is_open() || template.most() > 0 {
        return Err("its bytes are all to be written".into());
    }
    let (bytes, length) = template.fill(0);
    Exclusive::new(bytes.into_iter().take(length)).ok_or_else(|| "it is too long".into())
}

/// `8x8 note 81 +1 -10`, or `8 cc 89 -10`.
fn field(text: &str) -> Result<Field, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (size, kind, first, steps) = match words.as_slice() {
        [size, kind, first, steps @ ..] if (1..=2).contains(&steps.len()) => (size, kind, first, steps),
        _ => return Err("write `8x8 note 81 +1 -10`, or `8 cc 89 -10` for one line".into()),
    };
    let number = |text: &str| {
        text.parse::<i32>().ok().filter(|n| (-MOST..=MOST).contains(n)).ok_or(format!("`{text}` is no number"))
    };
    let (columns, rows) = match size.split_once('x') {
        Some((columns, rows)) => (number(columns)?, number(rows)?),
        None => (number(size)?, 1),
    };
    let controller = match *kind {
        "note" => false,
        "cc" => true,
        _ => return Err(format!("`{kind}` is neither `note` nor `cc`")),
    };
    let (right, down) = match steps {
        [right, down] => (number(right)?, number(down)?),
        [right] => (number(right)?, 0),
        _ => return Err("one step or two".into()),
    };
    let first = number(first)?;
    let field = Field { columns, rows, controller, first, right, down };
    let corners = [(0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)];
    let inside = |(column, row): (i32, i32)| (0..MOST).contains(&(first + column * right + row * down));
    if columns < 1 || rows < 1 || columns * rows > MOST || !corners.into_iter().all(inside) {
        return Err("there are 128 notes and 128 controllers, from 0: some of these lie beyond".into());
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_maps_are_whole_and_no_key_is_there_twice() {
        for (name, text) in KNOWN {
            let (map, wrong) = Map::read(text);
            assert_eq!(wrong, Vec::<String>::new(), "{name}");
            let mut keys: Vec<Key> = map.keys().map(|(key, _)| key).collect();
            assert_eq!(keys.len(), 80, "{name}");
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), 80, "{name}");
        }
        let (map, _) = Map::read(KNOWN[0].1);
        let note = |number| map.role(Key { controller: false, number });
        assert_eq!(note(81), Some(Role::Clip { column: 0, row: 0 }));
        assert_eq!(note(18), Some(Role::Clip { column: 7, row: 7 }));
        assert_eq!(map.role(Key { controller: true, number: 79 }), Some(Role::Scene(1)));
        assert_eq!((note(19), note(80)), (None, None));
    }

    #[test]
    fn a_bad_line_is_told_and_the_rest_holds() {
        let text = "device X\npads 8x8 note 100 +1 +8\nlight blue 3\nhello 90 3c 40\nscenes 4 cc 10 +1 # four\nfoo\nlight scene 200\n";
        let (map, wrong) = Map::read(text);
        assert_eq!(map.keys().count(), 4);
        let lines: Vec<&str> = wrong.iter().map(|line| &line[..6]).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 4", "line 6", "line 7"], "{wrong:?}");
        assert!(Map::read("").1[0].contains("which device"));
    }

    #[test]
    fn any_bytes_are_read() {
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut keys = 0;
        for _ in 0..20_000 {
            // A map that means something, with some of its letters changed.
            let mut text: Vec<char> = KNOWN[random(KNOWN.len())].1.chars().collect();
            for _ in 0..random(12) {
                let at = random(text.len());
                text[at] = ['0', '9', '-', '+', 'x', ' ', '\n', '#', '\u{fffd}', 'f'][random(10)];
            }
            let (map, _) = Map::read(&text.into_iter().collect::<String>());
            keys += map.keys().inspect(|(key, _)| assert!(key.number < 128)).count();
        }
        assert!(keys > 0);
        for length in 0..KNOWN[0].1.len() {
            let _ = Map::read(&KNOWN[0].1.chars().take(length).collect::<String>());
        }
    }
}
