//! What was played, kept so that a crash or a power cut loses nothing.
//!
//! The *log* is only ever appended to: a record for each evaluation, for each number that a hand moved, and now and then for the
//! position. A record is its length, a checksum (CRC-32), a number that grows, and its bytes. Reading ends before the first record that is not
//! whole, so what a crash tore off is as if it had never been. A *snapshot* beside the log holds what all records so far come to; it is
//! written under another name, synced, and renamed, so there is always a whole one, old or new. What is restored is therefore always
//! what some number of whole records say: all that were synced, and perhaps some after them.
//!
//! The log is also the history of a piece: nothing is ever taken out of it.
//!
//! ```text
//! log:       "MODUJ1\n\0" record record ..          .modurust/piece.modu.log
//! snapshot:  "MODUJ1\n\0" record                    .modurust/piece.modu.now
//! record:    length u32 | crc32 u32 | number u64 | entries
//! ```

use crate::disk::Disk;
use std::collections::BTreeMap;
use std::io::Result;
use std::path::{Path, PathBuf};

/// The first bytes of both files.
const MAGIC: &[u8; 8] = b"MODUJ1\n\0";
/// Bytes before the entries of a record.
const HEAD: usize = 16;
/// Largest record. Whoever reads a length above it reads no record.
pub const LARGEST: usize = 256 << 20;
/// Bytes in the log after which a snapshot is worth its writing.
const SNAPSHOT: usize = 1 << 20;

/// Texts by the names of their files.
pub type Texts = BTreeMap<String, String>;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// These texts are played.
    Texts {
        /// The files that play, as the user named them.
        roots: Vec<String>,
        /// All files that they are made of.
        texts: Texts,
        /// None of them has an error.
        good: bool,
    },
    /// A hand moved a parameter.
    Number {
        /// Its name.
        name: String,
        /// Where to.
        value: f32,
    },
    /// A hand changed the tempo, in beats per minute.
    Tempo(f64),
    /// Where time was.
    Place {
        /// Bars since the beginning.
        bars: f64,
        /// Milliseconds since 1970.
        at: u64,
    },
    /// A set of clips plays something else.
    Clip {
        /// The strip of the set, and the binding that it is written in.
        set: (String, String),
        /// The name of the clip, if it is one.
        clip: Option<String>,
        /// Where it began, in bars.
        since: f64,
        /// Launched by a hand, and not by a song.
        by_hand: bool,
    },
    /// A text was remembered.
    Snap {
        /// As this.
        letter: char,
        /// The text.
        text: String,
    },
}

/// What all that happened comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The files that played last.
    pub roots: Vec<String>,
    /// Their texts as they were played last.
    pub last: Texts,
    /// The last texts without an error.
    pub good: Texts,
    /// Parameters that a hand moved.
    pub numbers: BTreeMap<String, f32>,
    /// The tempo, if a hand changed it.
    pub tempo: Option<f64>,
    /// Bars and milliseconds of the last [`Entry::Place`].
    pub place: Option<(f64, u64)>,
    /// Clips that hands have launched, by their sets: their names, and where they began in bars.
    pub clips: BTreeMap<(String, String), (Option<String>, f64)>,
    /// Texts that were remembered.
    pub snaps: BTreeMap<char, String>,
}

impl State {
    /// Adds what happened.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Texts { roots, texts, good } => {
                if roots != self.roots {
                    *self = State { roots, ..State::default() };
                }
                if good {
                    self.good.clone_from(&texts);
                }
                self.last = texts;
            }
            Entry::Number { name, value } => drop(self.numbers.insert(name, value)),
            Entry::Tempo(bpm) => self.tempo = Some(bpm),
            Entry::Place { bars, at } => self.place = Some((bars, at)),
            Entry::Clip { set, clip, since, by_hand: true } => drop(self.clips.insert(set, (clip, since))),
            Entry::Clip { set, .. } => drop(self.clips.remove(&set)),
            Entry::Snap { letter, text } => drop(self.snaps.insert(letter, text)),
        }
    }

    /// Entries that come to this.
    fn entries(&self) -> Vec<Entry> {
        let texts = |texts: &Texts, good| Entry::Texts { roots: self.roots.clone(), texts: texts.clone(), good };
        let mut all = vec![texts(&self.good, true), texts(&self.last, self.last == self.good)];
        all.extend(self.numbers.iter().map(|(name, value)| Entry::Number { name: name.clone(), value: *value }));
        all.extend(self.tempo.map(Entry::Tempo));
        all.extend(self.place.map(|(bars, at)| Entry::Place { bars, at }));
        let clip = |(set, (clip, since)): (&(String, String), &(Option<String>, f64))| Entry::Clip {
            set: set.clone(),
            clip: clip.clone(),
            since: *since,
            by_hand: true,
        };
        all.extend(self.clips.iter().map(clip));
        all.extend(self.snaps.iter().map(|(letter, text)| Entry::Snap { letter: *letter, text: text.clone() }));
        all
    }
}

