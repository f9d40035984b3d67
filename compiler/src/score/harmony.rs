//! Notes and scales by name.
//!
//! A note name gives a MIDI number: c4 is 60, and a name without an octave lies in octave 3, as in Strudel. Scales are lists of
//! semitones from the root within a period of twelve; the tables are searched without regard to case, spaces or underscores.

/// Octave of a note name that has none.
pub const DEFAULT_OCTAVE: i32 = 3;

/// Frequency of a MIDI note number; 69 is 440 Hz.
pub fn midi_to_hz(note: f64) -> f64 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

/// MIDI note number of a frequency.
pub fn hz_to_midi(hz: f64) -> f64 {
    69.0 + 12.0 * (hz / 440.0).log2()
}

/// The MIDI number of a name such as `c4`, `eb`, `f#2`, `as-1`. Letters a..g in either case; `#` or `s` raises, `b` or `f`
/// lowers, each may repeat; the octave is optional.
pub fn note_number(name: &str) -> Option<f64> {
    let mut chars = name.chars().peekable();
    let mut semitone = match chars.next()?.to_ascii_lowercase() {
        'c' => 0,
        'd' => 2,
        'e' => 4,
        'f' => 5,
        'g' => 7,
        'a' => 9,
        'b' => 11,
        _ => return None,
    };
    while let Some(&c) = chars.peek() {
        match c {
            '#' | 's' => semitone += 1,
            'b' | 'f' => semitone -= 1,
            _ => break,
        }
        chars.next();
    }
    let octave: String = chars.collect();
    let octave = if octave.is_empty() {
        DEFAULT_OCTAVE
    } else {
        let digits = octave.strip_prefix('-').unwrap_or(&octave);
        if digits.is_empty() || digits.len() > 2 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        octave.parse().ok()?
    };
    Some(f64::from(semitone + 12 * (octave + 1)))
}

/// The name of the nearest MIDI note: 61 is `c#4`.
pub fn note_name(note: f64) -> String {
    const NAMES: [&str; 12] = ["c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b"];
    let n = note.round().clamp(-120.0, 240.0) as i32;
    format!("{}{}", NAMES[n.rem_euclid(12) as usize], n.div_euclid(12) - 1)
}

