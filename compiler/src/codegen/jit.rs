//! From a schedule to executable memory.
//!
//! Each region becomes a list of instructions for our own vectors, which says what the region does ([`Content`]). If a region of this
//! content was made before, its code is at hand ([`Cache`]); else it is made now, by several threads if there is much. Then all code
//! is copied side by side into fresh pages, addresses of memory are filled in, and the pages are made executable once. Each patch has
//! pages of its own, which are freed when the [`JitCode`] is dropped; that must happen on a thread that may make system calls.

use crate::codegen::cache::Cache;
use crate::codegen::guard;
use crate::codegen::isa::Isa;
use crate::codegen::native::{ALIGNMENT, Native, isa, message};
use crate::codegen::region::region;
use crate::codegen::steady;
use crate::codegen::x86::asm::Written;
use crate::codegen::x86::content::{Content, Place};
use crate::codegen::x86::{X86, alloc};
use crate::exec::Quantum;
use crate::graph::Graph;
use crate::schedule::{Region, Schedule};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{Linkage, Module, ModuleError, default_libcall_names};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Machine code of one patch.
pub struct JitCode {
    /// A function for each region, in the order of their calls.
    calls: Vec<guard::Entry>,
    /// For those of block rate, which come first: the bits of [`Quantum::moving`] by which they are computed.
    moves: Vec<u64>,
    /// The others in pieces: the bit of [`Quantum::awake`] without which they are left out, 0 for those that always run, and the
    /// first after them.
    runs: Vec<(u128, u32)>,
    module: ManuallyDrop<Box<JITModule>>,
    /// What each region is made of.
    regions: Vec<RegionCode>,
    /// Size of the code in bytes.
    pub bytes: usize,
    /// Size of what lies in pages of its own: the code, and what stands between its pieces.
    pub image: usize,
    /// Regions whose code was made for this patch; the others were known.
    pub made: usize,
}

/// What the code of a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionCode {
    /// Made by our own vectors, else by Cranelift.
    pub vectors: bool,
    /// Bytes of code and of its constants.
    pub bytes: usize,
}

// SAFETY: finished code is read only; the module is only used to free it.
unsafe impl Send for JitCode {}
// SAFETY: as above.
unsafe impl Sync for JitCode {}

impl JitCode {
    /// Computes one quantum.
    ///
    /// # Safety
    /// Every pointer of the quantum must lead to memory of the layout that the code was made for.
    pub unsafe fn run(&self, quantum: &mut Quantum) {
        let (block, rest) = self.calls.split_at(self.moves.len());
        let (moving, awake) = (quantum.moving, quantum.awake);
        // Values of block rate depend on parameters alone, and stay in the scratch until one of them moves.
        let block = if moving != 0 { block } else { &[] };
        let quantum: *mut u8 = std::ptr::from_mut(quantum).cast();
        guard::flushed(|| {
            for (call, bits) in block.iter().zip(&self.moves) {
                if bits & moving != 0 {
                    // SAFETY: generated code takes a quantum, cannot unwind, and was promised its memory by the caller.
                    unsafe { call(quantum) };
                }
            }
            let mut first = 0;
            for &(bit, end) in &self.runs {
                if bit & awake == bit {
                    // SAFETY: as above.
                    rest[first as usize..end as usize].iter().for_each(|call| unsafe { call(quantum) });
                }
                first = end;
            }
        });
    }

    /// Computes one quantum, region by region: `ended` is told the number of each region that ran. For measuring.
    ///
    /// # Safety
    /// As [`JitCode::run`].
    pub unsafe fn run_each(&self, quantum: &mut Quantum, ended: &mut dyn FnMut(usize)) {
        let first = if quantum.moving != 0 { 0 } else { self.moves.len() };
        let quantum: *mut u8 = std::ptr::from_mut(quantum).cast();
        for (i, &call) in self.calls.iter().enumerate().skip(first) {
            // SAFETY: as in `run`.
            unsafe { guard::call(call, quantum) };
            ended(i);
        }
    }

    /// The code of a region with its constants, as it is executed.
    pub fn code(&self, region: usize) -> &[u8] {
        let (Some(&call), Some(known)) = (self.calls.get(region), self.regions.get(region)) else { return &[] };
        // SAFETY: so many bytes of the region begin there, in pages that can be read and live as long as `self`.
        unsafe { std::slice::from_raw_parts(call as *const u8, known.bytes) }
    }

    /// The regions, in the order of the schedule.
    pub fn regions(&self) -> &[RegionCode] {
        &self.regions
    }
}

