//! Where the strips of the mixer lead, as the text says: what they send, the group that they go to, and their side of the crossfader.
//!
//! A send, a group and a side are calls in the statement of a strip (`>> send(room, -9db)`, `>> to(drums)`, `>> deck_a(cross)`), so changing
//! one is a splice of that statement. A side needs a fader that both sides hear; if the text has none, `cross = knob(0.5, 0..1)` is written
//! with the first strip that gets a side.

use modurust_runtime::compiler::lang::ast::{Expr, ExprKind, Item};
use modurust_runtime::compiler::lang::edit::{Edit, Op, Refusal, Splice, plan};
use modurust_runtime::compiler::lang::source::Span;
use modurust_runtime::compiler::lang::{FileId, Source, parse, visit};
use std::collections::BTreeMap;
use std::ops::Range;

/// The name of a fader that this module writes.
const FADER: &str = "cross";

/// Sides of the crossfader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Heard in full at 0.
    A,
    /// Heard in full at 1.
    B,
}

impl Side {
    /// Its letter.
    pub fn letter(self) -> &'static str {
        if self == Side::A { "A" } else { "B" }
    }

    fn call(self) -> &'static str {
        if self == Side::A { "deck_a" } else { "deck_b" }
    }
}

/// Something that a strip sends to a bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    /// The bus.
    pub bus: String,
    /// The bytes of how much, if it is written down.
    pub amount: Option<Range<usize>>,
}

/// A strip's side.
#[derive(Clone, Debug, PartialEq)]
struct Deck {
    side: Side,
    /// The pipe into it, whole; the name of the call; and the text of the fader.
    pipe: Span,
    name: Range<usize>,
    fader: String,
}

/// Where a strip leads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// In the order of the text.
    pub sends: Vec<Send>,
    /// The group that it goes to instead of the whole.
    pub to: Option<String>,
    deck: Option<Deck>,
    /// What the strip is made of.
    root: Option<Span>,
}

impl Route {
    /// Its side of the crossfader.
    pub fn side(&self) -> Option<Side> {
        self.deck.as_ref().map(|deck| deck.side)
    }
}

/// Where all strips of a text lead.
#[derive(Debug, Default)]
pub struct Routes {
    rev: Option<u64>,
    all: BTreeMap<String, Route>,
    /// The text has a fader of this name.
    has_fader: bool,
}

impl Routes {
    /// Reads a text, unless it is the one that was read last.
    pub fn read(&mut self, text: &str, rev: u64) {
        if self.rev.replace(rev) == Some(rev) {
            return;
        }
        let parsed = parse::parse(FileId(0), &Source::new("", text));
        self.has_fader = parsed.stmts.iter().any(|stmt| stmt.item.name().is_some_and(|name| name.name == FADER));
        let strips = parsed.stmts.iter().filter(|stmt| matches!(&*stmt.item, Item::Strip { .. }));
        let named =
            strips.filter_map(|stmt| Some((stmt.item.name()?.name.clone(), route(text, &stmt.item, stmt.offset))));
        self.all = named.collect();
    }

    /// Where a strip leads.
    pub fn of(&self, strip: &str) -> Option<&Route> {
        self.all.get(strip)
    }

    /// The most sends that a strip has.
    pub fn most_sends(&self) -> usize {
        self.all.values().map(|route| route.sends.len()).max().unwrap_or(0)
    }

