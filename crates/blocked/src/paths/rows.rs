//! Few columns of C over a row-contiguous A, as MNIST's 50000 × 784 × 10: rows of A in the lanes.
//!
//! A tile would use n of its NR lanes, 10 of 16. Here a block of `LANES` rows is transposed on its way into registers,
//! `DEPTH` steps of k at a time, and each of the n columns of B is a broadcast and one accumulator. AVX2 in f32 issues
//! 40 FMAs for 8 loads and 8 shuffles of A and 40 broadcasts of B: 24 cycles of loads for 20 of FMAs, 83 % of the
//! peak, and A is read once, where it lies.

use core::mem::MaybeUninit;
use core::ops::Range;

use matmul_core::{Element, K_CHUNK};

use super::update::{fold_run, read_c, write_c};
use crate::engine::{Engine, RowsFn};
use crate::plan::GROUPS;
use crate::raw::{Raw, Span, all};
use crate::vector::{MAX_LANES, Transpose, prefetch};

/// The most columns of B: with `DEPTH` registers of A and one broadcast they fill AVX2's 16 registers.
pub const MAX_COLUMNS: usize = 10;

/// How the elements of B are addressed: by any column stride,
pub const ANY: u8 = 0;
/// or by 1, which makes the N addresses of a step one register plus a constant.
pub const UNIT: u8 = 1;

/// Computes the product, a group of rows after the other. The last group takes rows of the one before once more, so
/// that every lane has a row.
///
/// # Safety
/// The contract of [`Raw`] holds, rows of A are contiguous, and the engine has this path for n columns and m rows.
pub(crate) unsafe fn run<T: Element>(engine: &Engine<T>, t: &Raw<T>) {
    let lanes = engine.facts().group_rows(t.n);
    let one = engine.functions().rows[t.n][usize::from(t.b_cs == 1)];
    let mut i = 0;
    // SAFETY: rows i .. i + GROUPS * lanes and the last `lanes` rows lie in A and C.
    unsafe {
        if t.n == 1 && apart(t.a_rs * size_of::<T>() as isize) {
            let many = engine.functions().rows[0][0];
            while t.m - i >= GROUPS * lanes {
                group(many, t, i, 0..GROUPS * lanes, GROUPS * lanes);
                i += GROUPS * lanes;
            }
        }
        while i < t.m {
            let start = i.min(t.m - lanes);
            group(one, t, start, i - start..lanes, lanes);
            i = start + lanes;
        }
    }
}

/// Whether rows so many bytes apart fall into enough sets of L1 for `GROUPS` groups: a multiple of 1 KiB apart,
/// 32 rows would fill all 8 ways of four sets.
fn apart(bytes: isize) -> bool {
    bytes % 1024 != 0
}

/// The rows of C from i that are in `lanes` of the `height` that `function` computes.
///
/// # Safety
/// As for [`run`]; rows i .. i + height lie in A and C.
#[inline(always)]
unsafe fn group<T: Element>(function: RowsFn<T>, t: &Raw<T>, i: usize, lanes: Range<usize>, height: usize) {
    const { assert!(MAX_COLUMNS >= GROUPS) };
    let mut totals = [const { MaybeUninit::<T::Out>::uninit() }; MAX_COLUMNS * MAX_LANES];
    let totals = totals.as_mut_ptr().cast();
    let rows = t.rows(Span { at: i, len: height });
    if t.n == 1 && t.c_rs == 1 && lanes == (0..height) {
        // A run of C is what `totals` is otherwise.
        for p in all(t.k).cut(K_CHUNK) {
            // SAFETY: the rows lie in C.
            unsafe { function(&rows, p, rows.c) };
        }
        return;
    }
    // SAFETY: `height` rows of n columns fit the buffer, and the caller's promise. What is read was written before: by
    // `read_c`, for which C counts at all, or by `function`, whose lanes are all written.
    unsafe {
        if t.beta != T::Out::ZERO {
            read_c(t, i, 0..height, totals, height);
        }
        for p in all(t.k).cut(K_CHUNK) {
            function(&rows, p, totals);
        }
        write_c(t, i, lanes, totals, height);
    }
}

