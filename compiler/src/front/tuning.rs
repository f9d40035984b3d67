//! Scala tuning files: the notes of a scale as ratios or cents (format described by Manuel Op de Coul).

/// Keys of a tuning in semitones above the root, the period last. Any text is survived.
///
/// # Errors
/// Says which line could not be read.
pub fn scala(text: &str) -> Result<Vec<f64>, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('!'));
    lines.next().ok_or("it is empty")?;
    let (at, count) = lines.next().ok_or("the number of notes is missing")?;
    let count: usize = count
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .filter(|n| (1..=1024).contains(n))
        .ok_or_else(|| format!("line {} is not a number of notes from 1 to 1024", at + 1))?;
    let mut keys = Vec::with_capacity(count);
    for _ in 0..count {
        let (at, line) = lines.next().ok_or_else(|| format!("it has {} of {count} notes", keys.len()))?;
        let word = line.split_whitespace().next().unwrap_or("");
        let key = pitch(word).ok_or_else(|| format!("line {} is neither cents nor a ratio", at + 1))?;
        keys.push(key);
    }
    Ok(keys)
}

/// `701.955` is in cents, since it has a point; `3/2` and `2` are ratios.
fn pitch(word: &str) -> Option<f64> {
    if word.contains('.') {
        return word.parse::<f64>().ok().filter(|x| x.is_finite()).map(|cents| cents / 100.0);
    }
    let (num, den) = word.split_once('/').unwrap_or((word, "1"));
    let (num, den) = (num.parse::<u32>().ok()?, den.parse::<u32>().ok()?);
    (num > 0 && den > 0).then(|| 12.0 * (f64::from(num) / f64::from(den)).log2())
}

#[cfg(test)]
mod tests {
    use super::scala;

    #[test]
    fn ratios_and_cents_are_read() {
        let keys = scala("! comment\njust\n 3\n!\n9/8 whole\n701.955\n2\n").unwrap();
        assert_eq!(keys.len(), 3);
        assert!((keys[0] - 2.0391).abs() < 1e-4 && (keys[1] - 7.01955).abs() < 1e-9 && (keys[2] - 12.0).abs() < 1e-12);
    }

    #[test]
    fn bad_files_say_why() {
        for text in ["", "name", "name\nmany", "name\n2\n3/2", "name\n1\n3/0", "name\n1\nx"] {
            assert!(scala(text).is_err(), "{text:?}");
        }
    }
}
