//! AVX2 + FMA: 16 registers of 256 bits.
//!
//! Two FMAs a cycle with a latency of 4 (5 on Intel) need 8 to 10 chains; 6 × 2 vectors are 12, and with two
//! vectors of B and one broadcast of A they take 15 of the 16 registers.

use core::arch::x86_64::*;

use matmul_blocked::vector::{Rows, Transpose, Vector, read, write};
use matmul_blocked::{Engines, engine, run_f32, run_f64};

use crate::Isa;

#[derive(Clone, Copy)]
pub(crate) struct F32x8(__m256);

#[derive(Clone, Copy)]
pub(crate) struct F64x4(__m256d);

// SAFETY: each load and store touches the elements that it names: all lanes, or the first n, where the mask
// has n lanes set (masked-off lanes are neither read nor written) or the parts add up to n.
unsafe impl Vector<f32> for F32x8 {
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_set1_ps(x)) }
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller vouches for 8 elements.
        unsafe { Self(read(p)) }
    }

    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        // SAFETY: the caller vouches for n elements, and the mask has the first n lanes set.
        unsafe {
            let mask =
                _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
            Self(_mm256_maskload_ps(p, mask))
        }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller vouches for 8 elements.
        unsafe { write(p, self.0) }
    }

    /// In parts of 4, 2 and 1: a masked store takes some 20 cycles on Zen.
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        // SAFETY: the parts written are 4 if n has bit 2 set, then 2, then 1, one behind the other: n in all.
        unsafe {
            if n >= 8 {
                return self.store(p);
            }
            let mut rest = _mm256_castps256_ps128(self.0);
            let mut p = p;
            if n & 4 != 0 {
                _mm_storeu_ps(p, rest);
                rest = _mm256_extractf128_ps::<1>(self.0);
                p = p.add(4);
            }
            if n & 2 != 0 {
                _mm_storel_epi64(p.cast(), _mm_castps_si128(rest));
                rest = _mm_movehl_ps(rest, rest);
                p = p.add(2);
            }
            if n & 1 != 0 {
                _mm_store_ss(p, rest);
            }
        }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_mul_ps(self.0, b.0)) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller has FMA.
        unsafe { Self(_mm256_fmadd_ps(self.0, b.0, c.0)) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller has AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

// SAFETY: as for F32x8.
unsafe impl Vector<f64> for F64x4 {
    const LANES: usize = 4;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_set1_pd(x)) }
    }

    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        // SAFETY: the caller vouches for 4 elements.
        unsafe { Self(read(p)) }
    }

    #[inline(always)]
    unsafe fn load_first(p: *const f64, n: usize) -> Self {
        // SAFETY: the caller vouches for n elements, and the mask has the first n lanes set.
        unsafe {
            let mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3));
            Self(_mm256_maskload_pd(p, mask))
        }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        // SAFETY: the caller vouches for 4 elements.
        unsafe { write(p, self.0) }
    }

    /// In parts of 2 and 1, as in f32.
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f64, n: usize) {
        // SAFETY: the parts written are 2 if n has bit 1 set, then 1: n in all.
        unsafe {
            if n >= 4 {
                return self.store(p);
            }
            let mut rest = _mm256_castpd256_pd128(self.0);
            let mut p = p;
            if n & 2 != 0 {
                _mm_storeu_pd(p, rest);
                rest = _mm256_extractf128_pd::<1>(self.0);
                p = p.add(2);
            }
            if n & 1 != 0 {
                _mm_store_sd(p, rest);
            }
        }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: the caller has AVX2.
        unsafe { Self(_mm256_mul_pd(self.0, b.0)) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller has FMA.
        unsafe { Self(_mm256_fmadd_pd(self.0, b.0, c.0)) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: the caller has AVX2.
        unsafe {
            let two = _mm_add_pd(_mm256_castpd256_pd128(self.0), _mm256_extractf128_pd::<1>(self.0));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
}

// SAFETY: four elements of 128 bits are read at each of the 8 rows.
unsafe impl Transpose<f32> for F32x8 {
    const DEPTH: usize = 4;

    /// Rows i and i + 4 in the halves of a register, then 4 × 4 squares in both halves: 8 loads and 8 shuffles for
    /// 32 elements. No closures: they would not have the caller's target features, and each intrinsic in them would
    /// be a call.
    #[inline(always)]
    unsafe fn columns(rows: &Rows<f32>, q: usize) -> [Self; 4] {
        // SAFETY: the caller has AVX2, and vouches for four elements at each row.
        unsafe {
            let a = _mm256_set_m128(read(rows[4].wrapping_add(q)), read(rows[0].wrapping_add(q)));
            let b = _mm256_set_m128(read(rows[5].wrapping_add(q)), read(rows[1].wrapping_add(q)));
            let c = _mm256_set_m128(read(rows[6].wrapping_add(q)), read(rows[2].wrapping_add(q)));
            let d = _mm256_set_m128(read(rows[7].wrapping_add(q)), read(rows[3].wrapping_add(q)));
            let (ab_lo, ab_hi) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_lo, cd_hi) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            [
                Self(_mm256_shuffle_ps::<0x44>(ab_lo, cd_lo)),
                Self(_mm256_shuffle_ps::<0xee>(ab_lo, cd_lo)),
                Self(_mm256_shuffle_ps::<0x44>(ab_hi, cd_hi)),
                Self(_mm256_shuffle_ps::<0xee>(ab_hi, cd_hi)),
            ]
        }
    }
}

// SAFETY: two elements of 128 bits are read at each of the 4 rows.
unsafe impl Transpose<f64> for F64x4 {
    const DEPTH: usize = 2;

    /// Rows i and i + 2 in the halves of a register, then 2 × 2 squares in both halves.
    #[inline(always)]
    unsafe fn columns(rows: &Rows<f64>, q: usize) -> [Self; 4] {
        // SAFETY: the caller has AVX2, and vouches for two elements at each row.
        unsafe {
            let a = _mm256_set_m128d(read(rows[2].wrapping_add(q)), read(rows[0].wrapping_add(q)));
            let b = _mm256_set_m128d(read(rows[3].wrapping_add(q)), read(rows[1].wrapping_add(q)));
            let (lo, hi) = (Self(_mm256_unpacklo_pd(a, b)), Self(_mm256_unpackhi_pd(a, b)));
            [lo, hi, lo, hi]
        }
    }
}

/// The engines, if this CPU has AVX2 and FMA.
pub(crate) fn engines() -> Option<&'static Engines> {
    static ENGINES: Engines = Engines { f32: &F32, f64: &F64 };
    (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(&ENGINES)
}

engine! {
    F32: Engine<f32> = run_f32;
    facts Isa::Avx2.facts::<f32>();
    features [#[target_feature(enable = "avx2,fma")]];
    vector F32x8, across F32x8;
    tile f32_6x16_avx2, rows 12 6 0;
    columns [2 3 4 5 6 7 8 9 10];
    strips [(2, 6) (3, 4) (4, 3) (2, 4) (3, 3) (5, 2) (4, 2) (2, 1) (3, 1) (4, 1) (5, 1)];
}

engine! {
    F64: Engine<f64> = run_f64;
    facts Isa::Avx2.facts::<f64>();
    features [#[target_feature(enable = "avx2,fma")]];
    vector F64x4, across F64x4;
    tile f64_6x8_avx2, rows 12 6 0;
    columns [2 3 4 5 6 7 8 9 10];
    strips [(2, 6) (3, 4) (4, 3) (2, 4) (3, 3) (5, 2) (4, 2) (2, 1) (3, 1) (4, 1) (5, 1)];
}
