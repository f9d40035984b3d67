//! From one program to the next while the sound goes on.
//!
//! The control side prepares a [`Parcel`]: everything that the new program needs, allocated, with a plan of what to copy and what
//! to move. It puts the parcel into a letter and the letter into the mailbox. The audio thread looks into the mailbox once a
//! quantum, takes the parcel out of the letter and *exchanges* contents with it: afterwards the parcel holds the old program.
//! That parcel goes back through the retire ring and is freed on the control side.
//!
//! ```text
//! control   prepare -> letter -> mailbox ............ collect <- free
//! audio                             take -> exchange -> fade -> retire
//! ```
//!
//! The audio thread never frees: it owns the parcel's box, gives it back, and postpones the swap while the ring has no room. It
//! never drops the last reference to a letter either: the control side keeps one until nobody else does.
//!
//! A letter that has not been taken can be called back, so the newest program wins, and every plan is made against the program
//! that is truly playing. Delay lines that get another size are copied by and by while the parcel lies there
//! ([`Parcel::pour`]). Programs of one patch (same hash) share code and memory: then only numbers and patterns change hands.

#![deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::todo)]

use crate::bridge::Bridge;
use crate::command::{ChangeKind, EngineCommand, EngineNotice};
use crate::handover::{Handover, Kept};
use crate::hold::Outside;
use crate::launcher::{Launcher, Wish, wishes};
use crate::meter::{Meters, Still};
use crate::tap::source;
use crate::voice::UnitTable;
use arc_swap::ArcSwapOption;
use modurust_compiler::exec::{Instance, Pour, WordMove};
use modurust_compiler::graph::{Out, OutKind, QUANTUM, RingId, RowId, SampleId};
use modurust_compiler::program::Program;
use modurust_compiler::score::Ratio;
use modurust_compiler::score::timeline::{Target, Timeline};
use rtrb::{Consumer, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

mod apart;
mod plan;
mod retune;

pub use apart::{Apart, SLOTS};
pub use plan::change;
use plan::{map_of, map_of_same, moves_heads, plan};

/// Quanta that a parameter takes to its target (5.3 ms at 48 kHz).
pub const SMOOTH: u8 = 4;

/// Words of delay lines of another size that one quantum copies at most, beside a quantum of each.
const POURED: usize = 4096;

/// Parameter values on their way to their targets.
#[derive(Debug, Default)]
pub(crate) struct ParamTable {
    slots: Vec<Slot>,
    moving: Vec<u32>,
    seen: Seen,
}

/// Where parameters stand, as bits of their values, for whoever looks.
pub type Seen = Arc<[AtomicU32]>;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    start: f32,
    value: f32,
    target: f32,
    left: u8,
    listed: bool,
}

impl ParamTable {
    fn new(values: &[f32]) -> ParamTable {
        let slots = values.iter().map(|v| Slot { start: *v, value: *v, target: *v, left: 0, listed: false }).collect();
        let seen = values.iter().map(|v| AtomicU32::new(v.to_bits())).collect();
        ParamTable { slots, moving: Vec::with_capacity(values.len()), seen }
    }

    fn show(&self, index: usize, value: f32) {
        if let Some(seen) = self.seen.get(index) {
            seen.store(value.to_bits(), Relaxed);
        }
    }

    /// Where a parameter is.
    pub fn value(&self, index: usize) -> Option<f32> {
        self.slots.get(index).map(|s| s.value)
    }

    /// Where a parameter is, or is on its way to.
    pub fn target(&self, index: usize) -> Option<f32> {
        self.slots.get(index).map(|s| s.target)
    }

