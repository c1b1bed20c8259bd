//! C with its rows in the lanes of vectors: read, folded and written by the paths that do not store from a tile.

use core::ops::Range;

use matmul_core::{Element, Fold};

use crate::raw::Raw;
use crate::vector::{Vector, folded};

/// Copies rows `i + lanes` of C to `totals`: row l of column j to `totals[j * stride + l]`.
///
/// # Safety
/// The contract of [`Raw`] holds; the rows lie in C, and the places in `totals`.
#[inline(never)]
pub(crate) unsafe fn read_c<T: Element>(
    t: &Raw<T>,
    i: usize,
    lanes: Range<usize>,
    totals: *mut T::Out,
    stride: usize,
) {
    for j in 0..t.n {
        for l in lanes.clone() {
            // SAFETY: the caller's promise.
            unsafe { *totals.wrapping_add(j * stride + l) = *at(t, i + l, j) };
        }
    }
}

/// Copies `totals` to rows `i + lanes` of C: the inverse of [`read_c`].
///
/// # Safety
/// As for [`read_c`].
#[inline(never)]
pub(crate) unsafe fn write_c<T: Element>(
    t: &Raw<T>,
    i: usize,
    lanes: Range<usize>,
    totals: *const T::Out,
    stride: usize,
) {
    for j in 0..t.n {
        for l in lanes.clone() {
            // SAFETY: the caller's promise.
            unsafe { *at(t, i + l, j) = *totals.wrapping_add(j * stride + l) };
        }
    }
}

/// Element (i, j) of C, which need not lie in it.
#[inline(always)]
fn at<T: Element>(t: &Raw<T>, i: usize, j: usize) -> *mut T::Out {
    t.c.wrapping_offset(i as isize * t.c_rs + j as isize * t.c_cs)
}

/// Columns of C, or of a copy of it: runs of `len` contiguous elements, `stride` apart.
#[derive(Clone, Copy, Debug)]
pub struct Run<O> {
    /// The first element.
    pub at: *mut O,
    /// From a run to the next.
    pub stride: isize,
    /// Elements of a run.
    pub len: usize,
}

/// Folds the sums of a chunk into n runs of C; those of a column lie `height` apart.
///
/// # Safety
/// The CPU has `V`'s instructions; the runs may be read and written, and whole vectors of sums be read.
#[inline(always)]
pub unsafe fn fold<T: Element, V: Vector<T::Out>>(
    t: &Raw<T>,
    fold: Fold<T::Out>,
    sums: *const T::Out,
    height: usize,
    out: Run<T::Out>,
) {
    for j in 0..t.n {
        // SAFETY: the caller's promise.
        unsafe {
            let c = out.at.wrapping_offset(j as isize * out.stride);
            fold_run::<T::Out, V>(fold, t.alpha, sums.wrapping_add(j * height), c, out.len);
        }
    }
}

/// Folds `len` contiguous sums into as many contiguous elements of C.
///
/// # Safety
/// The CPU has `V`'s instructions; `len` elements of C may be read and written, and whole vectors of sums be read.
#[inline(always)]
pub(crate) unsafe fn fold_run<O: Element<Out = O>, V: Vector<O>>(
    fold: Fold<O>,
    alpha: O,
    sums: *const O,
    c: *mut O,
    len: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let alpha = V::splat(alpha);
        let mut v = 0;
        while v < len {
            let (sum, c, lanes) = (V::load(sums.wrapping_add(v)), c.wrapping_add(v), V::LANES.min(len - v));
            let old = if fold == Fold::Overwrite { sum } else { V::load_first(c, lanes) };
            folded(fold, alpha, sum, old).store_first(c, lanes);
            v += V::LANES;
        }
    }
}