impl Drop for JitCode {
    fn drop(&mut self) {
        // SAFETY: the module is not used again, and the code cannot be running: running it borrows `self`.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() };
    }
}

/// Generates code for a scheduled graph, with our own vectors where the schedule is for them. `verify` has Cranelift verify its
/// input, and code that is at hand compared with code made anew.
pub fn jit(graph: &Graph, schedule: &Schedule, verify: bool, cache: &mut Cache) -> Result<JitCode, String> {
    // A fault of the code generator must leave the old patch playing.
    let made = catch_unwind(AssertUnwindSafe(|| parts(graph, schedule, verify, cache)));
    let (parts, made) = made.unwrap_or_else(|panic| Err(message(&*panic)))?;
    cache.end();
    let mut runs: Vec<(u128, u32)> = Vec::new();
    for (i, region) in schedule.regions[schedule.moves.len()..].iter().enumerate() {
        let (bit, end) = (if region.part == 0 { 0 } else { 1 << (region.part - 1) }, i as u32 + 1);
        match runs.last_mut() {
            Some(last) if last.0 == bit => last.1 = end,
            _ => runs.push((bit, end)),
        }
    }
    link(&parts, (schedule.moves.clone(), runs), made)
}

/// A region's code, and where its memory is.
struct Part {
    code: Arc<Written>,
    vectors: bool,
    /// Bytes for each place.
    places: Vec<i32>,
}

/// Copies code into executable pages.
fn link(parts: &[Part], (moves, runs): (Vec<u64>, Vec<(u128, u32)>), made: usize) -> Result<JitCode, String> {
    let (mut image, mut starts) = (Vec::new(), Vec::with_capacity(parts.len()));
    for Part { code, places, .. } in parts {
        image.resize(image.len().next_multiple_of(ALIGNMENT), 0xcc);
        let start = image.len();
        starts.push(start);
        image.extend(&code.bytes);
        for patch in &code.patches {
            let at = start + patch.at as usize;
            let field: &mut [u8; 4] = (&mut image[at..at + 4]).try_into().map_err(|_| "four bytes are four bytes")?;
            let value = i32::from_le_bytes(*field) + places[patch.place as usize];
            *field = value.to_le_bytes();
        }
    }
    // A patch without a region has a page nevertheless.
    image.push(0xcc);
    let mut builder = JITBuilder::with_isa(isa(false)?, default_libcall_names());
    let arena = ArenaMemoryProvider::new_with_size(image.len()).map_err(|e| e.to_string())?;
    builder.memory_provider(Box::new(arena));
    let mut module = JITModule::new(builder);
    let signature = module.make_signature();
    let mut define = || {
        let text = |e: ModuleError| e.to_string();
        let id = module.declare_function("patch", Linkage::Local, &signature).map_err(text)?;
        module.define_function_bytes(id, ALIGNMENT as u64, &image, &[]).map_err(text)?;
        module.finalize_definitions().map_err(text)?;
        Ok(module.get_finalized_function(id))
    };
    let defined: Result<*const u8, String> = define();
    match defined {
        Ok(base) => {
            // SAFETY: each start is that of a function of this signature inside the pages.
            let call = |start: &usize| unsafe { std::mem::transmute::<*const u8, guard::Entry>(base.add(*start)) };
            let calls = starts.iter().map(call).collect();
            let region = |part: &Part| RegionCode { vectors: part.vectors, bytes: part.code.bytes.len() };
            let regions: Vec<RegionCode> = parts.iter().map(region).collect();
            let bytes = regions.iter().map(|region| region.bytes).sum();
            Ok(JitCode {
                calls,
                moves,
                runs,
                module: ManuallyDrop::new(Box::new(module)),
                regions,
                bytes,
                image: image.len(),
                made,
            })
        }
        Err(error) => {
            // SAFETY: nothing of the module was ever called.
            unsafe { module.free_memory() };
            Err(error)
        }
    }
}

/// A region as lists of instructions.
struct Lists {
    moves: X86,
    /// The same for delays that rest, and the places of the slopes that tell them.
    rests: Option<(X86, Vec<u32>)>,
    content: Content,
}

impl Lists {
    fn new(graph: &Graph, schedule: &Schedule, part: &Region) -> Lists {
        let portable = schedule.isa == Isa::Portable;
        let list = |rests: bool| {
            let mut machine = X86::new(schedule.full);
            region(&mut machine, graph, schedule, part, rests);
            machine
        };
        let mut content = if portable { Content::fixed() } else { Content::default() };
        let moves = list(false);
        content.add(&moves);
        let slopes = if portable { Vec::new() } else { steady::slopes(graph, schedule, part) };
        let rests = (!slopes.is_empty()).then(|| {
            let rests = list(true);
            content.add(&rests);
            (rests, slopes.iter().map(|&word| content.place(Place::Buffers(word as i32))).collect())
        });
        Lists { moves, rests, content }
    }