    fn list(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index)
            && !slot.listed
            && self.moving.len() < self.moving.capacity()
        {
            slot.listed = true;
            self.moving.push(index as u32);
        }
    }

    /// What the control side sees of it.
    pub fn seen(&self) -> Seen {
        Arc::clone(&self.seen)
    }

    /// Sends a parameter to a value, in a straight line over [`SMOOTH`] quanta.
    pub fn aim(&mut self, index: usize, target: f32) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.target.to_bits() != target.to_bits() && target.is_finite() {
            *slot = Slot { start: slot.value, value: slot.value, target, left: SMOOTH, listed: slot.listed };
            self.list(index);
        }
    }

    /// Puts a parameter where the text moves it, without a way.
    pub fn put(&mut self, index: usize, value: f32) -> bool {
        let Some(slot) = self.slots.get_mut(index) else { return false };
        if !value.is_finite() || (slot.value.to_bits() == value.to_bits() && slot.left == 0) {
            return false;
        }
        *slot = Slot { start: value, value, target: value, left: 0, listed: slot.listed };
        self.show(index, value);
        true
    }

    /// One quantum further: `set` gets every value that changed.
    pub fn advance(&mut self, mut set: impl FnMut(usize, f32)) {
        let mut i = 0;
        while i < self.moving.len() {
            let index = self.moving[i] as usize;
            let slot = &mut self.slots[index];
            slot.left = slot.left.saturating_sub(1);
            let done = f32::from(SMOOTH - slot.left) / f32::from(SMOOTH);
            slot.value = if slot.left == 0 { slot.target } else { slot.start + (slot.target - slot.start) * done };
            let (value, arrived) = (slot.value, slot.left == 0);
            slot.listed = !arrived;
            set(index, value);
            self.show(index, value);
            if arrived {
                self.moving.swap_remove(i);
            } else {
                i += 1;
            }
        }
    }

    fn adopt(&mut self, old: &ParamTable, pairs: &[(usize, usize)]) {
        for &(new, from) in pairs {
            if let (Some(slot), Some(theirs)) = (self.slots.get_mut(new), old.slots.get(from)) {
                *slot = Slot { listed: false, ..*theirs };
                let (value, moves) = (slot.value, slot.left > 0);
                self.show(new, value);
                if moves {
                    self.list(new);
                }
            }
        }
    }
}

/// A program with its memory. Fields drop in order: the instance before the rows that it reads.
pub(crate) struct Active {
    pub instance: Instance,
    pub table: UnitTable,
    pub params: ParamTable,
    pub program: Program,
    pub master: Option<usize>,
    /// Strips by their outputs, as taps know them; 0 for what is none.
    pub names: Box<[u64]>,
    pub epoch: u64,
    /// Parameters by the hash of their names, rising: what comes from outside finds them here.
    pub paths: Arc<[(u64, u32)]>,
    /// What it has to do with the world outside.
    pub outside: Outside,
    /// A song of the text moves the tempo.
    pub moves_tempo: bool,
    /// Frames for which its memory has stood still while other memory sounded.
    pub stood: u64,
    /// The frame after the last that it computed, without those for which it stood still.
    pub ran: u64,
    /// Outputs that are not to be looked at.
    pub still: Still,
}

impl Active {
    /// Computes the quantum that begins at a frame of the engine.
    pub fn run(&mut self, frame: u64) {
        let own = frame.saturating_sub(self.stood);
        self.instance.run(own);
        self.ran = own + QUANTUM as u64;
    }

    /// Allocates everything that a program needs, and binds its rows. The memory of rings that are `given` comes with the swap.
    pub fn new(program: Program, epoch: u64, given: &[RingId]) -> Active {
        let mut instance = Instance::beside(Arc::clone(&program.patch), given);
        for (i, value) in program.params.iter().enumerate().take(program.patch.graph.params.len()) {
            instance.set_param(modurust_compiler::graph::ParamId(i as u32), *value);
        }
        for (i, memory) in program.samples.iter().enumerate().take(program.patch.graph.samples.len()) {
            instance.set_sample(SampleId(i as u32), Arc::clone(memory));
        }
        let master = program.patch.graph.outs.iter().position(|out| out.kind == OutKind::Master);
        let name = |out: &Out| if out.kind == OutKind::Track { source(&out.name) } else { 0 };
        let names = program.patch.graph.outs.iter().map(name).collect();
        let table = UnitTable::new(&program.units);
        let params = ParamTable::new(&program.params);
        let moves_tempo = moves_tempo(&program.timeline);
        let named = program.patch.graph.params.iter().enumerate().map(|(i, param)| (source(&param.name), i as u32));
        let mut paths: Vec<(u64, u32)> = named.collect();
        paths.sort_unstable();
        let paths = paths.into();
        let outside = Outside::of(&program);
        let (stood, ran, still) = (0, 0, Still::default());
        let mut active = Active {
            instance,
            table,
            params,
            program,
            master,
            names,
            epoch,
            paths,
            outside,
            moves_tempo,
            stood,
            ran,
            still,
        };
        active.bind_rows();
        active
    }

