//! Chords: their names, and the places of their notes.
//!
//! A name is read from its parts rather than looked up, so `m7b5`, `minor7flat5` and `-7b5` are one chord and `C^9#11` needs no
//! entry of its own: a kind of triad, a highest note of the stack of thirds, alterations. Spellings are those in common use on
//! lead sheets and in TidalCycles. Notes are semitones above the root, rising.

/// What a chord's name says, taken apart.
struct Parts {
    third: Option<f64>,
    fifth: Option<f64>,
    seventh: Option<f64>,
    above: Vec<f64>,
}

impl Parts {
    fn notes(self) -> Vec<f64> {
        let mut notes = vec![0.0];
        notes.extend([self.third, self.fifth, self.seventh].into_iter().flatten());
        notes.extend(self.above);
        notes.sort_by(f64::total_cmp);
        notes.dedup();
        notes
    }
}

/// Words of a name as signs: `minor7flat5` is `m7b5`.
fn signs(name: &str) -> String {
    const WORDS: [(&str, &str); 25] = [
        ("diminished", "o"),
        ("augmented", "+"),
        ("minor", "m"),
        ("major", "^"),
        ("maj", "^"),
        ("min", "m"),
        ("dim", "o"),
        ("aug", "+"),
        ("plus", "+"),
        ("dom", ""),
        ("thirteen", "13"),
        ("eleven", "11"),
        ("seven", "7"),
        ("nine", "9"),
        ("five", "5"),
        ("six", "6"),
        ("one", "1"),
        ("flat", "b"),
        ("sharp", "#"),
        ("suspended", "sus"),
        ("sus", "sus"),
        ("by", ""),
        ("half", "h"),
        ("alt", "alt"),
        ("Δ", "^"),
    ];
    let mut text = String::new();
    let mut rest = name;
    'text: while let Some(c) = rest.chars().next() {
        for (word, sign) in WORDS {
            if rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)) {
                text.push_str(sign);
                rest = &rest[word.len()..];
                continue 'text;
            }
        }
        // `7f5`, `mS5`: a letter before a digit that is an accidental.
        let tail = &rest[c.len_utf8()..];
        let number = tail.starts_with(|c: char| c.is_ascii_digit());
        match c {
            'f' | 'F' if number => text.push('b'),
            's' | 'S' if number => text.push('#'),
            ' ' | '(' | ')' | ',' | '_' => {}
            c => text.push(c),
        }
        rest = tail;
    }
    text
}

/// The notes of a chord of any common name: `maj7`, `m7b5`, `sus4`, `^9#11`, `dim7`. An empty name is a major triad.
pub fn chord(name: &str) -> Option<Vec<f64>> {
    let text = signs(name);
    let mut rest = text.as_str();
    let mut take = |words: &[&str]| match words.iter().find(|w| rest.starts_with(**w)) {
        Some(word) => {
            rest = &rest[word.len()..];
            true
        }
        None => false,
    };
    if text == "1" {
        return Some(vec![0.0]);
    }
    let mut parts = Parts { third: Some(4.0), fifth: Some(7.0), seventh: None, above: Vec::new() };
    let (mut major, mut diminished) = (false, false);
    if take(&["m", "-"]) {
        parts.third = Some(3.0);
        major = take(&["^", "M"]);
    } else if take(&["^", "M"]) {
        major = true;
    } else if take(&["o"]) {
        (parts.third, parts.fifth, diminished) = (Some(3.0), Some(6.0), true);
    } else if take(&["h", "ø"]) {
        (parts.third, parts.fifth, parts.seventh) = (Some(3.0), Some(6.0), Some(10.0));
    } else if take(&["+"]) {
        parts.fifth = Some(8.0);
        major = take(&["^", "M"]);
    }
    let seventh = if major {
        11.0
    } else if diminished {
        9.0
    } else {
        10.0
    };
    if take(&["69"]) {
        parts.above.extend([9.0, 14.0]);
    } else if take(&["6"]) {
        parts.above.push(9.0);
    } else if take(&["13"]) {
        parts.seventh = Some(seventh);
        parts.above.extend([14.0, 17.0, 21.0]);
    } else if take(&["11"]) {
        parts.seventh = Some(seventh);
        parts.above.extend([14.0, 17.0]);
    } else if take(&["9"]) {
        parts.seventh = Some(seventh);
        parts.above.push(14.0);
    } else if take(&["7"]) {
        parts.seventh = Some(seventh);
    } else if take(&["5"]) {
        parts.third = None;
    }
    while !rest.is_empty() {
        alteration(&mut rest, &mut parts)?;
    }
    Some(parts.notes())
}

