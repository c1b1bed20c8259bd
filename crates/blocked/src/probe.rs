//! What a machine can do at best, on an engine's own vectors: the peaks that a product's speed is held against.

use core::hint::black_box;

use matmul_core::Element;

use crate::vector::{MAX_LANES, Operand, Vector};

/// Independent chains of fused multiply-adds: two ports of latency 4 need 8, of latency 5 need 10; 12 fit the
/// registers of AVX2.
const CHAINS: usize = 12;

/// Runs `steps` of 12 chains of fused multiply-adds in registers alone, and returns the floating-point operations done.
///
/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
pub unsafe fn fma_chain<T: Element, V: Operand<T>>(steps: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let factor = V::splat(black_box(T::Out::ONE));
        let mut sums = [V::splat(T::Out::ZERO); CHAINS];
        for _ in 0..steps {
            for sum in &mut sums {
                *sum = factor.mul_add(factor, *sum);
            }
        }
        keep::<T::Out, V>(sums);
    }
    2 * steps * (CHAINS * V::LANES) as u64
}

/// Reads all of `data` but a remainder of less than 12 vectors `passes` times, and returns the bytes read.
///
/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
pub unsafe fn read<T: Element, V: Operand<T>>(data: &[T], passes: usize) -> u64 {
    let blocks = data.len() / (CHAINS * V::LANES);
    // SAFETY: the caller's promise; each block of CHAINS vectors lies in the slice.
    unsafe {
        let one = V::splat(T::Out::ONE);
        let mut sums = [V::splat(T::Out::ZERO); CHAINS];
        for _ in 0..passes {
            let mut p = black_box(data).as_ptr();
            for _ in 0..blocks {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = V::operand(p.add(j * V::LANES)).mul_add(one, *sum);
                }
                p = p.add(CHAINS * V::LANES);
            }
        }
        keep::<T::Out, V>(sums);
    }
    (passes * blocks * CHAINS * V::LANES * size_of::<T>()) as u64
}

/// Makes the compiler believe that the sums are used.
///
/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn keep<O: Element<Out = O>, V: Vector<O>>(sums: [V; CHAINS]) {
    let mut out = [O::ZERO; MAX_LANES];
    for sum in sums {
        // SAFETY: the caller's promise; LANES elements fit.
        unsafe { sum.store(out.as_mut_ptr()) };
        black_box(&out);
    }
}