    /// Takes over what goes over of the program before: small state, delay lines, voices, numbers; and goes by its time.
    fn take_over(&mut self, old: &mut Active, plan: &Plan) {
        self.instance.copy_words(&old.instance, &plan.words);
        self.instance.move_rings(&mut old.instance, &plan.rings);
        for link in &plan.units {
            if let (Some(new), Some(from)) = (self.table.get_mut(link.new), old.table.get_mut(link.old)) {
                new.adopt(from, &link.fields);
            }
        }
        self.params.adopt(&old.params, &plan.params);
        for &(new, _) in &plan.params {
            if let Some(value) = self.params.value(new) {
                self.instance.set_param(modurust_compiler::graph::ParamId(new as u32), value);
            }
        }
        if plan.goes_on {
            (self.stood, self.ran) = (old.stood, old.ran);
        }
    }

    /// The parameter of a name, by its hash.
    pub fn param(&self, path: u64) -> Option<usize> {
        let at = self.paths.partition_point(|(known, _)| *known < path);
        self.paths.get(at).filter(|(known, _)| *known == path).map(|(_, param)| *param as usize)
    }

    /// Lets the code read the rows of the units.
    pub fn bind_rows(&mut self) {
        for (i, row) in self.program.patch.graph.rows.iter().enumerate() {
            let Some(unit) = self.table.get(row.unit as usize) else { continue };
            let Some(memory) = unit.rows.get(row.field as usize) else { continue };
            if memory.voices() == row.lanes.max(1) as usize {
                // SAFETY: the memory has the layout of the row's lanes, is aligned to 16 bytes, and belongs to the boxes of this
                // table, or of the table that they are moved to in a swap, which is freed after this instance.
                unsafe { self.instance.bind_row(RowId(i as u32), memory.pointer()) };
            }
        }
    }
}

fn moves_tempo(timeline: &Timeline) -> bool {
    let sections = timeline.arrangements.iter().flat_map(|a| &a.sections);
    sections.flat_map(|s| &s.lanes).any(|lane| lane.target == Target::Tempo)
}

/// Which unit goes on as which.
struct UnitLink {
    new: usize,
    old: usize,
    fields: Vec<(usize, usize)>,
}

/// What goes over in a swap of code.
#[derive(Default)]
struct Plan {
    words: Vec<WordMove>,
    rings: Vec<(RingId, RingId)>,
    /// Rings of another size.
    pours: Vec<Pour>,
    units: Vec<UnitLink>,
    params: Vec<(usize, usize)>,
    /// Units of the old program that are gone.
    vanished: Vec<usize>,
    /// The time of the old program's memory goes on.
    goes_on: bool,
}

/// What changes hands.
enum Body {
    /// Numbers, patterns and tempo of the patch that is playing.
    Update(Program, Outside),
    /// Another patch, with its memory.
    Replace(Box<Active>, Plan),
}

/// A change on its way to the engine, or what it replaced on its way back.
pub struct Parcel {
    epoch: u64,
    kind: ChangeKind,
    body: Body,
    /// What the numbers of the program before are called in this one.
    bridge: Bridge,
    /// Its time has come.
    due: bool,
    /// What the text asks for once.
    wishes: Vec<Wish>,
    /// For a text that says something else about the performance.
    performance: Option<Performance>,
    /// It brings memory of its own, and what it takes the place of keeps its memory.
    apart: Option<Apart>,
}

/// Launches of a new text.
struct Performance {
    launcher: Box<Launcher>,
    /// Tempo or meter move otherwise than before.
    tempo: bool,
}

impl Parcel {
    /// Number of the program inside, counted by the control side.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Numbers, patterns or code.
    pub fn kind(&self) -> ChangeKind {
        self.kind
    }

