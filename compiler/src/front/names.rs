//! Did you mean: by spelling, and by what other tools call it.

/// True when the library has a module of this name.
pub fn is_module(name: &str) -> bool {
    modurust_lang::library::library().modules().any(|module| module == name)
}

/// What to say about a part that is not there: whoever writes `x.lpf(800hz)` means `x >> lpf(800hz)`.
pub fn part(name: &str, is_function: bool) -> String {
    if is_function {
        return format!("what is done to a value comes behind it: `>> {name}(..)`");
    }
    "fields belong to modules, as in `math.sin(x)`, and to some filters, as in `svf(x).hp`".into()
}

/// What to say about an unknown name; `strips` are the names of tracks and buses.
pub fn suggest(name: &str, known: &[String], strips: &[String]) -> String {
    if strips.iter().any(|strip| strip == name) {
        return format!("`{name}` is a track or bus; what two of them play has a name of its own: `x = ..`");
    }
    if let [b'a'..=b'g'] | [b'a'..=b'g', b'b' | b'#'] = name.as_bytes() {
        return format!("a note has its octave: `{name}4`");
    }
    if let Some(mend) = modurust_lang::elsewhere::mend(name, |ours| known.iter().any(|k| k == ours)) {
        return mend;
    }
    match closest(name, known.iter().map(String::as_str)) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("define it: `{name} = ...`, or see `modurust doc` for what there is"),
    }
}

/// The known name nearest in spelling: other case, or at most two slips (one in short names).
pub fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let limit = if length <= 3 { 1 } else { 2 };
    known
        .filter(|k| *k != name)
        // Most words are too long or too short to be looked at closely.
        .filter(|k| k.chars().count().abs_diff(length) <= limit)
        .map(|k| (if k.eq_ignore_ascii_case(name) { 0 } else { distance(name, k) }, k))
        .filter(|(d, _)| *d <= limit)
        // What goes on with the word, or was gone on with, is nearer than what differs inside of it.
        .min_by_key(|(d, k)| (*d, !name.starts_with(k) && !k.starts_with(name), k.len().abs_diff(name.len()), *k))
        .map(|(_, k)| k)
}

/// Edits (insert, remove, replace, swap neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().take(40).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meant_names_are_found() {
        let known = ["sin", "saw", "lpf", "cutoff"].map(String::from);
        let suggest = |name: &str, known: &[String]| super::suggest(name, known, &["drums".to_string()]);
        assert!(suggest("drums", &known).contains("is a track"));
        assert_eq!(suggest("eb", &known), "a note has its octave: `eb4`");
        assert!(part("lpf", true).contains("`>> lpf(..)`"));
        assert_eq!(suggest("saww", &known), "did you mean `saw`?");
        assert_eq!(suggest("SinOsc", &known), "here it is called `sin`");
        assert_eq!(suggest("rlpf", &known), "here it is called `lpf`");
        assert_eq!(suggest("SAW", &known), "here it is called `saw`");
        assert_eq!(suggest("cutof", &known), "did you mean `cutoff`?");
        assert!(suggest("xyzzy", &known).starts_with("define it"));
    }
}