/// A log that is open.
pub struct Journal<D: Disk> {
    disk: D,
    log: PathBuf,
    snapshot: PathBuf,
    number: u64,
    state: State,
    /// Bytes since the last snapshot.
    since: usize,
    /// Records that are not synced.
    loose: bool,
}

impl<D: Disk> Journal<D> {
    /// Opens the journal of a piece, or begins one: `path` without its last extension, which are `.log` and `.now`. What a crash left behind
    /// the last whole record is cut off. The folder of `path` is made if need be.
    pub fn open(mut disk: D, path: &Path) -> Result<Journal<D>> {
        let with = |extension: &str| {
            let mut name = path.as_os_str().to_os_string();
            name.push(extension);
            PathBuf::from(name)
        };
        let (log, snapshot) = (with(".log"), with(".now"));
        let (mut state, mut number) = (State::default(), 0);
        if let Some(bytes) = disk.read(&snapshot)? {
            replay(&bytes, &mut state, &mut number);
        }
        let bytes = disk.read(&log)?.filter(|bytes| bytes.starts_with(MAGIC));
        let whole = bytes.as_deref().map(|bytes| (replay(bytes, &mut state, &mut number), bytes.len()));
        match whole {
            Some((whole, all)) => {
                disk.truncate(&log, whole as u64)?;
                if whole < all {
                    disk.sync(&log)?;
                }
            }
            None => {
                disk.write(&log, MAGIC)?;
                disk.sync(&log)?;
                disk.sync_folder(folder(&log))?;
            }
        }
        Ok(Journal { disk, log, snapshot, number, state, since: 0, loose: false })
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The disk.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Adds what happened; it is kept from the next [`Journal::sync`] on. After an error the log may end in half a
    /// record, so the journal should be opened anew.
    pub fn append(&mut self, entry: Entry) -> Result<()> {
        let bytes = record(self.number + 1, std::slice::from_ref(&entry));
        self.disk.append(&self.log, &bytes)?;
        self.number += 1;
        self.since += bytes.len();
        self.loose = true;
        self.state.apply(entry);
        Ok(())
    }

    /// Keeps all that was added.
    pub fn sync(&mut self) -> Result<()> {
        if std::mem::take(&mut self.loose) {
            self.disk.sync(&self.log)?;
        }
        if self.since > SNAPSHOT.max(8 * self.state.last.values().map(String::len).sum::<usize>()) {
            self.snapshot()?;
        }
        Ok(())
    }

    /// Writes what all records come to, so that the next start reads no more than this.
    pub fn snapshot(&mut self) -> Result<()> {
        self.disk.sync(&self.log)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(record(self.number, &self.state.entries()));
        let mut new = self.snapshot.as_os_str().to_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        self.disk.write(&new, &bytes)?;
        self.disk.sync(&new)?;
        self.disk.rename(&new, &self.snapshot)?;
        self.disk.sync_folder(folder(&self.snapshot))?;
        (self.since, self.loose) = (0, false);
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A record of some entries.
fn record(number: u64, entries: &[Entry]) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    entries.iter().for_each(|entry| write(entry, &mut body));
    let mut bytes = (body.len() as u32 - 8).to_le_bytes().to_vec();
    bytes.extend(crc32fast::hash(&body).to_le_bytes());
    bytes.append(&mut body);
    bytes
}

/// Applies the records that are newer than `number`, and returns where the last whole one ends. Survives any bytes.
fn replay(bytes: &[u8], state: &mut State, number: &mut u64) -> usize {
    let mut at = MAGIC.len();
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return 0 };
    while let Some((mine, body)) = whole(rest) {
        let (found, mut entries) = body.split_at(8);
        let found = u64::from_le_bytes(found.try_into().unwrap_or_default());
        let mut read = Vec::new();
        while !entries.is_empty() {
            let Some(entry) = entry(&mut entries) else { return at };
            read.push(entry);
        }
        if found > *number {
            *number = found;
            read.into_iter().for_each(|entry| state.apply(entry));
        }
        (at, rest) = (at + mine, &rest[mine..]);
    }
    at
}

/// The length and the body of the record that bytes begin with, if it is whole.
fn whole(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= LARGEST)?;
    let body = rest.get(..length + 8)?;
    (crc32fast::hash(body) == u32::from_le_bytes(*crc)).then_some((HEAD + length, body))
}

