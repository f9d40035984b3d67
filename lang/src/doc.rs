//! The `///` text above a definition.
//!
//! Its first paragraph line says what the thing does, the rest explains. Three kinds of line are facts rather than
//! prose: `node: filter LP` names the category and the glyph of its node in the graph view, `ex:` is a line that
//! can be played, and `test:` is a claim that the test runner checks.

/// A doc comment, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doc {
    /// The first line of prose.
    pub summary: String,
    /// The other lines of prose, joined by newlines.
    pub body: String,
    /// Category and glyph from the `node:` line.
    pub node: Option<(String, String)>,
    /// The `ex:` lines.
    pub examples: Vec<String>,
    /// The `test:` lines.
    pub tests: Vec<String>,
}

/// Takes a doc comment apart; `text` is as in [`crate::ast::Def::doc`], without slashes.
pub fn parse(text: &str) -> Doc {
    let mut doc = Doc::default();
    let mut prose: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("ex:") {
            doc.examples.push(rest.trim().to_string());
        } else if let Some(rest) = line.strip_prefix("test:") {
            doc.tests.push(rest.trim().to_string());
        } else if let Some(rest) = line.strip_prefix("node:") {
            let rest = rest.trim();
            let (category, glyph) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            doc.node = Some((category.to_string(), glyph.trim().to_string()));
        } else {
            prose.push(line);
        }
    }
    let first = prose.iter().position(|line| !line.is_empty()).unwrap_or(prose.len());
    doc.summary = prose.get(first).unwrap_or(&"").to_string();
    doc.body = prose.get(first + 1..).unwrap_or(&[]).join("\n").trim().to_string();
    doc
}

/// The doc text that ends directly above byte `at` of `text`, without slashes; `None` if there is none.
pub fn above(text: &str, at: usize) -> Option<String> {
    // Only blanks are looked through: a line may be long and hold many definitions.
    let line_start = text[..at].trim_end_matches([' ', '\t']).len();
    if !text[..line_start].ends_with('\n') {
        return None;
    }
    let mut lines = Vec::new();
    for line in text[..line_start].lines().rev() {
        match line.trim().strip_prefix("///") {
            Some(rest) if !rest.starts_with('/') => {
                lines.push(rest.strip_prefix(' ').unwrap_or(rest).trim_end());
            }
            _ => break,
        }
    }
    lines.reverse();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let doc = parse("Low-pass.\n\n12 dB.\nnode: filter LP\nex: saw(55hz) >> lpf(800hz)\ntest: finite");
        assert_eq!(doc.summary, "Low-pass.");
        assert_eq!(doc.body, "12 dB.");
        assert_eq!(doc.node, Some(("filter".into(), "LP".into())));
        assert_eq!(doc.examples, ["saw(55hz) >> lpf(800hz)"]);
        assert_eq!(doc.tests, ["finite"]);
    }

    #[test]
    fn only_lines_directly_above() {
        let text = "/// lost\n\n/// one\n///\n///  two\n  x = 1";
        assert_eq!(above(text, text.find('x').unwrap()).as_deref(), Some("one\n\n two"));
        assert_eq!(above("//// no\nx", 8), None);
        assert_eq!(above("{ x", 2), None);
    }
}
