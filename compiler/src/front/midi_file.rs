//! A Standard MIDI File as a pattern: `midi('riff.mid')`.
//!
//! Notes keep their exact places: ticks are fractions of a beat. The pattern is as long as the file, in whole bars of the session's
//! meter, and goes round; the tempo is the session's. Notes that sound together are stacked: each of the stacked patterns is a
//! sequence of notes and rests without overlaps. Channel 10 is the drums of General MIDI, whose keys become the words of a kit.

use crate::score::{FieldId, PatId, Ratio, ScoreBuilder, Value};
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};

/// Most notes of a file.
const MOST_NOTES: usize = 20_000;
/// Most bars of a file.
const MOST_BARS: i64 = 4096;
/// The channel of the drums, counted from 0.
const DRUMS: u8 = 9;

/// A note of a file; times in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    begin: u64,
    end: u64,
    channel: u8,
    key: u8,
    vel: u8,
}

/// The word of a drum of General MIDI Level 1 (its percussion key map), as kits call them.
fn drum(key: u8) -> Option<&'static str> {
    Some(match key {
        35 | 36 => "bd",
        37 => "rs",
        38 | 40 => "sd",
        39 => "cp",
        42 | 44 => "hh",
        46 => "oh",
        41 | 43 | 45 => "lt",
        47 | 48 => "mt",
        50 => "ht",
        49 | 51 | 52 | 53 | 55 | 57 | 59 => "cy",
        54 | 69 | 70 | 82 => "sh",
        56 => "cb",
        _ => return None,
    })
}

/// The pattern of a file, of all channels or of one (1 to 16), in bars of so many quarter beats.
///
/// # Errors
/// Why there is none: what is not a MIDI file, or counts in seconds, or is too long.
pub(super) fn pattern(
    bytes: &[u8],
    channel: Option<u32>,
    beats_per_bar: Ratio,
    score: &mut ScoreBuilder,
) -> Result<PatId, String> {
    let (notes, end, per_beat) = notes(bytes)?;
    let mut notes: Vec<Note> =
        notes.into_iter().filter(|n| channel.is_none_or(|ch| u32::from(n.channel) + 1 == ch)).collect();
    notes.sort_unstable();
    let per_bar = Ratio::int(i64::from(per_beat)) * beats_per_bar;
    let ticks = |t: u64| Ratio::int(i64::try_from(t).unwrap_or(i64::MAX >> 32));
    let bars = (ticks(end) / per_bar).ceil().max(1);
    if notes.len() > MOST_NOTES || bars > MOST_BARS {
        return Err(format!("it is longer than {MOST_NOTES} notes or {MOST_BARS} bars"));
    }
    // Each line takes the first note that begins when its last one has ended.
    let mut lines: Vec<(u64, Vec<(Ratio, PatId)>)> = Vec::new();
    let rest = score.silence();
    for note in &notes {
        let value = match drum(note.key).filter(|_| note.channel == DRUMS) {
            Some(word) => Value::Word(score.sym(word)),
            None if note.channel == DRUMS => continue,
            None => Value::Note(f64::from(note.key)),
        };
        let vel = score.pure(Value::Num(f64::from(note.vel) / 127.0));
        let sound = score.pure(value);
        let sound = score.with_field(sound, FieldId::VEL, vel);
        let free = lines.iter().position(|line| line.0 <= note.begin).unwrap_or(lines.len());
        if free == lines.len() {
            lines.push((0, Vec::new()));
        }
        let (at, parts) = &mut lines[free];
        if note.begin > *at {
            parts.push((ticks(note.begin - *at), rest));
        }
        parts.push((ticks(note.end - note.begin), sound));
        *at = note.end;
    }
    let whole = per_bar * Ratio::int(bars);
    let mut sounds = Vec::with_capacity(lines.len());
    for (at, mut parts) in lines {
        let left = whole - ticks(at);
        if left.is_positive() {
            parts.push((left, rest));
        }
        let line = score.seq(&parts);
        sounds.push(score.slow(line, Ratio::int(bars)));
    }
    let all = score.stack(&sounds);
    Ok(score.to_notes(all))
}