    /// Copies a piece of the delay lines that get another size, in the quantum that begins at `frame`. True if the swap may come.
    fn pour(&mut self, active: &Active, frame: u64) -> bool {
        match &mut self.body {
            Body::Replace(next, plan) if !plan.pours.is_empty() => {
                next.instance.pour(&active.instance, &mut plan.pours, frame.saturating_sub(active.stood), POURED)
            }
            _ => true,
        }
    }

    /// Takes over the launches of the engine, and carries out the new commands. True if the tempo must be read anew.
    pub(crate) fn exchange_launcher(&mut self, active: &mut Box<Launcher>, timeline: &Timeline, now: Ratio) -> bool {
        let mut tempo = false;
        if let Some(performance) = &mut self.performance {
            performance.launcher.adopt(active, &self.bridge.links);
            std::mem::swap(&mut performance.launcher, active);
            tempo = performance.tempo;
        }
        for wish in &self.wishes {
            active.wish(timeline, *wish, now);
        }
        tempo
    }

    /// Leaves the table for commands that were meant for the program before.
    pub(crate) fn exchange_bridge(&mut self, bridge: &mut Bridge) {
        std::mem::swap(&mut self.bridge, bridge);
    }

    /// The old program, which plays on during a fade.
    pub(crate) fn outgoing(&mut self) -> Option<&mut Active> {
        match &mut self.body {
            Body::Replace(active, _) => Some(active),
            Body::Update(..) => None,
        }
    }

    /// Exchanges contents with the engine. `frame` is the first frame of the coming quantum. True if the old program must fade.
    pub(crate) fn exchange(&mut self, active: &mut Active, frame: u64) -> bool {
        match &mut self.body {
            Body::Update(program, outside) => {
                for i in 0..program.params.len() {
                    // A value that the text did not change stays where a hand put it.
                    if active.program.params.get(i).map(|v| v.to_bits()) != program.params.get(i).map(|v| v.to_bits()) {
                        active.params.aim(i, program.params[i]);
                    }
                }
                std::mem::swap(&mut active.program, program);
                active.moves_tempo = moves_tempo(&active.program.timeline);
                std::mem::swap(&mut active.outside, outside);
                active.epoch = self.epoch;
                false
            }
            Body::Replace(next, plan) => {
                active.instance.settle();
                next.take_over(active, plan);
                if self.apart.is_some() {
                    next.stood = frame.saturating_sub(next.ran);
                }
                for &gone in &plan.vanished {
                    if let Some(unit) = active.table.get_mut(gone) {
                        unit.level();
                        unit.stop_all(frame, frame);
                    }
                }
                for unit in active.table.iter_mut() {
                    unit.level();
                }
                next.bind_rows();
                std::mem::swap(active, next);
                true
            }
        }
    }
}

/// What lies in the mailbox. The parcel inside is taken by one side only.
pub struct Letter {
    /// Not before this frame.
    at: u64,
    /// Only where a multiple of so many bars begins, while time goes on.
    grid: Option<Ratio>,
    parcel: Handover<Parcel>,
}

/// Where the newest letter lies.
pub type Mailbox = ArcSwapOption<Letter>;

/// The engine's end of the exchange.
pub(crate) struct Receiver {
    pub mailbox: Arc<Mailbox>,
    pub retire: Producer<Box<Parcel>>,
}

impl Receiver {
    /// Lets this thread's part of the mailbox allocate what it needs.
    pub fn warm(&self) {
        drop(self.mailbox.load());
    }

    /// The parcel due at `frame`, if its remains will find room in the retire ring and all of its memory is there. `reached` says whether
    /// a multiple of so many bars begins in the coming quantum.
    pub fn due(&mut self, frame: u64, active: &Active, reached: impl Fn(Ratio) -> bool) -> Option<Box<Parcel>> {
        let letter = self.mailbox.load();
        let letter = letter.as_ref()?;
        if letter.parcel.is_empty() || self.retire.slots() == 0 {
            return None;
        }
        let due = frame >= letter.at && letter.grid.is_none_or(reached);
        let ready = letter.parcel.lend(|parcel| {
            parcel.due |= due;
            parcel.pour(active, frame) && parcel.due
        });
        if ready == Some(true) { letter.parcel.take() } else { None }
    }

