//! Thin products: row-contiguous A times a B of few columns, as MNIST's 50000 × 784 × 10.
//!
//! A tile would use n of its NR lanes, 10 of 16. Here the lanes are rows of A: a block of `LANES` rows is
//! transposed on its way into registers, `DEPTH` steps of k at a time, and each of the n columns of B is a broadcast
//! and one accumulator. AVX2 in f32 issues 40 FMAs for 8 loads and 8 shuffles of A and 40 broadcasts of B: 24 cycles
//! of loads for 20 of FMAs, 83 % of the peak, and A is read once, where it lies.
//!
//! A column-contiguous A needs no transposing; its rows are in the lanes as they lie, strips of up to 8 vectors at once
//! (see `strips`); one column of B has a loop of its own (`gemv.rs`).

use core::ops::Range;

use matmul_core::{Fold, K_CHUNK, Problem, Scalar};

use crate::gemv;
use crate::lanes::{folded, read_c, write_c};
use crate::vector::{MAX_LANES, Transpose};

/// The most columns of B: with `DEPTH` registers of A and one broadcast they fill AVX2's 16 registers.
pub const MAX_COLUMNS: usize = 10;

/// What a thin product computes on: checked by [`ThinArgs::new`].
#[derive(Debug)]
pub struct ThinArgs<T> {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) alpha: T,
    pub(crate) beta: T,
    pub(crate) a: *const T,
    pub(crate) a_rs: isize,
    pub(crate) a_cs: isize,
    /// Columns of A are contiguous, not rows.
    columns: bool,
    pub(crate) b: *const T,
    pub(crate) b_rs: isize,
    pub(crate) b_cs: isize,
    pub(crate) c: *mut T,
    pub(crate) c_rs: isize,
    pub(crate) c_cs: isize,
}

impl<T: Scalar> ThinArgs<T> {
    /// The product as a thin one, or back again: n must be at most [`MAX_COLUMNS`], m at least `lanes`, and A's rows
    /// contiguous; or its columns, and m enough for strips to pay.
    pub fn new<'a>(mut problem: Problem<'a, T>, lanes: usize) -> Result<Self, Problem<'a, T>> {
        let (m, n, k) = (problem.m(), problem.n(), problem.k());
        let (alpha, beta, a, b) = (problem.alpha(), problem.beta(), problem.a(), problem.b());
        let columns = a.rs() == 1 && a.cs() != 1 && k > 1;
        let enough = if columns { strip_pays(m, n, lanes) } else { m >= lanes && (a.cs() == 1 || k == 1) };
        if n > MAX_COLUMNS || !enough {
            return Err(problem);
        }
        let mut c = problem.c();
        let (c, c_rs, c_cs) = (c.as_mut_ptr(), c.rs(), c.cs());
        let (a_rs, a_cs, b_rs, b_cs) = (a.rs(), a.cs(), b.rs(), b.cs());
        Ok(Self {
            m,
            n,
            k,
            alpha,
            beta,
            a: a.as_ptr(),
            a_rs,
            a_cs,
            columns,
            b: b.as_ptr(),
            b_rs,
            b_cs,
            c,
            c_rs,
            c_cs,
        })
    }

    /// The same for the columns of B and C from `j` on.
    fn skip_columns(&self, j: usize) -> Self {
        let j = j as isize;
        // Wrapping: there may be no such column, and then nothing is computed with it.
        let (b, c) = (self.b.wrapping_offset(j * self.b_cs), self.c.wrapping_offset(j * self.c_cs));
        Self { n: self.n.saturating_sub(j as usize), b, c, ..*self }
    }
}

/// Whether strips of a column-contiguous A beat tiles, which have half as many vectors side by side.
fn strip_pays(m: usize, n: usize, lanes: usize) -> bool {
    m >= if n == 1 { lanes } else { 8 * lanes }
}

