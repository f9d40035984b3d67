//! Going ahead in the music: what a rendering does that begins in the middle, beside playing.
//!
//! What plays at a place follows from the text and from all that came before: which clips are launched, which notes are held by which
//! voice, where lanes and the tempo have come to. All of that costs little, so it is not guessed: quanta are passed over, everything
//! happens in them as always, and only sound is not computed ([`Engine::pass_over`]). The memory of sound (filters, echoes, phases)
//! stays empty, unless it comes from a checkpoint ([`Engine::restore`]); then all bits are those of a rendering from the start.

use super::Engine;
use modurust_compiler::graph::QUANTUM;
use modurust_compiler::score::Ratio;

impl Engine {
    /// Lets a quantum pass without its sound: patterns, launches, tempo, meter, voices and all that moves by the text come to where they
    /// would be, in a small part of the time. The memory of sound stays as it is. To be called between whole quanta, off the callback.
    pub fn pass_over(&mut self) {
        self.prepare();
        self.go_on();
    }

    /// The frame in which the last quantum came to a position in bars, if it did.
    pub fn reached(&self, cycle: Ratio) -> Option<u64> {
        let piece = self.state.transport.pieces().iter().find(|p| p.begin <= cycle && cycle < p.end)?;
        let last = self.state.frame.saturating_sub(1);
        let first = self.state.frame.saturating_sub(QUANTUM as u64);
        Some((piece.mark.frame_of(cycle).max(0) as u64).clamp(first, last))
    }

    /// Where time jumped to in the last quantum.
    pub fn jumped(&self) -> Option<Ratio> {
        self.state.transport.pieces().iter().find(|p| p.jump).map(|p| p.begin)
    }

    /// Position in bars behind the coming quantum, by the tempo of now.
    pub fn cycle_after(&self) -> Ratio {
        self.state.transport.cycle(self.state.frame + QUANTUM as u64)
    }

    /// The memory of the program's code: [`exec::Instance::image`].
    pub fn image(&mut self) -> Vec<u32> {
        self.active.instance.image()
    }

    /// Words of an image.
    pub fn image_len(&self) -> usize {
        self.active.instance.image_len()
    }

    /// Takes the memory of another engine of this program that stood at the same frame.
    pub fn restore(&mut self, image: &[u32]) -> bool {
        self.active.instance.restore(image)
    }
}
