//! Which node goes into which region.
//!
//! Components are taken in an order in which everything needed comes first. Among those that are ready, the region being filled
//! takes what has its own kind, oldest first; when nothing fits, it is closed and the oldest ready component opens the next.
//! Age follows the graph's own order, so that what belongs together (a track, a voice) stays together in memory.
//!
//! A feedback through delays that are always a vector of frames or more is a component, but no loop: a vector of frames is computed at
//! once, since what it reads was written before it.

use super::{Access, CARRIED, Item, Kind, LIMIT, Region, SIDE_BY_SIDE, needs};
use crate::exec::padded;
use crate::graph::check::{GraphInfo, components};
use crate::graph::idle::Parts;
use crate::graph::{Graph, Node, NodeId, Rate, RingId, operands};
use std::collections::{BTreeMap, BTreeSet};

/// A component: what must be computed together.
struct Cluster {
    kind: Kind,
    /// Of [`Parts`].
    part: u8,
    items: Vec<Item>,
    weight: u32,
    carried: u32,
    /// Clusters that wait for this one.
    users: Vec<u32>,
    /// How many clusters this one waits for.
    missing: u32,
}

/// Partitions everything that is needed. `sums` are those of banks, with what stands for them where
/// fewer voices are computed; nobody computes what is `given`.
pub fn regions(
    graph: &Graph,
    info: &GraphInfo,
    access: &[Access],
    parts: &Parts,
    (sums, given): (&[(NodeId, NodeId)], &[NodeId]),
    full: u32,
) -> Vec<Region> {
    let mut regions = block_regions(graph, info, access, given);
    let mut clusters = clusters(graph, info, access, parts, sums, full);
    let mut ready: BTreeMap<(Kind, u8), BTreeSet<u32>> = BTreeMap::new();
    for (i, cluster) in clusters.iter().enumerate().filter(|(_, c)| c.missing == 0) {
        ready.entry((cluster.kind, cluster.part)).or_default().insert(i as u32);
    }
    let oldest =
        |ready: &BTreeMap<(Kind, u8), BTreeSet<u32>>| ready.iter().filter_map(|(k, s)| Some((*s.first()?, *k))).min();
    while let Some((_, (kind, part))) = oldest(&ready) {
        let mut region = Region { kind, items: Vec::new(), cells: Vec::new(), weight: 0, groups: 1, part };
        let mut carried = 0;
        while let Some(&next) = ready.get(&(kind, part)).and_then(|set| set.first()) {
            let cluster = &clusters[next as usize];
            let (most, registers) = limits(kind, full);
            let full = region.weight + cluster.weight > most || carried + cluster.carried > registers;
            if full && !region.items.is_empty() {
                break;
            }
            ready.entry((kind, part)).or_default().remove(&next);
            region.weight += cluster.weight;
            carried += cluster.carried;
            region.items.extend(&cluster.items);
            for user in std::mem::take(&mut clusters[next as usize].users) {
                let cluster = &mut clusters[user as usize];
                cluster.missing -= 1;
                if cluster.missing == 0 {
                    ready.entry((cluster.kind, cluster.part)).or_default().insert(user);
                }
            }
        }
        region.cells = region.items.iter().filter_map(|item| cell(graph, *item)).collect();
        region.groups = side_by_side(&region, full);
        regions.push(region);
    }
    regions
}

/// Instructions and carried values at which a region is full. Our own vectors are compiled in linear time and have registers put
/// aside well, so only what is carried is bounded closely; Cranelift's time grows faster than its functions.
fn limits(kind: Kind, full: u32) -> (u32, u32) {
    match (kind, full) {
        (Kind::Mixed | Kind::Block, _) => (LIMIT, CARRIED),
        (_, 16) => (4 * LIMIT, 20),
        (_, 8) => (4 * LIMIT, 9),
        _ => (2 * LIMIT, 9),
    }
}