/// Computes the product. Call it from a function with both vectors' target features: `V` is the one with the fastest
/// multiply-adds, `W`, no wider, the one that is the fastest to load across rows, for a single column (AVX2's beside
/// AVX-512: 1024 × 1024 × 1 1.5 times as fast, the last column of 33³ 6 % of the whole).
///
/// # Safety
/// The CPU has the instructions of `V` and `W`, and the views of the problem that `t` was made from are still
/// borrowed.
#[inline(always)]
pub unsafe fn run<T: Scalar, V: Transpose<T>, W: Transpose<T>>(t: &ThinArgs<T>) {
    macro_rules! pick {
        ($($n:literal)*) => {
            match t.n {
                // SAFETY: the caller's promise, passed on.
                1 => unsafe { row_groups::<T, W, 1, GEMV_GROUPS, TRANSPOSED>(t) },
                // SAFETY: as above.
                $($n if t.b_cs == 1 => unsafe { row_groups::<T, V, $n, 1, UNIT>(t) },
                // SAFETY: as above.
                $n => unsafe { row_groups::<T, V, $n, 1, TRANSPOSED>(t) },)*
                n => unreachable!("{n} columns passed the check"),
            }
        };
    }
    if t.columns {
        // SAFETY: the caller's promise, passed on.
        return unsafe { pick_strips::<T, V>(t) };
    }
    pick!(2 3 4 5 6 7 8 9 10)
}

/// Strips of four vectors or more: a row of B lies pages from the next, and of less the CPU fetches more lines than it
/// uses. Where that many sums would not fit the registers, the columns are done in two parts, the second from L2. (All
/// 8 columns by 3 vectors of AVX-512 is 10 % faster while B fits L2, and 15 to 30 % slower from memory.)
///
/// # Safety
/// As for [`run`], and columns of A are contiguous.
#[inline(always)]
unsafe fn pick_strips<T: Scalar, V: Transpose<T>>(t: &ThinArgs<T>) {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match (t.n, V::REGISTERS >= 32) {
            (1, _) => gemv::run::<T, V>(t),
            (2, true) => strips::<T, V, 2, 0, 8>(t),
            (2, false) => strips::<T, V, 2, 0, 6>(t),
            (3, true) => strips::<T, V, 3, 0, 8>(t),
            (3, false) => strips::<T, V, 3, 0, 4>(t),
            (4, true) => strips::<T, V, 4, 0, 6>(t),
            (4, false) => strips::<T, V, 4, 0, 3>(t),
            (5, true) => strips::<T, V, 5, 0, 4>(t),
            (5, false) => strips::<T, V, 3, 2, 4>(t),
            (6, true) => strips::<T, V, 6, 0, 4>(t),
            (6, false) => strips::<T, V, 3, 3, 4>(t),
            (7, true) => strips::<T, V, 4, 3, 6>(t),
            (7, false) => strips::<T, V, 4, 3, 3>(t),
            (8, true) => strips::<T, V, 4, 4, 6>(t),
            (8, false) => strips::<T, V, 4, 4, 3>(t),
            (9, true) => strips::<T, V, 5, 4, 4>(t),
            (9, false) => strips::<T, V, 5, 4, 2>(t),
            (10, true) => strips::<T, V, 5, 5, 4>(t),
            (10, false) => strips::<T, V, 5, 5, 2>(t),
            (n, _) => unreachable!("{n} columns passed the check"),
        }
    }
}

/// Strips of G vectors of column-contiguous rows of A times N columns of B, then times the next M, while the strip is
/// in L2. A chunk of k goes over all strips before the next: its 256 columns of A lie in as many pages, which the
/// second-level TLB holds; all of k would be 4000 pages at 4000 × 4000.
///
/// # Safety
/// As for [`run`], and columns of A are contiguous and n = N + M.
#[inline(always)]
unsafe fn strips<T: Scalar, V: Transpose<T>, const N: usize, const M: usize, const G: usize>(
    t: &ThinArgs<T>,
) {
    let rest = t.skip_columns(N);
    for p in (0..t.k).step_by(K_CHUNK) {
        let ks = p..t.k.min(p + K_CHUNK);
        let mut i = 0;
        while i < t.m {
            let rows = t.m - i;
            // SAFETY: rows i .. i + rows lie in A and C, and columns ..N and N.. in B and C.
            i += unsafe {
                if rows >= G * V::LANES {
                    both::<T, V, N, M, G, DIRECT>((t, &rest), i, V::LANES, ks.clone())
                } else {
                    both::<T, V, N, M, 1, PARTIAL>((t, &rest), i, rows.min(V::LANES), ks.clone())
                }
            };
        }
    }
}

