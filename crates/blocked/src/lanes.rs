//! Columns of C with their rows in the lanes of vectors: read, folded and written by the thin products.

use core::ops::Range;

use matmul_core::{Fold, Scalar};

use crate::thin::ThinArgs;
use crate::vector::{MAX_LANES, Transpose};

/// [`Fold::apply`] on vectors: the new C of the sums of a chunk and the old C.
///
/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
pub(crate) unsafe fn folded<T: Scalar, V: Transpose<T>>(fold: Fold<T>, alpha: V, sum: V, c: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        match fold {
            Fold::Overwrite => alpha.mul(sum),
            Fold::Add => alpha.mul_add(sum, c),
            Fold::Scale(beta) => alpha.mul_add(sum, V::splat(beta).mul(c)),
        }
    }
}

/// The rows of C from row i that are in `lanes`; other lanes are unspecified.
///
/// # Safety
/// The CPU has `V`'s instructions, and the rows in `lanes` lie in C, which has N columns.
#[inline(always)]
pub(crate) unsafe fn read_c<T: Scalar, V: Transpose<T>, const N: usize>(
    t: &ThinArgs<T>,
    i: usize,
    lanes: Range<usize>,
    totals: &mut [V; N],
) {
    for (j, total) in totals.iter_mut().enumerate() {
        if t.c_rs == 1 && lanes.start == 0 {
            // SAFETY: rows i .. i + lanes.end of column j are contiguous.
            *total = unsafe { V::load_first(t.c.offset(i as isize + j as isize * t.c_cs), lanes.end) };
            continue;
        }
        let mut column = [T::ZERO; MAX_LANES];
        for l in lanes.clone() {
            // SAFETY: (i + l, j) lies in C.
            column[l] = unsafe { *t.c.offset((i + l) as isize * t.c_rs + j as isize * t.c_cs) };
        }
        // SAFETY: the array has room for any vector.
        *total = unsafe { V::load(column.as_ptr()) };
    }
}

/// # Safety
/// As for [`read_c`].
#[inline(always)]
pub(crate) unsafe fn write_c<T: Scalar, V: Transpose<T>, const N: usize>(
    t: &ThinArgs<T>,
    i: usize,
    lanes: Range<usize>,
    totals: &[V; N],
) {
    if t.c_rs == 1 && lanes.start == 0 {
        for (j, total) in totals.iter().enumerate() {
            // SAFETY: rows i .. i + lanes.end of column j are contiguous.
            unsafe { total.store_first(t.c.offset(i as isize + j as isize * t.c_cs), lanes.end) };
        }
        return;
    }
    let mut columns = [[T::ZERO; MAX_LANES]; N];
    for (total, column) in totals.iter().zip(&mut columns) {
        // SAFETY: the array has room for any vector.
        unsafe { total.store(column.as_mut_ptr()) };
    }
    for l in lanes {
        for (j, column) in columns.iter().enumerate() {
            // SAFETY: (i + l, j) lies in C.
            unsafe { *t.c.offset((i + l) as isize * t.c_rs + j as isize * t.c_cs) = column[l] };
        }
    }
}
