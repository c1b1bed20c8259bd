//! Engines without intrinsics: arrays for registers, and `mul_add` for the fused multiply-add.
//!
//! On x86-64 the instruction is not part of the baseline, so the same code is compiled twice: once with AVX2 and
//! FMA enabled, where the compiler turns the arrays into vector registers, and once for any CPU, where each
//! multiply-add is a call of our own (the same bits, slowly).

use matmul_core::Element;

use crate::engine::Engines;
use crate::plan::{Facts, Limits};
use crate::vector::Lanes;
use crate::{engine, run_f32, run_f64};

/// Rows of the tile. 4 by 2 × 8 lanes are 64 accumulators, which fit the registers of NEON in f32 (16 of 32).
const ROWS: usize = 4;

/// Lanes where the target has a fused multiply-add. Where each is a call, wide registers are only more calls to compile:
/// 8 lanes took more code than all other engines of x86-64 together.
const BASELINE_LANES: usize =
    if cfg!(all(any(target_arch = "x86_64", target_arch = "x86"), not(target_feature = "fma"))) {
        1
    } else {
        8
    };

/// Rows of the tiles with one and two vectors where AVX2's registers are there: nearly as many as its own tiles have.
const FMA_ROWS: (usize, usize) = (8, 6);

/// Bytes of a register of AVX2. (f64 in 8 lanes is 16 accumulators of it, all its registers.)
const FMA_BYTES: usize = 32;

/// Rows that are transposed at a time. Wider ones than a tile would be copied for nothing when a panel of A is packed.
const fn across(lanes: usize) -> usize {
    if lanes < ROWS { lanes } else { ROWS }
}

/// The facts of a portable engine with so many lanes.
const fn facts<T: Element>(isa: &'static str, lanes: usize, (narrow, mr): (usize, usize)) -> Facts {
    Facts {
        isa,
        dtype: T::NAME,
        size: size_of::<T>(),
        lanes,
        across: across(lanes),
        mr,
        vectors: 2,
        narrow,
        wide: 0,
        rows: 1,
        strips: &[],
        limits: Limits::AVX2,
    }
}

/// The facts of the engines of [`portable`].
pub const fn portable_facts<T: Element>() -> Facts {
    facts::<T>("portable", BASELINE_LANES, (ROWS, ROWS))
}

/// The facts of the engines of [`portable_fma`], on any host.
pub const fn portable_fma_facts<T: Element>() -> Facts {
    facts::<T>("portable-fma", FMA_BYTES / size_of::<T>(), FMA_ROWS)
}

/// The engines as compiled for any CPU of the target.
pub fn portable() -> &'static Engines {
    static ENGINES: Engines = Engines { f32: &F32, f64: &F64 };
    &ENGINES
}

/// The engines as the compiler vectorises them for a CPU with AVX2 and FMA, if this is one.
#[cfg(target_arch = "x86_64")]
pub fn portable_fma() -> Option<&'static Engines> {
    let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    static ENGINES: Engines = Engines { f32: &F32_FMA, f64: &F64_FMA };
    has.then_some(&ENGINES)
}

macro_rules! portable_engine {
    ($name:ident: $t:ident = $run:path; $lanes:expr; $facts:expr; $tile:ident, $narrow:literal $mr:literal; fused $fused:literal; [$(#[$feature:meta])*]) => {
        engine! {
            // Given out by the functions above.
            $name: Engine<$t> = $run;
            facts $facts;
            features [$(#[$feature])*];
            vector Lanes<$t, { $lanes }, $fused>, across Lanes<$t, { across($lanes) }, $fused>;
            tile $tile, rows $narrow $mr 0;
            columns [];
            strips [];
        }
    };
}

portable_engine!(F32: f32 = run_f32; BASELINE_LANES; portable_facts::<f32>(); f32_portable, 4 4; fused false; []);
portable_engine!(F64: f64 = run_f64; BASELINE_LANES; portable_facts::<f64>(); f64_portable, 4 4; fused false; []);
#[cfg(target_arch = "x86_64")]
portable_engine!(F32_FMA: f32 = run_f32; 8; portable_fma_facts::<f32>(); f32_6x16_portable_fma, 8 6; fused true;
    [#[target_feature(enable = "avx2,fma")]]);
#[cfg(target_arch = "x86_64")]
portable_engine!(F64_FMA: f64 = run_f64; 4; portable_fma_facts::<f64>(); f64_6x8_portable_fma, 8 6; fused true;
    [#[target_feature(enable = "avx2,fma")]]);