/// One strip for both parts of the columns, `lanes` rows in each vector; its number of rows.
///
/// # Safety
/// As for [`group`], for each of the parts.
#[inline(always)]
unsafe fn both<T: Scalar, V: Transpose<T>, const N: usize, const M: usize, const G: usize, const HOW: u8>(
    (left, right): (&ThinArgs<T>, &ThinArgs<T>),
    i: usize,
    lanes: usize,
    ks: Range<usize>,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        group::<T, V, N, G, HOW>(left, i, 0..lanes, ks.clone());
        if M > 0 {
            group::<T, V, M, G, HOW>(right, i, 0..lanes, ks);
        }
    }
    G * lanes
}

/// How rows of A come into the lanes: rows are contiguous and transposed; the same and b_cs is 1, which makes the N
/// addresses of a step one register plus a constant; columns are contiguous; the same, a vector of them or less.
const TRANSPOSED: u8 = 0;
const UNIT: u8 = 1;
const DIRECT: u8 = 2;
const PARTIAL: u8 = 3;

/// Groups of `LANES` rows of a row-contiguous A, G of them side by side while there are so many. The last group takes
/// rows of the one before once more, so that every lane has a row.
///
/// # Safety
/// As for [`run`], and rows of A are contiguous, m ≥ `LANES`, n = N, and b_cs is 1 if so claimed.
#[inline(always)]
unsafe fn row_groups<T: Scalar, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &ThinArgs<T>,
) {
    let mut i = 0;
    // SAFETY: rows i .. i + G * LANES and the last LANES rows lie in A and C.
    unsafe {
        if apart(t.a_rs * size_of::<T>() as isize) {
            while t.m - i >= G * V::LANES {
                group::<T, V, N, G, HOW>(t, i, 0..V::LANES, 0..t.k);
                i += G * V::LANES;
            }
        }
        while i < t.m {
            let start = i.min(t.m - V::LANES);
            group::<T, V, N, 1, HOW>(t, start, i - start..V::LANES, 0..t.k);
            i = start + V::LANES;
        }
    }
}

/// Groups of rows side by side for a product with a vector: as many chains of multiply-adds, of which one alone would
/// wait for its latency (2 elements a cycle; four reach 3.2, where the shuffles are the limit).
const GEMV_GROUPS: usize = 4;

/// Whether rows so many bytes apart fall into enough sets of L1 for `GEMV_GROUPS` groups: a multiple of 1 KiB apart,
/// 32 rows would fill all 8 ways of four sets.
fn apart(bytes: isize) -> bool {
    bytes % 1024 != 0
}

/// The terms `ks` (from a multiple of 256) of the rows of C from row i that are in `lanes` of each of G vectors.
///
/// # Safety
/// As for [`run`]; rows i .. i + G * LANES lie in A and C, or with `PARTIAL` those in `lanes`, n = N, and A and B are
/// as `HOW` says.
#[inline(always)]
unsafe fn group<T: Scalar, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &ThinArgs<T>,
    i: usize,
    lanes: Range<usize>,
    ks: Range<usize>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut totals = [[V::splat(T::ZERO); N]; G];
        if ks.start > 0 || Fold::first(t.beta) != Fold::Overwrite {
            for (g, totals) in totals.iter_mut().enumerate() {
                read_c(t, i + g * V::LANES, lanes.clone(), totals);
            }
        }
        for p in ks.step_by(K_CHUNK) {
            let fold = if p == 0 { Fold::first(t.beta) } else { Fold::Add };
            let sums = match HOW {
                DIRECT | PARTIAL => chunk_direct::<T, V, N, G, HOW>(t, i, p, lanes.end),
                _ => chunk::<T, V, N, G, HOW>(t, i, p),
            };
            let alpha = V::splat(t.alpha);
            for (total, sum) in totals.iter_mut().flatten().zip(sums.into_iter().flatten()) {
                *total = folded(fold, alpha, sum, *total);
            }
        }
        for (g, totals) in totals.iter().enumerate() {
            write_c(t, i + g * V::LANES, lanes.clone(), totals);
        }
    }
}

