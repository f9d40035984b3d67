//! Code that was made before, by what it does.
//!
//! An edit changes little of a set. A region is known by its [`Content`]: two regions of equal content have the same code, in whatever
//! patch they are and wherever their memory lies. So a compiler keeps the code of regions between edits and makes what is new. The
//! whole content is compared, not only its hash: no collision can ever play the wrong code.
//!
//! The cache holds copies on the heap. What is executed is a copy of its own in each patch, so nothing here is shared with the audio
//! side, and forgetting an entry frees nothing that may still play.

use crate::codegen::x86::asm::Written;
use crate::codegen::x86::content::Content;
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

/// Bytes that are kept. The largest sets have a tenth of it.
const ROOM: usize = 16 << 20;

/// Code of regions.
pub struct Cache {
    known: HashMap<Box<[u32]>, Entry>,
    bytes: usize,
    room: usize,
    /// Patches that were made.
    turn: u64,
}

struct Entry {
    code: Arc<Written>,
    /// The last patch that had it.
    turn: u64,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache::with_room(ROOM)
    }
}

impl Cache {
    /// Nothing yet, and room for so many bytes.
    pub fn with_room(room: usize) -> Cache {
        Cache { known: HashMap::default(), bytes: 0, room, turn: 0 }
    }

    /// The code of a region that was made before.
    pub fn find(&mut self, content: &Content) -> Option<Arc<Written>> {
        let entry = self.known.get_mut(content.words())?;
        entry.turn = self.turn;
        Some(Arc::clone(&entry.code))
    }

    /// Keeps the code of a region.
    pub fn keep(&mut self, content: &Content, code: &Arc<Written>) {
        let words: Box<[u32]> = content.words().into();
        self.bytes += size(&words, code);
        let entry = Entry { code: Arc::clone(code), turn: self.turn };
        if let Some(old) = self.known.insert(words, entry) {
            self.bytes -= size(content.words(), &old.code);
        }
    }

    /// Ends a patch: if there is too much, half of it goes, beginning with what was not used for longest.
    pub fn end(&mut self) {
        self.turn += 1;
        if self.bytes <= self.room {
            return;
        }
        let mut turns: Vec<(u64, usize)> = self.known.iter().map(|(w, e)| (e.turn, size(w, &e.code))).collect();
        turns.sort_unstable();
        let mut left = self.bytes;
        let kept = turns.iter().find(|(_, size)| {
            left -= size;
            left <= self.room / 2
        });
        let oldest = kept.map_or(u64::MAX, |(turn, _)| *turn);
        self.known.retain(|_, entry| entry.turn > oldest);
        self.bytes = self.known.iter().map(|(words, entry)| size(words, &entry.code)).sum();
    }

    /// Number of regions, and bytes that they take.
    pub fn size(&self) -> (usize, usize) {
        (self.known.len(), self.bytes)
    }
}

fn size(words: &[u32], code: &Written) -> usize {
    size_of_val(words) + code.bytes.len() + size_of_val(&code.patches[..]) + size_of::<Entry>()
}
