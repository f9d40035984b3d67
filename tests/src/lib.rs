//! What the suites share: texts to programs, programs to sound, sound to numbers.

pub mod facts;
pub mod sound;
pub mod suite;