/// How many groups of lanes a region computes at once. Only loops gain: what has no memory does not wait for itself.
fn side_by_side(region: &Region, full: u32) -> u32 {
    let Kind::Uniform(lanes) = region.kind else { return 1 };
    let (groups, cells) = (lanes.div_ceil(full), region.cells.len() as u32);
    let (most, registers) = limits(region.kind, full);
    let registers = registers.max(SIDE_BY_SIDE);
    let fits = |k: &u32| groups.is_multiple_of(*k) && k * cells <= registers && k * region.weight <= most;
    if cells == 0 { 1 } else { (1..=4).rev().find(fits).unwrap_or(1) }
}

fn cell(graph: &Graph, item: Item) -> Option<crate::graph::CellId> {
    match item {
        Item::Node(id) => match graph.node(id) {
            Node::Read(c) => Some(*c),
            _ => None,
        },
        _ => None,
    }
}

/// Block-rate values in order, each line as soon as its end is known. Where a region ends is told by what it does, so that a value
/// more at one place moves no border far away: the code of the other regions is known.
fn block_regions(graph: &Graph, info: &GraphInfo, access: &[Access], given: &[NodeId]) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for &id in &info.order {
        let item = match access[id.index()] {
            Access::Block if !given.contains(&id) => Item::Node(id),
            Access::Line => Item::Line(id),
            _ => continue,
        };
        let weight = 2 + weight(graph, info, item) * info.lanes[id.index()].div_ceil(4);
        let ends =
            |region: &Region| region.weight >= LEAST && region.items.last().is_some_and(|x| border(graph, info, *x));
        let region = match regions.last_mut() {
            Some(region) if region.weight + weight <= LIMIT && !ends(region) => region,
            _ => {
                regions.push(Region {
                    kind: Kind::Block,
                    items: Vec::new(),
                    cells: Vec::new(),
                    weight: 0,
                    groups: 1,
                    part: 0,
                });
                let last = regions.len() - 1;
                &mut regions[last]
            }
        };
        region.items.push(item);
        region.weight += weight;
    }
    regions
}

/// Estimated instructions from which on a region of block rate may end.
const LEAST: u32 = LIMIT / 3;

/// One item in some, by what it and its operands do.
fn border(graph: &Graph, info: &GraphInfo, item: Item) -> bool {
    const IN: u32 = 6;
    let does = |h: u32, id: NodeId| {
        let kind = match graph.node(id) {
            Node::Op(op, _) => 16 + *op as u32,
            Node::Const(..) => 1,
            Node::Param(_) => 2,
            Node::Line(_) => 3,
            _ => 4,
        };
        (h ^ kind ^ info.lanes[id.index()] << 8).wrapping_mul(0x9e37_79b1).rotate_left(13)
    };
    let (Item::Node(id) | Item::Line(id)) = item else { return false };
    let h = operands(graph.node(id)).iter().fold(does(0, id), |h, &n| does(h, n));
    (h >> 16) % IN == 0
}