/// Takes one alteration from the front of a name.
fn alteration(rest: &mut &str, parts: &mut Parts) -> Option<()> {
    let known: &[(&str, f64)] = &[
        ("b13", 20.0),
        ("#11", 18.0),
        ("b11", 16.0),
        ("b10", 15.0),
        ("#9", 15.0),
        ("b9", 13.0),
        ("b6", 8.0),
        ("add13", 21.0),
        ("add11", 17.0),
        ("add9", 14.0),
        ("add2", 2.0),
        ("add4", 5.0),
        ("add6", 9.0),
    ];
    for (word, note) in known {
        if let Some(tail) = rest.strip_prefix(word) {
            // An altered note stands in for the plain one.
            let plain = if word.starts_with("add") { None } else { plain_of(word) };
            parts.above.retain(|n| plain != Some(*n));
            parts.above.push(*note);
            *rest = tail;
            return Some(());
        }
    }
    let tail = if let Some(tail) = rest.strip_prefix("sus2") {
        parts.third = Some(2.0);
        tail
    } else if let Some(tail) = rest.strip_prefix("sus4").or_else(|| rest.strip_prefix("sus")) {
        parts.third = Some(5.0);
        tail
    } else if let Some(tail) = rest.strip_prefix("b5") {
        parts.fifth = Some(6.0);
        tail
    } else if let Some(tail) = rest.strip_prefix("#5").or_else(|| rest.strip_prefix('+')) {
        parts.fifth = Some(8.0);
        tail
    } else if let Some(tail) = rest.strip_prefix("alt") {
        (parts.fifth, parts.seventh) = (None, Some(10.0));
        parts.above = vec![13.0, 15.0, 20.0];
        tail
    } else if let Some(tail) = rest.strip_prefix("^7").or_else(|| rest.strip_prefix("M7")) {
        parts.seventh = Some(11.0);
        tail
    } else if let Some(tail) = rest.strip_prefix("no3") {
        parts.third = None;
        tail
    } else {
        let tail = rest.strip_prefix("no5")?;
        parts.fifth = None;
        tail
    };
    *rest = tail;
    Some(())
}

fn plain_of(altered: &str) -> Option<f64> {
    match altered {
        "b9" | "#9" => Some(14.0),
        "#11" | "b11" => Some(17.0),
        "b13" => Some(21.0),
        _ => None,
    }
}

/// A chord symbol: root as semitones above c, and the notes above it. `C`, `Bb7`, `F#m7b5`.
pub fn symbol(text: &str) -> Option<(f64, Vec<f64>)> {
    let letter = text.chars().next()?;
    let mut root = match letter {
        'C' | 'c' => 0,
        'D' | 'd' => 2,
        'E' | 'e' => 4,
        'F' | 'f' => 5,
        'G' | 'g' => 7,
        'A' | 'a' => 9,
        'B' | 'b' => 11,
        _ => return None,
    };
    let mut rest = &text[1..];
    while let Some(c) = rest.chars().next() {
        match c {
            '#' => root += 1,
            // `b` is flat, also in `Bbb`, but not in `Cb5`, which has no flat root.
            'b' if !rest[1..].starts_with(|c: char| c.is_ascii_digit())
                || matches!(letter, 'E' | 'A' | 'B' | 'D' | 'G' | 'e' | 'a' | 'b' | 'd' | 'g') =>
            {
                root -= 1
            }
            _ => break,
        }
        rest = &rest[1..];
    }
    Some((f64::from(root), chord(rest)?))
}

/// Close voicing: the notes nearest below `top`, inclusive. Of more than four notes the root, then the fifth are left to the bass.
pub fn voicing(root: f64, notes: &[f64], top: f64) -> Vec<f64> {
    let mut notes = notes.to_vec();
    for spare in [0.0, 7.0] {
        if notes.len() > 4 {
            notes.retain(|n| *n != spare);
        }
    }
    let mut voiced: Vec<f64> = notes.iter().map(|n| top - (top - root - n).rem_euclid(12.0)).collect();
    voiced.sort_by(f64::total_cmp);
    voiced.dedup();
    voiced
}

