//! Another name for a parameter of a voice: what events bring under that name is called so, too.
//!
//! A voice is handed on (`mono(acid)`), so nobody calls it with arguments: events bring `accent` because `with(accent: "1 0")` says so, and hands
//! move `bass.cutoff` by the name that it has in the strip. Where no other function has a parameter of that name, all of these speak of this one,
//! and get the new name with it. Names that every event brings stay: `gate` is no name of the text.

use super::super::graph::range;
use super::{Plan, refuse};
use modurust_runtime::compiler::ide;
use modurust_runtime::compiler::lang::ast::{Def, ExprKind, Ident, Item};
use modurust_runtime::compiler::lang::edit::{Edit, Op, Refusal};
use modurust_runtime::compiler::lang::source::Span;
use modurust_runtime::compiler::lang::visit;

/// What every event or strip has by itself.
const BROUGHT: [&str; 15] = [
    "freq", "gate", "vel", "dur", "bar", "beat", "n", "value", "pan", "level", "mute", "press", "slide", "bend", "note",
];
/// Functions whose named arguments are fields of events, or numbers of a voice.
const GIVES: [&str; 3] = ["with", "mono", "poly"];

impl Plan<'_> {
    /// Renames a parameter of a function of the text that is handed on as a voice; `at` is its name, `function` whose it is.
    pub(super) fn rename_field(&mut self, function: &str, at: usize, to: &str) -> Result<Edit, Refusal> {
        let document = self.patch.document;
        let mut places: Vec<Span> = ide::references(document, at);
        let Some(name) = places.first().map(|span| self.slice(&range(*span)).to_string()) else {
            return refuse("there is no name here");
        };
        for named in [name.as_str(), to] {
            if BROUGHT.contains(&named) {
                return refuse(format!("`{named}` is what every event brings to a voice: it is no name of this text"));
            }
        }
        let has = |def: &Def, name: &str| def.params.iter().flatten().any(|param| param.name.name == name);
        let other = document.stmts.iter().find_map(|stmt| match &*stmt.item {
            Item::Def(def) if def.name.name != function && (has(def, &name) || has(def, to)) => Some(&def.name.name),
            Item::Def(def) if def.name.name == function && has(def, to) => Some(&def.name.name),
            _ => None,
        });
        if let Some(other) = other {
            return refuse(format!(
                "`{other}` has a parameter of that name, too: nobody can say of which one events speak"
            ));
        }
        for stmt in &document.stmts {
            let mut speaks = |ident: &Ident| {
                if ident.name == name {
                    places.push(ident.span.shift(stmt.offset));
                }
            };
            visit::exprs(&stmt.item, &mut |expr| match &expr.kind {
                ExprKind::Call { callee, args } => {
                    let gives = matches!(&callee.kind, ExprKind::Name(called) if GIVES.contains(&called.as_str()) || called == function);
                    args.iter().filter(|_| gives).filter_map(|arg| arg.name.as_ref()).for_each(&mut speaks);
                }
                ExprKind::Field { name, .. } => speaks(name),
                _ => {}
            });
            match &*stmt.item {
                Item::Automate { path, .. } | Item::Map { path, .. } => path.iter().skip(1).for_each(&mut speaks),
                Item::Arrange { sections, .. } => {
                    let paths = sections.iter().flat_map(|section| &section.lanes).map(|(path, _)| path);
                    paths.flat_map(|path| path.iter().skip(1)).for_each(&mut speaks);
                }
                _ => {}
            }
        }
        self.op(&Op::RenamePlaces { places, to: to.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::graph::Reader;
    use super::super::super::properties::read_with;
    use super::super::{Gesture, Hands};

    const TEXT: &str = "acid(freq, gate, accent = 0, cutoff = 400hz) = saw(freq) >> ladder(cutoff * (1 + 4*accent)) * ar(gate)\n\
        track bass = \"0 3\" >> scale(a1, minor) >> with(accent: \"1 0\", cutoff: 500hz) >> mono(acid)\n\
        automate bass.cutoff { 0bar: 300hz, 4bar: 2khz }\nmap cc(74) -> bass.cutoff 200hz..8khz exp\n";

    fn renamed(text: &str, hex: &str, to: &str) -> Result<String, String> {
        let mut reader = Reader::default();
        let patch = read_with(&mut reader, text);
        let view = reader.inside(patch.patch(), "acid").expect("it has parts");
        let gesture = Gesture::Rename { hex: hex.to_string(), to: to.to_string() };
        let planned = Hands::default().plan(patch.patch(), &view, &gesture).map_err(|why| why.reason)?;
        Ok(planned.edit.apply(text).expect("the splices fit"))
    }

    #[test]
    fn what_events_bring_is_renamed_with_the_parameter() {
        assert_eq!(renamed(TEXT, "acid.cutoff", "bright").unwrap(), TEXT.replace("cutoff", "bright"));
        assert_eq!(renamed(TEXT, "acid.accent", "hard").unwrap(), TEXT.replace("accent", "hard"));
        assert!(renamed(TEXT, "acid.gate", "door").unwrap_err().contains("every event brings"));
        assert!(renamed(TEXT, "acid.accent", "freq").unwrap_err().contains("every event brings"));
        let two = format!("{TEXT}other(freq, gate, cutoff = 1khz) = saw(freq) >> lpf(cutoff) * gate\n");
        assert!(renamed(&two, "acid.cutoff", "bright").unwrap_err().contains("`other`"));
        // Nobody hands it on: its own places are all there are.
        let alone =
            "acid(freq, gate, cutoff = 400hz) = saw(freq) >> lpf(cutoff) * gate\nout = acid(55hz, 1, cutoff: 1khz)\n";
        assert_eq!(renamed(alone, "acid.cutoff", "bright").unwrap(), alone.replace("cutoff", "bright"));
    }
}
