//! The notation inside double quotes: `"bd*2 [sn cp?] <hh oh>"`.
//!
//! [`parse`] turns any text into a [`Mini`], a small tree that keeps the place of every atom, and a list of what is wrong with
//! it in a player's words. It never fails and never panics: brackets are matched and their depth is bounded before the grammar
//! runs, and the grammar accepts whatever is left. A tree that comes with an [error](Severity::Error) is silent where the text
//! could not be read; callers keep what played before. What the tree means in time is the business of the compiler's `score`.

mod read;
mod scan;

use crate::diag::Severity;
use crate::source::Span;

/// Deepest nesting of brackets.
pub const MAX_DEPTH: usize = 64;
/// Longest text, in bytes.
pub const MAX_LEN: usize = 16 * 1024;
/// Most operators on one step.
pub const MAX_OPS: usize = 32;
/// Most repeats that one `!` may ask for.
pub const MAX_REPEAT: f64 = 4096.0;

/// A whole pattern.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mini {
    /// What stands between the quotes.
    pub body: Group,
}

/// Sequences that share one span of time: the inside of a bracket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// At least one after parsing; none is silence.
    pub parts: Vec<Sequence>,
    /// How the parts share the time.
    pub join: Join,
    /// Without the brackets.
    pub span: Span,
}

/// What commas and bars do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// `a, b`: all of them together.
    #[default]
    Stack,
    /// `a | b`: one at random each cycle. The number is its place among the random marks of the text.
    Choose(u32),
}

/// Steps one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// In order. Feet (`a b . c d`) have become steps that hold a group.
    pub steps: Vec<Step>,
    /// Began with `^`: this sequence defines the step count.
    pub marked: bool,
    /// From the first step to the last.
    pub span: Span,
}

/// One step: an element, what is done to it, and how much room it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is.
    pub element: Element,
    /// Operators in the order they are applied. Repeats by `!` are merged into one, the last.
    pub ops: Vec<Op>,
    /// Share of the sequence's time, 1 if nothing else was said. Repeats count.
    pub weight: f64,
    /// With its operators.
    pub span: Span,
}

/// What a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// `~` or `-`
    Rest,
    /// A word or a number.
    Atom(Atom),
    /// `[a b]`, or a foot.
    Sub(Group),
    /// `{a b, c d e}%4`
    Poly {
        /// The parts; each uses the step count of the first unless `steps` says otherwise.
        group: Group,
        /// After the `%`.
        steps: Option<Box<Element>>,
    },
    /// `<a b>`
    Slow(Group),
}

/// A word or number and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Atom {
    /// As written.
    pub text: String,
    /// Its value if it is a number.
    pub number: Option<f64>,
    /// Its place in the text.
    pub span: Span,
}

/// What is done to a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `x*n`
    Fast(Element),
    /// `x/n`
    Slow(Element),
    /// `x!n`: n times in a row; the weight has grown as much.
    Repeat(f64),
    /// `x?p`: events drop out with probability `prob`. `seed` is its place among the random marks of the text.
    Drop {
        /// 0 keeps all, 1 drops all.
        prob: f64,
        /// Running number.
        seed: u32,
    },
    /// `x(k,n,r)`
    Euclid {
        /// Pulses; negative inverts.
        pulses: Box<Step>,
        /// Steps.
        steps: Box<Step>,
        /// Rotation to the right.
        rotation: Option<Box<Step>>,
    },
    /// `x:y`: a value that hangs on the event.
    Tail(Element),
    /// `x .. y`: all whole numbers from one to the other.
    Range(Element),
    /// `c'maj'i`: the notes of a chord on the step's notes. The name of the chord, then its modifiers in order: a number of
    /// notes, inversions `i ii`, `o` for open, `d1 d2` for a dropped note.
    Chord(Vec<Element>),
}

/// Something wrong in a pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternError {
    /// Error, or a warning about something that plays otherwise than it looks.
    pub severity: Severity,
    /// Bytes within the text.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// The mend.
    pub help: Option<String>,
}

impl PatternError {
    fn error(span: Span, message: impl Into<String>) -> PatternError {
        PatternError { severity: Severity::Error, span, message: message.into(), help: None }
    }

    fn warning(span: Span, message: impl Into<String>) -> PatternError {
        PatternError { severity: Severity::Warning, ..PatternError::error(span, message) }
    }

    fn help(mut self, help: impl Into<String>) -> PatternError {
        self.help = Some(help.into());
        self
    }