/// Components of everything at sample rate, in an order in which what is needed comes first.
fn clusters(
    graph: &Graph,
    info: &GraphInfo,
    access: &[Access],
    parts: &Parts,
    sums: &[(NodeId, NodeId)],
    full: u32,
) -> Vec<Cluster> {
    let mut items: Vec<Item> = Vec::new();
    let mut vertex: Vec<Option<u32>> = vec![None; graph.nodes.len()];
    let mut ring_vertex: Vec<Option<u32>> = vec![None; graph.rings.len()];
    for &id in &info.order {
        if access[id.index()] == Access::Computed {
            vertex[id.index()] = Some(items.len() as u32);
            items.push(Item::Node(id));
            if let Node::Tap(r, _) = graph.node(id) {
                graph.behind(*r, &mut |ring| {
                    ring_vertex[ring.index()] = graph.rings[ring.index()].input.map(|_| 0);
                });
            }
        }
    }
    for (r, slot) in ring_vertex.iter_mut().enumerate().filter(|(_, slot)| slot.is_some()) {
        *slot = Some(items.len() as u32);
        items.push(Item::Write(RingId(r as u32)));
    }
    let mut copied = BTreeSet::new();
    for out in &graph.outs {
        let inline = !matches!(access[out.node.index()], Access::Computed | Access::Alias(_));
        if inline && copied.insert(out.node) {
            items.push(Item::Copy(out.node));
        }
    }
    let (mut starts, mut targets) = (vec![0], Vec::new());
    // Taps that read what was written some vectors before: loops in time, but not within a vector.
    let mut far = BTreeSet::new();
    for &item in &items {
        needs(graph, access, item, |n| targets.extend(vertex[n.index()]));
        if let Item::Node(id) = item
            && let Node::Tap(r, _) = graph.node(id)
            && !info.tap_late[id.index()]
        {
            if info.tap_far[id.index()] && info.tap_recursive[id.index()] && ring_vertex[r.index()].is_some() {
                far.insert(targets.len() as u32);
            }
            targets.extend(ring_vertex[r.index()]);
        }
        // Whoever hears a sum finds it computed, by whatever code.
        if let Item::Node(id) = item {
            targets.extend(sums.iter().filter(|(sum, _)| *sum == id).filter_map(|(_, few)| vertex[few.index()]));
        }
        starts.push(targets.len() as u32);
    }
    let (component, count) = components(&starts, &targets);
    // Without them: what waits for itself within a vector, and what needs what there.
    let inner = if far.is_empty() { component.clone() } else { components_without(&starts, &targets, &far) };
    let mut clusters: Vec<Cluster> = (0..count)
        .map(|_| Cluster {
            kind: Kind::Flat(1),
            part: 0,
            items: vec![],
            weight: 0,
            carried: 0,
            users: vec![],
            missing: 0,
        })
        .collect();
    let mut looped = vec![false; count as usize];
    for (v, &item) in items.iter().enumerate() {
        let mine = component[v];
        clusters[mine as usize].items.push(item);
        for edge in starts[v]..starts[v + 1] {
            let target = targets[edge as usize] as usize;
            let other = component[target];
            if other == mine {
                looped[mine as usize] |= inner[target] == inner[v] && !far.contains(&edge);
            } else {
                clusters[other as usize].users.push(mine);
                clusters[mine as usize].missing += 1;
            }
        }
    }
    let mut order = vec![0; graph.nodes.len()];
    for (i, id) in info.order.iter().enumerate() {
        order[id.index()] = i;
    }
    for (cluster, looped) in clusters.iter_mut().zip(looped) {
        // Inside a loop, operands come before users; a ring is written right after its input. Where it is none within a vector, all
        // comes after what it needs there.
        let rank = |item: &Item| match item {
            Item::Node(id) if !looped => vertex[id.index()].map_or(0, |v| inner[v as usize]),
            Item::Write(r) if !looped => ring_vertex[r.index()].map_or(0, |v| inner[v as usize]),
            _ => 0,
        };
        cluster.items.sort_by_key(|item| match item {
            Item::Node(id) | Item::Copy(id) | Item::Line(id) => (rank(item), order[id.index()], 0),
            Item::Write(r) => (rank(item), graph.rings[r.index()].input.map_or(0, |n| order[n.index()]), 1),
        });
        cluster.part = match cluster.items[0] {
            Item::Node(id) => parts.of[id.index()],
            Item::Write(ring) => parts.ring[ring.index()],
            Item::Copy(_) | Item::Line(_) => 0,
        };
        cluster.kind = kind(graph, info, &cluster.items, looped, full);
        for &item in &cluster.items {
            let lanes = lanes(graph, info, item);
            // Vectors that it takes, and those of them that go on to the next round.
            let (parts, kept) = match cluster.kind {
                Kind::Mixed => (lanes.div_ceil(4), lanes.div_ceil(4)),
                Kind::Flat(1) => (padded(lanes) as u32, (padded(lanes) as u32).div_ceil(full)),
                _ => (1, 1),
            };
            cluster.weight += weight(graph, info, item) * parts;
            cluster.carried += u32::from(cell(graph, item).is_some()) * kept;
        }
    }
    lend(graph, &mut clusters);
    bridge(graph, info, &mut clusters);
    clusters
}

