//! What this process has of the system: memory, mappings, and pages that can be executed. Linux tells it in `/proc/self`.
//!
//! The pages of code of all libraries count as well, so what matters is the difference of two looks: what was made between them and is
//! still there. Code of a patch lies in pages of its own, and a patch that is dropped gives them back, so the difference is the sum over
//! the patches that live, exactly. Memory is what is resident: what an allocator keeps for later is in it, so it settles only after
//! a while.

/// Bytes of a page.
pub const PAGE: i64 = 4096;

/// A look.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident, in KiB.
    pub resident: i64,
    /// Mappings of any kind.
    pub mappings: i64,
    /// What can be executed, in KiB.
    pub code: i64,
}

impl Memory {
    /// As it is now.
    pub fn now() -> Memory {
        let status = std::fs::read_to_string("/proc/self/status").expect("the system tells it");
        let line = status.lines().find(|l| l.starts_with("VmRSS")).expect("a line of it");
        let resident = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the system tells it");
        let executable =
            maps.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|flags| flags.contains('x')));
        let length = |line: &str| {
            let (begin, end) = line.split_whitespace().next()?.split_once('-')?;
            Some(i64::from_str_radix(end, 16).ok()? - i64::from_str_radix(begin, 16).ok()?)
        };
        let code = executable.filter_map(length).sum::<i64>() / 1024;
        Memory { resident, mappings: maps.lines().count() as i64, code }
    }
}
