//! Micro-kernels without intrinsics: arrays for registers, and `mul_add` for the fused multiply-add.
//!
//! On x86-64 the instruction is not part of the baseline, so the same code is compiled twice: once with AVX2 and
//! FMA enabled, where the compiler turns the arrays into vector registers, and once for any CPU, where each
//! `mul_add` is a call of the C library (the same bits, some 50 times slower).

use matmul_core::{Fold, MatMut, MatRef, Scalar};

use crate::micro::{MicroKernel, TileArgs};
use crate::tile;
use crate::vector::Lanes;

/// 4 rows by 2 × 8 lanes: 64 accumulators, which fit the registers of AVX2 (8 of 16) and of NEON in f32 (16 of 32).
const ROWS: usize = 4;
const LANES: usize = 8;

/// The portable tile, 4 × 16, as compiled for any CPU of the target.
#[derive(Clone, Copy, Debug)]
pub struct Portable(());

impl Portable {
    /// Always possible.
    pub fn detect() -> Self {
        Self(())
    }
}

impl<T: Scalar> MicroKernel<T> for Portable {
    const MR: usize = ROWS;
    const NR: usize = 2 * LANES;

    fn run(self, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, fold: Fold<T>, c: MatMut<'_, T>) {
        let t = TileArgs::new((ROWS, 2 * LANES), alpha, a, b, fold, c);
        // SAFETY: arrays need no instructions, and the tile was checked.
        unsafe { tile::run::<T, Lanes<T, LANES>, ROWS>(&t) }
    }
}

/// The portable tile, 4 × 16, as the compiler vectorises it for a CPU with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct PortableFma(());

#[cfg(target_arch = "x86_64")]
impl PortableFma {
    /// The proof that this CPU has AVX2 and FMA, if it has.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl<T: Scalar> MicroKernel<T> for PortableFma {
    const MR: usize = ROWS;
    const NR: usize = 2 * LANES;

    fn run(self, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, fold: Fold<T>, c: MatMut<'_, T>) {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn with_fma<T: Scalar>(t: &TileArgs<T>) {
            // SAFETY: arrays need no instructions, and the tile was checked.
            unsafe { tile::run::<T, Lanes<T, LANES>, ROWS>(t) }
        }
        let t = TileArgs::new((ROWS, 2 * LANES), alpha, a, b, fold, c);
        // SAFETY: self exists only through detect(), so the CPU has AVX2 and FMA.
        unsafe { with_fma(&t) }
    }
}
