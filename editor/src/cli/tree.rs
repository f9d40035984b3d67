//! The syntax tree as text: nested lists, a node and its parts in each, as long on a line as fits.
//!
//! ```text
//! saw(55hz) >> lpf(800hz, q: 2)      (pipe (call saw 55hz) (call lpf 800hz (q: 2)))
//! ```
//!
//! Unlike the printed program it shows how operators and pipes group. Places are left out: they lie beside the tree, not in it.

use modurust_runtime::compiler::lang::ast::{Arg, Choice, Clip, Curve, Def, Expr, ExprKind, Item, Param, UnaryOp};
use modurust_runtime::compiler::lang::print::{note_word, print_expr, print_item};

/// Widest line.
const WIDTH: usize = 110;

/// A word, or a list.
enum Node {
    Leaf(String),
    List(String, Vec<Node>),
}

/// A statement as text, with a line break at the end.
pub fn item(item: &Item) -> String {
    let mut out = String::new();
    write(&of_item(item), 0, &mut out);
    out.push('\n');
    out
}

fn write(node: &Node, indent: usize, out: &mut String) {
    let mut flat = String::new();
    write_flat(node, &mut flat);
    match node {
        Node::List(head, parts) if indent + flat.chars().count() > WIDTH => {
            out.push('(');
            out.push_str(head);
            for part in parts {
                out.push('\n');
                out.push_str(&" ".repeat(indent + 2));
                write(part, indent + 2, out);
            }
            out.push(')');
        }
        _ => out.push_str(&flat),
    }
}

fn write_flat(node: &Node, out: &mut String) {
    match node {
        Node::Leaf(text) => out.push_str(text),
        Node::List(head, parts) => {
            out.push('(');
            out.push_str(head);
            for part in parts {
                out.push(' ');
                write_flat(part, out);
            }
            out.push(')');
        }
    }
}

fn leaf(text: impl Into<String>) -> Node {
    Node::Leaf(text.into())
}

fn list(head: impl Into<String>, parts: Vec<Node>) -> Node {
    Node::List(head.into(), parts)
}

fn of_item(item: &Item) -> Node {
    match item {
        Item::Setting { name, value } => list(format!("setting {}", name.name), vec![expr(value)]),
        Item::Def(def) => of_def(def),
        Item::Strip { bus, name, value } => {
            list(format!("{} {}", if *bus { "bus" } else { "track" }, name.name), vec![expr(value)])
        }
        Item::Broken { name, .. } => leaf(format!("(broken {})", name.as_deref().unwrap_or("?"))),
        // These have no operators to group: their text says it all.
        Item::Use { .. }
        | Item::Meter { .. }
        | Item::Scene { .. }
        | Item::Arrange { .. }
        | Item::Automate { .. }
        | Item::Map { .. }
        | Item::Command(_) => leaf(format!("({})", print_item(item).split_whitespace().collect::<Vec<_>>().join(" "))),
    }
}

fn of_def(def: &Def) -> Node {
    let mut parts: Vec<Node> = Vec::new();
    if let Some(params) = &def.params {
        parts.push(list("params", params.iter().map(of_param).collect()));
    }
    parts.push(expr(&def.body));
    list(format!("def {}", def.name.name), parts)
}

fn of_param(param: &Param) -> Node {
    let mut head = param.name.name.clone();
    if let Some((ty, channels)) = &param.ty {
        head.push_str(&format!(": {}", ty.name));
        if let Some(channels) = channels {
            head.push_str(&format!("[{}]", print_expr(channels)));
        }
    }
    let mut parts: Vec<Node> = param.default.iter().map(expr).collect();
    if let Some(range) = &param.range {
        let head = if range.log { "log" } else { "in" };
        parts.push(list(head, vec![expr(&range.low), expr(&range.high)]));
    }
    if parts.is_empty() { leaf(head) } else { list(head, parts) }
}

fn of_arg(arg: &Arg) -> Node {
    match &arg.name {
        Some(name) => list(format!("{}:", name.name), vec![expr(&arg.value)]),
        None => expr(&arg.value),
    }
}

fn of_choice(choice: &Choice) -> Node {
    match &choice.weight {
        Some(weight) => list(choice.name.name.clone(), vec![expr(weight)]),
        None => leaf(choice.name.name.clone()),
    }
}

