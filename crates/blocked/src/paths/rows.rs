//! Few columns of C over a row-contiguous A, as MNIST's 50000 × 784 × 10: rows of A in the lanes.
//!
//! A tile would use n of its NR lanes, 10 of 16. Here a block of `LANES` rows is transposed on its way into registers,
//! `DEPTH` steps of k at a time, and each of the n columns of B is a broadcast and one accumulator. AVX2 in f32 issues
//! 40 FMAs for 8 loads and 8 shuffles of A and 40 broadcasts of B: loads are the limit, close to the peak, and A is read
//! once, where it lies.

use core::hint::black_box;
use core::mem::MaybeUninit;
use core::ops::Range;

use matmul_core::{Element, K_CHUNK};

use super::update::{Run, read_c, write_c};
use crate::engine::{Engine, RowsFn};
use crate::plan::GROUPS;
use crate::raw::{Raw, Span, all};
use crate::vector::{MAX_LANES, Transpose, Vector, barrier, fused, prefetch};

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
                group(engine, many, t, i, 0..GROUPS * lanes, GROUPS * lanes);
                i += GROUPS * lanes;
            }
        }
        while i < t.m {
            let start = i.min(t.m - lanes);
            group(engine, one, t, start, i - start..lanes, lanes);
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
#[inline(never)]
unsafe fn group<T: Element>(
    engine: &Engine<T>,
    function: RowsFn<T>,
    t: &Raw<T>,
    i: usize,
    lanes: Range<usize>,
    height: usize,
) {
    let rows = t.rows(Span { at: i, len: height });
    // SAFETY: `height` rows of n columns fit the buffers, and the caller's promise. What is read was written before: by
    // `read_c`, for which C counts at all, or by a first chunk that overwrites.
    unsafe {
        if t.n == 1 && t.c_rs == 1 && lanes == (0..height) {
            // A run of C is what `totals` is otherwise.
            return chunks(engine, function, &rows, height, rows.c);
        }
        let mut totals = [const { MaybeUninit::<T::Out>::uninit() }; MAX_COLUMNS * MAX_LANES];
        let totals = totals.as_mut_ptr().cast();
        if t.beta != T::Out::ZERO {
            read_c(t, i, 0..height, totals, height);
        }
        chunks(engine, function, &rows, height, totals);
        write_c(t, i, lanes, totals, height);
    }
}

/// All of k for the `height` rows of `t`, folded into `totals`, column after column.
///
/// # Safety
/// As for [`run`]; `function` computes `height` rows of n columns, for which `totals` has room.
#[inline(always)]
unsafe fn chunks<T: Element>(
    engine: &Engine<T>,
    function: RowsFn<T>,
    t: &Raw<T>,
    height: usize,
    totals: *mut T::Out,
) {
    const { assert!(MAX_COLUMNS >= GROUPS) };
    let mut sums = [const { MaybeUninit::<T::Out>::uninit() }; MAX_COLUMNS * MAX_LANES];
    let sums = sums.as_mut_ptr().cast();
    let functions = engine.functions();
    for p in all(t.k).cut(K_CHUNK) {
        // SAFETY: the caller's promise; `function` writes all of the sums.
        unsafe {
            let done = function(t, p, sums);
            if done < p.len {
                (functions.rest)(t, Span { at: p.at + done, len: p.len - done }, sums, height);
            }
            (functions.fold)(
                t,
                t.fold(p.at),
                sums,
                height,
                Run { at: totals, stride: height as isize, len: height },
            );
        }
    }
}

/// The sums of the terms `p`, or of those that it reports as done, a multiple of `DEPTH`, for G groups of `LANES` rows, the
/// first rows of A: column after column. (All of k in one call made the compiler keep 32 addresses from chunk to chunk.)
///
/// # Safety
/// As for `run`, with `V`'s instructions; A has the rows, n = N, b_cs is 1 if `HOW` says so, and `sums` has room for
/// N · G vectors.
#[inline(always)]
pub unsafe fn rows<T: Element, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &Raw<T>,
    p: Span,
    sums: *mut T::Out,
) -> usize {
    let whole = p.len - p.len % V::DEPTH;
    // SAFETY: the caller's promise; a run of G vectors for each column.
    unsafe {
        let results = chunk::<T, V, N, G, HOW>(t, Span { len: whole, ..p });
        for j in 0..N {
            for (g, results) in results.iter().enumerate() {
                results[j].store(sums.wrapping_add((j * G + g) * V::LANES));
            }
        }
    }
    whole
}

