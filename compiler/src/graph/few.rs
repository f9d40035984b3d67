//! Banks once more, in fewer lanes.
//!
//! A bank ([`super::bank`]) of sixteen voices gets copies of all that it computes for two lanes, four and eight, with memory of their
//! own; [`crate::few`] decides in every quantum which of them runs, and moves the memory of voices between them. A copy ends where
//! the bank does: its sums are stored where those of the bank are, so what hears them needs no idea of it.
//!
//! The copies are part of the graph that is scheduled and of no other: the graph that a patch is known by has every voice once.

use super::bank::{Bank, Narrow, narrow};
use super::check::{GraphInfo, check};
use super::idle::Parts;
use super::ops::canonical;
use super::{CellId, Graph, Node, NodeId, Row, RowId};
use crate::passes::cross::operands_mut;
use rustc_hash::FxHashMap as HashMap;
use std::sync::Arc;

/// Most parts and copies of parts; a word has a bit for each.
const MOST: usize = 127;

/// A bank in fewer lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Few {
    /// The part that it computes instead of.
    pub bank: u8,
    /// The part that its values belong to.
    pub part: u8,
    /// How many voices.
    pub voices: u32,
    /// Its memory, for each cell of the bank.
    pub cells: Vec<(CellId, CellId)>,
    /// Its rows, for each row of the bank.
    pub rows: Vec<(RowId, RowId)>,
    /// Its sums, for each sum of the bank.
    pub sums: Vec<(NodeId, NodeId)>,
    /// Its guards, in the order of those of the bank.
    pub guards: Vec<NodeId>,
    /// Values that are not computed but given, and what they are for all voices: constants of which each has its own.
    pub given: Vec<(NodeId, Vec<u32>)>,
}

/// A graph with its banks in fewer lanes, too; `None` where there is none.
pub fn few(graph: &Graph, info: &GraphInfo, parts: &mut Parts) -> Option<(Graph, GraphInfo, Vec<Few>)> {
    if parts.parts.iter().all(|part| part.bank.is_none()) {
        return None;
    }
    let (mut wider, mut all) = (graph.clone(), Vec::new());
    let mut next = parts.parts.len();
    let mut of = parts.of.clone();
    for (i, part) in parts.parts.iter().enumerate() {
        let Some(bank) = &part.bank else { continue };
        // What shuts all voices at once is no voice's.
        if part.guards.iter().any(|guard| bank.of[guard.index()].is_none()) {
            continue;
        }
        let mut n = 2;
        while 2 * n <= bank.voices && next < MOST {
            next += 1;
            let mut copy = Copy { graph, info, bank, n, wider: &mut wider, new: HashMap::default(), given: Vec::new() };
            let few = copy.few(i as u8 + 1, next as u8, &part.guards)?;
            of.resize(wider.nodes.len(), next as u8);
            all.push(few);
            n *= 2;
        }
    }
    if all.is_empty() {
        return None;
    }
    // Should a copy not be valid, nothing was won.
    let info = check(&wider).ok()?;
    parts.of = of;
    Some((wider, info, all))
}

/// A copy being made.
struct Copy<'a> {
    graph: &'a Graph,
    info: &'a GraphInfo,
    bank: &'a Bank,
    n: u32,
    wider: &'a mut Graph,
    new: HashMap<NodeId, NodeId>,
    given: Vec<(NodeId, Vec<u32>)>,
}

