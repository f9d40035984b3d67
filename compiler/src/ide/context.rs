//! What stands around a place, seen by tokens alone, so that half a statement has an answer as well.

use modurust_lang::source::Span;
use modurust_lang::split;
use modurust_lang::token::{Kind, Token, tokens};

/// The statement around a place, cut at the place.
pub(super) struct Context<'a> {
    /// The whole text.
    pub text: &'a str,
    /// The tokens of the statement that begin before the place, without comments.
    pub before: Vec<Token>,
    /// The token that the place is in or directly behind, if it is one that can be gone on with.
    pub word: Option<Token>,
    /// What that token is, if it is no word: a comment, a pattern, a text.
    pub inside: Option<Kind>,
    /// The place.
    pub at: usize,
}

/// A call whose bracket is open at a place.
pub(super) struct OpenCall {
    /// The function, with its module: `lpf`, `filter.lpf`.
    pub function: String,
    /// How many arguments without a name stand before the place.
    pub argument: usize,
    /// The name before its colon.
    pub named: Option<String>,
    /// Names given in the arguments before it.
    pub given: Vec<String>,
    /// Something is piped into it, which is its first argument.
    pub piped: bool,
    /// The argument has just begun.
    pub fresh: bool,
}

impl<'a> Context<'a> {
    /// Looks around a byte; `at` is a character's begin.
    pub fn new(text: &'a str, at: usize) -> Context<'a> {
        let chunk = split::split(text).take_while(|chunk| chunk.offset <= at).last();
        // Behind the last statement a new one may begin, or more of it may come: an indented line goes on.
        let start = chunk.map_or(0, |chunk| chunk.offset);
        let mut all: Vec<Token> = tokens(&text[start..])
            .map(|t| Token { span: t.span.shift(start as u32), ..t })
            .take_while(|t| (t.span.start as usize) < at)
            .collect();
        let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let column_zero = all.last().is_none_or(|t| (t.span.end as usize) <= line) && at == line;
        if column_zero {
            all.clear();
        }
        let last = all.last().copied().filter(|t| at <= t.span.end as usize);
        let mut context = Context { text, before: all, word: None, inside: None, at };
        if let Some(last) = last {
            let open = at < last.span.end as usize;
            match last.kind {
                Kind::Comment | Kind::Doc => context.inside = Some(last.kind),
                Kind::Pattern | Kind::Text if open => context.inside = Some(last.kind),
                Kind::Unknown if last.text(text).starts_with('"') => context.inside = Some(Kind::Pattern),
                Kind::Unknown if last.text(text).starts_with('\'') => context.inside = Some(Kind::Text),
                Kind::Word | Kind::Keyword | Kind::Note | Kind::Number | Kind::Path => context.word = Some(last),
                _ => {}
            }
            if context.word.is_some() {
                context.before.pop();
            }
        }
        context.before.retain(|t| !matches!(t.kind, Kind::Comment | Kind::Doc));
        context
    }

    /// The text of a token.
    pub fn text_of(&self, token: &Token) -> &'a str {
        token.text(self.text)
    }

