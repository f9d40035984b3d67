//! Checkpoints of a rendering: the memory of sound at some bars, in a folder of files.
//!
//! A rendering that begins at bar 17 would have to compute all that lies before, since echoes, phases and filters come from there. With
//! a checkpoint it passes over the music up to the file's frame without computing sound ([`Engine::pass_over`]), takes the memory from
//! the file, and goes on bit for bit. Only that memory is kept; notes, clips and tempo are found again from the text, faster than they
//! could be read.
//!
//! ```text
//! magic, format, key, frame, bar, words | (zeros, count, words ..) .. | checksum        little-endian
//! ```
//!
//! A file is believed only if it belongs to the very same program ([`key`]) and its checksum holds; any other is left out, and said so.
//!
//! [`Engine::pass_over`]: crate::engine::Engine::pass_over

use modurust_compiler::exec::image::meaning;
use modurust_compiler::program::Program;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bars between two checkpoints.
pub const EVERY: i64 = 8;
/// What a file begins with.
const MAGIC: [u8; 8] = *b"MODUBARS";
/// Number of the form of the files, and of what the words in them mean.
const FORMAT: u64 = 1;
/// Bytes before the words.
const HEAD: usize = 48;
/// What a file's name ends with.
const ENDING: &str = "state";

/// The memory of sound at a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The first frame that it does not contain; a multiple of a quantum.
    pub frame: u64,
    /// The next bar, counted from 0.
    pub bar: i64,
    /// The image.
    pub words: Vec<u32>,
}

