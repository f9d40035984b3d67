//! Runs code with subnormal numbers flushed to zero, and leaves the rest of the program as it was.
//!
//! A decaying filter falls into subnormals, which cost a hundred times as much on many processors; flushing them is part of
//! what the graph means ([`crate::graph::ops`]). Rust expects the processor's default mode, so the mode is changed in a
//! trampoline of assembly that calls one function and changes it back.

/// A function that the trampoline calls: generated code, or a thunk to Rust.
#[cfg(target_arch = "x86_64")]
pub type Entry = unsafe extern "sysv64" fn(*mut u8);
/// A function that the trampoline calls: generated code, or a thunk to Rust.
#[cfg(not(target_arch = "x86_64"))]
pub type Entry = unsafe extern "C" fn(*mut u8);

/// Calls `f(argument)` with flush-to-zero and denormals-are-zero set.
///
/// # Safety
/// `f` must be safe to call with `argument`, must not unwind and must not depend on the mode of the processor.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub unsafe extern "sysv64" fn call(f: Entry, argument: *mut u8) {
    core::arch::naked_asm!(
        "sub rsp, 24",
        "stmxcsr [rsp + 8]",
        "mov eax, [rsp + 8]",
        "or eax, 0x8040",
        "mov [rsp + 12], eax",
        "ldmxcsr [rsp + 12]",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "ldmxcsr [rsp + 8]",
        "add rsp, 24",
        "ret",
    )
}

/// Calls `f(argument)` with flush-to-zero set.
///
/// # Safety
/// `f` must be safe to call with `argument`, must not unwind and must not depend on the mode of the processor.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub unsafe extern "C" fn call(f: Entry, argument: *mut u8) {
    core::arch::naked_asm!(
        "stp x29, x30, [sp, #-32]!",
        "mov x29, sp",
        "str x19, [sp, #16]",
        "mrs x19, fpcr",
        "orr x2, x19, #0x1000000",
        "msr fpcr, x2",
        "mov x2, x0",
        "mov x0, x1",
        "blr x2",
        "msr fpcr, x19",
        "ldr x19, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "ret",
    )
}

/// Calls `f(argument)`; this processor's mode is left alone.
///
/// # Safety
/// `f` must be safe to call with `argument`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub unsafe fn call(f: Entry, argument: *mut u8) {
    // SAFETY: as promised by the caller.
    unsafe { f(argument) }
}

/// What a thunk needs: the work, and where its result goes.
struct Job<F, R> {
    work: Option<F>,
    result: Option<R>,
}

impl<F: FnOnce() -> R, R> Job<F, R> {
    fn run(&mut self) {
        self.result = self.work.take().map(|work| work());
    }
}

macro_rules! thunk {
    ($abi:literal) => {
        unsafe extern $abi fn thunk<F: FnOnce() -> R, R>(job: *mut u8) {
            // SAFETY: `flushed` passes its own job, which outlives the call; a panic inside aborts at this boundary.
            unsafe { &mut *job.cast::<Job<F, R>>() }.run();
        }
    };
}
#[cfg(target_arch = "x86_64")]
thunk!("sysv64");
#[cfg(not(target_arch = "x86_64"))]
thunk!("C");

/// Runs a closure with subnormals flushed. For arithmetic on values only known when it runs: the interpreter and folding.
pub fn flushed<R, F: FnOnce() -> R>(work: F) -> R {
    let mut job = Job { work: Some(work), result: None };
    // SAFETY: the thunk gets the job that it is made for, and does not unwind.
    unsafe { call(thunk::<F, R>, (&raw mut job).cast()) };
    job.result.expect("the trampoline returned")
}

#[cfg(test)]
mod tests {
    use super::flushed;
    use std::hint::black_box;

    #[test]
    fn flushes_inside_and_not_outside() {
        let tiny = black_box(1e-39f32);
        assert_eq!(flushed(|| black_box(tiny) * black_box(0.5)), 0.0);
        assert!(black_box(tiny) * black_box(0.5) != 0.0);
    }
}