    /// Gives back a parcel. There is room: [`Receiver::due`] saw to it, and one parcel at most is on the way.
    pub fn give_back(&mut self, parcel: Box<Parcel>) {
        if let Err(rtrb::PushError::Full(parcel)) = self.retire.push(parcel) {
            // Cannot happen; losing memory is better than freeing it here.
            std::mem::forget(parcel);
        }
    }
}

/// What [`Control::publish`] did.
#[derive(Clone, Debug)]
pub struct Published {
    /// Number of the program. [`EngineNotice::Adopted`] will name it.
    pub epoch: u64,
    /// How much changed.
    pub kind: ChangeKind,
    /// What was kept, moved, made and dropped, for a change of code.
    pub report: Option<modurust_compiler::graph::state::Report>,
}

/// The control side's end: publishes programs, sends commands, hears notices, frees what is retired.
pub struct Control {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) retire: Consumer<Box<Parcel>>,
    pub(crate) commands: Producer<EngineCommand>,
    pub(crate) notices: Consumer<EngineNotice>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) letters: Kept<Letter>,
    /// The program that the engine plays, or plays as soon as it has taken the pending letter.
    pub(crate) base: Program,
    pub(crate) base_epoch: u64,
    pub(crate) pending: Option<(Arc<Letter>, Program, u64)>,
    /// The parameters of the engine's program, and of the one that waits if it has a memory of its own.
    pub(crate) seen: Seen,
    pub(crate) seen_next: Option<Seen>,
    /// Number of the newest program, whether it was adopted or called back.
    pub(crate) counter: u64,
    /// Memory of slots that do not sound.
    pub(crate) left: apart::Left,
}

impl Control {
    /// Sends a program to the engine, to be adopted at the first quantum that begins at or after frame `at`. A program that
    /// waits there is called back. Nothing is sent if nothing would change.
    pub fn publish(&mut self, program: &Program, at: Option<u64>) -> Option<Published> {
        self.put(program, at, None, None)
    }

    /// The same at the next multiple of `grid` bars, or at once while time stands still.
    pub fn publish_on(&mut self, program: &Program, grid: Ratio) -> Option<Published> {
        self.put(program, None, Some(grid).filter(|grid| *grid > Ratio::ZERO), None)
    }

    /// Calls back what waits to be taken. What is asked of the engine once with `program`, which comes instead; and if memory of its own was to
    /// come in, whose, and when.
    fn call_back(&mut self, program: &Program) -> (Vec<Wish>, Option<(Apart, Option<Ratio>)>) {
        self.collect();
        let (mut asked, mut apart) = (Vec::new(), None);
        let mut told = self.base.clone();
        if let Some((letter, waiting, epoch)) = self.pending.take() {
            match letter.parcel.take() {
                None => {
                    (self.base, self.base_epoch) = (waiting.clone(), epoch);
                    self.seen = self.seen_next.take().unwrap_or_else(|| Arc::clone(&self.seen));
                }
                Some(parcel) => {
                    // What the text that is called back asked for is done all the same, once.
                    if !parcel.wishes.is_empty() {
                        let map = map_of(&waiting, program);
                        let bridge = Bridge::between(&waiting, epoch, program, &map.params);
                        asked.extend(parcel.wishes.iter().filter_map(|wish| bridge.wish(*wish)));
                    }
                    apart = parcel.apart.map(|apart| (apart, letter.grid));
                    self.left.put_back(*parcel);
                }
            }
            told = waiting;
            self.seen_next = None;
        }
        asked.extend(wishes(program, Some(&told)));
        (asked, apart)
    }