/// Bytes of a strip of A that are asked for, into L1, ahead of their use: rows lie pages apart, where no prefetcher of
/// the CPU follows. Into L2, 1 × 1000 × 1000 is 6 % slower.
const STRIP_AHEAD: usize = 4096;

/// The sums of one chunk of k from row `p` of B, for G vectors of rows of a column-contiguous A at `i`.
///
/// # Safety
/// As for [`group`].
#[inline(always)]
unsafe fn chunk_direct<T: Scalar, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &ThinArgs<T>,
    i: usize,
    p: usize,
    rows: usize,
) -> [[V; N]; G] {
    let line = 64 / size_of::<T>();
    let lines = (G * V::LANES).div_ceil(line);
    let ahead = (STRIP_AHEAD / (64 * lines)) as isize;
    // SAFETY: the rows and columns named lie in A and B; what is prefetched need not.
    unsafe {
        let mut sums = [[V::splat(T::ZERO); N]; G];
        let mut a = t.a.offset(i as isize + p as isize * t.a_cs);
        let mut b = t.b.offset(p as isize * t.b_rs);
        for _ in 0..K_CHUNK.min(t.k - p) {
            let next = a.wrapping_offset(ahead.wrapping_mul(t.a_cs));
            for l in 0..lines {
                V::prefetch::<1>(next.wrapping_add(l * line));
            }
            let mut columns = [V::splat(T::ZERO); G];
            for (g, column) in columns.iter_mut().enumerate() {
                *column = match HOW {
                    PARTIAL => V::load_first(a, rows),
                    _ => V::load(a.add(g * V::LANES)),
                };
            }
            for j in 0..N {
                let b_j = V::splat(*b.offset(j as isize * t.b_cs));
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

/// Elements of its own rows that a group of G > 1 asks for ahead: the next group's rows would fill L2.
const ROW_AHEAD: isize = 256;

/// The sums of one chunk of k from row `p` of B, for G groups of rows of A at `i`.
///
/// # Safety
/// As for [`group`].
#[inline(always)]
unsafe fn chunk<T: Scalar, V: Transpose<T>, const N: usize, const G: usize, const HOW: u8>(
    t: &ThinArgs<T>,
    i: usize,
    p: usize,
) -> [[V; N]; G] {
    let depth = K_CHUNK.min(t.k - p);
    let whole = depth - depth % V::DEPTH;
    let b_cs = if HOW == UNIT { 1 } else { t.b_cs };
    let offsets: [isize; MAX_LANES] = core::array::from_fn(|lane| lane as isize * t.a_rs);
    let group_rs = V::LANES as isize * t.a_rs;
    // SAFETY: the rows and columns named lie in A and B.
    unsafe {
        let mut sums = [[V::splat(T::ZERO); N]; G];
        let a = t.a.offset(i as isize * t.a_rs + p as isize);
        let mut b = t.b.offset(p as isize * t.b_rs);
        for q in (0..whole).step_by(V::DEPTH) {
            for (g, sums) in sums.iter_mut().enumerate() {
                let a = a.offset(g as isize * group_rs + q as isize);
                let next = a.wrapping_offset(if G == 1 { group_rs } else { ROW_AHEAD });
                // While these are computed with: a quarter of the rows at each of the four steps through a line of
                // 64 B.
                for row in 0..V::LANES / 4 {
                    let row = q / V::DEPTH % 4 * (V::LANES / 4) + row;
                    V::prefetch::<2>(next.wrapping_offset(row as isize * t.a_rs));
                }
                let columns = V::columns(a, &offsets);
                for (d, &column) in columns.iter().enumerate().take(V::DEPTH) {
                    let b = b.wrapping_offset(d as isize * t.b_rs);
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = column.mul_add(V::splat(*b.offset(j as isize * b_cs)), *sum);
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
                let column = V::load(lanes.as_ptr());
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = column.mul_add(V::splat(*b.offset(j as isize * b_cs)), *sum);
                }
            }
            b = b.wrapping_offset(t.b_rs);
        }
        sums
    }
}