/// FNV-1a over bytes.
fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |h, byte| (h ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// Tells programs apart: all that decides a bit of the sound, and the version. `input` are the samples that its inputs hear.
pub fn key(program: &Program, limiter: bool, input: &[f32]) -> u64 {
    let Program { patch, score, units, params, samples, timing, timeline, knobs: _ } = program;
    let words = [FORMAT, meaning(patch), u64::from(limiter), input.len() as u64];
    let numbers = words.into_iter().chain(samples.iter().map(|s| s.hash()));
    let numbers = numbers.flat_map(u64::to_le_bytes).collect::<Vec<u8>>();
    let floats = params.iter().chain(input).flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let texts = format!("{} {score:?} {units:?} {timing:?} {timeline:?}", env!("CARGO_PKG_VERSION"));
    [numbers.as_slice(), &floats, texts.as_bytes()].into_iter().fold(START, hash)
}

impl Checkpoint {
    /// The bytes of a file.
    fn bytes(&self, key: u64) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        for number in [FORMAT, key, self.frame, self.bar as u64, self.words.len() as u64] {
            bytes.extend(number.to_le_bytes());
        }
        // Most delay lines are empty for most of the time.
        let mut rest = self.words.as_slice();
        while !rest.is_empty() {
            let zeros = rest.iter().position(|w| *w != 0).unwrap_or(rest.len());
            rest = &rest[zeros..];
            let mut count = 0;
            while count < rest.len() && rest[count..].iter().take(4).any(|w| *w != 0) {
                count += 1;
            }
            bytes.extend((zeros as u32).to_le_bytes());
            bytes.extend((count as u32).to_le_bytes());
            bytes.extend(rest[..count].iter().flat_map(|w| w.to_le_bytes()));
            rest = &rest[count..];
        }
        let sum = hash(START, &bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// A file's content, if it is whole and holds `words` words. Any bytes may be given.
    fn read(bytes: &[u8], words: usize) -> Option<(u64, Checkpoint)> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        let head = Head::read(content)?;
        if hash(START, content) != u64::from_le_bytes(*sum) || head.words != words as u64 {
            return None;
        }
        let mut rest = content.get(HEAD..)?;
        let mut all = Vec::with_capacity(words);
        while !rest.is_empty() {
            let (zeros, tail) = rest.split_first_chunk::<4>()?;
            let (count, tail) = tail.split_first_chunk::<4>()?;
            let zeros = u32::from_le_bytes(*zeros) as usize;
            let bytes = (u32::from_le_bytes(*count) as usize).checked_mul(4)?;
            if zeros > words - all.len() || bytes / 4 > words - all.len() - zeros || tail.len() < bytes {
                return None;
            }
            all.resize(all.len() + zeros, 0);
            let (here, tail) = tail.split_at(bytes);
            all.extend(here.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
            rest = tail;
        }
        (all.len() == words).then_some((head.key, Checkpoint { frame: head.frame, bar: head.bar, words: all }))
    }
}

/// What stands at the begin of a file.
#[derive(Clone, Copy)]
struct Head {
    key: u64,
    frame: u64,
    bar: i64,
    words: u64,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Head> {
        let rest = bytes.get(..HEAD)?.strip_prefix(&MAGIC)?;
        let number = |i: usize| Some(u64::from_le_bytes(*rest.get(8 * i..)?.first_chunk()?));
        let head = Head { key: number(1)?, frame: number(2)?, bar: number(3)? as i64, words: number(4)? };
        (number(0)? == FORMAT).then_some(head)
    }

    fn of(path: &Path) -> Option<Head> {
        let mut bytes = [0; HEAD];
        fs::File::open(path).ok()?.read_exact(&mut bytes).ok()?;
        Head::read(&bytes)
    }
}

/// A folder of checkpoints, for one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    folder: PathBuf,
    key: u64,
    complaints: Vec<String>,
}

impl Checkpoints {
    /// The checkpoints of a program in a folder, which need not be there.
    pub fn new(folder: &Path, key: u64) -> Checkpoints {
        Checkpoints { folder: folder.to_path_buf(), key, complaints: Vec::new() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The last one that lies at or before a frame and holds so many words. What is of another program, or damaged, is left out.
    pub fn latest(&mut self, frame: u64, words: usize) -> Option<Checkpoint> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == ENDING)).collect();
        files.sort();
        let mut near = Vec::new();
        let (mut others, mut broken) = (0, Vec::new());
        for path in files {
            match Head::of(&path) {
                Some(head) if head.key != self.key => others += 1,
                Some(head) if head.frame <= frame => near.push((head.frame, path)),
                Some(_) => {}
                None => broken.push(path),
            }
        }
        near.sort();
        let mut found = None;
        while let Some((_, path)) = near.pop().filter(|_| found.is_none()) {
            let read = fs::read(&path).ok().and_then(|bytes| Checkpoint::read(&bytes, words));
            found = read.filter(|(key, c)| *key == self.key && c.frame <= frame).map(|(_, checkpoint)| checkpoint);
            if found.is_none() {
                broken.push(path);
            }
        }
        let folder = self.folder.display();
        if others > 0 {
            let what = if others == 1 { "one checkpoint".into() } else { format!("{others} checkpoints") };
            self.complaints.push(format!("{what} in {folder} left out: of another text, or of another version"));
        }
        for path in broken {
            self.complaints.push(format!("{} is damaged, or no checkpoint, and is left out", path.display()));
        }
        found
    }

    /// Writes one, in the place of any other of its bar: beside it first, so that a half-written file is never found.
    pub fn write(&self, checkpoint: &Checkpoint) -> std::io::Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        // People count bars from 1.
        let path = self.folder.join(format!("bar-{:05}.{ENDING}", checkpoint.bar + 1));
        let beside = path.with_extension("part");
        fs::write(&beside, checkpoint.bytes(self.key))?;
        fs::rename(&beside, &path)?;
        Ok(path)
    }

    /// What was left out, and why; each is told once.
    pub fn take_complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let mut words = vec![0; 900];
        words[3..40].fill(7);
        words[41] = 9;
        words[700] = u32::MAX;
        Checkpoint { frame: 64 * 99, bar: 16, words }
    }

    #[test]
    fn what_was_written_is_read() {
        for words in [vec![], vec![0; 50], (0..999).collect(), sample().words] {
            let checkpoint = Checkpoint { words, ..sample() };
            let bytes = checkpoint.bytes(5);
            assert_eq!(Checkpoint::read(&bytes, checkpoint.words.len()), Some((5, checkpoint.clone())));
            assert_eq!(Checkpoint::read(&bytes, checkpoint.words.len() + 1), None);
        }
        assert!(sample().bytes(5).len() < 400, "zeros take no room");
    }

    #[test]
    fn any_damage_is_seen() {
        let (bytes, words) = (sample().bytes(5), sample().words.len());
        for i in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[i] ^= flip;
                assert_eq!(Checkpoint::read(&damaged, words), None, "byte {i}");
            }
            assert_eq!(Checkpoint::read(&bytes[..i], words), None, "{i} bytes");
        }
        // Bytes of no meaning, with a checksum that holds.
        let mut seed = 1u64;
        for round in 0..20_000 {
            let mut dice = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) as u8
            };
            let mut bytes = sample().bytes(5)[..HEAD].to_vec();
            bytes.extend((0..round % 97).map(|_| if dice() & 3 == 0 { dice() } else { 0 }));
            let sum = hash(START, &bytes);
            bytes.extend(sum.to_le_bytes());
            if let Some((_, read)) = Checkpoint::read(&bytes, words) {
                assert_eq!(read.words.len(), words);
            }
        }
    }

    #[test]
    fn the_nearest_before_is_found_and_others_are_told() {
        let dir = std::env::temp_dir().join(format!("modurust-checkpoint-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let mut mine = Checkpoints::new(&dir, 5);
        assert_eq!((mine.latest(1 << 40, 900), mine.take_complaints()), (None, vec![]));
        let at = |bar: i64| Checkpoint { frame: 640 * bar as u64, bar, ..sample() };
        for bar in [8, 16, 24] {
            mine.write(&at(bar)).unwrap();
        }
        assert_eq!(mine.latest(640 * 20, 900), Some(at(16)));
        assert_eq!(mine.latest(640 * 16, 900), Some(at(16)));
        assert_eq!((mine.latest(640 * 7, 900), mine.take_complaints()), (None, vec![]));
        let mut other = Checkpoints::new(&dir, 6);
        assert_eq!(other.latest(1 << 40, 900), None);
        assert!(other.take_complaints()[0].contains("3 checkpoints"));
        let path = mine.write(&at(16)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[60] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        std::fs::write(dir.join("x.state"), "short").unwrap();
        assert_eq!(mine.latest(640 * 20, 900), Some(at(8)));
        let told = mine.take_complaints().join("\n");
        assert!(told.contains("bar-00017.state") && told.contains("x.state"), "{told}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