/// The terms `p`, one chunk, for G groups of `LANES` rows, the first rows of A: `totals`, the rows of C column after
/// column, are folded into. (All of k in one call made the compiler keep 32 addresses from chunk to chunk.)
///
/// # Safety
/// As for `run`, with `V`'s instructions; A has the rows, n = N, b_cs is 1 if `HOW` says so, and `totals` has room for
/// N · G vectors, which are initialised unless they are overwritten.
#[inline(always)]
pub unsafe fn rows<T: Element, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &Raw<T>,
    p: Span,
    totals: *mut T::Out,
) {
    // SAFETY: the caller's promise; a run of G vectors for each column.
    unsafe {
        let sums = chunk::<T, V, N, G, HOW>(t, p);
        // By way of memory and in a loop that is not unrolled: N · G folds in a row would be most of the code.
        let mut buffer = [[V::splat(T::Out::ZERO); G]; N];
        for (g, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                buffer[j][g] = sum;
            }
        }
        fold_run::<T::Out, V>(t.fold(p.at), t.alpha, buffer.as_ptr().cast(), totals, t.n * G * V::LANES);
    }
}

/// Elements of its own rows that a group of G > 1 asks for ahead: the next group's rows would fill L2.
const ROW_AHEAD: isize = 256;

/// The sums of the terms `p` for G groups of rows.
///
/// # Safety
/// As for [`rows`].
#[inline(always)]
unsafe fn chunk<T: Element, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &Raw<T>,
    p: Span,
) -> [[V; N]; G] {
    let depth = p.len;
    let whole = depth - depth % V::DEPTH;
    let b_cs = if HOW == UNIT { 1 } else { t.b_cs };
    let offsets: [isize; MAX_LANES] = core::array::from_fn(|lane| lane as isize * t.a_rs);
    let group_rs = V::LANES as isize * t.a_rs;
    // SAFETY: the rows and columns named lie in A and B.
    unsafe {
        let mut sums = [[V::splat(T::Out::ZERO); N]; G];
        let a = t.a.add(p.at);
        let mut b = t.b.offset(p.at as isize * t.b_rs);
        for q in (0..whole).step_by(V::DEPTH) {
            for (g, sums) in sums.iter_mut().enumerate() {
                let a = a.offset(g as isize * group_rs + q as isize);
                let next = a.wrapping_offset(if G == 1 { group_rs } else { ROW_AHEAD });
                // While these are computed with: a quarter of the rows at each of the four steps through a line of
                // 64 B.
                for row in 0..V::LANES / 4 {
                    let row = q / V::DEPTH % 4 * (V::LANES / 4) + row;
                    prefetch::<2, T>(next.wrapping_offset(row as isize * t.a_rs));
                }
                let columns = V::columns(a, &offsets);
                for (d, &column) in columns.iter().enumerate().take(V::DEPTH) {
                    let b = b.wrapping_offset(d as isize * t.b_rs);
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = column.mul_add(V::broadcast(b.offset(j as isize * b_cs)), *sum);
                    }
                }
            }
            b = b.wrapping_offset(V::DEPTH as isize * t.b_rs);
        }
        for q in whole..depth {
            for (g, sums) in sums.iter_mut().enumerate() {
                let mut lanes = [T::ZERO; MAX_LANES];
                for (lane, &row) in lanes.iter_mut().zip(&offsets).take(V::LANES) {
                    *lane = *a.offset(g as isize * group_rs + row + q as isize);
                }
                let column = V::operand(lanes.as_ptr());
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = column.mul_add(V::broadcast(b.offset(j as isize * b_cs)), *sum);
                }
            }
            b = b.wrapping_offset(t.b_rs);
        }
        sums
    }
}
