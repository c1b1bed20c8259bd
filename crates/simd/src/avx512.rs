//! AVX-512F and AVX-512VL: 32 registers of 512 bits, and masks for the edges.
//!
//! 12 × 2 vectors are 24 accumulators; two vectors of B are 26 registers, and A's elements need none because an
//! FMA can broadcast its memory operand. 14 loads for 24 FMAs stay below the load ports' two a cycle. Without AVX-512VL,
//! loads of 128 bits would reach half of the registers only, and rows in lanes spill sums.

use core::arch::x86_64::*;

use matmul_blocked::vector::{Rows, Transpose, Vector, read, write};
use matmul_blocked::{Engines, engine, run_f32, run_f64};

use crate::Isa;
use crate::avx2::{F32x8, F64x4};

#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);

#[derive(Clone, Copy)]
pub(crate) struct F64x8(__m512d);

/// The low `n` bits, for 0 ≤ n ≤ 16.
#[inline(always)]
fn first(n: usize) -> u32 {
    (1 << n) - 1
}

/// What f32 and f64 have in common; only the intrinsics' names differ.
macro_rules! impl_vector {
    ($v:ident, $t:ident, $lanes:literal, $mask:ident, $splat:ident, $load:ident, $load_masked:ident,
     $store:ident, $store_masked:ident, $mul:ident, $fma:ident, $sum:ident) => {
        // SAFETY: each load and store touches the elements that it names: all lanes, or those that the mask has
        // set; masked-off lanes are neither read nor written.
        unsafe impl Vector<$t> for $v {
            const LANES: usize = $lanes;
            const REGISTERS: usize = 32;

            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                // SAFETY: the caller has AVX-512F.
                unsafe { Self($splat(x)) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: the caller vouches for all lanes.
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $t, n: usize) -> Self {
                // SAFETY: the caller vouches for n elements.
                unsafe { Self($load_masked(first(n) as $mask, p)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: the caller vouches for all lanes.
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $t, n: usize) {
                // SAFETY: the caller vouches for n elements.
                unsafe { $store_masked(p, first(n) as $mask, self.0) }
            }
            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self {
                // SAFETY: the caller has AVX-512F.
                unsafe { Self($mul(self.0, b.0)) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the caller has AVX-512F.
                unsafe { Self($fma(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            unsafe fn sum(self) -> $t {
                // SAFETY: the caller has AVX-512F.
                unsafe { $sum(self.0) }
            }
        }
    };
}

impl_vector!(
    F32x16,
    f32,
    16,
    __mmask16,
    _mm512_set1_ps,
    read,
    _mm512_maskz_loadu_ps,
    write,
    _mm512_mask_storeu_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_reduce_add_ps
);
impl_vector!(
    F64x8,
    f64,
    8,
    __mmask8,
    _mm512_set1_pd,
    read,
    _mm512_maskz_loadu_pd,
    write,
    _mm512_mask_storeu_pd,
    _mm512_mul_pd,
    _mm512_fmadd_pd,
    _mm512_reduce_add_pd
);

/// 128 bits of four rows in the quarters of a register.
///
/// # Safety
/// The CPU has AVX-512F, and 128 bits from `q` may be read in each of the rows.
#[inline(always)]
unsafe fn quarters<T>(rows: &Rows<T>, four: [usize; 4], q: usize) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let v = _mm512_castps128_ps512(read(rows[four[0]].wrapping_add(q)));
        let v = _mm512_insertf32x4::<1>(v, read(rows[four[1]].wrapping_add(q)));
        let v = _mm512_insertf32x4::<2>(v, read(rows[four[2]].wrapping_add(q)));
        _mm512_insertf32x4::<3>(v, read(rows[four[3]].wrapping_add(q)))
    }
}

// SAFETY: four elements of 128 bits are read at each of the 16 rows.
unsafe impl Transpose<f32> for F32x16 {
    const DEPTH: usize = 4;

    /// As for AVX2, in four quarters.
    #[inline(always)]
    unsafe fn columns(rows: &Rows<f32>, q: usize) -> [Self; 4] {
        // SAFETY: the caller has AVX-512F, and vouches for four elements at each row.
        unsafe {
            let a = quarters(rows, [0, 4, 8, 12], q);
            let b = quarters(rows, [1, 5, 9, 13], q);
            let c = quarters(rows, [2, 6, 10, 14], q);
            let d = quarters(rows, [3, 7, 11, 15], q);
            let (ab_lo, ab_hi) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (cd_lo, cd_hi) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            [
                Self(_mm512_shuffle_ps::<0x44>(ab_lo, cd_lo)),
                Self(_mm512_shuffle_ps::<0xee>(ab_lo, cd_lo)),
                Self(_mm512_shuffle_ps::<0x44>(ab_hi, cd_hi)),
                Self(_mm512_shuffle_ps::<0xee>(ab_hi, cd_hi)),
            ]
        }
    }
}

// SAFETY: two elements of 128 bits are read at each of the 8 rows.
unsafe impl Transpose<f64> for F64x8 {
    const DEPTH: usize = 2;

    /// As for AVX2, in four quarters.
    #[inline(always)]
    unsafe fn columns(rows: &Rows<f64>, q: usize) -> [Self; 4] {
        // SAFETY: the caller has AVX-512F, and vouches for two elements at each row.
        unsafe {
            let a = _mm512_castps_pd(quarters(rows, [0, 2, 4, 6], q));
            let b = _mm512_castps_pd(quarters(rows, [1, 3, 5, 7], q));
            let (lo, hi) = (Self(_mm512_unpacklo_pd(a, b)), Self(_mm512_unpackhi_pd(a, b)));
            [lo, hi, lo, hi]
        }
    }
}

/// The engines, if this CPU has AVX-512F and AVX-512VL, and AVX2 and FMA for packing and for products with a vector.
/// Each is asked for: AVX-512F brings its own multiply-adds, not those of 256 bits and of scalars.
pub(crate) fn engines() -> Option<&'static Engines> {
    static ENGINES: Engines = Engines { f32: &F32, f64: &F64 };
    let has = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma");
    has.then_some(&ENGINES)
}

engine! {
    F32: Engine<f32> = run_f32;
    facts Isa::Avx512.facts::<f32>();
    features [#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]];
    vector F32x16, across F32x8;
    tile f32_12x32_avx512, rows 16 12 8;
    columns [2 3 4 5 6 7 8 9 10];
    strips [(2, 8) (3, 8) (4, 6) (5, 4) (6, 4) (3, 6) (4, 4) (2, 1) (3, 1) (4, 1) (5, 1) (6, 1)];
}

engine! {
    F64: Engine<f64> = run_f64;
    facts Isa::Avx512.facts::<f64>();
    features [#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]];
    vector F64x8, across F64x4;
    tile f64_12x16_avx512, rows 16 12 8;
    columns [2 3 4 5 6 7 8 9 10];
    strips [(2, 8) (3, 8) (4, 6) (5, 4) (6, 4) (3, 6) (4, 4) (2, 1) (3, 1) (4, 1) (5, 1) (6, 1)];
}