    /// What has been typed of the word at the place.
    pub fn prefix(&self) -> &'a str {
        self.word.map_or("", |word| &self.text[word.span.start as usize..self.at])
    }

    /// What a completion would replace.
    pub fn replaced(&self) -> Span {
        self.word.map_or(Span::new(self.at, self.at), |word| word.span)
    }

    /// True if a token stands before the place and is this.
    pub fn follows(&self, kind: Kind, text: &str) -> bool {
        self.before.last().is_some_and(|t| t.kind == kind && (text.is_empty() || self.text_of(t) == text))
    }

    /// True if the token before the place ends a value, so that an operator is wanted.
    pub fn follows_value(&self) -> bool {
        self.before.last().is_some_and(|t| match t.kind {
            Kind::Word => !(self.before.len() == 1 && is_statement_word(self.text_of(t))),
            Kind::Note | Kind::Number | Kind::Pattern | Kind::Text | Kind::Close | Kind::Prime => true,
            _ => false,
        })
    }

    /// The name before a dot at the place, with where it begins: `filter` of `filter.l`.
    pub fn base(&self) -> Option<&'a str> {
        let [.., base, dot] = &self.before[..] else { return None };
        (dot.kind == Kind::Dot && base.span.end == dot.span.start && base.kind == Kind::Word)
            .then(|| self.text_of(base))
    }

    /// Index in `before` of the bracket that is open at the token `end`.
    fn open_bracket(&self, end: usize) -> Option<usize> {
        let mut depth = 0usize;
        for i in (0..end).rev() {
            match self.before[i].kind {
                Kind::Close => depth += 1,
                Kind::Open if depth == 0 => return Some(i),
                Kind::Open => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The innermost call whose bracket is open at the place. Brackets of lists and groups in between are looked through.
    pub fn call(&self) -> Option<OpenCall> {
        let mut end = self.before.len();
        loop {
            let open = self.open_bracket(end)?;
            let bracket = self.before[open];
            let name = open.checked_sub(1).map(|i| self.before[i]);
            let called = name.filter(|n| n.kind == Kind::Word && n.span.end == bracket.span.start);
            match called {
                Some(_) if self.text_of(&bracket) == "(" => return Some(self.open_call(open)),
                // What stands in the braces of a block belongs to the block.
                _ if self.text_of(&bracket) == "{" => return None,
                _ => end = open,
            }
        }
    }

    fn open_call(&self, open: usize) -> OpenCall {
        let mut first = open - 1;
        while first >= 2 && self.before[first - 1].kind == Kind::Dot && self.before[first - 2].kind == Kind::Word {
            first -= 2;
        }
        let start = self.before[first].span.start as usize;
        let function = self.text[start..self.before[open].span.start as usize].to_string();
        let (mut depth, mut argument, mut begin, mut given) = (0usize, 0, open + 1, Vec::new());
        let name_at = |begin: usize, end: usize| match self.before.get(begin..end) {
            Some([name, colon, ..]) if colon.kind == Kind::Colon => Some(self.text_of(name).to_string()),
            _ => None,
        };
        for i in open + 1..self.before.len() {
            match self.before[i].kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                Kind::Comma if depth == 0 => {
                    let name = name_at(begin, i);
                    argument += usize::from(name.is_none());
                    given.extend(name);
                    begin = i + 1;
                }
                _ => {}
            }
        }
        let named = name_at(begin, self.before.len());
        let fresh = begin == self.before.len();
        OpenCall { function, argument, named, given, piped: self.piped(first), fresh }
    }

    /// True if the call that begins at a token is the first one behind a `>>`, and no `it` takes what is piped.
    fn piped(&self, first: usize) -> bool {
        let mut depth = 0usize;
        for i in (0..first).rev() {
            let token = self.before[i];
            match token.kind {
                Kind::Close => depth += 1,
                Kind::Open if depth == 0 => return false,
                Kind::Open => depth -= 1,
                Kind::Operator if depth == 0 && self.text_of(&token) == ">>" => {
                    let stage = &self.text[token.span.end as usize..];
                    let rest = tokens(stage).take_while(|t| t.text(stage) != ">>").take(200);
                    return !rest.filter(|t| t.kind == Kind::Word).any(|t| t.text(stage) == "it");
                }
                Kind::Comma if depth == 0 => return false,
                Kind::Keyword | Kind::Colon if depth == 0 => return false,
                // Another word before it would take what is piped.
                Kind::Word if depth == 0 => return false,
                _ => {}
            }
        }
        false
    }

    /// Names that the statement gives before the place: parameters, definitions of blocks, names before `=>`.
    pub fn locals(&self) -> Vec<&'a str> {
        let mut found = Vec::new();
        let sign = |i: usize, text: &str| self.before.get(i).is_some_and(|t| self.text_of(t) == text);
        let mut depth = 0usize;
        let head = self.before.first().is_some_and(|t| t.kind == Kind::Word) && sign(1, "(");
        let mut in_head = head;
        for (i, token) in self.before.iter().enumerate() {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => {
                    depth = depth.saturating_sub(1);
                    in_head &= depth > 0;
                }
                Kind::Word if i > 0 => {
                    let param = in_head && depth == 1 && (sign(i - 1, "(") || sign(i - 1, ","));
                    let defined = depth > 0 && !in_head && sign(i + 1, "=");
                    let lambda = sign(i + 1, "=>");
                    if param || defined || lambda {
                        found.push(self.text_of(token));
                    }
                }
                _ => {}
            }
            // `(x, k) => ..`
            if sign(i, ")") && sign(i + 1, "=>") {
                let open = self.open_bracket(i).unwrap_or(0);
                let names = self.before[open..i].iter().filter(|t| t.kind == Kind::Word);
                found.extend(names.map(|t| self.text_of(t)));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// True for a word that begins a statement without being a name.
pub(super) fn is_statement_word(word: &str) -> bool {
    use modurust_lang::token::{COMMANDS, SETTINGS};
    SETTINGS.contains(&word) || COMMANDS.contains(&word)
}
