//! The hot loop, once for every instruction set: a tile of M × N vectors of C stays in registers while k runs.
//!
//! Per step of k it loads N vectors of a row of B, broadcasts M elements of a column of A, and issues M·N fused
//! multiply-adds. 6 × 2 vectors of AVX2 are 12 accumulators + 2 of B + 1 of A = 15 of 16 registers, and 8 loads
//! per 12 FMAs, so that the two FMA ports, not the two load ports, are the limit.

use matmul_core::{Fold, Scalar};

use crate::micro::TileArgs;
use crate::vector::Vector;

/// Runs a tile of up to `mr` rows and `nv` vectors. Call it from a function with the vector's target features:
/// everything below is inlined into it.
///
/// # Safety
/// The CPU has `V`'s instructions, and `t` was checked against at most 14 rows and `2 * V::LANES` columns.
#[inline(always)]
pub unsafe fn run<T: Scalar, V: Vector<T>, const MR: usize>(t: &TileArgs<T>) {
    // SAFETY: the caller's promise, passed on; 1 <= n <= 2 * LANES and 1 <= m <= MR were checked by TileArgs::new.
    unsafe {
        match t.n.div_ceil(V::LANES) {
            1 => with_rows::<T, V, MR, 1>(t),
            _ => with_rows::<T, V, MR, 2>(t),
        }
    }
}

/// Picks the instance with exactly `t.m` rows, so that an edge costs only its own rows. Rows of a single step, which
/// leave nothing to do between stores, go one by one.
///
/// # Safety
/// As for [`run`], and `t.n` needs exactly `N` vectors.
#[inline(always)]
unsafe fn with_rows<T: Scalar, V: Vector<T>, const MR: usize, const N: usize>(t: &TileArgs<T>) {
    macro_rules! pick {
        ($($m:literal)*) => {
            match t.m {
                // SAFETY: the caller's promise, passed on; the pattern says that t.m == $m.
                $($m if $m <= MR => unsafe {
                    match V::REGISTERS >= $m * N + 2 * N + 2 {
                        true => columns::<T, V, $m, N, 2>(t),
                        false => columns::<T, V, $m, N, 1>(t),
                    }
                },)*
                m => unreachable!("a tile of {m} rows passed the check for {MR}"),
            }
        };
    }
    if t.k > 1 {
        return pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }
    for i in 0..t.m as isize {
        // SAFETY: row i lies in A and C.
        unsafe {
            let (a, c) = (t.a.offset(i * t.a_rs), t.c.offset(i * t.c_rs));
            columns::<T, V, 1, N, 1>(&TileArgs { m: 1, a, c, ..*t });
        }
    }
}

/// # Safety
/// As for [`run`], and `t` has exactly `M` rows, needs exactly `N` vectors, and k is at least `L`.
#[inline(always)]
unsafe fn columns<T: Scalar, V: Vector<T>, const M: usize, const N: usize, const L: usize>(t: &TileArgs<T>) {
    let last = t.n - (N - 1) * V::LANES;
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match last == V::LANES {
            true => chunk::<T, V, M, N, L, false>(t, last),
            false => chunk::<T, V, M, N, L, true>(t, last),
        }
    }
}

/// One chunk of k for a tile of M rows and N vectors, the last of which has `last` columns (all if not `PARTIAL`).
///
/// The last `L` steps go row by row of the tile, each row's fold behind its last product. A CPU stores fewer vectors
/// than it multiplies: Zen 4 one of 512 bits in 2.4 cycles. All at the end, 24 of them hold up the next tile by 60
/// cycles; between the products of the other rows they cost nothing. Two steps give each row enough to do, where
/// there are registers for two rows of B: what a tile costs beyond its products is then 9 ns instead of 17.
///
/// # Safety
/// As for [`columns`].
#[inline(always)]
unsafe fn chunk<
    T: Scalar,
    V: Vector<T>,
    const M: usize,
    const N: usize,
    const L: usize,
    const PARTIAL: bool,
