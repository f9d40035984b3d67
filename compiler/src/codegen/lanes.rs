//! Lanes that meet: shuffles, joins and sums over lanes, as permutations of whole vectors.
//!
//! The lanes of a value stand in its parts frame by frame, `pad` words a frame. Whatever moves lanes says for each lane of the result
//! where it comes from, and [`Body::arrange`] finds the vectors. As long as every vector of the result takes its words from two
//! vectors or fewer, each is one permutation. Else the way there is halved: a source is narrowed to the half of its lanes that is
//! needed, a result is made of its lower and its upper lanes. What is taken apart lane by lane thus costs, all lanes together, a
//! network of `pad * log2(pad)` permutations for as many frames as a vector has lanes, since halves are kept and used again.

use crate::codegen::body::{Body, words_of};
use crate::codegen::emit::{Bin, Val};
use crate::codegen::machine::Machine;
use crate::exec::padded;
use crate::graph::{NodeId, Ty};
use smallvec::SmallVec;

/// A value as vectors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lanes {
    /// Its parts.
    pub parts: SmallVec<[Val; 4]>,
    /// Words of a frame.
    pub pad: u32,
}

/// Where a lane comes from: which source, and which lane of it. `None` where it does not matter.
pub type Place = Option<(usize, u32)>;

impl<M: Machine> Body<'_, M> {
    /// Lanes of other values, in any order.
    pub(super) fn collect(&mut self, ty: Ty, lanes: &[(NodeId, u32)]) -> Vec<Val> {
        let (mut nodes, mut sources): (Vec<NodeId>, Vec<Lanes>) = (Vec::new(), Vec::new());
        let mut map: Vec<Place> = Vec::new();
        for &(x, lane) in lanes {
            let known = nodes.iter().position(|n| *n == x);
            let source = known.unwrap_or_else(|| {
                nodes.push(x);
                sources.push(self.lanes_of(x));
                nodes.len() - 1
            });
            map.push(Some((source, lane)));
        }
        self.arrange(ty, &sources, &map).parts.to_vec()
    }

    /// Sums of lanes, in the order of [`crate::graph::fold_lanes`].
    pub(super) fn reduce(&mut self, x: NodeId, lanes: u32) -> Vec<Val> {
        let mut all = self.lanes_of(x);
        let mut n = self.lanes(x) / lanes;
        while n > 1 {
            let half = n.next_power_of_two() / 2;
            let (pairs, each) = (n - half, n);
            let places = |from: u32, count: u32| -> Vec<Place> {
                let lane = |j: u32, k: u32| (k < count).then_some((0, j * each + from + k));
                (0..lanes).flat_map(|j| (0..half).map(move |k| lane(j, k))).collect()
            };
            let source = [all];
            let low = self.arrange(Ty::F32, &source, &places(0, half));
            let high = self.arrange(Ty::F32, &source, &places(half, pairs));
            let width = self.width_of(low.pad);
            self.m.width(width);
            let mut sums = Lanes { parts: SmallVec::new(), pad: low.pad };
            for (&a, &b) in low.parts.iter().zip(&high.parts) {
                sums.parts.push(self.m.bin(Bin::Add, a, b));
            }
            // What has no partner waits.
            let both: Vec<Place> = (0..lanes * half).map(|i| Some((usize::from(i % half < pairs), i))).collect();
            all = if pairs == half { sums } else { self.arrange(Ty::F32, &[low, sums], &both) };
            n = half;
        }
        all.parts.to_vec()
    }

    /// A value with its own lanes.
    fn lanes_of(&mut self, x: NodeId) -> Lanes {
        let lanes = self.lanes(x);
        Lanes { parts: self.get(x, lanes).into(), pad: padded(lanes) as u32 }
    }

    /// Lanes of each part of a value with so many words a frame.
    fn width_of(&self, pad: u32) -> u32 {
        (self.frames_at_once() * pad).min(self.m.lanes())
    }

    /// One lane in all of `lanes` lanes.
    pub(super) fn spread_lane(&mut self, ty: Ty, x: Val, lanes: u32) -> Vec<Val> {
        let source = Lanes { parts: SmallVec::from_slice(&[x]), pad: 1 };
        self.arrange(ty, &[source], &vec![Some((0, 0)); lanes as usize]).parts.to_vec()
    }

    /// Lane `i` of the result is `map[i]`.
    pub(super) fn arrange(&mut self, ty: Ty, sources: &[Lanes], map: &[Place]) -> Lanes {
        let pad = padded(map.len() as u32) as u32;
        let (count, width) = (self.shape(map.len() as u32).0 as u32, self.width_of(pad));
        // For every word of every part: which source, which part of it, which word there.
        let mut wanted: Vec<Vec<Option<(usize, usize, u32)>>> = Vec::new();
        for part in 0..count {
            let word = |i: u32| {
                let (frame, lane) = ((part * width + i) / pad, (part * width + i) % pad);
                let (source, lane) = map.get(lane as usize).copied().flatten()?;
                let own = self.width_of(sources[source].pad);
                let word = frame * sources[source].pad + lane;
                // Padding has no vectors of its own.
                let there = (word / own) < sources[source].parts.len() as u32;
                there.then_some((source, (word / own) as usize, word % own))
            };
            wanted.push((0..width).map(word).collect());
        }
        let vectors = |words: &[Option<(usize, usize, u32)>]| {
            let mut found: SmallVec<[(usize, usize); 4]> = SmallVec::new();
            for &(source, part, _) in words.iter().flatten() {
                if !found.contains(&(source, part)) {
                    found.push((source, part));
                }
            }
            found
        };
        let direct = wanted.iter().all(|words| vectors(words).len() <= 2);
        if !direct && let Some(narrow) = self.narrow(ty, sources, map) {
            return narrow;
        }
        if !direct && pad > 1 && pad.is_power_of_two() {
            let half = (pad / 2) as usize;
            let parts = [&map[..half], &map[half..]].map(|map| self.arrange(ty, sources, map));
            let both: Vec<Place> = (0..map.len()).map(|i| Some((i / half, (i % half) as u32))).collect();
            return self.arrange(ty, &parts, &both);
        }
        let mut parts = SmallVec::new();
        for words in &wanted {
            let found = vectors(words);
            let value = |&(source, part): &(usize, usize)| sources[source].parts[part];
            let Some(first) = found.first() else {
                // Nobody looks at it: any vector will do.
                self.m.width(width);
                parts.push(self.m.constant(ty, 0));
                continue;
            };
            let mut all = value(first);
            for k in 1..found.len().max(2) {
                // From the second on, what was found before stands where it belongs.
                let order: Vec<Option<u8>> = (0..width as usize)
                    .map(|i| {
                        let (source, part, word) = words[i]?;
                        let at = found.iter().position(|f| *f == (source, part))?;
                        match at.cmp(&k) {
                            std::cmp::Ordering::Equal => Some(word as u8 + M::SECOND),
                            std::cmp::Ordering::Less if k > 1 => Some(i as u8),
                            std::cmp::Ordering::Less => Some(word as u8),
                            std::cmp::Ordering::Greater => None,
                        }
                    })
                    .collect();
                let other = found.get(k).map_or(all, value);
                all = self.m.permute(ty, width, all, other, &order);
            }
            parts.push(all);
        }
        Lanes { parts, pad }
    }

    /// The same from one half of a source, if that has all that is needed and halves are whole.
    fn narrow(&mut self, ty: Ty, sources: &[Lanes], map: &[Place]) -> Option<Lanes> {
        for (s, source) in sources.iter().enumerate() {
            let half = source.pad / 2;
            let mut lanes = map.iter().flatten().filter(|(from, _)| *from == s).map(|(_, lane)| *lane).peekable();
            if half == 0 || !source.pad.is_power_of_two() || lanes.peek().is_none() {
                continue;
            }
            let upper = lanes.clone().all(|lane| lane >= half);
            if !upper && lanes.any(|lane| lane >= half) {
                continue;
            }
            let base = if upper { half } else { 0 };
            let key = (source.clone(), upper);
            let narrow = match self.halves.get(&key) {
                Some(narrow) => narrow.clone(),
                None => {
                    let places: Vec<Place> = (0..half).map(|lane| Some((0, base + lane))).collect();
                    let narrow = self.arrange(ty, std::slice::from_ref(source), &places);
                    self.halves.insert(key, narrow.clone());
                    narrow
                }
            };
            let mut sources = sources.to_vec();
            sources[s] = narrow;
            let map: Vec<Place> =
                map.iter().map(|p| p.map(|(from, lane)| (from, if from == s { lane - base } else { lane }))).collect();
            return Some(self.arrange(ty, &sources, &map));
        }
        None
    }

    /// Frames that one round computes.
    fn frames_at_once(&self) -> u32 {
        words_of(self.region, self.m.lanes())
    }
}
