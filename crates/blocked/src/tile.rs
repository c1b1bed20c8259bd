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
            1 => rows::<T, V, MR, 1>(t),
            _ => rows::<T, V, MR, 2>(t),
        }
    }
}

/// Picks the instance with exactly `t.m` rows, so that an edge costs only its own rows.
///
/// # Safety
/// As for [`run`], and `t.n` needs exactly `N` vectors.
#[inline(always)]
unsafe fn rows<T: Scalar, V: Vector<T>, const MR: usize, const N: usize>(t: &TileArgs<T>) {
    macro_rules! pick {
        ($($m:literal)*) => {
            match t.m {
                // SAFETY: the caller's promise, passed on; the pattern says that t.m == $m.
                $($m if $m <= MR => unsafe { columns::<T, V, $m, N>(t) },)*
                m => unreachable!("a tile of {m} rows passed the check for {MR}"),
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// # Safety
/// As for [`run`], and `t` has exactly `M` rows and needs exactly `N` vectors.
#[inline(always)]
unsafe fn columns<T: Scalar, V: Vector<T>, const M: usize, const N: usize>(t: &TileArgs<T>) {
    let last = t.n - (N - 1) * V::LANES;
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match (last == V::LANES, t.a_rs == 1) {
            (true, true) => chunk::<T, V, M, N, false, true>(t, last),
            (true, false) => chunk::<T, V, M, N, false, false>(t, last),
            (false, true) => chunk::<T, V, M, N, true, true>(t, last),
            (false, false) => chunk::<T, V, M, N, true, false>(t, last),
        }
    }
}

/// One chunk of k for a tile of M rows and N vectors, the last of which has `last` columns (all if not `PARTIAL`).
///
/// `UNIT` says that a_rs is 1, as in a packed panel: then the M addresses of a step are one register plus a
/// constant.
///
/// # Safety
/// As for [`columns`].
#[inline(always)]
unsafe fn chunk<
    T: Scalar,
    V: Vector<T>,
    const M: usize,
    const N: usize,
    const PARTIAL: bool,
    const UNIT: bool,
>(
    t: &TileArgs<T>,
    last: usize,
) {
    // SAFETY: t's constructor checked that rows of B and C hold n = (N-1)*LANES + last contiguous elements and
    // that the views' shapes agree, and the views vouch for their elements.
    unsafe {
        let load = |p: *const T, j: usize| match PARTIAL && j == N - 1 {
            true => V::load_first(p.add(j * V::LANES), last),
            false => V::load(p.add(j * V::LANES)),
        };
        let mut acc = [[V::splat(T::ZERO); N]; M];
        let a_rs = if UNIT { 1 } else { t.a_rs };
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.k {
            let b_row: [V; N] = core::array::from_fn(|j| load(b, j));
            for (i, row) in acc.iter_mut().enumerate() {
                let a_i = V::splat(*a.offset(i as isize * a_rs));
                for (sum, &b_j) in row.iter_mut().zip(&b_row) {
                    *sum = a_i.mul_add(b_j, *sum);
                }
            }
            // Wrapping: after the last step the addresses may lie outside.
            a = a.wrapping_offset(t.a_cs);
            b = b.wrapping_offset(t.b_rs);
        }

        // The fold is chosen outside the loops over the tile: inside, they would not unroll, and the accumulators
        // would go through the stack (4 % of a tile of AVX-512 at k = 256).
        let alpha = V::splat(t.alpha);
        match t.fold {
            Fold::Overwrite => {
                write::<T, V, M, N, PARTIAL>(t, last, acc, |_, _, sum| alpha.mul(sum));
            }
            Fold::Add => {
                write::<T, V, M, N, PARTIAL>(t, last, acc, |c, j, sum| alpha.mul_add(sum, load(c, j)));
            }
            Fold::Scale(beta) => {
                let beta = V::splat(beta);
                write::<T, V, M, N, PARTIAL>(t, last, acc, |c, j, sum| {
                    alpha.mul_add(sum, beta.mul(load(c, j)))
                });
            }
        }
    }
}

/// Stores `new(row of C, vector of the row, sum)` for each sum of the tile.
///
/// # Safety
/// As for [`columns`].
#[inline(always)]
unsafe fn write<T: Scalar, V: Vector<T>, const M: usize, const N: usize, const PARTIAL: bool>(
    t: &TileArgs<T>,
    last: usize,
    acc: [[V; N]; M],
    new: impl Fn(*mut T, usize, V) -> V,
) {
    for (i, row) in acc.into_iter().enumerate() {
        // SAFETY: i < M, and C's view vouches for (N-1)*LANES + last elements of each row.
        unsafe {
            let c = t.c.offset(i as isize * t.c_rs);
            for (j, sum) in row.into_iter().enumerate() {
                let value = new(c, j, sum);
                match PARTIAL && j == N - 1 {
                    true => value.store_first(c.add(j * V::LANES), last),
                    false => value.store(c.add(j * V::LANES)),
                }
            }
        }
    }
}
