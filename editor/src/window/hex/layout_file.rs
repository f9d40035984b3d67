//! `song.modu.layout`: where the user has put hexes. It changes no sound.
//!
//! A line a hex: its key, column and row, and what else is said of it. Lines are sorted by key, so that two people's changes merge;
//! only hexes that a hand has placed have one. A key is the name of a binding (`bass`), of one inside of it (`acid.env`), or a
//! part of a binding by the arguments that lead to it (`bass/out/freq`).
//!
//! ```text
//! modurust-layout 1
//! bass 3 -1
//! mix 6 0 fold
//! osc 2 -1 color=5
//! ```
//!
//! Reading never fails. A line that says nothing is told and left out, words that this version does not know are kept. A file that
//! nothing was changed in is written back as it was read, to the byte.

use super::lattice::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The first line.
pub const HEAD: &str = "modurust-layout 1";
/// Columns and rows lie between minus this and this.
pub const LIMIT: i32 = 10_000;

/// What is said of one hex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// Where it lies.
    pub cell: Cell,
    /// Its colour, a number of the palette, if it is not that of its category.
    pub color: Option<u8>,
    /// Words of the line that mean nothing here, as they were.
    pub rest: Vec<String>,
}

/// Where hexes lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    spots: BTreeMap<String, Spot>,
    /// What was read, as long as it is still right.
    as_read: Option<Vec<u8>>,
}

/// A line that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Counts from 1.
    pub line: usize,
    /// A sentence for people.
    pub reason: String,
}

impl Layout {
    /// Reads a file, whatever it holds. Of several lines for one key the last counts.
    pub fn read(bytes: &[u8]) -> (Layout, Vec<Problem>) {
        let text = String::from_utf8_lossy(bytes);
        let (mut layout, mut problems) = (Layout::default(), Vec::new());
        for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let mut problem = |reason: String| problems.push(Problem { line: n + 1, reason });
            let mut words = line.split_whitespace();
            let Some(key) = words.next() else { continue };
            if key == "modurust-layout" {
                if words.next() != Some("1") {
                    problem("this layout is of another version: what is not understood is left out".into());
                }
                continue;
            }
            let number =
                |word: Option<&str>| word.and_then(|w| w.parse::<i32>().ok()).filter(|n| (-LIMIT..=LIMIT).contains(n));
            let (Some(column), Some(row)) = (number(words.next()), number(words.next())) else {
                problem(format!("after `{}` a column and a row are missing, as in `bass 3 -1`", short(key)));
                continue;
            };
            let mut spot = Spot { cell: Cell::at(column, row), ..Spot::default() };
            for word in words {
                match word.strip_prefix("color=").and_then(|n| n.parse().ok()) {
                    Some(color) => spot.color = Some(color),
                    None => spot.rest.push(word.to_string()),
                }
            }
            if layout.spots.insert(key.to_string(), spot).is_some() {
                problem(format!("`{}` has a line already: this one counts", short(key)));
            }
        }
        layout.as_read = Some(bytes.to_vec());
        (layout, problems)
    }

    /// Gives a hex a colour of the palette, or that of its category; it lies where it lies.
    pub fn recolour(&mut self, key: &str, cell: Cell, color: Option<u8>) {
        self.as_read = None;
        let spot = self.spots.entry(key.to_string()).or_insert_with(|| Spot { cell, ..Spot::default() });
        spot.color = color;
    }

    /// The bytes of the file. Keys that `known` does not know are gone from it.
    pub fn write(&self, known: impl Fn(&str) -> bool) -> Vec<u8> {
        if let Some(bytes) = &self.as_read
            && self.spots.keys().all(|key| known(key))
        {
            return bytes.clone();
        }
        let mut text = format!("{HEAD}\n");
        for (key, spot) in self.spots.iter().filter(|(key, _)| known(key)) {
            let _ = write!(text, "{key} {} {}", spot.cell.q, spot.cell.row());
            if let Some(color) = spot.color {
                let _ = write!(text, " color={color}");
            }
            spot.rest.iter().for_each(|word| {
                let _ = write!(text, " {word}");
            });
            text.push('\n');
        }
        text.into_bytes()
    }

    /// What is said of a hex.
    pub fn get(&self, key: &str) -> Option<&Spot> {
        self.spots.get(key)
    }

    /// Puts a hex into a cell (`None`: where the automatic layout wants it). Comes back with the cell of before.
    pub fn place(&mut self, key: &str, cell: Option<Cell>) -> Option<Cell> {
        let before = self.get(key).map(|spot| spot.cell);
        if before == cell || key.is_empty() || key.contains(char::is_whitespace) {
            return before;
        }
        self.as_read = None;
        match cell {
            Some(cell) => {
                let column = cell.q.clamp(-LIMIT, LIMIT);
                let row = cell.row().clamp(-LIMIT, LIMIT);
                self.spots.entry(key.to_string()).or_default().cell = Cell::at(column, row);
            }
            None => {
                self.spots.remove(key);
            }
        }
        before
    }

    /// Moves what is said of `from`, and of all that lies inside of it, to `to`.
    pub fn rename(&mut self, from: &str, to: &str) {
        let inside = |key: &str| {
            key.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with(['.', '/'])).map(str::to_string)
        };
        let keys: Vec<(String, String)> =
            self.spots.keys().filter_map(|key| inside(key).map(|rest| (key.clone(), format!("{to}{rest}")))).collect();
        for (old, new) in keys {
            if let Some(spot) = self.spots.remove(&old) {
                self.spots.insert(new, spot);
                self.as_read = None;
            }
        }
    }
}

