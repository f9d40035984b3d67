//! How much lies between two programs, and what of one goes over to the next.

use super::{Plan, UnitLink};
use crate::command::ChangeKind;
use crate::voice::{UnitTable, same_field};
use modurust_compiler::exec::{Pour, word_moves};
use modurust_compiler::graph::read_heads;
use modurust_compiler::graph::state::StateMap;
use modurust_compiler::program::Program;
use std::sync::Arc;

/// How much lies between two programs.
pub fn change(old: &Program, new: &Program) -> ChangeKind {
    let same_patch = old.patch.hash == new.patch.hash
        && old.params.len() == new.params.len()
        && sounds(old) == sounds(new)
        && UnitTable::new(&old.units).fits(&new.units);
    if !same_patch {
        return ChangeKind::Code;
    }
    let same_score = Arc::ptr_eq(&old.score, &new.score) || format!("{:?}", old.score) == format!("{:?}", new.score);
    let same_units = Arc::ptr_eq(&old.units, &new.units) || format!("{:?}", old.units) == format!("{:?}", new.units);
    if !same_score || !same_units || old.timeline != new.timeline {
        return ChangeKind::Score;
    }
    let bits = |p: &Program| p.params.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    if old.timing != new.timing || bits(old) != bits(new) { ChangeKind::Number } else { ChangeKind::None }
}

/// True if a number changed on which it depends where a delay line is read, for programs of one patch.
pub(super) fn moves_heads(old: &Program, new: &Program) -> bool {
    let changed = |i: usize| old.params.get(i).map(|v| v.to_bits()) != new.params.get(i).map(|v| v.to_bits());
    old.params.len() == new.params.len()
        && (0..new.params.len()).any(changed)
        && read_heads(&new.patch.graph).iter().enumerate().any(|(i, head)| *head && changed(i))
}

/// What the samples of a program hold. Another sound comes in under the fade of a swap, with all state kept.
fn sounds(program: &Program) -> Vec<u64> {
    program.samples.iter().map(|s| s.hash()).collect()
}

/// What of one program is what in another.
pub(super) fn map_of(old: &Program, new: &Program) -> StateMap {
    StateMap::between(&old.patch.graph, &old.units, &new.patch.graph, &new.units)
}

/// What of a program is what in another of the same patch: everything has its place.
pub(super) fn map_of_same(new: &Program) -> StateMap {
    StateMap { params: (0..new.params.len()).map(|i| (i, i)).collect(), ..StateMap::default() }
}

/// What goes over from one program to the next.
pub(super) fn plan(old: &Program, new: &Program, map: StateMap) -> Plan {
    let mut vanished: Vec<usize> = (0..old.units.len()).collect();
    vanished.retain(|i| !map.units.iter().any(|(_, o)| o == i));
    let units = map
        .units
        .iter()
        .map(|&(n, o)| {
            let (new_unit, old_unit) = (&new.units[n], &old.units[o]);
            let mut fields = Vec::new();
            for (i, field) in new_unit.fields.iter().enumerate() {
                let same = |f: &modurust_compiler::program::UnitField| {
                    same_field(field.source, &new.score, f.source, &old.score)
                };
                if let Some(j) = old_unit.fields.iter().position(same)
                    && !fields.iter().any(|(_, taken)| *taken == j)
                {
                    fields.push((i, j));
                }
            }
            UnitLink { new: n, old: o, fields }
        })
        .collect();
    // A value that the text did not change stays where a hand put it; one that it did change starts there, under the fade.
    let same_value =
        |n: usize, o: usize| new.params.get(n).map(|v| v.to_bits()) == old.params.get(o).map(|v| v.to_bits());
    let params = map.params.iter().copied().filter(|&(n, o)| same_value(n, o)).collect();
    let words = word_moves(&new.patch, &old.patch, &map.cells);
    let pours = map.pours.iter().map(|&(to, from)| Pour::new(to, from)).collect();
    Plan { words, rings: map.rings, pours, units, params, vanished, goes_on: true }
}
