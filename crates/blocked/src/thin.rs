//! Thin products: row-contiguous A times a B of few columns, as MNIST's 50000 × 784 × 10.
//!
//! A tile would use n of its NR lanes, 10 of 16. Here the lanes are rows of A: a block of `LANES` rows is
//! transposed on its way into registers, `DEPTH` steps of k at a time, and each of the n columns of B is a broadcast
//! and one accumulator. AVX2 in f32 issues 40 FMAs for 8 loads and 8 shuffles of A and 40 broadcasts of B: 24 cycles
//! of loads for 20 of FMAs, 83 % of the peak, and A is read once, where it lies.

use matmul_core::{Fold, K_CHUNK, Problem, Scalar};

use crate::pack::row_offsets;
use crate::vector::{MAX_LANES, Transpose};

/// The most columns of B: with `DEPTH` registers of A and one broadcast they fill AVX2's 16 registers.
pub const MAX_COLUMNS: usize = 10;

/// What a thin product computes on: checked by [`ThinArgs::new`].
#[derive(Debug)]
pub struct ThinArgs<T> {
    m: usize,
    n: usize,
    k: usize,
    alpha: T,
    beta: T,
    a: *const T,
    a_rs: isize,
    b: *const T,
    b_rs: isize,
    b_cs: isize,
    c: *mut T,
    c_rs: isize,
    c_cs: isize,
}

impl<T: Scalar> ThinArgs<T> {
    /// The product as a thin one, or back again: n must be at most [`MAX_COLUMNS`], m at least `lanes`, and A's rows
    /// contiguous.
    pub fn new<'a>(mut problem: Problem<'a, T>, lanes: usize) -> Result<Self, Problem<'a, T>> {
        let (m, n, k) = (problem.m(), problem.n(), problem.k());
        let (alpha, beta, a, b) = (problem.alpha(), problem.beta(), problem.a(), problem.b());
        if n > MAX_COLUMNS || m < lanes || (a.cs() != 1 && k != 1) {
            return Err(problem);
        }
        let mut c = problem.c();
        let (c, c_rs, c_cs) = (c.as_mut_ptr(), c.rs(), c.cs());
        let (a_rs, b_rs, b_cs) = (a.rs(), b.rs(), b.cs());
        Ok(Self { m, n, k, alpha, beta, a: a.as_ptr(), a_rs, b: b.as_ptr(), b_rs, b_cs, c, c_rs, c_cs })
    }
}