fn short(key: &str) -> String {
    let mut short: String = key.chars().take(24).collect();
    if short.len() < key.len() {
        short.push_str("..");
    }
    short
}

/// A binding, for the question which of them has got another name.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is, without its name.
    pub body: &'a str,
}

/// Which names have become which others between two texts, each given in its order. A name that is gone and one that is new belong
/// together if what they name is the same, or if they stand between the same neighbours.
pub fn renames(old: &[Named<'_>], new: &[Named<'_>]) -> Vec<(String, String)> {
    let in_old: BTreeMap<&str, usize> = old.iter().enumerate().map(|(i, n)| (n.name, i)).collect();
    let in_new: BTreeMap<&str, usize> = new.iter().enumerate().map(|(i, n)| (n.name, i)).collect();
    let gone: Vec<usize> = (0..old.len()).filter(|i| !in_new.contains_key(old[*i].name)).collect();
    let mut fresh: Vec<usize> = (0..new.len()).filter(|i| !in_old.contains_key(new[*i].name)).collect();
    if gone.is_empty() || fresh.is_empty() {
        return Vec::new();
    }
    let near = |list: &[Named<'_>], i: usize, other: &BTreeMap<&str, usize>| {
        let known = |n: &&Named<'_>| other.contains_key(n.name);
        let before = list[..i].iter().rev().find(known).map(|n| n.name.to_string());
        let after = list[i + 1..].iter().find(known).map(|n| n.name.to_string());
        (before, after)
    };
    let mut found = Vec::new();
    for round in 0..2 {
        for i in gone.iter().copied() {
            if found.iter().any(|(name, _): &(String, String)| name == old[i].name) {
                continue;
            }
            let same = |j: &usize| match round {
                0 => without(old[i].body, old[i].name) == without(new[*j].body, new[*j].name),
                _ => near(old, i, &in_new) == near(new, *j, &in_old),
            };
            let fits: Vec<usize> = fresh.iter().copied().filter(same).collect();
            // Where several could be meant nobody knows.
            if round == 1 && fits.len() != 1 {
                continue;
            }
            if let Some(j) = fits.first().copied() {
                fresh.retain(|k| *k != j);
                found.push((old[i].name.to_string(), new[j].name.to_string()));
            }
        }
    }
    found
}