/// Estimated instructions up to which what lies between two loops is computed in them.
const BRIDGE: u32 = 12;

/// Components before a loop that are looked at.
const NEAR: usize = 64;

/// Loops of one kind run as one, each while the others wait, unless something without a loop lies between them. If that is little,
/// it becomes part of them.
fn bridge(graph: &Graph, info: &GraphInfo, clusters: &mut [Cluster]) {
    let mut sources: Vec<Vec<u32>> = vec![Vec::new(); clusters.len()];
    for (i, cluster) in clusters.iter().enumerate() {
        cluster.users.iter().for_each(|&user| sources[user as usize].push(i as u32));
    }
    for b in 0..clusters.len() {
        let (kind, part) = (clusters[b].kind, clusters[b].part);
        let width = match kind {
            Kind::Scalar => 1,
            Kind::Uniform(lanes) => lanes,
            _ => continue,
        };
        // What leads here, and the loops before that.
        let (mut before, mut loops, mut at) = (sources[b].clone(), BTreeSet::new(), 0);
        while at < before.len() && before.len() <= NEAR {
            let c = before[at] as usize;
            if matches!(clusters[c].kind, Kind::Flat(_)) {
                before.extend(sources[c].iter().filter(|c| !before.contains(c)).collect::<BTreeSet<_>>());
                at += 1;
            } else {
                if (clusters[c].kind, clusters[c].part) == (kind, part) {
                    loops.insert(before[at]);
                }
                before.swap_remove(at);
            }
        }
        if before.len() > NEAR {
            continue;
        }
        let fits = |c: &u32| {
            let operation = |item: &Item| match item {
                Item::Node(id) => matches!(graph.node(*id), Node::Op(..)) && info.lanes[id.index()] == width,
                _ => false,
            };
            clusters[*c as usize].part == part && clusters[*c as usize].items.iter().all(operation)
        };
        let mut joined = Vec::new();
        for a in loops {
            let (mut between, mut at): (Vec<u32>, usize) = (Vec::new(), 0);
            let mut from = Some(a);
            while let Some(c) = from {
                let users = clusters[c as usize].users.iter().filter(|c| before.contains(c));
                let new: BTreeSet<u32> = users.filter(|c| !between.contains(c)).copied().collect();
                between.extend(new);
                from = between.get(at).copied();
                at += 1;
            }
            let weight: u32 = between.iter().map(|c| clusters[*c as usize].weight).sum();
            if weight <= BRIDGE && between.iter().all(fits) {
                joined.extend(between);
            }
        }
        joined.into_iter().for_each(|c| clusters[c as usize].kind = kind);
    }
}

/// [`components`] without some edges, which are given by their numbers.
fn components_without(starts: &[u32], targets: &[u32], edges: &BTreeSet<u32>) -> Vec<u32> {
    let kept = (0..targets.len() as u32)
        .filter(|edge| !edges.contains(edge))
        .map(|edge| targets[edge as usize])
        .collect::<Vec<_>>();
    let starts: Vec<u32> = starts.iter().map(|&start| start - edges.range(..start).count() as u32).collect();
    components(&starts, &kept).0
}

