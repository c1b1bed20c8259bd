//! Few elements of C, each a long sum: rows of A times columns of B, both contiguous, with consecutive k in the lanes.
//!
//! Outside the numeric contract, for [`Summation::Fast`](matmul_core::Summation): the lanes and accumulators cut k, so the bits
//! depend on the width of the vectors. For gemv over a row-contiguous A it needs no transposing, and is bound by the
//! bandwidth of the level that A lies in. Four rows at once are 8 chains for 10 loads, and read each vector of B once
//! for 4 of A.

use matmul_core::{Element, Fold};

use crate::plan::{DOT_ROWS as ROWS, DOT_VECTORS as VECTORS};
use crate::raw::Raw;
use crate::vector::{Vector, fused};

/// Computes the product. Call it from a function with the vector's target features.
///
/// # Safety
/// The contract of [`Raw`] holds, the CPU has `V`'s instructions, and rows of A and columns of B are contiguous.
#[inline(always)]
pub unsafe fn run<T: Element<Out = T>, V: Vector<T>>(t: &Raw<T>) {
    let mut i = 0;
    while i < t.m {
        let rows = if t.m - i >= ROWS { ROWS } else { 1 };
        for j in 0..t.n {
            // SAFETY: rows i .. i + rows and column j lie in A, B and C.
            unsafe {
                match rows {
                    ROWS => elements::<T, V, ROWS>(t, i, j),
                    _ => elements::<T, V, 1>(t, i, j),
                }
            }
        }
        i += rows;
    }
}

/// Rows i .. i + R of column j of C.
///
/// # Safety
/// As for [`run`], and these lie in C.
#[inline(always)]
unsafe fn elements<T: Element<Out = T>, V: Vector<T>, const R: usize>(t: &Raw<T>, i: usize, j: usize) {
    // SAFETY: rows of A and columns of B hold k contiguous elements each; p + n <= k for whatever is loaded.
    unsafe {
        let b = t.b.wrapping_offset(j as isize * t.b_cs);
        let mut a = [t.a; R];
        for (r, row) in a.iter_mut().enumerate() {
            *row = row.wrapping_offset((i + r) as isize * t.a_rs);
        }
        let mut sums = [[V::splat(T::ZERO); VECTORS]; R];
        let mut p = 0;
        while p + VECTORS * V::LANES <= t.k {
            for v in 0..VECTORS {
                let at = p + v * V::LANES;
                let b_v = V::load(b.wrapping_add(at));
                for (sums, row) in sums.iter_mut().zip(a) {
                    sums[v] = V::load(row.wrapping_add(at)).mul_add(b_v, sums[v]);
                }
            }
            p += VECTORS * V::LANES;
        }
        while p < t.k {
            let n = V::LANES.min(t.k - p);
            // Lanes past the end are 0 in both, and add +0.
            let b_v = V::load_first(b.wrapping_add(p), n);
            for (sums, row) in sums.iter_mut().zip(a) {
                sums[0] = V::load_first(row.wrapping_add(p), n).mul_add(b_v, sums[0]);
            }
            p += n;
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let c = t.c.wrapping_offset((i + r) as isize * t.c_rs + j as isize * t.c_cs);
            let mut sum = sums[0];
            for &more in &sums[1..] {
                sum = more.mul_add(V::splat(T::ONE), sum);
            }
            *c = Fold::first(t.beta).apply_by(fused::<T, V>, t.alpha, sum.sum(), || *c);
        }
    }
}