/// A body with its own name taken out, and no blanks.
fn without(body: &str, name: &str) -> Vec<String> {
    use modurust_runtime::compiler::lang::token::tokens;
    tokens(body).map(|token| token.text(body)).map(|word| if word == name { "" } else { word }.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_runtime::compiler::lang::dice::Dice;

    #[test]
    fn lines_become_places_and_places_lines() {
        let text = "modurust-layout 1\nbass 3 -1\nbass/out/freq 1 1\nmix 6 0 fold\nosc 2 -1 color=5 later=x\n";
        let (mut layout, problems) = Layout::read(text.as_bytes());
        assert_eq!(problems, []);
        assert_eq!(layout.get("osc").unwrap().color, Some(5));
        assert_eq!(layout.get("bass").unwrap().cell, Cell::at(3, -1));
        assert_eq!(layout.place("bass", Some(Cell::at(4, 0))), Some(Cell::at(3, -1)));
        let out = String::from_utf8(layout.write(|_| true)).unwrap();
        assert_eq!(out, text.replace("bass 3 -1", "bass 4 0"));
        layout.rename("bass", "deep");
        layout.place("mix", None);
        let out = String::from_utf8(layout.write(|key| key != "osc")).unwrap();
        assert_eq!(out, "modurust-layout 1\ndeep 4 0\ndeep/out/freq 1 1\n");
    }

    #[test]
    fn an_unchanged_file_is_written_as_it_was_read() {
        for text in ["", "\u{feff}modurust-layout 1\r\n  osc   2\t-1\r\n\r\nnonsense\r\n", "b 1 1\na 1 1"] {
            let (layout, _) = Layout::read(text.as_bytes());
            assert_eq!(layout.write(|_| true), text.as_bytes());
        }
        let (layout, problems) =
            Layout::read(b"modurust-layout 2\nbass 3\nbass x 1\nbass 99999999999 1\nb 1 1\nb 2 2\n");
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 2, 3, 4, 6]);
        assert_eq!(layout.get("b").unwrap().cell, Cell::at(2, 2));
    }

    #[test]
    fn any_bytes_can_be_read_and_what_was_understood_is_read_again() {
        let mut dice = Dice::new(3);
        let words = ["bass", " ", "\n", "3", "-1", "color=5", "\u{feff}", "é", "\r\n", "modurust-layout", "\0", "1"];
        for _ in 0..5_000 {
            let mut bytes = Vec::new();
            for _ in 0..dice.below(30) {
                match dice.below(4) {
                    0 => bytes.push(dice.draw() as u8),
                    _ => bytes.extend(dice.pick(&words).as_bytes()),
                }
            }
            let (mut layout, _) = Layout::read(&bytes);
            assert_eq!(layout.write(|_| true), bytes);
            layout.place("new", Some(Cell::at(1, 1)));
            let (again, problems) = Layout::read(&layout.write(|_| true));
            assert_eq!(problems, []);
            assert_eq!(again.spots, layout.spots);
        }
    }

    #[test]
    fn a_new_name_is_found_by_what_it_names_or_by_its_place() {
        let named = |list: &'static [(&'static str, &'static str)]| -> Vec<Named<'static>> {
            list.iter().map(|(name, body)| Named { name, body }).collect()
        };
        let old = named(&[("a", "saw(1hz)"), ("b", "a + b' * 2"), ("c", "b"), ("d", "3")]);
        let told = |new| renames(&old, &named(new));
        assert_eq!(told(&[("a", "saw(1hz)"), ("z", "a + z'*2"), ("c", "z"), ("d", "3")]), [("b".into(), "z".into())]);
        assert_eq!(told(&[("a", "saw(1hz)"), ("z", "a * 7"), ("c", "z"), ("d", "3")]), [("b".into(), "z".into())]);
        assert_eq!(told(&[("z", "a + z' * 2"), ("d", "3"), ("q", "saw(1hz)"), ("c", "z")]).len(), 2);
        assert_eq!(told(&[("x", "1"), ("y", "2"), ("c", "b"), ("d", "3")]), []);
    }
}
