//! A column-contiguous A times a vector: one row of C over a row-contiguous B is such a product, transposed.
//!
//! Memory is the limit, so A is read as it lies: `STEPS` columns at a time from end to end, where the CPU's
//! prefetchers follow. The sums of a chunk of k stay in L1 meanwhile, and are loaded and stored once for `STEPS`
//! multiply-adds. Strips with their sums in registers (see `thin.rs`) jump a column ahead every 512 B: at 4000 × 4000
//! they had 80 % of this.

use matmul_core::{Fold, K_CHUNK, Scalar};

use crate::arena::{Lease, Slot};
use crate::lanes::{folded, read_c, write_c};
use crate::loops::{Span, spans};
use crate::thin::ThinArgs;
use crate::vector::Transpose;

/// Columns of A that are read side by side.
const STEPS: usize = 8;

/// Sums that stay in L1: half of 32 KiB.
const BLOCK_BYTES: usize = 16 << 10;

/// Computes the product.
///
/// # Safety
/// As for [`thin::run`](crate::thin::run); columns of A are contiguous, and B has one.
#[inline(always)]
pub(crate) unsafe fn run<T: Scalar, V: Transpose<T>>(t: &ThinArgs<T>) {
    let block = BLOCK_BYTES / size_of::<T>();
    let mut lease = Lease::<T>::take(Slot::A, block.min(t.m.next_multiple_of(V::LANES)));
    let sums = lease.as_mut_ptr();
    for i in spans(t.m, block) {
        for p in spans(t.k, K_CHUNK) {
            // SAFETY: the spans lie in A, B and C, and the lease has i.1 elements, rounded up to vectors.
            unsafe {
                for v in (0..i.1).step_by(V::LANES) {
                    V::splat(T::ZERO).store(sums.add(v));
                }
                let whole = p.1 - p.1 % STEPS;
                for q in (0..whole).step_by(STEPS) {
                    add_columns::<T, V, STEPS>(t, sums, i, p.0 + q);
                }
                for q in whole..p.1 {
                    add_columns::<T, V, 1>(t, sums, i, p.0 + q);
                }
                fold::<T, V>(t, sums, i, if p.0 == 0 { Fold::first(t.beta) } else { Fold::Add });
            }
        }
    }
}

/// Adds columns p .. p + Q of rows `i` of A, times their elements of B, to the sums.
///
/// # Safety
/// As for [`run`]; rows and columns lie in A and B, and `sums` has that many elements, rounded up to vectors.
#[inline(always)]
unsafe fn add_columns<T: Scalar, V: Transpose<T>, const Q: usize>(
    t: &ThinArgs<T>,
    sums: *mut T,
    i: Span,
    p: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut columns = [t.a; Q];
        let mut factors = [V::splat(T::ZERO); Q];
        for (q, (column, factor)) in columns.iter_mut().zip(&mut factors).enumerate() {
            let p = (p + q) as isize;
            *column = t.a.offset(i.0 as isize + p * t.a_cs);
            *factor = V::splat(*t.b.offset(p * t.b_rs));
        }
        let whole = i.1 - i.1 % V::LANES;
        for v in (0..whole).step_by(V::LANES) {
            let mut sum = V::load(sums.add(v));
            for (column, factor) in columns.iter().zip(factors) {
                sum = V::load(column.add(v)).mul_add(factor, sum);
            }
            sum.store(sums.add(v));
        }
        if whole < i.1 {
            let mut sum = V::load(sums.add(whole));
            for (column, factor) in columns.iter().zip(factors) {
                sum = V::load_first(column.add(whole), i.1 - whole).mul_add(factor, sum);
            }
            sum.store(sums.add(whole));
        }
    }
}

/// Folds the sums of a chunk into rows `i` of C.
///
/// # Safety
/// As for [`add_columns`]; the rows lie in C.
#[inline(always)]
unsafe fn fold<T: Scalar, V: Transpose<T>>(t: &ThinArgs<T>, sums: *mut T, i: Span, fold: Fold<T>) {
    // SAFETY: the caller's promise.
    unsafe {
        let alpha = V::splat(t.alpha);
        for v in (0..i.1).step_by(V::LANES) {
            let lanes = 0..V::LANES.min(i.1 - v);
            let sum = V::load(sums.add(v));
            let mut c = [sum];
            if fold != Fold::Overwrite {
                read_c(t, i.0 + v, lanes.clone(), &mut c);
            }
            write_c(t, i.0 + v, lanes, &[folded(fold, alpha, sum, c[0])]);
        }
    }
}