    /// Whether the text is refused.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Reads a pattern. The empty text is silence.
pub fn parse(text: &str) -> (Mini, Vec<PatternError>) {
    let errors = scan::brackets(text);
    if !errors.is_empty() {
        return (Mini::default(), errors);
    }
    read::read(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_error(text: &str) -> PatternError {
        let (_, errors) = parse(text);
        errors.into_iter().find(PatternError::is_error).unwrap_or_else(|| panic!("{text:?} was accepted"))
    }

    #[test]
    fn accepts() {
        for text in [
            "",
            "  ",
            "bd",
            "bd sd",
            "~ - -1 -.5",
            "[a, b] [c|d]",
            "a . b c . d",
            "<a!3 b c@5>*2",
            "{a b, c}%<2 4>(3,8)",
            "0 .. 4",
            "0..4",
            "bd:3:2 sd:<1 2>?",
            "x(<3 5>,8,[0 2]) y? z?0.2",
            "a! ! b!!",
            "a _ _ b",
            "^a b, c",
            "é ñ#",
            "bd *2 sd (3,8)",
            "[a b]c",
            "1.5 1e3",
            "c'maj e'min7'ii'o",
            "c'<maj min>'[i o] [c e]'m7'5'd1 c'{maj min}",
            "3%8 -1%4 bd*3%2 bd*<1%2 3>",
        ] {
            let (_, errors) = parse(text);
            assert!(errors.is_empty(), "{text:?}: {errors:?}");
        }
    }

    #[test]
    fn refuses_with_a_place_and_words() {
        for (text, start, end, part) in [
            ("bd [sd", 3, 4, "never closed"),
            ("bd(3,8", 2, 3, "never closed"),
            ("{a b%", 0, 1, "never closed"),
            ("bd@", 2, 3, "number"),
            ("(3,8)", 0, 5, "step"),
            ("bd]", 2, 3, "never opened"),
            ("[a b>", 4, 5, "closes"),
            ("bd*", 2, 3, "after it"),
            ("bd(3)", 2, 5, "pulses"),
            ("bd(3,8,1,2)", 2, 11, "pulses"),
            ("a,,b", 2, 2, "nothing"),
            ("*2 a", 0, 2, "step"),
            ("_ a", 0, 1, "step"),
            ("a@0", 1, 3, "0"),
            ("a $ b", 2, 3, "$"),
            ("bd*foo", 3, 6, "number"),
            ("<a | b>", 3, 4, "|"),
            ("a, b | c", 5, 6, "|"),
            ("a .", 2, 3, "nothing"),
            ("{a b}%", 5, 6, "after it"),
            ("a?2", 1, 3, "between 0 and 1"),
            ("a .. b", 0, 1, "number"),
            ("c' e", 1, 2, "chord"),
            ("'maj", 0, 4, "step"),
            ("a 3%0", 2, 5, "0"),
        ] {
            let e = first_error(text);
            assert_eq!((e.span.start, e.span.end), (start, end), "{text:?}: {}", e.message);
            assert!(e.message.contains(part), "{text:?}: {}", e.message);
        }
    }

    #[test]
    fn zero_steps_only_warn() {
        let (_, errors) = parse("x(5,0)");
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].severity, Severity::Warning);
    }

    #[test]
    fn weights_and_repeats() {
        let weights = |text| parse(text).0.body.parts[0].steps.iter().map(|s| s.weight).collect::<Vec<_>>();
        assert_eq!(weights("a@3 b"), [3.0, 1.0]);
        assert_eq!(weights("a@2 _ b"), [3.0, 1.0]);
        assert_eq!(weights("a! ! b!4"), [3.0, 4.0]);
        assert_eq!(weights("a . b c _ . d"), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn spans_of_atoms() {
        let (mini, _) = parse("bd [sd:<1 é>]");
        let Element::Sub(group) = &mini.body.parts[0].steps[1].element else { panic!() };
        let step = &group.parts[0].steps[0];
        let Element::Atom(atom) = &step.element else { panic!() };
        assert_eq!((atom.span.start, atom.span.end), (4, 6));
        assert_eq!((step.span.start, step.span.end), (4, 13));
    }

    #[test]
    fn depth_and_length_are_bounded() {
        for open in ["[", "<", "{", "a(", "a*[", "[a,"] {
            let text = open.repeat(5000);
            assert!(!parse(&text).1.is_empty());
        }
        let deep = |n: usize| format!("{}a{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&deep(MAX_DEPTH)).1.is_empty());
        assert!(first_error(&deep(MAX_DEPTH + 1)).message.contains("deep"));
        assert!(first_error(&"a ".repeat(MAX_LEN)).message.contains("long"));
        assert!(!parse(&"{a}%".repeat(4000)).1.is_empty());
        assert!(!parse(&"a*".repeat(8000)).1.is_empty());
        assert!(!parse(&format!("a{}", "*2".repeat(100))).1.is_empty());
        assert!(parse(&"a!".repeat(8000)).1.is_empty());
    }

    #[test]
    fn any_text_is_read_without_panic() {
        let alphabet: Vec<char> = "ab01 .,|~-_!@?*/:%^<>[]{}()#'é🎵\n\"".chars().collect();
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..(state >> 33) % 24 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                text.push(alphabet[(state >> 20) as usize % alphabet.len()]);
            }
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            let (_, errors) = parse(&text);
            for e in errors {
                let (start, end) = (e.span.start as usize, e.span.end as usize);
                assert!(start <= end && end <= text.len(), "{text:?}: {e:?}");
                assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{text:?}: {e:?}");
            }
        }
    }
}
