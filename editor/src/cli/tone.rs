//! A folder for an example of the library, with the sound that examples play: `tone.wav`, a second of 440 Hz.
//!
//! Examples are texts of one line that stand in no folder of the player's. Whoever plays or measures one lays it into such a
//! folder, which is gone again when its value is.

use super::Failure;
use super::work::RATE;
use modurust_runtime::wav::{Bits, WavFile};
use std::path::PathBuf;

/// The file that examples play.
const NAME: &str = "tone.wav";

/// A folder of its own for one example, removed when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, with the tone in it.
    ///
    /// # Errors
    /// If nothing can be written to the folder of the system for such files.
    pub fn new() -> Result<Folder, Failure> {
        let folder = Folder(std::env::temp_dir().join(format!("modurust-example-{}", std::process::id())));
        std::fs::create_dir_all(&folder.0).map_err(Failure::outside)?;
        let wave = |i: u32| (f64::from(i) / f64::from(RATE) * 440.0 * std::f64::consts::TAU).sin() as f32 * 0.5;
        let mut file = WavFile::create(&folder.0.join(NAME), 1, RATE, Bits::F32).map_err(Failure::outside)?;
        file.write(&(0..RATE).map(wave).collect::<Vec<f32>>()).map_err(Failure::outside)?;
        file.finish().map_err(Failure::outside)?;
        Ok(folder)
    }

    /// Writes the text that plays an expression, and says where it is.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn example(&self, expression: &str) -> Result<String, Failure> {
        let path = self.0.join("example.modu");
        std::fs::write(&path, format!("out = {expression}\n")).map_err(Failure::outside)?;
        Ok(path.display().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that is gone already is as good as removed.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
