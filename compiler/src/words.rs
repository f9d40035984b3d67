//! Memory that generated code reads and writes: words, in whole cache lines.

/// A cache line of words.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u32; 16]);

/// Zeroed words, aligned to a cache line, with pages touched.
pub struct Words(Vec<Line>);

impl Words {
    /// So many words and what fills the last line.
    pub fn new(words: usize) -> Words {
        let mut lines = vec![Line([0; 16]); words.div_ceil(16).max(1)];
        for line in lines.iter_mut().step_by(4096 / 64) {
            // SAFETY: a write through an exclusive reference; volatile so that the page is really there before the audio thread asks.
            unsafe { std::ptr::write_volatile(line, Line([0; 16])) };
        }
        Words(lines)
    }

    /// The first word, as a float.
    pub fn pointer(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }

    /// All words.
    pub fn all(&self) -> &[u32] {
        // SAFETY: a `Line` is sixteen words without padding.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
    }

    /// All words, to be written.
    pub fn all_mut(&mut self) -> &mut [u32] {
        // SAFETY: as `all`.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
    }

    /// All words as floats.
    pub fn floats(&self) -> &[f32] {
        // SAFETY: as `all`; every word is a float.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
    }

    /// All words as floats, to be written.
    pub fn floats_mut(&mut self) -> &mut [f32] {
        // SAFETY: as `floats`.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
    }
}
