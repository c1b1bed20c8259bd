//! Two to ten columns of C over a column-contiguous A, and their transposes, few rows over a row-contiguous B: strips
//! of several vectors of rows, as they lie.
//!
//! A column of A lies pages from the next, and of less than four vectors the CPU fetches more lines than it uses. Where
//! the sums of so many would not fit the registers, the columns are done in two parts, the second from L2.

use core::mem::MaybeUninit;

use matmul_core::{Element, Fold, K_CHUNK};

use super::update::{Run, read_c, write_c};
use crate::engine::{Engine, StripFn};
use crate::plan::Strips;
use crate::raw::{Raw, Span, all};
use crate::vector::{MAX_LANES, Operand, prefetch};

/// The most vectors of a strip.
pub const MAX_VECTORS: usize = 8;
/// The most columns of a part.
pub const MAX_PART: usize = 6;

/// Computes the product. A chunk of k goes over all strips before the next: its 256 columns of A lie in as many pages,
/// which the second-level TLB holds; all of k would be 4000 pages at 4000 × 4000.
///
/// # Safety
/// The contract of [`Raw`] holds, columns of A are contiguous, and the engine has strips for n columns as `how` says.
pub(crate) unsafe fn run<T: Element>(engine: &Engine<T>, t: &Raw<T>, how: Strips) {
    let lanes = engine.facts().lanes;
    let left = t.columns(all(how.left));
    let right = t.columns(Span { at: how.left, len: how.right });
    // A right part of no columns is not computed, by whichever function.
    let columns = [how.left, if how.right > 0 { how.right } else { how.left }];
    let [whole_left, whole_right] = columns.map(|n| engine.strip(n, how.vectors));
    let [end_left, end_right] = columns.map(|n| engine.strip(n, 1));
    for p in all(t.k).cut(K_CHUNK) {
        let mut i = Span { at: 0, len: 0 };
        while i.at < t.m {
            let (rest, height) = (t.m - i.at, how.vectors * lanes);
            let (whole, height, left_fn, right_fn) = match rest >= height {
                true => (height, height, whole_left, whole_right),
                false => (rest.min(lanes), lanes, end_left, end_right),
            };
            i.len = whole;
            // SAFETY: rows i lie in A and C, columns ..left and left.. in B and C.
            unsafe {
                strip(engine, left_fn, height, &left, i, p);
                if right.n > 0 {
                    strip(engine, right_fn, height, &right, i, p);
                }
            }
            i.at = i.end();
        }
    }
}

/// The terms `p` of rows `i` for the columns of one part, `height` rows of sums: into C, or by way of a buffer if its
/// columns are not contiguous.
///
/// # Safety
/// As for [`run`].
unsafe fn strip<T: Element>(
    engine: &Engine<T>,
    function: StripFn<T>,
    height: usize,
    t: &Raw<T>,
    i: Span,
    p: Span,
) {
    const SIZE: usize = MAX_PART * MAX_VECTORS * MAX_LANES;
    let mut sums = [const { MaybeUninit::<T::Out>::uninit() }; SIZE];
    let sums = sums.as_mut_ptr().cast();
    let (fold, of_chunk) = (engine.functions().fold, t.fold(p.at));
    // SAFETY: the caller's promise. What is read of a buffer was written before.
    unsafe {
        function(t, i, p, sums);
        if t.c_rs == 1 {
            let out = Run { at: t.c.wrapping_add(i.at), stride: t.c_cs, len: i.len };
            return fold(t, of_chunk, sums, height, out);
        }
        let mut totals = [const { MaybeUninit::<T::Out>::uninit() }; SIZE];
        let totals = totals.as_mut_ptr().cast();
        if of_chunk != Fold::Overwrite {
            read_c(t, i.at, 0..i.len, totals, i.len);
        }
        fold(t, of_chunk, sums, height, Run { at: totals, stride: i.len as isize, len: i.len });
        write_c(t, i.at, 0..i.len, totals, i.len);
    }
}

/// The sums of the terms `p` of rows `i`, at most G vectors of them and with G = 1 also fewer: column after column.
///
/// # Safety
/// As for `run`, with `V`'s instructions; n = N, and `sums` has room for N · G vectors.
#[inline(always)]
pub unsafe fn strip_of<T: Element, V: Operand<T>, const N: usize, const G: usize>(
    t: &Raw<T>,
    i: Span,
    p: Span,
    sums: *mut T::Out,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for (g, results) in chunk::<T, V, N, G>(t, i, p).into_iter().enumerate() {
            for (j, sum) in results.into_iter().enumerate() {
                sum.store(sums.wrapping_add((j * G + g) * V::LANES));
            }
        }
    }
}

/// Bytes of a strip of A that are asked for, into L1, ahead of their use: rows lie pages apart, where no prefetcher of
/// the CPU follows. (Into L2, 1 × 1000 × 1000 was slower.)
const STRIP_AHEAD: usize = 4096;

/// The sums of the terms `p`, for G vectors of rows of A at `i`.
///
/// # Safety
/// As for [`strip_of`].
#[inline(always)]
unsafe fn chunk<T: Element, V: Operand<T>, const N: usize, const G: usize>(
    t: &Raw<T>,
    i: Span,
    p: Span,
) -> [[V; N]; G] {
    let line = 64 / size_of::<T>();
    let lines = (G * V::LANES).div_ceil(line);
    let ahead = (STRIP_AHEAD / (64 * lines)) as isize;
    // SAFETY: the rows and columns named lie in A and B; what is prefetched need not.
    unsafe {
        let mut sums = [[V::splat(T::Out::ZERO); N]; G];
        let mut a = t.a.wrapping_offset(i.at as isize + p.at as isize * t.a_cs);
        let mut b = t.b.wrapping_offset(p.at as isize * t.b_rs);
        for _ in 0..p.len {
            let next = a.wrapping_offset(ahead.wrapping_mul(t.a_cs));
            for l in 0..lines {
                prefetch::<1, T>(next.wrapping_add(l * line));
            }
            let mut columns = [V::splat(T::Out::ZERO); G];
            for (g, column) in columns.iter_mut().enumerate() {
                *column = match G {
                    1 => V::operand_first(a, i.len),
                    _ => V::operand(a.wrapping_add(g * V::LANES)),
                };
            }
            for j in 0..N {
                let b_j = V::broadcast(b.wrapping_offset(j as isize * t.b_cs));
                for (sums, column) in sums.iter_mut().zip(columns) {
                    sums[j] = column.mul_add(b_j, sums[j]);
                }
            }
            // Wrapping: after the last step the addresses may lie outside.
            a = a.wrapping_offset(t.a_cs);
            b = b.wrapping_offset(t.b_rs);
        }
        sums
    }
}