/// What a modifier does to the notes of a chord, as in TidalCycles; `None` if it is none. `5`: that many notes; `i ii iii`:
/// inversions; `o`: open; `d1 d2`: the nth note from the top an octave lower.
pub fn modify(notes: &mut Vec<f64>, modifier: &str) -> Option<()> {
    if let Ok(count) = modifier.parse::<usize>() {
        let base = std::mem::take(notes);
        if (1..=64).contains(&count) && !base.is_empty() {
            *notes = (0..count).map(|i| base[i % base.len()] + 12.0 * (i / base.len()) as f64).collect();
            return Some(());
        }
        *notes = base;
        return None;
    }
    if modifier == "o" {
        if notes.len() > 2 {
            notes[0] -= 12.0;
            notes[2] -= 12.0;
        }
        return Some(());
    }
    if !modifier.is_empty() && modifier.len() <= 8 && modifier.bytes().all(|b| b == b'i') {
        for _ in 0..modifier.len() {
            notes.sort_by(f64::total_cmp);
            if let Some(first) = notes.first_mut() {
                *first += 12.0;
            }
            let turn = 1.min(notes.len());
            notes.rotate_left(turn);
        }
        return Some(());
    }
    let n = modifier.strip_prefix('d')?.parse::<usize>().ok()?;
    notes.sort_by(f64::total_cmp);
    let at = notes.len().checked_sub(n)?;
    if n == 0 {
        return None;
    }
    notes[at] -= 12.0;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Vec<i64> {
        chord(name).unwrap_or_else(|| panic!("{name}")).iter().map(|n| *n as i64).collect()
    }

    #[test]
    fn names_are_read_from_their_parts() {
        for (names, notes) in [
            (&["", "M", "maj", "major", "^"][..], &[0, 4, 7][..]),
            (&["m", "min", "minor", "-"], &[0, 3, 7]),
            (&["7", "dom7"], &[0, 4, 7, 10]),
            (&["maj7", "major7", "^7", "M7"], &[0, 4, 7, 11]),
            (&["m7", "min7", "minor7", "-7"], &[0, 3, 7, 10]),
            (&["mM7", "minMaj7", "minorMajor7", "-^7"], &[0, 3, 7, 11]),
            (&["m7b5", "minor7flat5", "m7flat5", "h7", "h", "-7b5"], &[0, 3, 6, 10]),
            (&["dim", "o", "diminished"], &[0, 3, 6]),
            (&["dim7", "o7", "diminished7"], &[0, 3, 6, 9]),
            (&["aug", "+", "plus", "sharp5"], &[0, 4, 8]),
            (&["6", "six"], &[0, 4, 7, 9]),
            (&["69", "sixNine", "six9", "6by9"], &[0, 4, 7, 9, 14]),
            (&["m69", "minorSixNine"], &[0, 3, 7, 9, 14]),
            (&["9", "nine", "dom9"], &[0, 4, 7, 10, 14]),
            (&["7b9", "sevenFlat9", "7f9"], &[0, 4, 7, 10, 13]),
            (&["7#5", "7s5", "sevenSharp5"], &[0, 4, 8, 10]),
            (&["sus4", "sus"], &[0, 5, 7]),
            (&["7sus4", "sevenSus4"], &[0, 5, 7, 10]),
            (&["5", "five"], &[0, 7]),
            (&["add9"], &[0, 4, 7, 14]),
            (&["13", "thirteen"], &[0, 4, 7, 10, 14, 17, 21]),
            (&["^9#11"], &[0, 4, 7, 11, 14, 18]),
            (&["one", "1"], &[0]),
        ] {
            for name in names {
                assert_eq!(of(name), notes, "{name}");
            }
        }
        for name in ["x", "mi", "7z", "sus9", "zz7", "b"] {
            assert_eq!(chord(name), None, "{name}");
        }
    }

    #[test]
    fn symbols_have_roots() {
        let root = |text: &str| symbol(text).map(|(root, notes)| (root, notes.len()));
        assert_eq!(root("C^7"), Some((0.0, 4)));
        assert_eq!(root("Bb7"), Some((10.0, 4)));
        assert_eq!(root("F#m7b5"), Some((6.0, 4)));
        assert_eq!(root("Ebm"), Some((3.0, 3)));
        assert_eq!(root("Am"), Some((9.0, 3)));
        assert_eq!(root("H7"), None);
        assert_eq!(root("bd"), None);
    }

    #[test]
    fn voices_lie_close_below_the_top() {
        assert_eq!(voicing(0.0, &[0.0, 4.0, 7.0, 11.0], 72.0), [64.0, 67.0, 71.0, 72.0]);
        assert_eq!(voicing(9.0, &[0.0, 3.0, 7.0], 72.0), [64.0, 69.0, 72.0]);
        assert_eq!(voicing(2.0, &[0.0, 3.0, 7.0, 10.0, 14.0], 72.0), [64.0, 65.0, 69.0, 72.0]);
    }

    #[test]
    fn modifiers_as_in_tidal() {
        let with = |modifier: &str| {
            let mut notes = vec![0.0, 4.0, 7.0, 11.0];
            modify(&mut notes, modifier).map(|()| {
                notes.sort_by(f64::total_cmp);
                notes
            })
        };
        assert_eq!(with("i"), Some(vec![4.0, 7.0, 11.0, 12.0]));
        assert_eq!(with("ii"), Some(vec![7.0, 11.0, 12.0, 16.0]));
        assert_eq!(with("o"), Some(vec![-12.0, -5.0, 4.0, 11.0]));
        assert_eq!(with("d1"), Some(vec![-1.0, 0.0, 4.0, 7.0]));
        assert_eq!(with("d2"), Some(vec![-5.0, 0.0, 4.0, 11.0]));
        assert_eq!(with("6"), Some(vec![0.0, 4.0, 7.0, 11.0, 12.0, 16.0]));
        assert_eq!((with("x"), with("d9"), with("0")), (None, None, None));
    }
}
