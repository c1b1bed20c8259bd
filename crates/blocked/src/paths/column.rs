//! A column-contiguous A times a vector: one row of C over a row-contiguous B is such a product, transposed.
//!
//! Memory is the limit, so A is read as it lies: `STEPS` columns at a time from end to end, where the CPU's
//! prefetchers follow. The sums of a chunk of k stay in L1 meanwhile, and are loaded and stored once for `STEPS`
//! multiply-adds. Strips with their sums in registers (see `strips.rs`) jump a column ahead every 512 B.

use matmul_core::{Element, K_CHUNK};

use super::update::fold_run;
use crate::memory::arena::{Lease, Slot};
use crate::raw::{Raw, Span, all};
use crate::vector::{Operand, fused};

/// Columns of A that are read side by side.
const STEPS: usize = 8;

/// Computes the product, `block` rows at a time, whose sums stay in L1.
///
/// # Safety
/// The contract of [`Raw`] holds, the CPU has `V`'s instructions, columns of A are contiguous, and B has one.
#[inline(always)]
pub unsafe fn run<T: Element, V: Operand<T>>(t: &Raw<T>, block: usize) {
    let mut lease = Lease::<T::Out>::take(Slot::A, block.min(t.m).next_multiple_of(V::LANES));
    let sums = lease.as_mut_ptr();
    for i in all(t.m).cut(block) {
        for p in all(t.k).cut(K_CHUNK) {
            // SAFETY: the spans lie in A, B and C, and the lease has i.len elements, rounded up to vectors.
            unsafe {
                for v in (0..i.len).step_by(V::LANES) {
                    V::splat(T::Out::ZERO).store(sums.wrapping_add(v));
                }
                let whole = p.len - p.len % STEPS;
                for q in (0..whole).step_by(STEPS) {
                    add_columns::<T, V, STEPS>(t, sums, i, p.at + q);
                }
                for q in whole..p.len {
                    add_columns::<T, V, 1>(t, sums, i, p.at + q);
                }
                fold::<T, V>(t, sums, i, p.at);
            }
        }
    }
}

/// Adds columns p .. p + Q of rows `i` of A, times their elements of B, to the sums.
///
/// # Safety
/// As for [`run`]; rows and columns lie in A and B, and `sums` has that many elements, rounded up to vectors.
#[inline(always)]
unsafe fn add_columns<T: Element, V: Operand<T>, const Q: usize>(
    t: &Raw<T>,
    sums: *mut T::Out,
    i: Span,
    p: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut columns = [t.a; Q];
        let mut factors = [V::splat(T::Out::ZERO); Q];
        for (q, (column, factor)) in columns.iter_mut().zip(&mut factors).enumerate() {
            let p = (p + q) as isize;
            *column = t.a.wrapping_offset(i.at as isize + p * t.a_cs);
            *factor = V::broadcast(t.b.wrapping_offset(p * t.b_rs));
        }
        let whole = i.len - i.len % V::LANES;
        for v in (0..whole).step_by(V::LANES) {
            let mut sum = V::load(sums.wrapping_add(v));
            for (column, factor) in columns.iter().zip(factors) {
                sum = V::operand(column.wrapping_add(v)).mul_add(factor, sum);
            }
            sum.store(sums.wrapping_add(v));
        }
        if whole < i.len {
            let mut sum = V::load(sums.wrapping_add(whole));
            for (column, factor) in columns.iter().zip(factors) {
                sum = V::operand_first(column.wrapping_add(whole), i.len - whole).mul_add(factor, sum);
            }
            sum.store(sums.wrapping_add(whole));
        }
    }
}

/// Folds the sums of the chunk from `p` into rows `i` of C.
///
/// # Safety
/// As for [`add_columns`]; the rows lie in C.
#[inline(always)]
unsafe fn fold<T: Element, V: Operand<T>>(t: &Raw<T>, sums: *mut T::Out, i: Span, p: usize) {
    let fold = t.fold(p);
    // SAFETY: the caller's promise.
    unsafe {
        let c = t.c.wrapping_offset(i.at as isize * t.c_rs);
        if t.c_rs == 1 {
            return fold_run::<T::Out, V>(fold, t.alpha, sums, c, i.len);
        }
        for l in 0..i.len {
            let c = c.wrapping_offset(l as isize * t.c_rs);
            *c = fold.apply_by(fused::<T::Out, V>, t.alpha, *sums.wrapping_add(l), || *c);
        }
    }
}