    /// The number that the sides hear, if all of it is a name.
    pub fn fader(&self) -> Option<&str> {
        let mut faders = self.all.values().filter_map(|route| route.deck.as_ref()).map(|deck| deck.fader.as_str());
        faders.find(|fader| fader.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.'))
    }

    /// Puts a strip on a side, or takes it off if it is there. `Err` says why that cannot be.
    pub fn assign(&self, text: &str, strip: &str, side: Side) -> Result<Edit, Refusal> {
        let unknown = || Refusal { reason: format!("`{strip}` has no statement of its own") };
        let route = self.of(strip).ok_or_else(unknown)?;
        match &route.deck {
            Some(deck) if deck.side == side => plan(text, &Op::Unstage { pipe: deck.pipe }),
            Some(deck) => Ok(splice(&deck.name, side.call().into())),
            None => {
                let fader = self.fader().unwrap_or(FADER);
                let stage = format!("{}({fader})", side.call());
                let edit = plan(text, &Op::Insert { wire: route.root.ok_or_else(unknown)?, stage })?;
                if self.fader().is_some() || self.has_fader {
                    return Ok(edit);
                }
                let after = edit.apply(text).ok_or_else(unknown)?;
                let knob = plan(&after, &Op::Add { text: format!("{FADER} = knob(0.5, 0..1)"), after: None })?;
                edit.then(text, &knob).ok_or_else(unknown)
            }
        }
    }
}

/// Other words in the place of some bytes.
pub fn splice(range: &Range<usize>, text: String) -> Edit {
    Edit { splices: vec![Splice { range: range.clone(), text }] }
}

fn route(text: &str, item: &Item, offset: u32) -> Route {
    let mut route = Route { root: visit::roots(item).last().map(|root| root.span.shift(offset)), ..Route::default() };
    let bytes = |expr: &Expr| {
        let span = expr.span.shift(offset);
        span.start as usize..span.end as usize
    };
    visit::exprs(item, &mut |expr| {
        let (pipe, call) = match &expr.kind {
            ExprKind::Pipe { right, .. } => (Some(expr.span.shift(offset)), &**right),
            _ => (None, expr),
        };
        let ExprKind::Call { callee, args } = &call.kind else { return };
        let ExprKind::Name(name) = &callee.kind else { return };
        let named = |i: usize| match args.get(i).map(|arg| &arg.value.kind) {
            Some(ExprKind::Name(name)) => Some(name.clone()),
            _ => None,
        };
        match (name.as_str(), pipe) {
            ("send", Some(_)) => {
                let given = args.iter().skip(1).find(|arg| arg.name.as_ref().is_none_or(|name| name.name == "amount"));
                let amount = given.filter(|arg| is_number(&arg.value)).map(|arg| bytes(&arg.value));
                route.sends.extend(named(0).map(|bus| Send { bus, amount }));
            }
            ("to", Some(_)) => route.to = named(0),
            ("deck_a" | "deck_b", Some(pipe)) => {
                let side = if name == "deck_a" { Side::A } else { Side::B };
                let fader = args.first().and_then(|arg| text.get(bytes(&arg.value))).unwrap_or("").to_string();
                route.deck = Some(Deck { side, pipe, name: bytes(callee), fader });
            }
            _ => {}
        }
    });
    // The tree is walked from its root, so the last stage was met first.
    route.sends.sort_by_key(|send| send.amount.as_ref().map_or(0, |at| at.start));
    route
}

fn is_number(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } => true,
        ExprKind::Unary { x, .. } => is_number(x),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "bus room = in >> plate\nbus drums = in >> comp(-12db)\n\
        track keys = \"0 3\" >> scale(c4, minor) >> poly(4, organ) * -15db >> send(room, -9db, pre: on)\n\
        track snare = \"~ sd\" >> kit('tr909') >> send(room, -12db) >> to(drums)\n";

    fn routes(text: &str) -> Routes {
        let mut routes = Routes::default();
        routes.read(text, 1);
        routes
    }

    #[test]
    fn sends_and_groups_are_found() {
        let routes = routes(SET);
        let keys = routes.of("keys").unwrap();
        assert_eq!(keys.sends.len(), 1);
        assert_eq!((keys.sends[0].bus.as_str(), &SET[keys.sends[0].amount.clone().unwrap()]), ("room", "-9db"));
        assert_eq!((routes.of("snare").unwrap().to.as_deref(), keys.to.as_deref()), (Some("drums"), None));
        assert_eq!((routes.most_sends(), routes.fader()), (1, None));
    }

    /// On a side, on the other, and off again: the statement is as it was, and the fader stays.
    #[test]
    fn a_strip_goes_from_side_to_side() {
        let on = routes(SET).assign(SET, "keys", Side::A).unwrap().apply(SET).unwrap();
        assert!(on.contains("send(room, -9db, pre: on) >> deck_a(cross)\n"), "{on}");
        assert_eq!(on.matches("cross = knob(0.5, 0..1)\n").count(), 1, "{on}");
        let other = routes(&on).assign(&on, "keys", Side::B).unwrap().apply(&on).unwrap();
        assert_eq!(other, on.replace("deck_a", "deck_b"));
        assert_eq!((routes(&other).of("keys").unwrap().side(), routes(&other).fader()), (Some(Side::B), Some("cross")));
        let second = routes(&other).assign(&other, "snare", Side::A).unwrap().apply(&other).unwrap();
        assert_eq!(second.matches("knob(").count(), 1, "{second}");
        let off = routes(&other).assign(&other, "keys", Side::B).unwrap().apply(&other).unwrap();
        assert_eq!(off.replace("cross = knob(0.5, 0..1)\n", "").trim_end(), SET.trim_end());
        assert!(routes(SET).assign(SET, "nobody", Side::A).is_err());
    }
}
