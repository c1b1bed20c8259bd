//! What the machine can do at best, measured with this crate's own vectors: the peaks that a product's speed is
//! held against.

use std::hint::black_box;

use matmul_blocked::MicroKernel;
use matmul_blocked::tile::Vector;
use matmul_core::{Fold, K_CHUNK, MatMut, MatRef, Scalar};

use crate::{Element, Isa, Visitor};

/// Independent chains of fused multiply-adds: two ports of latency 4 need 8, of latency 5 need 10; 12 fit the
/// registers of AVX2.
const CHAINS: usize = 12;

/// Runs `iterations` steps of 12 chains of fused multiply-adds in registers alone, and returns the floating-point
/// operations done (two per multiply-add).
pub fn fma_chain<T: Peak>(iterations: u64) -> u64 {
    T::fma_chain(iterations)
}

/// Runs the best tile `repeats` times, 256 deep, on panels that stay in the first-level cache, and returns the
/// floating-point operations done.
pub fn l1_tile<T: Element>(repeats: u64) -> u64 {
    struct Tile(u64);
    impl<T: Element> Visitor<T> for Tile {
        type Output = u64;
        fn visit<U: MicroKernel<T>>(self, kernel: U) -> u64 {
            // Half the depth where a panel of B would fill the cache by itself: 256 * 32 * 4 B = 32 KiB.
            let k = if U::NR * size_of::<T>() > 64 { K_CHUNK / 2 } else { K_CHUNK };
            let mut a = aligned(U::MR * k);
            let mut b = aligned(U::NR * k);
            let mut c = aligned(U::MR * U::NR);
            for _ in 0..self.0 {
                let a = MatRef::from_col_major(black_box(a.slice()), U::MR, k);
                let b = MatRef::from_row_major(black_box(b.slice()), k, U::NR);
                let c = MatMut::from_row_major(black_box(c.slice()), U::MR, U::NR);
                if let (Ok(a), Ok(b), Ok(c)) = (a, b, c) {
                    kernel.run(T::ONE, a, b, Fold::Overwrite, c);
                }
            }
            2 * self.0 * (U::MR * U::NR * k) as u64
        }
    }
    T::with_isa(Isa::best().unwrap_or(Isa::Portable), Tile(repeats)).unwrap_or(0)
}

/// Elements that begin a cache line, as packed panels do: unaligned vectors would straddle two.
struct Aligned<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

fn aligned<T: Scalar>(len: usize) -> Aligned<T> {
    let storage = vec![T::ONE; len + 64 / size_of::<T>()];
    let start = storage.as_ptr().align_offset(64);
    Aligned { storage, start, len }
}

impl<T> Aligned<T> {
    fn slice(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

/// An element type whose FMA peak can be measured.
pub trait Peak: Element {
    #[doc(hidden)]
    fn fma_chain(iterations: u64) -> u64;
}

/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn chains<T: Scalar, V: Vector<T>>(iterations: u64) -> u64 {
    // SAFETY: the caller's promise; the only store is to an array of LANES elements and more.
    unsafe {
        let factor = V::splat(black_box(T::ONE));
        let mut sums = [V::splat(T::ZERO); CHAINS];
        for _ in 0..iterations {
            for sum in &mut sums {
                *sum = factor.mul_add(factor, *sum);
            }
        }
        let mut out = [T::ZERO; 16];
        for sum in sums {
            sum.store(out.as_mut_ptr());
            black_box(&out);
        }
    }
    2 * iterations * (CHAINS * V::LANES) as u64
}

macro_rules! impl_peak {
    ($t:ident, $($arch:literal, $isa:ident, $vector:path, $features:literal);*) => {
        impl Peak for $t {
            fn fma_chain(iterations: u64) -> u64 {
                match Isa::best() {
                    $(
                        #[cfg(target_arch = $arch)]
                        Ok(Isa::$isa) => {
                            #[target_feature(enable = $features)]
                            unsafe fn featured(iterations: u64) -> u64 {
                                // SAFETY: the features are enabled here.
                                unsafe { chains::<$t, $vector>(iterations) }
                            }
                            // SAFETY: Isa::best() names only what was detected.
                            unsafe { featured(iterations) }
                        }
                    )*
                    _ => {
                        let mut sums = [0 as $t; CHAINS];
                        let factor = black_box(1 as $t);
                        for _ in 0..iterations {
                            for sum in &mut sums {
                                *sum = Scalar::mul_add(factor, factor, *sum);
                            }
                        }
                        black_box(sums);
                        2 * iterations * CHAINS as u64
                    }
                }
            }
        }
    };
}

impl_peak!(f32, "x86_64", Avx2, crate::avx2::F32x8, "avx2,fma"; "x86_64", Avx512, crate::avx512::F32x16, "avx512f";
    "aarch64", Neon, crate::neon::F32x4, "neon");
impl_peak!(f64, "x86_64", Avx2, crate::avx2::F64x4, "avx2,fma"; "x86_64", Avx512, crate::avx512::F64x8, "avx512f";
    "aarch64", Neon, crate::neon::F64x2, "neon");
