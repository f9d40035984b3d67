//! Executable memory.
//!
//! One module per patch: a function per region, and a driver that calls them in order. Cranelift's optimiser stays off, since
//! the graph is optimised already and it would move values to where they live longest; its better register allocator is on.
//! Code is written to fresh pages that are made executable once and freed when the [`JitCode`] is dropped, which therefore must
//! happen on a thread that may make system calls.

use crate::codegen::clif::Clif;
use crate::codegen::guard;
use crate::codegen::isa::Isa;
use crate::codegen::region::region;
use crate::codegen::steady;
use crate::codegen::x86::{X86, alloc};
use crate::exec::{Quantum, padded};
use crate::graph::Graph;
use crate::schedule::{Kind, Region, Schedule};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};
use std::mem::{ManuallyDrop, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Machine code of one patch.
pub struct JitCode {
    process: guard::Entry,
    module: ManuallyDrop<Box<JITModule>>,
    /// Size of the code in bytes.
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
        // SAFETY: generated code takes a quantum, cannot unwind, and was promised its memory by the caller.
        unsafe { guard::call(self.process, std::ptr::from_mut(quantum).cast()) };
    }
}

impl Drop for JitCode {
    fn drop(&mut self) {
        // SAFETY: the module is not used again, and the code cannot be running: running it borrows `self`.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() };
    }
}

/// The host's instruction set with our settings.
fn isa(verify: bool) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "none"),
        ("regalloc_algorithm", "backtracking"),
        ("enable_verifier", if verify { "true" } else { "false" }),
        ("enable_alias_analysis", "false"),
        ("is_pic", "false"),
        ("unwind_info", "false"),
        ("enable_probestack", "false"),
    ] {
        flags.set(name, value).map_err(|e| e.to_string())?;
    }
    let builder = cranelift_native::builder()?;
    builder.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
}

/// The signature of everything: one pointer to a quantum.
fn signature(isa: &dyn TargetIsa) -> Signature {
    // The trampoline speaks System V on every system with this processor.
    let convention = if cfg!(target_arch = "x86_64") { CallConv::SystemV } else { isa.default_call_conv() };
    let mut signature = Signature::new(convention);
    signature.params.push(AbiParam::new(I64));
    signature
}

