//! Regions by Cranelift: all of them where the processor has no vectors of our own, and the few that those cannot do.
//!
//! Cranelift's optimiser stays off, since the graph is optimised already and it would move values to where they live longest; its
//! better register allocator is on. The code of a region calls nothing and refers to nothing outside itself.

use crate::codegen::clif::Clif;
use crate::codegen::region::region;
use crate::codegen::x86::asm::Written;
use crate::exec::padded;
use crate::graph::Graph;
use crate::schedule::{Kind, Region, Schedule};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// What the code of a region is aligned to.
pub const ALIGNMENT: usize = 64;

/// The host's instruction set with our settings.
pub fn isa(verify: bool) -> Result<OwnedTargetIsa, String> {
    static KNOWN: [OnceLock<Result<OwnedTargetIsa, String>>; 2] = [OnceLock::new(), OnceLock::new()];
    KNOWN[usize::from(verify)].get_or_init(|| find_isa(verify)).clone()
}

fn find_isa(verify: bool) -> Result<OwnedTargetIsa, String> {
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

/// Cranelift at work, for one thread.
pub struct Native {
    isa: OwnedTargetIsa,
    context: Context,
    functions: FunctionBuilderContext,
}

impl Native {
    /// With or without Cranelift's verifier.
    pub fn new(verify: bool) -> Result<Native, String> {
        Ok(Native { isa: isa(verify)?, context: Context::new(), functions: FunctionBuilderContext::new() })
    }

    /// The machine code of a region. An operation that Cranelift cannot lower is an error.
    pub fn compile(&mut self, graph: &Graph, schedule: &Schedule, part: &Region) -> Result<Written, String> {
        let made = catch_unwind(AssertUnwindSafe(|| self.code(graph, schedule, part)));
        made.unwrap_or_else(|panic| {
            *self = Native { isa: self.isa.clone(), context: Context::new(), functions: FunctionBuilderContext::new() };
            Err(message(&*panic))
        })
    }

    fn code(&mut self, graph: &Graph, schedule: &Schedule, part: &Region) -> Result<Written, String> {
        let isa = &*self.isa;
        self.context.clear();
        self.context.func.signature = signature(isa);
        let mut b = FunctionBuilder::new(&mut self.context.func, &mut self.functions);
        function(&mut b, graph, schedule, part);
        b.finalize(isa.frontend_config());
        let code = self.context.compile(isa, &mut ControlPlane::default()).map_err(|e| format!("{e:?}"))?;
        if !code.buffer.relocs().is_empty() {
            return Err("a region refers to something outside itself".into());
        }
        let alignment = u64::from(code.buffer.alignment)
            .max(u64::from(isa.function_alignment().minimum))
            .max(isa.symbol_alignment());
        if alignment > ALIGNMENT as u64 {
            return Err(format!("a region must be aligned to {alignment} bytes"));
        }
        Ok(Written { bytes: code.code_buffer().to_vec(), patches: Vec::new() })
    }
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

/// What a panic says.
pub fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the code generator panicked").to_string()
}

/// The intermediate code of all regions.
pub fn text(graph: &Graph, schedule: &Schedule) -> Result<String, String> {
    let mut out = String::new();
    let isa = isa(false)?;
    let mut functions = FunctionBuilderContext::new();
    for (i, part) in schedule.regions.iter().enumerate() {
        let mut func = Function::with_name_signature(UserFuncName::user(0, i as u32), signature(&*isa));
        let mut b = FunctionBuilder::new(&mut func, &mut functions);
        catch_unwind(AssertUnwindSafe(|| function(&mut b, graph, schedule, part))).map_err(|p| message(&*p))?;
        b.finalize(isa.frontend_config());
        out += &func.display().to_string();
        out.push('\n');
    }
    Ok(out)
}
