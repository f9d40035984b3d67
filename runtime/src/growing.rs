//! A WAV file that is whole at every moment, however long it grows and however it ends.
//!
//! Sound is written behind a header that is brought up to date once a second, so a program or machine that dies leaves a file that
//! plays to within a second of its end. A disk that is full ends it at the last whole frame, with a header that says so: that needs no room.
//! There is room for a longer header from the start, and past 4 GiB the file becomes an RF64 (EBU Tech 3306) in place.
//!
//! ```text
//! RIFF size WAVE | JUNK 28, later ds64 | fmt 16 | fact 4 | data size | frames ..
//! ```

use crate::wav::{Bits, Dither, WavError};
use std::fs::File;
use std::io::{Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes before the first frame.
pub const HEAD: u64 = 92;

/// Where a file lies.
pub trait Store: Write + Seek + Send {
    /// Cuts it to so many bytes.
    fn cut(&mut self, bytes: u64) -> Result<()>;
}

impl Store for File {
    fn cut(&mut self, bytes: u64) -> Result<()> {
        self.set_len(bytes)
    }
}

/// The file.
pub struct Growing<S: Store> {
    store: S,
    channels: u16,
    rate: u32,
    bits: Bits,
    dither: Dither,
    /// Bytes of sound that are written, and of which the header speaks.
    data: u64,
    told: u64,
    encoded: Vec<u8>,
}

/// One on the file system, which knows its name.
pub struct TakeFile {
    file: Growing<File>,
    path: PathBuf,
}

impl TakeFile {
    /// Creates or replaces the file.
    pub fn create(path: &Path, channels: u16, rate: u32, bits: Bits) -> std::result::Result<TakeFile, WavError> {
        let wrap = |why| WavError::io(path, why);
        let file = Growing::new(File::create(path).map_err(wrap)?, channels, rate, bits).map_err(wrap)?;
        Ok(TakeFile { file, path: path.to_path_buf() })
    }

    /// Adds samples, interleaved, of whole frames. After an error the file holds all whole frames before it, and takes no more.
    pub fn write(&mut self, samples: &[f32]) -> std::result::Result<(), WavError> {
        self.file.write(samples).map_err(|why| WavError::io(&self.path, why))
    }

    /// Frames in the file.
    pub fn frames(&self) -> u64 {
        self.file.frames()
    }

    /// Brings the header up to date and closes the file.
    pub fn finish(mut self) -> std::result::Result<(), WavError> {
        self.file.mark().map_err(|why| WavError::io(&self.path, why))
    }
}

impl<S: Store> Growing<S> {
    /// Begins a file in an empty store.
    pub fn new(store: S, channels: u16, rate: u32, bits: Bits) -> Result<Growing<S>> {
        let mut file = Growing {
            store,
            channels: channels.max(1),
            rate,
            bits,
            dither: Dither::default(),
            data: 0,
            told: 0,
            encoded: Vec::new(),
        };
        file.mark()?;
        Ok(file)
    }

    /// Bytes of a frame.
    fn frame(&self) -> u64 {
        let sample = match self.bits {
            Bits::F32 => 4,
            Bits::I24 => 3,
            Bits::I16 => 2,
        };
        sample * u64::from(self.channels)
    }

    /// Frames in the file.
    pub fn frames(&self) -> u64 {
        self.data / self.frame()
    }

    /// Adds samples, interleaved, of whole frames. After an error the file holds all whole frames before it, and takes no more.
    pub fn write(&mut self, samples: &[f32]) -> Result<()> {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        for x in samples {
            match self.bits {
                Bits::F32 => encoded.extend(x.to_le_bytes()),
                Bits::I24 => encoded.extend(&self.dither.quantise(*x, self.bits.scale()).to_le_bytes()[..3]),
                Bits::I16 => encoded.extend((self.dither.quantise(*x, self.bits.scale()) as i16).to_le_bytes()),
            }
        }
        let written = self.append(&encoded);
        self.encoded = encoded;
        written?;
        // A second of sound is as much as may be lost.
        if self.data - self.told >= u64::from(self.rate) * self.frame() {
            self.mark()?;
        }
        Ok(())
    }

    /// Puts bytes behind the end; what cannot be written whole ends with its last whole frame.
    fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        let mut added = 0;
        let result = loop {
            if bytes.is_empty() {
                break Ok(());
            }
            match self.store.write(bytes) {
                Ok(0) => break Err(std::io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    added += count as u64;
                    bytes = &bytes[count..];
                }
                Err(why) if why.kind() == std::io::ErrorKind::Interrupted => {}
                Err(why) => break Err(why),
            }
        };
        self.data += added / self.frame() * self.frame();
        if result.is_err() {
            // As well as it goes: the first error is the one to tell.
            let _ = self.store.cut(HEAD + self.data);
            let _ = self.mark();
        }
        result
    }

    /// Brings the header up to date.
    pub fn mark(&mut self) -> Result<()> {
        let header = self.header();
        self.store.seek(SeekFrom::Start(0))?;
        self.store.write_all(&header)?;
        self.store.seek(SeekFrom::Start(HEAD + self.data))?;
        self.told = self.data;
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        let (frame, all) = (self.frame(), HEAD - 8 + self.data);
        let long = all > u64::from(u32::MAX) - 1;
        let size = |bytes: u64| if long { u32::MAX } else { bytes as u32 }.to_le_bytes();
        let mut header = Vec::with_capacity(HEAD as usize);
        header.extend(if long { b"RF64" } else { b"RIFF" });
        header.extend(size(all));
        header.extend(b"WAVE");
        header.extend(if long { b"ds64" } else { b"JUNK" });
        header.extend(28u32.to_le_bytes());
        for sizes in [all, self.data, self.frames()] {
            header.extend(if long { sizes } else { 0 }.to_le_bytes());
        }
        header.extend(0u32.to_le_bytes());
        header.extend(b"fmt ");
        header.extend(16u32.to_le_bytes());
        header.extend(if self.bits == Bits::F32 { 3u16 } else { 1 }.to_le_bytes());
        header.extend(self.channels.to_le_bytes());
        header.extend(self.rate.to_le_bytes());
        header.extend((self.rate * frame as u32).to_le_bytes());
        header.extend((frame as u16).to_le_bytes());
        header.extend((frame as u16 / self.channels * 8).to_le_bytes());
        header.extend(b"fact");
        header.extend(4u32.to_le_bytes());
        header.extend(size(self.frames()));
        header.extend(b"data");
        header.extend(size(self.data));
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Error, ErrorKind};
    use std::sync::{Arc, Mutex};

    /// A disk with so much room; what lies within can be written over.
    #[derive(Clone)]
    struct Small {
        bytes: Arc<Mutex<Vec<u8>>>,
        at: u64,
        room: u64,
    }

    impl Small {
        fn new(room: u64) -> Small {
            Small { bytes: Arc::default(), at: 0, room }
        }
    }

    impl Write for Small {
        fn write(&mut self, from: &[u8]) -> Result<usize> {
            let count = from.len().min((self.room.saturating_sub(self.at)) as usize);
            if count == 0 && !from.is_empty() {
                return Err(Error::from(ErrorKind::StorageFull));
            }
            let (mut bytes, at) = (self.bytes.lock().unwrap(), self.at as usize);
            if bytes.len() < at + count {
                bytes.resize(at + count, 0);
            }
            bytes[at..at + count].copy_from_slice(&from[..count]);
            self.at += count as u64;
            Ok(count)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    impl Seek for Small {
        fn seek(&mut self, to: SeekFrom) -> Result<u64> {
            if let SeekFrom::Start(at) = to {
                self.at = at;
            }
            Ok(self.at)
        }
    }

    impl Store for Small {
        fn cut(&mut self, bytes: u64) -> Result<()> {
            self.bytes.lock().unwrap().truncate(bytes as usize);
            Ok(())
        }
    }

    /// The samples of a file, as another program reads it.
    fn read(bytes: &[u8]) -> Vec<f32> {
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).expect("a WAV file");
        assert_eq!(reader.spec().channels, 2);
        reader.samples::<f32>().collect::<std::result::Result<_, _>>().expect("samples")
    }

    fn sound(frames: usize) -> Vec<f32> {
        (0..frames * 2).map(|i| (i as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn a_full_disk_leaves_every_whole_frame() {
        let samples = sound(40);
        for room in 0..HEAD + 40 * 8 {
            let disk = Small::new(room);
            let bytes = Arc::clone(&disk.bytes);
            let Ok(mut file) = Growing::new(disk, 2, 8, Bits::F32) else {
                assert!(room < HEAD, "{room}");
                continue;
            };
            let mut refused = None;
            for part in samples.chunks(6) {
                refused = file.write(part).err();
                if refused.is_some() {
                    break;
                }
            }
            assert!(refused.is_some_and(|why| why.kind() == ErrorKind::StorageFull), "{room}");
            let whole = (room - HEAD) as usize / 8;
            assert_eq!(file.frames() as usize, whole, "{room}");
            assert_eq!(read(&bytes.lock().unwrap()), samples[..whole * 2], "{room}");
        }
    }

    #[test]
    fn a_program_that_dies_leaves_what_was_a_second_ago() {
        let samples = sound(100);
        let disk = Small::new(u64::MAX);
        let bytes = Arc::clone(&disk.bytes);
        // Ten frames are a second.
        let mut file = Growing::new(disk, 2, 10, Bits::F32).unwrap();
        for (written, part) in samples.chunks(6).enumerate() {
            let left = read(&bytes.lock().unwrap());
            assert_eq!(left, samples[..left.len()]);
            assert!(left.len() + 2 * 10 + 6 >= written * 6, "{} of {}", left.len(), written * 6);
            file.write(part).unwrap();
        }
        file.mark().unwrap();
        assert_eq!(read(&bytes.lock().unwrap()), samples);
    }

    /// A disk that remembers only the beginning, and how much was written.
    struct Long {
        head: Vec<u8>,
        at: u64,
    }

    impl Write for Long {
        fn write(&mut self, from: &[u8]) -> Result<usize> {
            for (at, byte) in (self.at..HEAD).zip(from) {
                self.head[at as usize] = *byte;
            }
            self.at += from.len() as u64;
            Ok(from.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    impl Seek for Long {
        fn seek(&mut self, to: SeekFrom) -> Result<u64> {
            if let SeekFrom::Start(at) = to {
                self.at = at;
            }
            Ok(self.at)
        }
    }

    impl Store for Long {
        fn cut(&mut self, _: u64) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn past_four_gigabytes_it_is_an_rf64() {
        let mut file = Growing::new(Long { head: vec![0; HEAD as usize], at: 0 }, 2, 192_000, Bits::F32).unwrap();
        let word = |head: &[u8], at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let long = |head: &[u8], at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
        for data in [0, 8, 1 << 31, (1 << 32) - 96, (1 << 32) - 88, 1 << 32, 1 << 40] {
            file.data = data;
            file.mark().unwrap();
            let head = &file.store.head;
            if data + HEAD - 8 < u64::from(u32::MAX) {
                assert_eq!((&head[..4], &head[12..16]), (&b"RIFF"[..], &b"JUNK"[..]));
                assert_eq!((u64::from(word(head, 4)), u64::from(word(head, 88))), (data + HEAD - 8, data));
            } else {
                assert_eq!((&head[..4], &head[12..16]), (&b"RF64"[..], &b"ds64"[..]));
                assert_eq!((word(head, 4), word(head, 88)), (u32::MAX, u32::MAX));
                assert_eq!((long(head, 20), long(head, 28), long(head, 36)), (data + HEAD - 8, data, data / 8));
            }
        }
    }
}
