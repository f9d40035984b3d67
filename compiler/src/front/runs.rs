//! Lists that are written over from text to text.
//!
//! The graph of a text and its tree of names are lists of *runs*, each made by a part of the text. In the next text most runs are the same,
//! a few are others, and what follows lies somewhere else. So it is found out which runs are kept, these are moved where they belong,
//! within the list, and the rest is written.
//!
//! ```text
//! before   a a a b b c c c d          b is edited and longer, e is new
//! moved    a a a . . . c c c . d
//! ```

/// A run on its way: from, to, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Move {
    pub from: u32,
    pub to: u32,
    pub count: u32,
}

/// For each run of a list, by number, which one of the list before it is; these are in order. What changes its place among others is kept
/// or not, whichever leaves more of the others.
pub(super) fn kept(before: &[u64], now: &[u64]) -> Vec<Option<usize>> {
    let mut kept = vec![None; now.len()];
    let (mut old, mut new) = (0, 0);
    while old < before.len() && new < now.len() {
        if before[old] == now[new] {
            kept[new] = Some(old);
            (old, new) = (old + 1, new + 1);
            continue;
        }
        let ahead = before[old..].iter().position(|id| *id == now[new]);
        let behind = now[new..].iter().position(|id| *id == before[old]);
        match (ahead, behind) {
            (None, _) => new += 1,
            (Some(_), None) => old += 1,
            (Some(ahead), Some(behind)) if ahead <= behind => old += ahead,
            _ => new += 1,
        }
    }
    kept
}

/// Brings runs of a list to other places of it, in the same order, and gives the list its new length. What else is in it then is of no
/// use. Nothing is copied but what moves.
pub(super) fn slide<T: Clone>(list: &mut Vec<T>, moves: &[Move], length: u32, blank: &T) {
    list.resize(list.len().max(length as usize), blank.clone());
    // Who goes up makes room for those below it, who goes down for those above.
    for &Move { from, to, count } in moves.iter().rev().filter(|run| run.to > run.from) {
        (0..count).rev().for_each(|at| list.swap((from + at) as usize, (to + at) as usize));
    }
    for &Move { from, to, count } in moves.iter().filter(|run| run.to < run.from) {
        (0..count).for_each(|at| list.swap((from + at) as usize, (to + at) as usize));
    }
    list.truncate(length as usize);
}

#[cfg(test)]
mod tests {
    use super::*;
    use modurust_lang::dice::Dice;

    #[test]
    fn what_is_kept_is_in_order() {
        assert_eq!(kept(&[1, 2, 3, 4], &[1, 5, 3, 4]), [Some(0), None, Some(2), Some(3)]);
        assert_eq!(kept(&[1, 2, 3, 4], &[4, 1, 2, 3]), [None, Some(0), Some(1), Some(2)]);
        assert_eq!(kept(&[1, 2, 3, 4], &[2, 3, 4, 1]), [Some(1), Some(2), Some(3), None]);
        assert_eq!(kept(&[1, 2], &[]), []);
        assert_eq!(kept(&[], &[7]), [None]);
    }

    #[test]
    fn runs_come_to_lie_where_they_belong() {
        let mut dice = Dice::new(3);
        for _ in 0..400 {
            let lengths: Vec<u32> = (0..1 + dice.below(9)).map(|_| dice.below(5) as u32).collect();
            // Every list has runs, and stretches between them that are of no use.
            let laid = |dice: &mut Dice, list: &mut Vec<Option<(usize, u32)>>| -> Vec<u32> {
                let all = lengths.iter().enumerate().map(|(run, length)| {
                    list.extend((0..dice.below(4)).map(|_| None));
                    let start = list.len() as u32;
                    list.extend((0..*length).map(|at| Some((run, at))));
                    start
                });
                let all = all.collect();
                list.extend((0..dice.below(4)).map(|_| None));
                all
            };
            let (mut list, mut wanted) = (Vec::new(), Vec::new());
            let (from, to) = (laid(&mut dice, &mut list), laid(&mut dice, &mut wanted));
            let runs = from.iter().zip(&to).zip(&lengths);
            let moves: Vec<Move> = runs.map(|((&from, &to), &count)| Move { from, to, count }).collect();
            slide(&mut list, &moves, wanted.len() as u32, &None);
            assert_eq!(list.len(), wanted.len());
            let wrong = list.iter().zip(&wanted).find(|(is, want)| want.is_some() && is != want);
            assert_eq!(wrong, None, "{moves:?}");
        }
    }
}