/// Computes the product. Call it from a function with the vector's target features.
///
/// # Safety
/// The CPU has `V`'s instructions, and the views of the problem that `t` was made from are still borrowed.
#[inline(always)]
pub unsafe fn run<T: Scalar, V: Transpose<T>>(t: &ThinArgs<T>) {
    macro_rules! pick {
        ($($n:literal)*) => {
            match t.n {
                // SAFETY: the caller's promise, passed on.
                $($n if t.b_cs == 1 => unsafe { row_groups::<T, V, $n, true>(t) },
                // SAFETY: as above.
                $n => unsafe { row_groups::<T, V, $n, false>(t) },)*
                n => unreachable!("{n} columns passed the check"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9 10)
}

/// `UNIT` says that b_cs is 1: then the N addresses of a step are one register plus a constant.
///
/// # Safety
/// As for [`run`], and n = N.
#[inline(always)]
unsafe fn row_groups<T: Scalar, V: Transpose<T>, const N: usize, const UNIT: bool>(t: &ThinArgs<T>) {
    for i in (0..t.m).step_by(V::LANES) {
        let rows = V::LANES.min(t.m - i);
        // SAFETY: rows i .. i + rows lie in A and C.
        unsafe {
            let mut totals = [V::splat(T::ZERO); N];
            if Fold::first(t.beta) != Fold::Overwrite {
                read_c(t, i, rows, &mut totals);
            }
            let offsets = row_offsets(t.a_rs, rows);
            for p in (0..t.k).step_by(K_CHUNK) {
                let fold = if p == 0 { Fold::first(t.beta) } else { Fold::Add };
                let sums = chunk::<T, V, N, UNIT>(t, i, p, &offsets);
                let alpha = V::splat(t.alpha);
                for (total, sum) in totals.iter_mut().zip(sums) {
                    *total = match fold {
                        Fold::Overwrite => alpha.mul(sum),
                        Fold::Add => alpha.mul_add(sum, *total),
                        Fold::Scale(beta) => alpha.mul_add(sum, V::splat(beta).mul(*total)),
                    };
                }
            }
            write_c(t, i, rows, &totals);
        }
    }
}

/// The sums of one chunk of k from row `p` of B, for the rows of A at `i` and `offsets`.
///
/// # Safety
/// As for [`row_groups`].
#[inline(always)]
unsafe fn chunk<T: Scalar, V: Transpose<T>, const N: usize, const UNIT: bool>(
    t: &ThinArgs<T>,
    i: usize,
    p: usize,
    offsets: &[isize; MAX_LANES],
) -> [V; N] {
    let depth = K_CHUNK.min(t.k - p);
    let whole = depth - depth % V::DEPTH;
    let b_cs = if UNIT { 1 } else { t.b_cs };
    // SAFETY: the rows and columns named lie in A and B.
    unsafe {
        let mut sums = [V::splat(T::ZERO); N];
        let a = t.a.offset(i as isize * t.a_rs + p as isize);
        let next = a.wrapping_offset(V::LANES as isize * t.a_rs);
        let mut b = t.b.offset(p as isize * t.b_rs);
        for q in (0..whole).step_by(V::DEPTH) {
            // The next rows, while these are computed with: a quarter of them at each of the four steps through a
            // line of 64 B.
            for row in 0..V::LANES / 4 {
                let row = q / V::DEPTH % 4 * (V::LANES / 4) + row;
                V::prefetch(next.wrapping_offset(offsets[row] + q as isize));
            }
            let columns = V::columns(a.add(q), offsets);
            for &column in columns.iter().take(V::DEPTH) {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = column.mul_add(V::splat(*b.offset(j as isize * b_cs)), *sum);
                }
                b = b.wrapping_offset(t.b_rs);
            }
        }
        for q in whole..depth {
            let mut lanes = [T::ZERO; MAX_LANES];
            for (lane, &row) in lanes.iter_mut().zip(offsets).take(V::LANES) {
                *lane = *a.offset(row + q as isize);
            }
            let column = V::load(lanes.as_ptr());
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = column.mul_add(V::splat(*b.offset(j as isize * b_cs)), *sum);
            }
            b = b.wrapping_offset(t.b_rs);
        }
        sums
    }
}

/// # Safety
/// As for [`row_groups`]: rows i .. i + rows lie in C, rows ≤ LANES.
#[inline(always)]
unsafe fn read_c<T: Scalar, V: Transpose<T>, const N: usize>(
    t: &ThinArgs<T>,
    i: usize,
    rows: usize,
    totals: &mut [V; N],
) {
    for (j, total) in totals.iter_mut().enumerate() {
        let mut lanes = [T::ZERO; MAX_LANES];
        for (l, lane) in lanes.iter_mut().enumerate().take(rows) {
            // SAFETY: (i + l, j) lies in C.
            *lane = unsafe { *t.c.offset((i + l) as isize * t.c_rs + j as isize * t.c_cs) };
        }
        // SAFETY: the array has room for any vector.
        *total = unsafe { V::load(lanes.as_ptr()) };
    }
}

/// # Safety
/// As for [`read_c`].
#[inline(always)]
unsafe fn write_c<T: Scalar, V: Transpose<T>, const N: usize>(
    t: &ThinArgs<T>,
    i: usize,
    rows: usize,
    totals: &[V; N],
) {
    let mut lanes = [[T::ZERO; MAX_LANES]; N];
    for (total, column) in totals.iter().zip(&mut lanes) {
        // SAFETY: the array has room for any vector.
        unsafe { total.store(column.as_mut_ptr()) };
    }
    for l in 0..rows {
        for (j, column) in lanes.iter().enumerate() {
            // SAFETY: (i + l, j) lies in C.
            unsafe { *t.c.offset((i + l) as isize * t.c_rs + j as isize * t.c_cs) = column[l] };
        }
    }
}