    /// Its code by our own vectors, if they can do it.
    fn code(&self) -> Result<Written, String> {
        let moves = alloc::code(&self.moves, &self.content)?;
        Ok(match &self.rests {
            Some((rests, places)) => match alloc::code(rests, &self.content) {
                Ok(rests) => steady::either(places, &rests, &moves),
                Err(_) => moves,
            },
            None => moves,
        })
    }
}

/// Below this many estimated instructions another thread costs more than it saves: for Cranelift, and for our own vectors.
const WORTH_A_THREAD: [u32; 2] = [1_500, 20_000];

/// Finds or makes the code of all regions; how many were made.
fn parts(graph: &Graph, schedule: &Schedule, verify: bool, cache: &mut Cache) -> Result<(Vec<Part>, usize), String> {
    let portable = schedule.isa == Isa::Portable;
    let lists: Vec<Lists> = schedule.regions.iter().map(|part| Lists::new(graph, schedule, part)).collect();
    let known: Vec<Option<Arc<Written>>> = lists.iter().map(|list| cache.find(&list.content)).collect();
    // Lists of Cranelift's do not say which of two operands of a sum comes first, so its code may be equal in other words.
    let verified = verify && !portable;
    let missing: Vec<usize> = (0..lists.len()).filter(|&i| verified || known[i].is_none()).collect();
    // The code, and whether it is of our own vectors.
    let make = |i: usize, native: &mut Option<Native>| -> Result<(Written, bool), String> {
        if !portable && let Ok(code) = lists[i].code() {
            return Ok((code, true));
        }
        if native.is_none() {
            *native = Some(Native::new(verify)?);
        }
        let Some(native) = native else { return Err("no Cranelift".into()) };
        let code = native.compile(graph, schedule, &schedule.regions[i]).map_err(|e| format!("region{i}: {e}"))?;
        Ok((code, false))
    };
    let mut made = all(schedule, missing, WORTH_A_THREAD[usize::from(!portable)], make)?;
    let mut parts = Vec::with_capacity(lists.len());
    let mut fresh = 0;
    for (list, known) in lists.iter().zip(known) {
        let next = made.next_if(|(i, _)| *i == parts.len()).map(|(_, made)| made);
        let (code, vectors) = match (known, next) {
            (Some(known), Some((code, _))) if *known != code => return Err("equal content has unequal code".into()),
            (Some(known), _) => (known, !portable),
            (None, Some((code, vectors))) => {
                fresh += 1;
                let code = Arc::new(code);
                // What our own vectors cannot do has addresses in it that its content leaves open.
                if vectors || portable {
                    cache.keep(&list.content, &code);
                }
                (code, vectors)
            }
            (None, None) => return Err("a region was left out".into()),
        };
        parts.push(Part { code, vectors, places: list.content.bytes() });
    }
    Ok((parts, fresh))
}

/// What was made, in order.
type Made<T> = std::iter::Peekable<std::vec::IntoIter<(usize, T)>>;

/// Makes something of some regions. They know nothing of each other, so much work goes to every core; the largest go first.
fn all<T: Send>(
    schedule: &Schedule,
    mut order: Vec<usize>,
    worth: u32,
    make: impl Fn(usize, &mut Option<Native>) -> Result<T, String> + Sync,
) -> Result<Made<T>, String> {
    order.sort_by_key(|&i| std::cmp::Reverse(schedule.regions[i].weight));
    let weight: u32 = order.iter().map(|&i| schedule.regions[i].weight).sum();
    let wanted = 4.min(1 + (weight / worth) as usize);
    // Asking for the number of cores reads files: not for a small patch.
    let threads = if wanted == 1 { 1 } else { std::thread::available_parallelism().map_or(1, usize::from).min(wanted) };
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, T)>, String> {
        let (mut native, mut done) = (None, Vec::new());
        while let Some(&i) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((i, make(i, &mut native)?));
        }
        Ok(done)
    };
    let mut made = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut made = work()?;
        for other in others {
            // A panic goes on in this thread, where it is made an error.
            made.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, String>(made)
    })?;
    made.sort_unstable_by_key(|(i, _)| *i);
    Ok(made.into_iter().peekable())
}