/// Generates code for a scheduled graph, with our own vectors where the schedule is for them.
pub fn jit(graph: &Graph, schedule: &Schedule, verify: bool) -> Result<JitCode, String> {
    let isa = isa(verify)?;
    let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
    // One range for all functions keeps calls short and pages few. What is not used of it costs nothing.
    let weight: usize = schedule.regions.iter().map(|r| r.weight as usize + r.items.len() * 8 + 64).sum();
    let reserve = (weight * 256).next_power_of_two().max(1 << 20);
    let arena = ArenaMemoryProvider::new_with_size(reserve).map_err(|e| e.to_string())?;
    builder.memory_provider(Box::new(arena));
    let mut module = JITModule::new(builder);
    // An operation that Cranelift cannot lower panics; a bad patch must leave the old one playing.
    let built = catch_unwind(AssertUnwindSafe(|| build(graph, schedule, &mut module)));
    let result = match built {
        Ok(result) => result,
        Err(panic) => Err(message(&*panic)),
    };
    match result {
        Ok((process, bytes)) => {
            let address = module.get_finalized_function(process);
            // SAFETY: the driver has exactly this signature.
            let process = unsafe { std::mem::transmute::<*const u8, guard::Entry>(address) };
            Ok(JitCode { process, module: ManuallyDrop::new(Box::new(module)), bytes })
        }
        Err(error) => {
            // SAFETY: nothing of the module was ever called.
            unsafe { module.free_memory() };
            Err(error)
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the code generator panicked").to_string()
}

fn build(graph: &Graph, schedule: &Schedule, module: &mut JITModule) -> Result<(FuncId, usize), String> {
    let mut functions = FunctionBuilderContext::new();
    let mut ids = Vec::with_capacity(schedule.regions.len());
    let mut bytes = 0;
    for (i, compiled) in regions(graph, schedule, module.isa())?.into_iter().enumerate() {
        let signature = signature(module.isa());
        let id =
            module.declare_function(&format!("region{i}"), Linkage::Local, &signature).map_err(|e| e.to_string())?;
        let defined = module.define_function_bytes(id, compiled.alignment, &compiled.bytes, &[]);
        defined.map_err(|e| format!("region{i}: {e:?}"))?;
        bytes += compiled.bytes.len();
        ids.push(id);
    }
    let mut context = module.make_context();
    context.func.signature = signature(module.isa());
    let mut b = FunctionBuilder::new(&mut context.func, &mut functions);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let quantum = b.block_params(entry)[0];
    let call = |b: &mut FunctionBuilder, module: &mut JITModule, id: FuncId| {
        let callee = module.declare_func_in_func(id, b.func);
        b.ins().call(callee, &[quantum]);
    };
    // Values of block rate depend on parameters alone, come first, and stay in the scratch until a parameter moves.
    let block = schedule.regions.iter().take_while(|r| r.kind == Kind::Block).count();
    let (moving, steady) = (b.create_block(), b.create_block());
    let moves = b.ins().load(I32, MemFlagsData::trusted(), quantum, offset_of!(Quantum, moving) as i32);
    b.ins().brif(moves, moving, &[], steady, &[]);
    b.switch_to_block(moving);
    ids[..block].iter().for_each(|&id| call(&mut b, module, id));
    b.ins().jump(steady, &[]);
    b.switch_to_block(steady);
    ids[block..].iter().for_each(|&id| call(&mut b, module, id));
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(module.target_config());
    let process = define(module, &mut context, "process")?;
    module.clear_context(&mut context);
    module.finalize_definitions().map_err(|e| e.to_string())?;
    Ok((process, bytes))
}

/// Writes the function of a region.
fn function(b: &mut FunctionBuilder, graph: &Graph, schedule: &Schedule, part: &Region) {
    let mut machine = Clif::new(b);
    match part.kind {
        // Planned for wider vectors, which could not do it.
        Kind::Flat(n) | Kind::Uniform(n) if schedule.full > 4 => {
            let kind = if padded(n) < 4 { Kind::Flat(n) } else { Kind::Uniform(n) };
            region(&mut machine, graph, schedule, &Region { kind, groups: 1, ..part.clone() }, false);
        }
        _ => region(&mut machine, graph, schedule, part, false),
    }
    machine.finish();
}

/// The code of a region by our own vectors, if the schedule is for them and they can do it.
fn vectors(graph: &Graph, schedule: &Schedule, part: &Region) -> Option<Vec<u8>> {
    if schedule.isa == Isa::Portable || part.kind == Kind::Block {
        return None;
    }
    let code = |rests: bool| {
        let mut machine = X86::new(schedule.full);
        region(&mut machine, graph, schedule, part, rests);
        alloc::code(&machine).ok()
    };
    let moves = code(false)?;
    let slopes = steady::slopes(graph, schedule, part);
    let rests = if slopes.is_empty() { None } else { code(true) };
    Some(rests.map_or_else(|| moves.clone(), |rests| steady::either(&slopes, &rests, &moves)))
}

/// Machine code of a region, which calls nothing and refers to nothing outside itself.
struct Compiled {
    alignment: u64,
    bytes: Vec<u8>,
}

/// Below this many estimated instructions another thread costs more than it saves.
const WORTH_A_THREAD: u32 = 1_500;

/// Compiles all regions. They know nothing of each other, so the larger patches use every core; the largest go first.
fn regions(graph: &Graph, schedule: &Schedule, isa: &dyn TargetIsa) -> Result<Vec<Compiled>, String> {
    let mut order: Vec<usize> = (0..schedule.regions.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(schedule.regions[i].weight));
    let weight: u32 = schedule.regions.iter().map(|r| r.weight).sum();
    let wanted = 4.min(1 + (weight / WORTH_A_THREAD) as usize);
    // Asking for the number of cores reads files: not for a small patch.
    let threads = if wanted == 1 { 1 } else { std::thread::available_parallelism().map_or(1, usize::from).min(wanted) };
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Compiled)>, String> {
        let mut context = Context::new();
        let mut functions = FunctionBuilderContext::new();
        let mut done = Vec::new();
        while let Some(&i) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(bytes) = vectors(graph, schedule, &schedule.regions[i]) {
                done.push((i, Compiled { alignment: 64, bytes }));
                continue;
            }
            context.func.signature = signature(isa);
            let mut b = FunctionBuilder::new(&mut context.func, &mut functions);
            function(&mut b, graph, schedule, &schedule.regions[i]);
            b.finalize(isa.frontend_config());
            let code = context.compile(isa, &mut ControlPlane::default()).map_err(|e| format!("region{i}: {e:?}"))?;
            if !code.buffer.relocs().is_empty() {
                return Err(format!("region{i} refers to something outside itself"));
            }
            let alignment = u64::from(code.buffer.alignment)
                .max(u64::from(isa.function_alignment().minimum))
                .max(isa.symbol_alignment());
            done.push((i, Compiled { alignment, bytes: code.code_buffer().to_vec() }));
            context.clear();
        }
        Ok(done)
    };
    let mut all: Vec<Option<Compiled>> = schedule.regions.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut results = vec![work()];
        // A panic goes on in this thread, where it is made an error.
        results.extend(others.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        for result in results {
            for (i, compiled) in result? {
                all[i] = Some(compiled);
            }
        }
        all.into_iter().map(|c| c.ok_or_else(|| "a region was left out".to_string())).collect()
    })
}

fn define(module: &mut JITModule, context: &mut cranelift_codegen::Context, name: &str) -> Result<FuncId, String> {
    let id = module.declare_function(name, Linkage::Local, &context.func.signature).map_err(|e| e.to_string())?;
    module.define_function(id, context).map_err(|e| format!("{name}: {e:?}"))?;
    Ok(id)
}

/// The intermediate code of all regions.
pub fn text(graph: &Graph, schedule: &Schedule) -> Result<String, String> {
    let mut out = String::new();
    let isa = isa(false)?;
    let mut functions = FunctionBuilderContext::new();
    for (i, part) in schedule.regions.iter().enumerate() {
        let mut func = cranelift_codegen::ir::Function::with_name_signature(
            cranelift_codegen::ir::UserFuncName::user(0, i as u32),
            signature(&*isa),
        );
        let mut b = FunctionBuilder::new(&mut func, &mut functions);
        catch_unwind(AssertUnwindSafe(|| function(&mut b, graph, schedule, part))).map_err(|p| message(&*p))?;
        b.finalize(isa.frontend_config());
        out += &func.display().to_string();
        out.push('\n');
    }
    Ok(out)
}