fn write(entry: &Entry, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    match entry {
        Entry::Texts { roots, texts, good } => {
            out.extend([0, u8::from(*good)]);
            out.extend((roots.len() as u32).to_le_bytes());
            roots.iter().for_each(|root| text(root, out));
            out.extend((texts.len() as u32).to_le_bytes());
            for (name, words) in texts {
                text(name, out);
                text(words, out);
            }
        }
        Entry::Number { name, value } => {
            out.push(1);
            text(name, out);
            out.extend(value.to_bits().to_le_bytes());
        }
        Entry::Tempo(bpm) => {
            out.push(2);
            out.extend(bpm.to_bits().to_le_bytes());
        }
        Entry::Place { bars, at } => {
            out.push(3);
            out.extend(bars.to_bits().to_le_bytes());
            out.extend(at.to_le_bytes());
        }
        Entry::Clip { set, clip, since, by_hand } => {
            out.extend([5, u8::from(*by_hand), u8::from(clip.is_some())]);
            text(&set.0, out);
            text(&set.1, out);
            text(clip.as_deref().unwrap_or_default(), out);
            out.extend(since.to_bits().to_le_bytes());
        }
        Entry::Snap { letter, text: words } => {
            out.push(4);
            out.extend(u32::from(*letter).to_le_bytes());
            text(words, out);
        }
    }
}

/// Takes an entry off the front of some bytes.
fn entry(bytes: &mut &[u8]) -> Option<Entry> {
    fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
        let (first, rest) = bytes.split_first_chunk::<N>()?;
        *bytes = rest;
        Some(*first)
    }
    fn count(bytes: &mut &[u8]) -> Option<usize> {
        let n = u32::from_le_bytes(take(bytes)?) as usize;
        // Whatever is counted has a byte at least.
        (n <= bytes.len()).then_some(n)
    }
    fn text(bytes: &mut &[u8]) -> Option<String> {
        let n = count(bytes)?;
        let (words, rest) = bytes.split_at(n);
        *bytes = rest;
        String::from_utf8(words.to_vec()).ok()
    }
    let [kind] = take(bytes)?;
    Some(match kind {
        0 => {
            let [good] = take(bytes)?;
            let roots = (0..count(bytes)?).map(|_| text(bytes)).collect::<Option<_>>()?;
            let texts = (0..count(bytes)?).map(|_| Some((text(bytes)?, text(bytes)?))).collect::<Option<_>>()?;
            Entry::Texts { roots, texts, good: good == 1 }
        }
        1 => Entry::Number { name: text(bytes)?, value: f32::from_bits(u32::from_le_bytes(take(bytes)?)) },
        2 => Entry::Tempo(f64::from_bits(u64::from_le_bytes(take(bytes)?))),
        3 => Entry::Place {
            bars: f64::from_bits(u64::from_le_bytes(take(bytes)?)),
            at: u64::from_le_bytes(take(bytes)?),
        },
        4 => Entry::Snap { letter: char::from_u32(u32::from_le_bytes(take(bytes)?))?, text: text(bytes)? },
        5 => {
            let [by_hand, some] = take(bytes)?;
            let (set, clip) = ((text(bytes)?, text(bytes)?), text(bytes)?);
            let since = f64::from_bits(u64::from_le_bytes(take(bytes)?));
            Entry::Clip { set, clip: (some == 1).then_some(clip), since, by_hand: by_hand == 1 }
        }
        _ => return None,
    })
}
