//! Operators: one table for whoever reads them, prints them and tells of them.
//!
//! The parser climbs by [`Operator::level`], the printer sets brackets by it, and the reference lists the rows as they stand. Operators of
//! a level are read from left to right, those of [`level::POW`] from right to left.

use crate::ast::BinaryOp;

/// How tightly operators hold, loosest first. The names of the AST's documentation; `=>` is looser than all.
pub mod level {
    /// `=>`
    pub const LAMBDA: u8 = 0;
    /// `>>`
    pub const PIPE: u8 = 1;
    /// `~>`
    pub const RAMP: u8 = 2;
    /// `or`
    pub const OR: u8 = 3;
    /// `and`
    pub const AND: u8 = 4;
    /// `not`
    pub const NOT: u8 = 5;
    /// `<` and its kin
    pub const COMPARE: u8 = 6;
    /// `..`
    pub const RANGE: u8 = 7;
    /// `+` and `-`
    pub const ADD: u8 = 8;
    /// `*` and `/`
    pub const MUL: u8 = 9;
    /// `-` in front
    pub const NEG: u8 = 10;
    /// `^`
    pub const POW: u8 = 11;
    /// Calls, channels, parts, primes
    pub const POSTFIX: u8 = 12;
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// How it is written; in front of and behind a value, with the value.
    pub sign: &'static str,
    /// What it is between two values, if it stands there.
    pub binary: Option<BinaryOp>,
    /// How tightly it holds.
    pub level: u8,
    /// What it does; empty: the same as the row before.
    pub doc: &'static str,
}

const fn row(sign: &'static str, level: u8, doc: &'static str) -> Operator {
    Operator { sign, binary: None, level, doc }
}

const fn binary(sign: &'static str, op: BinaryOp, level: u8, doc: &'static str) -> Operator {
    Operator { sign, binary: Some(op), level, doc }
}

/// All operators, loosest first.
pub static OPERATORS: &[Operator] = &[
    row("=>", level::LAMBDA, "a function without a name: `x => x * 2`"),
    row(">>", level::PIPE, "pipes: what stands left enters the first call on the right, or `it`"),
    row("~>", level::RAMP, "a ramp: `a ~> b over 8bars exp`"),
    binary("or", BinaryOp::Or, level::OR, "1 where one is not 0"),
    binary("and", BinaryOp::And, level::AND, "1 where both are not 0"),
    row("not x", level::NOT, "1 for 0, else 0"),
    binary("<", BinaryOp::Lt, level::COMPARE, "1 where it is so, else 0"),
    binary("<=", BinaryOp::Le, level::COMPARE, ""),
    binary(">", BinaryOp::Gt, level::COMPARE, ""),
    binary(">=", BinaryOp::Ge, level::COMPARE, ""),
    binary("==", BinaryOp::Eq, level::COMPARE, ""),
    binary("!=", BinaryOp::Ne, level::COMPARE, ""),
    binary("..", BinaryOp::Range, level::RANGE, "a range: `200hz..4khz`"),
    binary("+", BinaryOp::Add, level::ADD, "sum and difference; a frequency and an interval make a frequency"),
    binary("-", BinaryOp::Sub, level::ADD, ""),
    binary("*", BinaryOp::Mul, level::MUL, "product and quotient; decibels are a factor there"),
    binary("/", BinaryOp::Div, level::MUL, ""),
    row("-x", level::NEG, "the negative"),
    binary("^", BinaryOp::Pow, level::POW, "power; read from right to left"),
    row("f(x, q: 2)", level::POSTFIX, "a call, a channel, a part, one sample ago"),
    row("x[0]", level::POSTFIX, ""),
    row("x.name", level::POSTFIX, ""),
    row("x'", level::POSTFIX, ""),
];

/// The operator that is written so between two values.
pub fn find(sign: &str) -> Option<BinaryOp> {
    OPERATORS.iter().find(|row| row.sign == sign).and_then(|row| row.binary)
}

/// How tightly an operator between two values holds.
pub fn level_of(op: BinaryOp) -> u8 {
    OPERATORS.iter().find(|row| row.binary == Some(op)).map_or(level::POSTFIX, |row| row.level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::ExprKind;
    use crate::source::FileId;
    use crate::token;

    fn parsed(text: &str) -> ExprKind {
        let (expr, errors) = crate::parse::parse_expr(FileId(0), text);
        assert!(errors.is_empty(), "{text}: {errors:?}");
        expr.expect("an expression").kind
    }

    #[test]
    fn the_parser_goes_by_the_table() {
        let binary: Vec<&Operator> = OPERATORS.iter().filter(|row| row.binary.is_some()).collect();
        assert!(OPERATORS.is_sorted_by_key(|row| row.level));
        for a in &binary {
            for b in &binary {
                let kind = parsed(&format!("x {} y {} z", a.sign, b.sign));
                let top = if a.level > b.level || (a.level == b.level && a.level != level::POW) { b } else { a };
                match kind {
                    ExprKind::Binary { op, .. } => assert_eq!(Some(op), top.binary, "{} {}", a.sign, b.sign),
                    other => panic!("{} {}: {other:?}", a.sign, b.sign),
                }
            }
        }
        let looser = parsed("x or y >> f");
        assert!(matches!(looser, ExprKind::Pipe { .. }), "{looser:?}");
    }

    #[test]
    fn every_sign_is_a_token_of_its_own() {
        for row in OPERATORS.iter().filter(|row| row.binary.is_some()) {
            let known = token::OPERATORS.contains(&row.sign) || token::KEYWORDS.contains(&row.sign);
            assert!(known, "{}", row.sign);
            assert_eq!(find(row.sign), row.binary);
        }
    }
}
