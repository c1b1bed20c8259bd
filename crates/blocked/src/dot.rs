//! Few elements of C, each a long sum: rows of A times columns of B, both contiguous, with consecutive k in the lanes.
//!
//! Outside the numeric contract, for [`Order::Fast`](matmul_core::Order): the lanes and accumulators cut k, so the bits
//! depend on the width of the vectors. For gemv over a row-contiguous A it needs no transposing, and is bound by the
//! bandwidth of the level that A lies in. Four rows at once are 8 chains for 10 loads, and read each vector of B once
//! for 4 of A.

use matmul_core::{Fold, Problem, Scalar};

use crate::vector::Vector;

/// The most rows and columns of C, unless it has one column: more are for tiles.
const MAX_SIDE: usize = 8;

/// Rows of A, and vectors of each, that are multiplied side by side.
const ROWS: usize = 4;
const VECTORS: usize = 2;

/// A product that [`run`] can compute, checked by [`DotArgs::new`].
#[derive(Debug)]
pub struct DotArgs<T> {
    m: usize,
    n: usize,
    k: usize,
    alpha: T,
    fold: Fold<T>,
    a: *const T,
    a_rs: isize,
    b: *const T,
    b_cs: isize,
    c: *mut T,
    c_rs: isize,
    c_cs: isize,
}

impl<T: Scalar> DotArgs<T> {
    /// The product as dot products, or back again: rows of A and columns of B must be contiguous, C a column,
    /// or small and k long enough to fill the accumulators twice.
    pub fn new<'a>(mut problem: Problem<'a, T>, lanes: usize) -> Result<Self, Problem<'a, T>> {
        let (m, n, k) = (problem.m(), problem.n(), problem.k());
        let (alpha, fold, a, b) = (problem.alpha(), Fold::first(problem.beta()), problem.a(), problem.b());
        let long = if n == 1 { lanes } else { 2 * VECTORS * lanes };
        let small = n == 1 || (m <= MAX_SIDE && n <= MAX_SIDE);
        if !small || k < long || a.cs() != 1 || b.rs() != 1 {
            return Err(problem);
        }
        let (a_rs, b_cs) = (a.rs(), b.cs());
        let mut c = problem.c();
        let (c, c_rs, c_cs) = (c.as_mut_ptr(), c.rs(), c.cs());
        Ok(Self { m, n, k, alpha, fold, a: a.as_ptr(), a_rs, b: b.as_ptr(), b_cs, c, c_rs, c_cs })
    }
}

/// Computes the product. Call it from a function with the vector's target features.
///
/// # Safety
/// The CPU has `V`'s instructions, and the views of the problem that `t` was made from are still borrowed.
#[inline(always)]
pub unsafe fn run<T: Scalar, V: Vector<T>>(t: &DotArgs<T>) {
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
unsafe fn elements<T: Scalar, V: Vector<T>, const R: usize>(t: &DotArgs<T>, i: usize, j: usize) {
    // SAFETY: rows of A and columns of B hold k contiguous elements each; p + n <= k for whatever is loaded.
    unsafe {
        let b = t.b.offset(j as isize * t.b_cs);
        let mut a = [t.a; R];
        for (r, row) in a.iter_mut().enumerate() {
            *row = row.offset((i + r) as isize * t.a_rs);
        }
        let mut sums = [[V::splat(T::ZERO); VECTORS]; R];
        let mut p = 0;
        while p + VECTORS * V::LANES <= t.k {
            for v in 0..VECTORS {
                let at = p + v * V::LANES;
                let b_v = V::load(b.add(at));
                for (sums, row) in sums.iter_mut().zip(a) {
                    sums[v] = V::load(row.add(at)).mul_add(b_v, sums[v]);
                }
            }
            p += VECTORS * V::LANES;
        }
        while p < t.k {
            let n = V::LANES.min(t.k - p);
            // Lanes past the end are 0 in both, and add +0.
            let b_v = V::load_first(b.add(p), n);
            for (sums, row) in sums.iter_mut().zip(a) {
                sums[0] = V::load_first(row.add(p), n).mul_add(b_v, sums[0]);
            }
            p += n;
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let c = t.c.offset((i + r) as isize * t.c_rs + j as isize * t.c_cs);
            let mut sum = sums[0];
            for &more in &sums[1..] {
                sum = more.mul_add(V::splat(T::ONE), sum);
            }
            *c = t.fold.apply(t.alpha, sum.sum(), || *c);
        }
    }
}