fn of_clip(clip: &Clip) -> Node {
    let mut parts = vec![expr(&clip.value)];
    parts.extend(clip.length.iter().map(|length| list("for", vec![expr(length)])));
    if !clip.then.is_empty() {
        parts.push(list("then", clip.then.iter().map(of_choice).collect()));
    }
    list(format!("{}:", clip.name.name), parts)
}

fn expr(e: &Expr) -> Node {
    match &e.kind {
        ExprKind::Note(note) => leaf(note_word(*note).unwrap_or_else(|| format!("(note {note})"))),
        ExprKind::Number { .. } | ExprKind::Text(_) | ExprKind::Pattern { .. } | ExprKind::Name(_) | ExprKind::It => {
            leaf(print_expr(e))
        }
        ExprKind::Call { callee, args } => {
            let args = args.iter().map(of_arg);
            match &callee.kind {
                ExprKind::Name(name) => list(format!("call {name}"), args.collect()),
                _ => list("call", std::iter::once(expr(callee)).chain(args).collect()),
            }
        }
        ExprKind::Index { base, index } => list("index", vec![expr(base), expr(index)]),
        ExprKind::Field { base, name } => list("field", vec![expr(base), leaf(name.name.clone())]),
        ExprKind::Prime(x) => list("prime", vec![expr(x)]),
        ExprKind::Unary { op, x } => {
            let head = match op {
                UnaryOp::Neg => "neg",
                UnaryOp::Not => "not",
            };
            list(head, vec![expr(x)])
        }
        ExprKind::Binary { op, left, right } => list(format!("{op:?}").to_lowercase(), vec![expr(left), expr(right)]),
        ExprKind::Pipe { left, right } => list("pipe", vec![expr(left), expr(right)]),
        ExprKind::Ramp { from, to, over, curve } => {
            let mut parts = vec![expr(from), expr(to)];
            parts.extend(over.iter().map(|over| list("over", vec![expr(over)])));
            if *curve != Curve::Lin {
                parts.push(leaf(format!("{curve:?}").to_lowercase()));
            }
            list("ramp", parts)
        }
        ExprKind::Lambda { params, body } => {
            let names = params.iter().map(|p| leaf(p.name.clone())).collect();
            list("lambda", vec![list("params", names), expr(body)])
        }
        ExprKind::If { cond, then, other } => list("if", vec![expr(cond), expr(then), expr(other)]),
        ExprKind::Block { defs, value } => {
            list("block", defs.iter().map(of_def).chain(value.iter().map(|value| expr(value))).collect())
        }
        ExprKind::Array(items) => list("array", items.iter().map(expr).collect()),
        ExprKind::Clips(clips) => list("clips", clips.iter().map(of_clip).collect()),
        ExprKind::Broken => leaf("broken"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_runtime::compiler::lang::{FileId, Source, parse};

    fn tree(text: &str) -> String {
        parse(FileId(0), &Source::new("test", text)).stmts.iter().map(|stmt| item(&stmt.item)).collect()
    }

    #[test]
    fn grouping_is_seen() {
        assert_eq!(
            tree("out = saw(55hz) >> lpf(800hz, q: 2) * -6db + y'"),
            "(def out (pipe (call saw 55hz) (add (mul (call lpf 800hz (q: 2)) (neg 6db)) (prime y))))\n"
        );
        assert_eq!(
            tree("f(x, a: hz = 1khz in 20hz..20khz log) = { b = x  b[0] }"),
            "(def f (params x (a: hz 1khz (log 20hz 20khz))) (block (def b x) (index b 0)))\n"
        );
        assert_eq!(tree("meter 7/8\ntempo 90bpm"), "(meter 7/8)\n(setting tempo 90bpm)\n");
        assert_eq!(
            tree("track a = \"c4\" >> mono(k => k)"),
            "(track a (pipe \"c4\" (call mono (lambda (params k) k))))\n"
        );
    }

    #[test]
    fn long_nodes_are_broken_up() {
        let text = format!("out = [{}]", vec!["a_long_name"; 20].join(", "));
        let tree = tree(&text);
        assert!(tree.starts_with("(def out\n  (array\n    a_long_name\n"), "{tree}");
        assert!(tree.lines().all(|line| line.len() <= WIDTH));
    }
}
