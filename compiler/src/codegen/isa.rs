//! Which vectors the processor has, and which of them are used.

use std::sync::OnceLock;

/// The width of vectors that code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isa {
    /// Four lanes, by Cranelift: 128 bits on every processor.
    Portable,
    /// Four lanes, by our own vectors: AVX2 with FMA, of which 128 bits are used.
    Lanes4,
    /// Eight lanes: AVX2 with FMA.
    Lanes8,
    /// Sixteen lanes: AVX-512 (F, VL, DQ, BW).
    Lanes16,
}

impl Isa {
    /// All of them.
    pub const ALL: [Isa; 4] = [Isa::Portable, Isa::Lanes4, Isa::Lanes8, Isa::Lanes16];

    /// Lanes of a full vector.
    pub fn lanes(self) -> u32 {
        match self {
            Isa::Portable | Isa::Lanes4 => 4,
            Isa::Lanes8 => 8,
            Isa::Lanes16 => 16,
        }
    }

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Lanes4 => "128",
            Isa::Lanes8 => "avx2",
            Isa::Lanes16 => "avx512",
        }
    }

    /// The one of a name. Every processor has `128`, if only the portable one.
    pub fn named(name: &str) -> Option<Isa> {
        let named = Isa::ALL.into_iter().find(|isa| isa.name() == name);
        named.map(|isa| if isa == Isa::Lanes4 && !isa.is_here() { Isa::Portable } else { isa })
    }

    /// True if this processor has it.
    pub fn is_here(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Lanes4 | Isa::Lanes8 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Lanes16 => {
                Isa::Lanes8.is_here()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The one that is used unless a caller names another: the widest that is here, unless [`Isa::force`] or `MODURUST_ISA`
    /// (`portable`, `128`, `avx2`, `avx512`) says otherwise.
    pub fn chosen() -> Isa {
        *CHOSEN.get_or_init(|| {
            let wished = std::env::var("MODURUST_ISA").ok().and_then(|name| Isa::named(&name));
            wished.filter(|isa| isa.is_here()).unwrap_or_else(Isa::widest)
        })
    }

    /// The widest that is here.
    pub fn widest() -> Isa {
        Isa::ALL.into_iter().rev().find(|isa| isa.is_here()).unwrap_or(Isa::Portable)
    }

    /// Chooses for the whole process, before anything is compiled. False if it is not here, or too late.
    pub fn force(self) -> bool {
        self.is_here() && CHOSEN.set(self).is_ok()
    }
}

static CHOSEN: OnceLock<Isa> = OnceLock::new();