>(
    t: &TileArgs<T>,
    last: usize,
) {
    // SAFETY: t's constructor checked that rows of B and C hold n = (N-1)*LANES + last contiguous elements and
    // that the views' shapes agree, and the views vouch for their elements.
    unsafe {
        let mut acc = [[V::splat(T::ZERO); N]; M];
        let (mut a, mut b) = (t.a, t.b);
        for _ in L..t.k {
            let b_row = load_row::<T, V, N, PARTIAL>(b, last);
            for (i, row) in acc.iter_mut().enumerate() {
                add_products(row, *a.offset(i as isize * t.a_rs), &b_row);
            }
            a = a.offset(t.a_cs);
            b = b.offset(t.b_rs);
        }
        let mut b_rows = [[V::splat(T::ZERO); N]; L];
        for (l, b_row) in b_rows.iter_mut().enumerate() {
            *b_row = load_row::<T, V, N, PARTIAL>(b.offset(l as isize * t.b_rs), last);
        }
        // The fold is chosen outside the loops over the tile: inside, they would not unroll, and the accumulators
        // would go through the stack.
        match t.fold {
            Fold::Overwrite => rows::<T, V, M, N, L, PARTIAL, OVERWRITE>(t, last, acc, a, &b_rows, T::ZERO),
            Fold::Add => rows::<T, V, M, N, L, PARTIAL, ADD>(t, last, acc, a, &b_rows, T::ONE),
            Fold::Scale(beta) => rows::<T, V, M, N, L, PARTIAL, SCALE>(t, last, acc, a, &b_rows, beta),
        }
    }
}

/// [`Fold`] as a constant.
const OVERWRITE: u8 = 0;
const ADD: u8 = 1;
const SCALE: u8 = 2;

/// For each row the products of the last `L` steps, which start at `a` and `b_rows`, then its fold.
///
/// # Safety
/// As for [`columns`].
#[inline(always)]
unsafe fn rows<
    T: Scalar,
    V: Vector<T>,
    const M: usize,
    const N: usize,
    const L: usize,
    const PARTIAL: bool,
    const FOLD: u8,
>(
    t: &TileArgs<T>,
    last: usize,
    acc: [[V; N]; M],
    a: *const T,
    b_rows: &[[V; N]; L],
    beta: T,
) {
    // SAFETY: the caller's promise.
    let (alpha, beta) = unsafe { (V::splat(t.alpha), V::splat(beta)) };
    for (i, mut row) in acc.into_iter().enumerate() {
        // SAFETY: i < M, the caller's promise, and C's view vouches for (N-1)*LANES + last elements of each row.
        unsafe {
            let a = a.offset(i as isize * t.a_rs);
            for (l, b_row) in b_rows.iter().enumerate() {
                add_products(&mut row, *a.offset(l as isize * t.a_cs), b_row);
            }
            let c = t.c.offset(i as isize * t.c_rs);
            for (j, sum) in row.into_iter().enumerate() {
                let value = match FOLD {
                    OVERWRITE => alpha.mul(sum),
                    ADD => alpha.mul_add(sum, load::<T, V, N, PARTIAL>(c, j, last)),
                    _ => alpha.mul_add(sum, beta.mul(load::<T, V, N, PARTIAL>(c, j, last))),
                };
                match PARTIAL && j == N - 1 {
                    true => value.store_first(c.add(j * V::LANES), last),
                    false => value.store(c.add(j * V::LANES)),
                }
            }
        }
    }
}

/// `row += a · b_row`, each rounded once.
///
/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn add_products<T: Scalar, V: Vector<T>, const N: usize>(row: &mut [V; N], a: T, b_row: &[V; N]) {
    // SAFETY: the caller's promise.
    unsafe {
        let a = V::splat(a);
        for (sum, &b) in row.iter_mut().zip(b_row) {
            *sum = a.mul_add(b, *sum);
        }
    }
}

/// The N vectors of a row of B.
///
/// # Safety
/// As for [`load`], for each of them.
#[inline(always)]
unsafe fn load_row<T: Scalar, V: Vector<T>, const N: usize, const PARTIAL: bool>(
    row: *const T,
    last: usize,
) -> [V; N] {
    // SAFETY: the caller's promise. No closure: it would not have the caller's target features.
    unsafe {
        let mut vectors = [V::splat(T::ZERO); N];
        for (j, vector) in vectors.iter_mut().enumerate() {
            *vector = load::<T, V, N, PARTIAL>(row, j, last);
        }
        vectors
    }
}

/// Vector j of the N of a row of B or C.
///
/// # Safety
/// The row has (N-1)*LANES + last elements, N*LANES unless `PARTIAL`, and the CPU has `V`'s instructions.
#[inline(always)]
unsafe fn load<T: Scalar, V: Vector<T>, const N: usize, const PARTIAL: bool>(
    row: *const T,
    j: usize,
    last: usize,
) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        match PARTIAL && j == N - 1 {
            true => V::load_first(row.add(j * V::LANES), last),
            false => V::load(row.add(j * V::LANES)),
        }
    }
}