impl Copy<'_> {
    fn few(&mut self, bank: u8, part: u8, guards: &[NodeId]) -> Option<Few> {
        let graph = self.graph;
        let mut cells: Vec<(CellId, CellId)> = Vec::new();
        let mut rows: Vec<(RowId, RowId)> = Vec::new();
        for &id in self.info.order.iter().filter(|id| self.bank.of[id.index()].is_some()) {
            let voices = self.bank.of[id.index()].as_deref()?;
            let mut node = graph.node(id).clone();
            match &mut node {
                Node::Read(c) => {
                    let known = cells.iter().find(|(wide, _)| wide == c).map(|(_, few)| *few);
                    let few = known.unwrap_or_else(|| {
                        let cell = super::Cell {
                            lanes: Bank::kept(voices, self.n).len() as u32,
                            ..graph.cells[c.index()].clone()
                        };
                        self.wider.cells.push(cell);
                        let few = CellId(self.wider.cells.len() as u32 - 1);
                        cells.push((*c, few));
                        few
                    });
                    *c = few;
                }
                Node::Row(r) => {
                    let Row { unit, field, .. } = graph.rows[r.index()];
                    let known = rows.iter().find(|(wide, _)| wide == r).map(|(_, few)| *few);
                    let few = known.unwrap_or_else(|| {
                        let all = Arc::make_mut(&mut self.wider.rows);
                        all.push(Row { unit, field, lanes: self.n });
                        let few = RowId(all.len() as u32 - 1);
                        rows.push((*r, few));
                        few
                    });
                    *r = few;
                }
                Node::Shuffle(x, map) => {
                    let from = Bank::kept(self.bank.of[x.index()].as_deref()?, self.n);
                    let place = |lane: &u32| from.iter().position(|l| l == lane).map(|at| at as u32);
                    let kept = Bank::kept(voices, self.n);
                    *map = kept.iter().map(|&lane| place(&map[lane as usize])).collect::<Option<_>>()?;
                    *x = self.new[x];
                }
                Node::Reduce(x, lanes) => {
                    *lanes = Bank::kept(voices, self.n).len() as u32;
                    *x = self.new[x];
                }
                other => {
                    for n in operands_mut(other) {
                        *n = self.operand(*n, voices)?;
                    }
                }
            }
            let few = self.wider.push(node);
            self.new.insert(id, few);
        }
        for &(wide, few) in &cells {
            let next = graph.cells[wide.index()].next?;
            self.wider.cells[few.index()].next = Some(self.new[&next]);
        }
        let zero = self.wider.constant(0.0);
        let mut sums = Vec::new();
        for &sum in &self.bank.sums {
            let Node::Reduce(x, lanes) = graph.node(sum) else { return None };
            let part = self.wider.push(Node::Reduce(self.new[x], *lanes));
            // A voice that rests would add a zero.
            sums.push((sum, self.wider.op(super::ops::Op::Add, &[part, zero])));
        }
        let guards = guards.iter().map(|guard| self.new.get(guard).copied()).collect::<Option<_>>()?;
        Some(Few { bank, part, voices: self.n, cells, rows, sums, guards, given: std::mem::take(&mut self.given) })
    }

    /// An operand in as many lanes as a value with these voices keeps.
    fn operand(&mut self, id: NodeId, voices: &[u16]) -> Option<NodeId> {
        if let Some(&new) = self.new.get(&id) {
            return Some(new);
        }
        let how = narrow(self.graph, self.info, self.bank.voices, id, voices)?;
        Some(self.narrowed(id, &how, &Bank::kept(voices, self.n)))
    }

    fn narrowed(&mut self, id: NodeId, how: &Narrow, kept: &[u32]) -> NodeId {
        let mut node = self.graph.node(id).clone();
        let args = match (how, &node) {
            (Narrow::Of(args), _) => args,
            (Narrow::Own, Node::Const(ty, bits)) => {
                let bits = bits.iter().map(|word| canonical(*ty, *word)).collect();
                let given = self.wider.push(Node::Const(*ty, vec![0; kept.len()]));
                self.given.push((given, bits));
                return given;
            }
            _ => return id,
        };
        match &mut node {
            Node::Const(_, bits) => *bits = kept.iter().map(|&lane| bits[lane as usize]).collect(),
            Node::Shuffle(_, map) => *map = kept.iter().map(|&lane| map[lane as usize]).collect(),
            other => {
                for (n, how) in operands_mut(other).iter_mut().zip(args) {
                    *n = self.narrowed(*n, how, kept);
                }
            }
        }
        self.wider.push(node)
    }
}