/// The notes of all tracks, where the file ends, and ticks in a quarter beat.
fn notes(bytes: &[u8]) -> Result<(Vec<Note>, u64, u16), String> {
    // Asked here, since the reader of the file does not survive every number of frames per second.
    let header = bytes.windows(4).position(|word| word == b"MThd");
    if header.and_then(|at| bytes.get(at + 12)).is_some_and(|division| division & 0x80 != 0) {
        return Err("it counts in seconds and not in beats".into());
    }
    let file = Smf::parse(bytes).map_err(|error| format!("it is no MIDI file: {error}"))?;
    let per_beat = match file.header.timing {
        Timing::Metrical(ticks) if ticks.as_int() > 0 => ticks.as_int(),
        _ => return Err("it counts in seconds and not in beats".into()),
    };
    let (mut found, mut last) = (Vec::new(), 0);
    for track in &file.tracks {
        let mut now = 0u64;
        let mut open: Vec<Note> = Vec::new();
        for event in track {
            now += u64::from(event.delta.as_int());
            let TrackEventKind::Midi { channel, message } = event.kind else {
                if matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack)) {
                    last = last.max(now);
                }
                continue;
            };
            let (key, vel) = match message {
                MidiMessage::NoteOn { key, vel } => (key.as_int(), vel.as_int()),
                MidiMessage::NoteOff { key, .. } => (key.as_int(), 0),
                _ => continue,
            };
            let channel = channel.as_int();
            if vel > 0 {
                if found.len() + open.len() <= MOST_NOTES {
                    open.push(Note { begin: now, end: now, channel, key, vel });
                }
            } else if let Some(i) = open.iter().position(|n| (n.channel, n.key) == (channel, key)) {
                found.push(Note { end: now, ..open.remove(i) });
            }
        }
        // What is never let go lasts as long as its track.
        found.extend(open.into_iter().map(|note| Note { end: now, ..note }));
        last = last.max(now);
    }
    // A note of no length is the shortest one.
    for note in &mut found {
        note.end = note.end.max(note.begin + 1);
        last = last.max(note.end);
    }
    Ok((found, last, per_beat))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::EventBuf;
    use midly::num::{u4, u7, u15, u28};
    use midly::{Format, Header, Track, TrackEvent};

    fn file(events: &[(u32, u8, u8, u8)], end: u32) -> Vec<u8> {
        let mut track: Track = Vec::new();
        for &(delta, channel, key, vel) in events {
            let message = MidiMessage::NoteOn { key: u7::new(key), vel: u7::new(vel) };
            let kind = TrackEventKind::Midi { channel: u4::new(channel), message };
            track.push(TrackEvent { delta: u28::new(delta), kind });
        }
        track.push(TrackEvent { delta: u28::new(end), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
        let header = Header::new(Format::SingleTrack, Timing::Metrical(u15::new(96)));
        let mut bytes = Vec::new();
        Smf { header, tracks: vec![track] }.write_std(&mut bytes).unwrap();
        bytes
    }

    fn events(bytes: &[u8], channel: Option<u32>, beats: i64, cycles: i64) -> Vec<(Ratio, Ratio, Value, f32)> {
        let mut score = ScoreBuilder::new(0);
        let pattern = pattern(bytes, channel, Ratio::int(beats), &mut score).unwrap();
        let score = score.finish();
        let mut buffer = EventBuf::new(256);
        score.query(pattern, Ratio::ZERO, Ratio::int(cycles), &mut buffer);
        let mut found: Vec<_> =
            buffer.onsets().map(|e| (e.whole.0, e.whole.1, e.value, e.field(FieldId::VEL).unwrap_or(1.0))).collect();
        found.sort_by_key(|e| (e.0, e.1));
        found
    }

    #[test]
    fn notes_keep_their_exact_places_and_the_file_goes_round() {
        // A triplet on the first beat, a held note over it, a note on the last beat of the second bar.
        let bytes = file(
            &[
                (0, 0, 60, 127),
                (0, 0, 48, 64),
                (32, 0, 60, 0),
                (0, 0, 62, 127),
                (32, 0, 62, 0),
                (0, 0, 64, 127),
                (32, 0, 64, 0),
                (96, 0, 48, 0),
                (480, 0, 65, 127),
                (48, 0, 65, 0),
            ],
            0,
        );
        let r = Ratio::new;
        let heard = events(&bytes, None, 4, 4);
        let first: Vec<_> = heard.iter().take(4).map(|e| (e.0, e.1, e.2)).collect();
        let note = Value::Note;
        assert_eq!(
            first,
            [
                (r(0, 1), r(1, 12), note(60.0)),
                (r(0, 1), r(1, 2), note(48.0)),
                (r(1, 12), r(1, 6), note(62.0)),
                (r(1, 6), r(1, 4), note(64.0))
            ]
        );
        assert_eq!((heard[4].0, heard[4].1), (r(7, 4), r(15, 8)));
        assert_eq!(heard.len(), 10, "two bars, twice");
        assert_eq!(heard[5].0, Ratio::int(2));
        assert!((heard[1].3 - 64.0 / 127.0).abs() < 1e-6);
        // In bars of three beats it is three bars long.
        assert_eq!(events(&bytes, None, 3, 3).len(), 5);
    }

    #[test]
    fn drums_are_words_and_channels_are_chosen() {
        let bytes = file(
            &[(0, 9, 36, 100), (0, 1, 50, 100), (48, 9, 36, 0), (0, 9, 42, 90), (48, 9, 42, 0), (0, 1, 50, 0)],
            288,
        );
        let heard = events(&bytes, Some(10), 4, 1);
        assert_eq!(heard.len(), 2);
        assert!(heard.iter().all(|e| matches!(e.2, Value::Word(_))));
        let heard = events(&bytes, Some(2), 4, 1);
        assert_eq!(heard.iter().map(|e| e.2).collect::<Vec<_>>(), [Value::Note(50.0)]);
        assert!(events(&bytes, Some(3), 4, 1).is_empty());
    }

    #[test]
    fn any_bytes_survive() {
        let good = file(&[(0, 0, 60, 127), (4_000_000, 0, 60, 0)], 7);
        let mut seed = 1u64;
        for round in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..1 + round % 5 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (seed >> 33) as usize % bytes.len();
                bytes[at] = (seed >> 20) as u8;
            }
            bytes.truncate(bytes.len() - (seed >> 50) as usize % 5);
            let mut score = ScoreBuilder::new(0);
            let _ = pattern(&bytes, None, Ratio::int(4), &mut score);
        }
        let mut score = ScoreBuilder::new(0);
        assert!(pattern(&good, None, Ratio::int(4), &mut score).unwrap_err().contains("longer"));
        assert!(pattern(b"MThd", None, Ratio::int(4), &mut score).unwrap_err().contains("no MIDI file"));
    }
}
