//! Events as a Standard MIDI File of one track: four beats a cycle, 960 ticks a beat, so that the thirds, fifths and sixteenths of
//! patterns fall on whole ticks and all else on the nearest.

use super::Failure;
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, Track, TrackEvent, TrackEventKind};
use modurust_runtime::compiler::score::Ratio;
use std::path::Path;

const PER_BEAT: u16 = 960;
const PER_CYCLE: i64 = 4 * PER_BEAT as i64;
/// The drums of General MIDI.
const DRUMS: u8 = 9;

/// What a note plays.
#[derive(Clone)]
pub enum Sound {
    /// A key, perhaps between two.
    Key(f64),
    /// A word of a kit.
    Word(String),
}

/// A note of the file; times in ticks.
pub struct Note {
    begin: u32,
    end: u32,
    channel: u8,
    key: u8,
    vel: u8,
}

/// The key of a word in the percussion map of General MIDI Level 1.
fn drum(word: &str) -> Option<u8> {
    Some(match word.split(':').next().unwrap_or(word) {
        "bd" => 36,
        "rs" | "rim" => 37,
        "sd" | "sn" => 38,
        "cp" => 39,
        "hh" | "ch" => 42,
        "oh" => 46,
        "lt" => 45,
        "mt" => 47,
        "ht" => 50,
        "cy" | "cr" => 49,
        "rd" => 51,
        "sh" => 70,
        "cb" => 56,
        _ => return None,
    })
}

impl Note {
    /// A note over a span of cycles; `vel` from 0 to 1. None if MIDI has no such key.
    pub fn new(whole: (Ratio, Ratio), sound: &Sound, vel: f32) -> Option<Note> {
        let (channel, key) = match sound {
            Sound::Key(key) if (0.0..127.5).contains(key) => (0, key.round().min(127.0) as u8),
            Sound::Key(_) => return None,
            Sound::Word(word) => (DRUMS, drum(word)?),
        };
        let tick = |time: Ratio| u32::try_from((time * Ratio::int(PER_CYCLE) + Ratio::new(1, 2)).floor()).ok();
        let begin = tick(whole.0)?;
        let vel = (vel * 127.0).round().clamp(1.0, 127.0) as u8;
        Some(Note { begin, end: tick(whole.1)?.max(begin + 1), channel, key, vel })
    }
}

/// Writes a file of so many cycles; gives the number of notes.
pub fn write(path: &Path, notes: Vec<Note>, cycles: u32, bpm: f64) -> Result<usize, Failure> {
    let mut events: Vec<(u32, bool, u8, u8, u8)> = Vec::with_capacity(notes.len() * 2);
    for note in &notes {
        events.push((note.begin, true, note.channel, note.key, note.vel));
        events.push((note.end, false, note.channel, note.key, 64));
    }
    // A key is let go before it is struck again.
    events.sort_unstable();
    let mut track: Track = Vec::with_capacity(events.len() + 2);
    let micros = u24::new((60_000_000.0 / bpm).round() as u32);
    track.push(TrackEvent { delta: u28::new(0), kind: TrackEventKind::Meta(MetaMessage::Tempo(micros)) });
    let mut now = 0;
    for (at, on, channel, key, vel) in events {
        let (key, vel) = (u7::new(key), u7::new(vel));
        let message = if on { MidiMessage::NoteOn { key, vel } } else { MidiMessage::NoteOff { key, vel } };
        let kind = TrackEventKind::Midi { channel: u4::new(channel), message };
        track.push(TrackEvent { delta: u28::new(at - now), kind });
        now = at;
    }
    let end = (cycles.saturating_mul(PER_CYCLE as u32)).max(now);
    track.push(TrackEvent { delta: u28::new(end - now), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
    let header = Header::new(Format::SingleTrack, Timing::Metrical(u15::new(PER_BEAT)));
    Smf { header, tracks: vec![track] }
        .save(path)
        .map_err(|error| Failure::because(format!("{}: {error}", path.display())))?;
    Ok(notes.len())
}