    fn put(
        &mut self,
        program: &Program,
        at: Option<u64>,
        grid: Option<Ratio>,
        apart: Option<Apart>,
    ) -> Option<Published> {
        let (asked, before) = self.call_back(program);
        // What is edited while it waits for its bar waits on, with the memory that it was to have.
        let (apart, grid) = match (apart, before) {
            (None, Some((apart, grid))) => (Some(apart), grid),
            (apart, _) => (apart, grid),
        };
        self.meters.bell.comes(program);
        let kind = match change(&self.base, program) {
            _ if apart.is_some() => ChangeKind::Code,
            ChangeKind::None if asked.is_empty() => return None,
            ChangeKind::None => ChangeKind::Score,
            kind => kind,
        };
        self.counter += 1;
        let epoch = self.counter;
        // Numbers glide; but a delay that is read further on would be heard on its way there, so it is faded over like code.
        let replaces = kind == ChangeKind::Code || moves_heads(&self.base, program);
        let map = if replaces { map_of(&self.base, program) } else { map_of_same(program) };
        let bridge = Bridge::between(&self.base, self.base_epoch, program, &map.params);
        let mut report = None;
        let body = if replaces {
            report = Some(map.report.clone()).filter(|_| kind == ChangeKind::Code);
            let (next, plan) = match apart {
                Some(apart) => self.left.enter(apart, &self.base, program, epoch),
                None => {
                    let plan = plan(&self.base, program, map);
                    let given: Vec<RingId> = plan.rings.iter().map(|(new, _)| *new).collect();
                    (Box::new(Active::new(program.clone(), epoch, &given)), plan)
                }
            };
            self.seen_next = Some(next.params.seen());
            Body::Replace(next, plan)
        } else {
            Body::Update(program.clone(), Outside::of(program))
        };
        let (before, now) = (&self.base.timeline, &program.timeline);
        let performance = (before != now).then(|| Performance {
            launcher: Box::new(Launcher::new(now, 0)),
            tempo: !before.tempo.is_constant() || !now.tempo.is_constant(),
        });
        let parcel = Box::new(Parcel { epoch, kind, body, bridge, due: false, wishes: asked, performance, apart });
        let letter = Arc::new(Letter { at: at.unwrap_or(0), grid, parcel: Handover::new(parcel) });
        self.letters.keep(&letter);
        self.mailbox.store(Some(Arc::clone(&letter)));
        self.pending = Some((letter, program.clone(), epoch));
        Some(Published { epoch, kind, report })
    }

    /// Asks for something in the words of [`Control::program`]: with the program, if it waits to be taken. False if the ring of
    /// commands is full.
    pub fn wish(&mut self, wish: Wish) -> bool {
        if let Some((letter, ..)) = &self.pending
            && let Some(mut parcel) = letter.parcel.take()
        {
            parcel.wishes.push(wish);
            letter.parcel.put(parcel);
            return true;
        }
        let epoch = self.epoch();
        self.send(EngineCommand::Wish { epoch, wish })
    }

    /// Frees what the engine has given back. Call it now and then. Returns how many parcels there were.
    pub fn collect(&mut self) -> usize {
        let mut count = 0;
        while let Ok(parcel) = self.retire.pop() {
            self.left.keep(*parcel);
            count += 1;
        }
        // A letter is in the mailbox (2 references), pending (one more), perhaps being read (one more), or ours alone.
        self.letters.release();
        count
    }

    /// The program that was published last.
    pub fn program(&self) -> &Program {
        self.pending.as_ref().map_or(&self.base, |(_, program, _)| program)
    }

    /// The program that plays now and its number: while another waits, the one before it.
    pub fn playing(&self) -> (&Program, u64) {
        if self.is_pending() { (&self.base, self.base_epoch) } else { (self.program(), self.epoch()) }
    }

    /// Where the parameters of the program that plays stand now, in its order.
    pub fn values(&self) -> impl Iterator<Item = f32> + '_ {
        let next = self.seen_next.as_ref().filter(|_| !self.is_pending());
        next.unwrap_or(&self.seen).iter().map(|seen| f32::from_bits(seen.load(Relaxed)))
    }

    /// True while a program waits to be adopted.
    pub fn is_pending(&self) -> bool {
        self.pending.as_ref().is_some_and(|(letter, ..)| !letter.parcel.is_empty())
    }

    /// Sends a command. False if the ring is full.
    pub fn send(&mut self, command: EngineCommand) -> bool {
        self.commands.push(command).is_ok()
    }

    /// Number of the program that was published last, for [`EngineCommand::Param`].
    pub fn epoch(&self) -> u64 {
        self.pending.as_ref().map_or(self.base_epoch, |(.., epoch)| *epoch)
    }

    /// The next notice of the engine.
    pub fn notice(&mut self) -> Option<EngineNotice> {
        self.notices.pop().ok()
    }

    /// Meters and position.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }
}
