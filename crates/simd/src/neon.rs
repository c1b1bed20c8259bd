//! NEON (AArch64): 32 registers of 128 bits.
//!
//! 12 × 2 vectors are 24 accumulators, two vectors of B and one broadcast of A make 27 of 32 registers. Cores with
//! four FMA pipes of latency 4 (Neoverse V1, Apple's) need 16 chains.

// Safe since Rust 1.87 where the target has NEON; unsafe on the oldest compiler that builds this file.
#![allow(unused_unsafe)]

use core::arch::aarch64::*;

use matmul_blocked::vector::{Rows, Transpose, Vector};
use matmul_blocked::{Engines, engine, run_f32, run_f64};

use crate::Isa;

#[derive(Clone, Copy)]
pub(crate) struct F32x4(float32x4_t);

#[derive(Clone, Copy)]
pub(crate) struct F64x2(float64x2_t);

/// What f32 and f64 have in common; only the intrinsics' names differ.
macro_rules! impl_vector {
    ($v:ident, $t:ident, $lanes:literal, $splat:ident, $load:ident, $store:ident, $mul:ident, $fma:ident,
     $sum:ident) => {
        // SAFETY: each load and store touches the elements that it names; partial ones go through an array, of
        // which n elements are copied.
        unsafe impl Vector<$t> for $v {
            const LANES: usize = $lanes;
            const REGISTERS: usize = 32;

            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                // SAFETY: the caller has NEON.
                unsafe { Self($splat(x)) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: the caller vouches for all lanes.
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $t, n: usize) -> Self {
                let mut lanes = [0.0; $lanes];
                // SAFETY: the caller vouches for n ≤ LANES elements; the array is ours.
                unsafe {
                    core::ptr::copy_nonoverlapping(p, lanes.as_mut_ptr(), n);
                    Self($load(lanes.as_ptr()))
                }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: the caller vouches for all lanes.
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $t, n: usize) {
                let mut lanes = [0.0; $lanes];
                // SAFETY: the array is ours; the caller vouches for n ≤ LANES elements.
                unsafe {
                    $store(lanes.as_mut_ptr(), self.0);
                    core::ptr::copy_nonoverlapping(lanes.as_ptr(), p, n);
                }
            }
            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self {
                // SAFETY: the caller has NEON.
                unsafe { Self($mul(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the caller has NEON. The intrinsic adds to its first argument.
                unsafe { Self($fma(c.0, self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn sum(self) -> $t {
                // SAFETY: the caller has NEON.
                unsafe { $sum(self.0) }
            }
        }
    };
}

impl_vector!(F32x4, f32, 4, vdupq_n_f32, vld1q_f32, vst1q_f32, vmulq_f32, vfmaq_f32, vaddvq_f32);
impl_vector!(F64x2, f64, 2, vdupq_n_f64, vld1q_f64, vst1q_f64, vmulq_f64, vfmaq_f64, vaddvq_f64);

// SAFETY: four elements of 128 bits are read at each of the 4 rows.
unsafe impl Transpose<f32> for F32x4 {
    const DEPTH: usize = 4;

    /// Pairs of elements, then pairs of pairs: 8 shuffles for 16 elements.
    #[inline(always)]
    unsafe fn columns(rows: &Rows<f32>, q: usize) -> [Self; 4] {
        // SAFETY: the caller has NEON, and vouches for four elements at each row.
        unsafe {
            let (a, b) = (vld1q_f32(rows[0].add(q)), vld1q_f32(rows[1].add(q)));
            let (c, d) = (vld1q_f32(rows[2].add(q)), vld1q_f32(rows[3].add(q)));
            let ab_even = vreinterpretq_f64_f32(vtrn1q_f32(a, b));
            let ab_odd = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
            let cd_even = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
            let cd_odd = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
            [
                Self(vreinterpretq_f32_f64(vtrn1q_f64(ab_even, cd_even))),
                Self(vreinterpretq_f32_f64(vtrn1q_f64(ab_odd, cd_odd))),
                Self(vreinterpretq_f32_f64(vtrn2q_f64(ab_even, cd_even))),
                Self(vreinterpretq_f32_f64(vtrn2q_f64(ab_odd, cd_odd))),
            ]
        }
    }
}

// SAFETY: two elements of 128 bits are read at each of the 2 rows.
unsafe impl Transpose<f64> for F64x2 {
    const DEPTH: usize = 2;

    #[inline(always)]
    unsafe fn columns(rows: &Rows<f64>, q: usize) -> [Self; 4] {
        // SAFETY: the caller has NEON, and vouches for two elements at each row.
        unsafe {
            let (a, b) = (vld1q_f64(rows[0].add(q)), vld1q_f64(rows[1].add(q)));
            let (lo, hi) = (Self(vtrn1q_f64(a, b)), Self(vtrn2q_f64(a, b)));
            [lo, hi, lo, hi]
        }
    }
}

/// The engines, if this CPU has NEON.
pub(crate) fn engines() -> Option<&'static Engines> {
    static ENGINES: Engines = Engines { f32: &F32, f64: &F64 };
    (std::arch::is_aarch64_feature_detected!("neon")).then_some(&ENGINES)
}

engine! {
    F32: Engine<f32> = run_f32;
    facts Isa::Neon.facts::<f32>();
    features [#[target_feature(enable = "neon")]];
    vector F32x4, across F32x4;
    tile f32_12x8_neon, rows 12 12 0;
    columns [2 3 4 5 6 7 8 9 10];
    strips [(2, 8) (3, 8) (4, 6) (5, 4) (6, 4) (3, 6) (4, 4) (2, 1) (3, 1) (4, 1) (5, 1) (6, 1)];
}

engine! {
    F64: Engine<f64> = run_f64;
    facts Isa::Neon.facts::<f64>();
    features [#[target_feature(enable = "neon")]];
    vector F64x2, across F64x2;
    tile f64_12x4_neon, rows 12 12 0;
    columns [2 3 4 5 6 7 8 9 10];
    strips [(2, 8) (3, 8) (4, 6) (5, 4) (6, 4) (3, 6) (4, 4) (2, 1) (3, 1) (4, 1) (5, 1) (6, 1)];
}
