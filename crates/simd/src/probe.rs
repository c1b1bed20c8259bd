//! What the machine can do at best, measured with this crate's own vectors: the peaks that a product's speed is
//! held against.

use std::hint::black_box;

use matmul_blocked::MicroKernel;
use matmul_blocked::vector::{Lanes, MAX_LANES, Vector};
use matmul_core::{Fold, K_CHUNK, MatMut, MatRef, Scalar};

use crate::{Element, Isa, Visitor};

/// Independent chains of fused multiply-adds: two ports of latency 4 need 8, of latency 5 need 10; 12 fit the
/// registers of AVX2.
const CHAINS: usize = 12;

/// Runs `iterations` steps of 12 chains of fused multiply-adds in registers alone, and returns the floating-point
/// operations done (two per multiply-add).
pub fn fma_chain<T: Peak>(iterations: u64) -> u64 {
    T::run(FmaChain(iterations))
}

/// Reads all of `data` `passes` times with the widest vectors, and returns the bytes read. What stands before the
/// first whole cache line, and a remainder of less than 12 vectors, are left out.
pub fn read<T: Peak>(data: &[T], passes: usize) -> u64 {
    let start = data.as_ptr().align_offset(64).min(data.len());
    T::run(Read { data: &data[start..], passes })
}

/// Runs the best tile `repeats` times, 256 deep, on panels that stay in the first-level cache, and returns the
/// floating-point operations done.
pub fn l1_tile<T: Element>(repeats: u64) -> u64 {
    T::with_isa(Isa::best().unwrap_or(Isa::Portable), Tile(repeats)).unwrap_or(0)
}

struct Tile(u64);

impl<T: Scalar> Visitor<T> for Tile {
    type Output = u64;
    fn visit<U: MicroKernel<T>>(self, kernel: U) -> u64 {
        // Half the depth where a panel of B would fill the cache by itself: 256 * 32 * 4 B = 32 KiB.
        let k = if U::NR * size_of::<T>() > 64 { K_CHUNK / 2 } else { K_CHUNK };
        let mut a = Aligned::ones(U::MR * k);
        let mut b = Aligned::ones(U::NR * k);
        let mut c = Aligned::ones(U::MR * U::NR);
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

/// Elements that begin a cache line, as packed panels do: unaligned vectors would straddle two.
struct Aligned<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Scalar> Aligned<T> {
    fn ones(len: usize) -> Self {
        let storage = vec![T::ONE; len + 64 / size_of::<T>()];
        let start = storage.as_ptr().align_offset(64);
        Self { storage, start, len }
    }

    fn slice(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

/// Something to do with the vectors of one instruction set.
#[doc(hidden)]
pub trait Task<T: Scalar> {
    /// # Safety
    /// The CPU has `V`'s instructions.
    unsafe fn with<V: Vector<T>>(self) -> u64;
}

struct FmaChain(u64);

impl<T: Scalar> Task<T> for FmaChain {
    #[inline(always)]
    unsafe fn with<V: Vector<T>>(self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe {
            let factor = V::splat(black_box(T::ONE));
            let mut sums = [V::splat(T::ZERO); CHAINS];
            for _ in 0..self.0 {
                for sum in &mut sums {
                    *sum = factor.mul_add(factor, *sum);
                }
            }
            keep(sums);
        }
        2 * self.0 * (CHAINS * V::LANES) as u64
    }
}

struct Read<'a, T> {
    data: &'a [T],
    passes: usize,
}

impl<T: Scalar> Task<T> for Read<'_, T> {
    #[inline(always)]
    unsafe fn with<V: Vector<T>>(self) -> u64 {
        let blocks = self.data.len() / (CHAINS * V::LANES);
        // SAFETY: the caller's promise; each block of CHAINS vectors lies in the slice.
        unsafe {
            let one = V::splat(T::ONE);
            let mut sums = [V::splat(T::ZERO); CHAINS];
            for _ in 0..self.passes {
                let mut p = black_box(self.data).as_ptr();
                for _ in 0..blocks {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = V::load(p.add(j * V::LANES)).mul_add(one, *sum);
                    }
                    p = p.add(CHAINS * V::LANES);
                }
            }
            keep(sums);
        }
        (self.passes * blocks * CHAINS * V::LANES * size_of::<T>()) as u64
    }
}

/// Makes the compiler believe that the sums are used.
///
/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn keep<T: Scalar, V: Vector<T>>(sums: [V; CHAINS]) {
    let mut out = [T::ZERO; MAX_LANES];
    for sum in sums {
        // SAFETY: the caller's promise; LANES elements fit.
        unsafe { sum.store(out.as_mut_ptr()) };
        black_box(&out);
    }
}

/// An element type whose peaks can be measured.
pub trait Peak: Element {
    #[doc(hidden)]
    fn run<K: Task<Self>>(task: K) -> u64;
}

macro_rules! impl_peak {
    ($t:ident, $($arch:literal, $isa:ident, $vector:path, $features:literal);*) => {
        impl Peak for $t {
            fn run<K: Task<Self>>(task: K) -> u64 {
                match Isa::best() {
                    $(
                        #[cfg(target_arch = $arch)]
                        Ok(Isa::$isa) => {
                            #[target_feature(enable = $features)]
                            unsafe fn featured<K: Task<$t>>(task: K) -> u64 {
                                // SAFETY: the features are enabled here.
                                unsafe { task.with::<$vector>() }
                            }
                            // SAFETY: Isa::best() names only what was detected.
                            unsafe { featured(task) }
                        }
                    )*
                    // SAFETY: arrays need no instructions.
                    _ => unsafe { task.with::<Lanes<$t, 4>>() },
                }
            }
        }
    };
}

impl_peak!(f32, "x86_64", Avx2, crate::avx2::F32x8, "avx2,fma"; "x86_64", Avx512, crate::avx512::F32x16, "avx512f";
    "aarch64", Neon, crate::neon::F32x4, "neon");
impl_peak!(f64, "x86_64", Avx2, crate::avx2::F64x4, "avx2,fma"; "x86_64", Avx512, crate::avx512::F64x8, "avx512f";
    "aarch64", Neon, crate::neon::F64x2, "neon");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_as_it_is_done() {
        assert_eq!(fma_chain::<f32>(10) % (2 * 10 * CHAINS as u64), 0);
        let data = [1.0f64; 1000];
        let read = read(&data, 3);
        assert!(read <= 3 * 8000 && read > 3 * 6000, "{read} bytes");
        assert!(l1_tile::<f64>(2) > 0);
    }
}