/// Adds the terms `p` that [`rows`] leaves, fewer than `DEPTH`, to its sums.
///
/// # Safety
/// As for [`rows`]; there are `height` sums for each of the n columns.
#[inline(always)]
pub unsafe fn rest<T: Element, V: Vector<T::Out>>(t: &Raw<T>, p: Span, sums: *mut T::Out, height: usize) {
    for j in 0..t.n {
        for l in 0..height {
            // SAFETY: the caller's promise.
            unsafe {
                let sum = sums.wrapping_add(j * height + l);
                let row = t.a.wrapping_offset(l as isize * t.a_rs);
                let mut value = *sum;
                for q in p.at..p.end() {
                    let b = t.b.wrapping_offset(q as isize * t.b_rs + j as isize * t.b_cs);
                    value = fused::<T, V>(*row.wrapping_add(q), *b, value);
                }
                *sum = value;
            }
        }
    }
}

/// Elements of its own rows that a group of G > 1 asks for ahead: the next group's rows would fill L2.
const ROW_AHEAD: isize = 256;

/// The sums of the terms `p`, a multiple of `DEPTH`, for G groups of rows.
///
/// # Safety
/// As for [`rows`].
#[inline(always)]
unsafe fn chunk<T: Element, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &Raw<T>,
    p: Span,
) -> [[V; N]; G] {
    // Copies: what `black_box` may have changed would be read again in each step.
    let (a_rs, b_rs) = (t.a_rs, t.b_rs);
    let b_cs = if HOW == UNIT { 1 } else { t.b_cs };
    let mut rows = [[t.a; MAX_LANES]; G];
    for (g, rows) in rows.iter_mut().enumerate() {
        for (lane, row) in rows.iter_mut().enumerate().take(V::LANES) {
            *row = t.a.wrapping_offset((g * V::LANES + lane) as isize * a_rs + p.at as isize);
        }
    }
    let ahead = if G == 1 { V::LANES as isize * a_rs } else { ROW_AHEAD };
    // SAFETY: the rows and columns named lie in A and B.
    unsafe {
        let mut sums = [[V::splat(T::Out::ZERO); N]; G];
        let mut b = t.b.wrapping_offset(p.at as isize * b_rs);
        for q in (0..p.len).step_by(V::DEPTH) {
            // Opaque, or the compiler counts up a pointer for each row, most of them on the stack.
            let q = black_box(q);
            for (rows, sums) in rows.iter().zip(&mut sums) {
                let next = rows[0].wrapping_offset(ahead + q as isize);
                // While these are computed with: a quarter of the rows at each of the four steps through a line of
                // 64 B.
                for row in 0..V::LANES / 4 {
                    let row = q / V::DEPTH % 4 * (V::LANES / 4) + row;
                    prefetch::<2, T>(next.wrapping_offset(row as isize * a_rs));
                }
                let columns = V::columns(rows, q);
                for (d, &column) in columns.iter().enumerate().take(V::DEPTH) {
                    let mut b = b.wrapping_offset(d as isize * b_rs);
                    // Otherwise broadcasts of three steps are loaded ahead, and sums of AVX2 in f32 are spilled for them.
                    if const { V::REGISTERS == 16 && V::LANES == 8 && N >= 5 && N <= 8 } {
                        b = barrier(b);
                    }
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = column.mul_add(V::broadcast(b.wrapping_offset(j as isize * b_cs)), *sum);
                    }
                }
            }
            b = b.wrapping_offset(V::DEPTH as isize * b_rs);
        }
        sums
    }
}