/// A loop waits for itself about as long as it computes. Where it is narrower than a vector, what leads to it alone or comes from it
/// alone is computed meanwhile, and passes through no buffer.
fn lend(graph: &Graph, clusters: &mut [Cluster]) {
    let loops: Vec<bool> = clusters.iter().map(|c| matches!(c.kind, Kind::Uniform(_)) && c.items.len() > 1).collect();
    if !loops.contains(&true) {
        return;
    }
    let mut room: Vec<u32> = clusters.iter().map(|c| c.weight).collect();
    let mut sources: Vec<Vec<u32>> = vec![Vec::new(); clusters.len()];
    for (i, cluster) in clusters.iter().enumerate() {
        cluster.users.iter().for_each(|&user| sources[user as usize].push(i as u32));
    }
    let operation =
        |cluster: &Cluster| matches!(cluster.items[..], [Item::Node(id)] if matches!(graph.node(id), Node::Op(..)));
    // Whose room a cluster takes: that of the loop, also for what joined it by another.
    let mut host: Vec<Option<u32>> = loops.iter().enumerate().map(|(i, looped)| looped.then_some(i as u32)).collect();
    let mut join = |i: usize, neighbours: &[u32], clusters: &mut [Cluster]| {
        let Kind::Flat(lanes) = clusters[i].kind else { return };
        let Some(at) = neighbours.first().and_then(|n| host[*n as usize]) else { return };
        let (kind, part) = (Kind::Uniform(lanes), clusters[i].part);
        let same = |n: &u32| {
            host[*n as usize] == Some(at) && clusters[*n as usize].kind == kind && clusters[*n as usize].part == part
        };
        if lanes > 1
            && operation(&clusters[i])
            && neighbours.iter().all(same)
            && clusters[i].weight <= room[at as usize]
        {
            room[at as usize] -= clusters[i].weight;
            clusters[i].kind = kind;
            host[i] = Some(at);
        }
    };
    for (i, from) in sources.iter().enumerate() {
        join(i, from, clusters);
    }
    for i in (0..clusters.len()).rev() {
        let users = std::mem::take(&mut clusters[i].users);
        join(i, &users, clusters);
        clusters[i].users = users;
    }
}

fn lanes(graph: &Graph, info: &GraphInfo, item: Item) -> u32 {
    match item {
        Item::Node(id) | Item::Copy(id) | Item::Line(id) => info.lanes[id.index()],
        Item::Write(r) => graph.rings[r.index()].lanes,
    }
}

/// Words of a frame up to which values without loops are computed beside those of one lane: what is mono and stereo by turns stays
/// in registers. More would take too many.
const BESIDE: usize = 2;

/// The kind of loop that a component needs.
fn kind(graph: &Graph, info: &GraphInfo, items: &[Item], looped: bool, full: u32) -> Kind {
    let crosses = |item: &Item| match item {
        Item::Node(id) => matches!(graph.node(*id), Node::Shuffle(..) | Node::Reduce(..) | Node::Join(_)),
        _ => false,
    };
    let width = lanes(graph, info, items[0]);
    let meet = items.iter().any(|item| crosses(item) || lanes(graph, info, *item) != width);
    if meet && looped {
        Kind::Mixed
    } else if meet || !looped && padded(width) <= BESIDE {
        Kind::Flat(1)
    } else if !looped && (padded(width) as u32) < full {
        Kind::Flat(width)
    } else if width > 1 {
        Kind::Uniform(width)
    } else {
        Kind::Scalar
    }
}

/// Estimated instructions of an item, for four lanes.
fn weight(graph: &Graph, info: &GraphInfo, item: Item) -> u32 {
    let of = |id: NodeId| info.lanes[id.index()];
    match item {
        Item::Node(id) => match graph.node(id) {
            Node::Op(op, _) => op.weight(),
            // A delay that holds for a quantum is an address.
            Node::Tap(_, delay) if info.rate[delay.index()] < Rate::Sample && of(*delay) == 1 => 2,
            // One for each lane is a vector each.
            Node::Tap(_, delay) if info.rate[delay.index()] < Rate::Sample => of(id).min(16) + 2,
            Node::Tap(_, delay) if of(id) > 1 && of(*delay) == 1 => 14,
            Node::Tap(..) | Node::Peek(..) => 32,
            Node::Shuffle(..) => 4,
            Node::Join(_) => 4,
            Node::Reduce(x, lanes) => 3 * of(*x) / lanes + 1,
            Node::Read(_) => 3,
            _ => 1,
        },
        Item::Write(_) => 8,
        Item::Copy(_) => 3,
        Item::Line(_) => 6,
    }
}