/// Names and steps of scales, in semitones above the root, period 12.
pub const SCALES: &[(&str, &[f64])] = &[
    ("aeolian", &[0.0, 2.0, 3.0, 5.0, 7.0, 8.0, 10.0]),
    ("altered", &[0.0, 1.0, 3.0, 4.0, 6.0, 8.0, 10.0]),
    ("arabian", &[0.0, 2.0, 4.0, 5.0, 6.0, 8.0, 10.0]),
    ("augmented", &[0.0, 3.0, 4.0, 7.0, 8.0, 11.0]),
    ("balinese", &[0.0, 1.0, 3.0, 7.0, 8.0]),
    ("bayati", &[0.0, 1.5, 3.0, 5.0, 7.0, 8.0, 10.0]),
    ("bebop", &[0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 10.0, 11.0]),
    ("bebop major", &[0.0, 2.0, 4.0, 5.0, 7.0, 8.0, 9.0, 11.0]),
    ("blues", &[0.0, 3.0, 5.0, 6.0, 7.0, 10.0]),
    ("chinese", &[0.0, 4.0, 6.0, 7.0, 11.0]),
    ("chromatic", &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]),
    ("diminished", &[0.0, 2.0, 3.0, 5.0, 6.0, 8.0, 9.0, 11.0]),
    ("dorian", &[0.0, 2.0, 3.0, 5.0, 7.0, 9.0, 10.0]),
    ("double harmonic", &[0.0, 1.0, 4.0, 5.0, 7.0, 8.0, 11.0]),
    ("egyptian", &[0.0, 2.0, 5.0, 7.0, 10.0]),
    ("enigmatic", &[0.0, 1.0, 4.0, 6.0, 8.0, 10.0, 11.0]),
    ("flamenco", &[0.0, 1.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0]),
    ("half whole", &[0.0, 1.0, 3.0, 4.0, 6.0, 7.0, 9.0, 10.0]),
    ("harmonic major", &[0.0, 2.0, 4.0, 5.0, 7.0, 8.0, 11.0]),
    ("harmonic minor", &[0.0, 2.0, 3.0, 5.0, 7.0, 8.0, 11.0]),
    ("hijaz", &[0.0, 1.0, 4.0, 5.0, 7.0, 8.0, 10.0]),
    ("hirajoshi", &[0.0, 2.0, 3.0, 7.0, 8.0]),
    ("hungarian major", &[0.0, 3.0, 4.0, 6.0, 7.0, 9.0, 10.0]),
    ("hungarian minor", &[0.0, 2.0, 3.0, 6.0, 7.0, 8.0, 11.0]),
    ("in", &[0.0, 1.0, 5.0, 7.0, 8.0]),
    ("insen", &[0.0, 1.0, 5.0, 7.0, 10.0]),
    ("ionian", &[0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0]),
    ("iwato", &[0.0, 1.0, 5.0, 6.0, 10.0]),
    ("kumoi", &[0.0, 2.0, 3.0, 7.0, 9.0]),
    ("locrian", &[0.0, 1.0, 3.0, 5.0, 6.0, 8.0, 10.0]),
    ("lydian", &[0.0, 2.0, 4.0, 6.0, 7.0, 9.0, 11.0]),
    ("lydian augmented", &[0.0, 2.0, 4.0, 6.0, 8.0, 9.0, 11.0]),
    ("lydian dominant", &[0.0, 2.0, 4.0, 6.0, 7.0, 9.0, 10.0]),
    ("major", &[0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0]),
    ("major blues", &[0.0, 2.0, 3.0, 4.0, 7.0, 9.0]),
    ("major pentatonic", &[0.0, 2.0, 4.0, 7.0, 9.0]),
    ("melodic minor", &[0.0, 2.0, 3.0, 5.0, 7.0, 9.0, 11.0]),
    ("minor", &[0.0, 2.0, 3.0, 5.0, 7.0, 8.0, 10.0]),
    ("minor blues", &[0.0, 3.0, 5.0, 6.0, 7.0, 10.0]),
    ("minor pentatonic", &[0.0, 3.0, 5.0, 7.0, 10.0]),
    ("mixolydian", &[0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 10.0]),
    ("neapolitan major", &[0.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0]),
    ("neapolitan minor", &[0.0, 1.0, 3.0, 5.0, 7.0, 8.0, 11.0]),
    ("pelog", &[0.0, 1.0, 3.0, 7.0, 8.0]),
    ("pentatonic", &[0.0, 2.0, 4.0, 7.0, 9.0]),
    ("persian", &[0.0, 1.0, 4.0, 5.0, 6.0, 8.0, 11.0]),
    ("phrygian", &[0.0, 1.0, 3.0, 5.0, 7.0, 8.0, 10.0]),
    ("phrygian dominant", &[0.0, 1.0, 4.0, 5.0, 7.0, 8.0, 10.0]),
    ("prometheus", &[0.0, 2.0, 4.0, 6.0, 9.0, 10.0]),
    ("rast", &[0.0, 2.0, 3.5, 5.0, 7.0, 9.0, 10.5]),
    ("ritusen", &[0.0, 2.0, 5.0, 7.0, 9.0]),
    ("romanian minor", &[0.0, 2.0, 3.0, 6.0, 7.0, 9.0, 10.0]),
    ("super locrian", &[0.0, 1.0, 3.0, 4.0, 6.0, 8.0, 10.0]),
    ("tritone", &[0.0, 1.0, 4.0, 6.0, 7.0, 10.0]),
    ("ukrainian dorian", &[0.0, 2.0, 3.0, 6.0, 7.0, 9.0, 10.0]),
    ("whole tone", &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
    ("yo", &[0.0, 2.0, 5.0, 7.0, 9.0]),
];

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// The steps of a scale: `minor`, `harmonic_minor`, `Minor Pentatonic`.
pub fn scale(name: &str) -> Option<&'static [f64]> {
    let name = plain(name);
    SCALES.iter().find(|(n, _)| plain(n) == name).map(|(_, steps)| *steps)
}

/// Degree `n` of a scale, in semitones above its root: wraps by the period in both directions, fractions round down.
pub fn degree(n: f64, steps: &[f64], period: f64) -> f64 {
    if steps.is_empty() || !n.is_finite() {
        return 0.0;
    }
    let index = n.floor().clamp(-1e6, 1e6) as i64;
    let count = steps.len() as i64;
    steps[index.rem_euclid(count) as usize] + period * index.div_euclid(count) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_notes() {
        for (name, n) in
            [("c4", 60.0), ("a4", 69.0), ("eb", 51.0), ("f#2", 42.0), ("Bb3", 58.0), ("c-1", 0.0), ("es5", 77.0)]
        {
            assert_eq!(note_number(name), Some(n), "{name}");
        }
        for name in ["", "h4", "bd", "c4x", "c444", "4", "c-", "sd", "cp", "f.2"] {
            assert_eq!(note_number(name), None, "{name}");
        }
        assert_eq!(note_name(61.2), "c#4");
        assert!((hz_to_midi(midi_to_hz(57.25)) - 57.25).abs() < 1e-9);
    }

    #[test]
    fn degrees_wrap_both_ways() {
        let minor = scale("Minor").unwrap();
        assert_eq!(degree(0.0, minor, 12.0), 0.0);
        assert_eq!(degree(7.0, minor, 12.0), 12.0);
        assert_eq!(degree(-1.0, minor, 12.0), -2.0);
        assert_eq!(degree(2.9, minor, 12.0), 3.0);
        assert_eq!(degree(9.0, minor, 12.0), 15.0);
    }

    #[test]
    fn tables_are_sorted_and_rise() {
        assert!(SCALES.windows(2).all(|w| w[0].0 < w[1].0));
        for (name, steps) in SCALES {
            assert!(
                steps.windows(2).all(|w| w[0] < w[1]) && steps[0] == 0.0 && steps[steps.len() - 1] < 12.0,
                "{name}"
            );
        }
        assert!(scale("harmonic_minor").is_some() && scale("nope").is_none());
    }
}
