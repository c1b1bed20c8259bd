//! The hot loop, once for every instruction set: a tile of M × N vectors of C stays in registers while k runs.
//!
//! Per step of k it loads N vectors of a row of B, broadcasts M elements of a column of A, and issues M·N fused
//! multiply-adds. 6 × 2 vectors of AVX2 are 12 accumulators + 2 of B + 1 of A = 15 of 16 registers, and 8 loads
//! per 12 FMAs, so that the two FMA ports, not the two load ports, are the limit.

use matmul_core::{Element, Fold};

use crate::raw::{Raw, Span};
use crate::vector::{Operand, Vector, hidden};

/// The most rows of a tile: there is an instance for each number up to that.
pub const MAX_ROWS: usize = 16;

/// The most rows of a tile of the narrower vector, which is for small products: more would be as much code again.
const HALF_ROWS: usize = 8;

/// Sums one chunk of k, at most 256 terms, into a tile of up to R1 rows and one full vector of columns, R2 rows and two, or R3
/// rows and three: as many columns as one row of C needs leave registers for as many rows. Rows of B and C are
/// contiguous; A may have any strides. Call it from a function with the vector's target features: everything below is
/// inlined into it.
///
/// # Safety
/// The contract of [`Raw`] holds, the CPU has `V`'s instructions, n vectors of columns are at most three, 1 ≤ m ≤ their
/// rows ≤ [`MAX_ROWS`], and b_cs and c_cs count as 1 whatever they are.
#[inline(always)]
pub unsafe fn run<T, V, W, const R1: usize, const R2: usize, const R3: usize>(t: &Raw<T>, fold: Fold<T::Out>)
where
    T: Element,
    V: Operand<T>,
    W: Operand<T>,
{
    const { assert!(T::STEP == 1, "a type that is multiplied several terms at a time needs a loop of its own") };
    // SAFETY: the caller's promise, passed on.
    unsafe {
        // Two instances of the stores instead of four: a C that is scaled is scaled first, and one that is overwritten
        // gets the sums, which are scaled after it, with the same bits. Where α is 1 nothing is left to do.
        if let Fold::Scale(beta) = fold {
            scale::<T, V>(t, beta);
        }
        let add = fold != Fold::Overwrite;
        if W::LANES < V::LANES && t.n <= W::LANES && t.m <= HALF_ROWS {
            match t.n == W::LANES {
                true => with_rows::<T, W, HALF_ROWS, 1, false>(t, add),
                false => with_rows::<T, W, HALF_ROWS, 1, true>(t, add),
            }
        } else if t.n < V::LANES {
            with_rows::<T, V, R2, 1, true>(t, add);
        } else if t.n == V::LANES {
            with_rows::<T, V, R1, 1, false>(t, add);
        } else if R3 == 0 || t.n <= 2 * V::LANES {
            with_rows::<T, V, R2, 2, false>(t, add);
        } else {
            with_rows::<T, V, R3, 3, false>(t, add);
        }
        if !add && t.alpha != T::Out::ONE {
            scale::<T, V>(t, t.alpha);
        }
    }
}

/// C ← factor·C.
///
/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn scale<T: Element, V: Operand<T>>(t: &Raw<T>, factor: T::Out) {
    // SAFETY: rows of C hold n contiguous elements.
    unsafe {
        let factor = V::splat(factor);
        for i in 0..t.m as isize {
            let row = t.c.offset(i * t.c_rs);
            let mut j = 0;
            while j < t.n {
                let lanes = V::LANES.min(t.n - j);
                let c = row.add(j);
                factor.mul(V::load_first(c, lanes)).store_first(c, lanes);
                j += lanes;
            }
        }
    }
}

/// Picks the instance with exactly `t.m` rows, so that an edge costs only its own rows. Rows of a single step, which
/// leave nothing to do between stores, go one by one.
///
/// # Safety
/// As for [`run`], and `t.n` needs exactly `N` vectors, one that is not full if `PARTIAL`.
#[inline(always)]
unsafe fn with_rows<T: Element, V: Operand<T>, const MR: usize, const N: usize, const PARTIAL: bool>(
    t: &Raw<T>,
    add: bool,
) {
    macro_rules! pick {
        ($($m:literal)*) => {
            match t.m {
                // SAFETY: the caller's promise, passed on; the pattern says that t.m == $m.
                $($m if $m <= MR => unsafe {
                    match <V as Vector<T::Out>>::REGISTERS >= $m * N + 2 * N + 2 {
                        true => chunk::<T, V, $m, N, 2, PARTIAL>(t, add),
                        false => chunk::<T, V, $m, N, 1, PARTIAL>(t, add),
                    }
                },)*
                m => unreachable!("a tile of {m} rows was planned for {MR}"),
            }
        };
    }
    if t.k > 1 {
        return pick!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
    }
    for i in 0..t.m {
        // SAFETY: row i lies in A and C.
        unsafe { chunk::<T, V, 1, N, 1, PARTIAL>(&t.rows(Span { at: i, len: 1 }), add) };
    }
}

/// Where the columns of vector `j` begin, of the `N` vectors of `n` columns.
///
/// The last vector ends with the last column, and so may begin among the columns of the one before: both compute the same
/// bits for these. A masked vector would cost more, in stores on some CPUs many times as much. Only a single vector that
/// is not full (`PARTIAL`) has a mask.
#[inline(always)]
fn place<T: Element, V: Operand<T>, const N: usize, const PARTIAL: bool>(n: usize, j: usize) -> usize {
    match j + 1 == N && !PARTIAL {
        true => n - V::LANES,
        false => j * V::LANES,
    }
}

/// One chunk of k for a tile of M rows and N vectors.
///
/// The last `L` steps go row by row of the tile, each row's fold behind its last product. A CPU stores fewer vectors
/// than it multiplies, so that the stores of a whole tile at its end hold up the next one; between the products of the
/// other rows they cost nothing. Two steps give each row enough to do, where there are registers for two rows of B
/// (docs/performance.md, "Stores").
///
/// # Safety
/// As for [`run`], and `t` has exactly `M` rows, needs exactly `N` vectors, and k is at least `L`; n is at least LANES unless
/// `PARTIAL`, and less if so.
#[inline(always)]
unsafe fn chunk<
    T: Element,
    V: Operand<T>,
    const M: usize,
    const N: usize,
    const L: usize,
    const PARTIAL: bool,
>(
    t: &Raw<T>,
    add: bool,
) {
    // SAFETY: rows of B and C hold n contiguous elements, by the caller's promise.
    unsafe {
        let mut acc = [[V::splat(T::Out::ZERO); N]; M];
        let (mut a, mut b) = (Column::<T, N>::new(t.a, t.a_rs), t.b);
        for _ in L..t.k {
            let b_row = load_row::<T, V, N, PARTIAL>(b, t.n);
            for (i, row) in acc.iter_mut().enumerate() {
                add_products(row, a.row(i), &b_row);
            }
            a = a.skip(t.a_cs);
            b = b.wrapping_offset(t.b_rs);
        }
        let a = a.row(0);
        let mut b_rows = [[V::splat(T::Out::ZERO); N]; L];
        for (l, b_row) in b_rows.iter_mut().enumerate() {
            *b_row = load_row::<T, V, N, PARTIAL>(b.wrapping_offset(l as isize * t.b_rs), t.n);
        }
        // The fold is chosen outside the loops over the tile: inside, they would not unroll, and the accumulators
        // would go through the stack.
        match add {
            true => rows::<T, V, M, N, L, PARTIAL, true>(t, acc, a, &b_rows),
            false => rows::<T, V, M, N, L, PARTIAL, false>(t, acc, a, &b_rows),
        }
    }
}

/// The addresses of a column of A.
///
/// Of a general stride the compiler makes a chain: each row's address is the one before plus the stride, which takes a
/// cycle. Where a row has one vector or two, two multiply-adds a cycle would wait for it; there every fourth row has an
/// address of its own, and the stride and its triple, hidden from the compiler, lead to the next three
/// (docs/performance.md, "Addresses of rows").
#[derive(Clone, Copy)]
struct Column<T, const N: usize> {
    /// Every fourth row, or the first.
    bases: [*const T; MAX_ROWS.div_ceil(4)],
    /// One, two and three rows further, in bytes.
    offsets: [isize; 4],
}

impl<T, const N: usize> Column<T, N> {
    #[inline(always)]
    fn new(a: *const T, rs: isize) -> Self {
        let stride = rs.wrapping_mul(size_of::<T>() as isize);
        if N > 2 {
            return Self { bases: [a; MAX_ROWS.div_ceil(4)], offsets: [0, stride, 0, 0] };
        }
        let (one, three) = (hidden(stride), hidden(stride.wrapping_mul(3)));
        let base = |four: isize| a.wrapping_byte_offset(hidden(four.wrapping_mul(stride.wrapping_mul(4))));
        Self { bases: [a, base(1), base(2), base(3)], offsets: [0, one, one << 1, three] }
    }

    #[inline(always)]
    fn row(&self, i: usize) -> *const T {
        match N {
            1 | 2 => self.bases[i / 4].wrapping_byte_offset(self.offsets[i % 4]),
            _ => self.bases[0].wrapping_byte_offset(self.offsets[1].wrapping_mul(i as isize)),
        }
    }

    #[inline(always)]
    fn skip(self, cs: isize) -> Self {
        Self { bases: self.bases.map(|base| base.wrapping_offset(cs)), ..self }
    }
}

/// For each row the products of the last `L` steps, which start at `a` and `b_rows`, then its fold: C ← α·sum + C, or
/// C ← sum.
///
/// # Safety
/// As for [`chunk`].
#[inline(always)]
unsafe fn rows<
    T: Element,
    V: Operand<T>,
    const M: usize,
    const N: usize,
    const L: usize,
    const PARTIAL: bool,
    const ADD: bool,
>(
    t: &Raw<T>,
    acc: [[V; N]; M],
    a: *const T,
    b_rows: &[[V; N]; L],
) {
    // SAFETY: the caller's promise.
    let alpha = unsafe { V::splat(t.alpha) };
    for (i, mut row) in acc.into_iter().enumerate() {
        // SAFETY: i < M, the caller's promise, and C has n elements in each row.
        unsafe {
            let a = a.wrapping_offset(i as isize * t.a_rs);
            for (l, b_row) in b_rows.iter().enumerate() {
                add_products(&mut row, a.wrapping_offset(l as isize * t.a_cs), b_row);
            }
            let c = t.c.wrapping_offset(i as isize * t.c_rs);
            let at = |j: usize| c.wrapping_add(place::<T, V, N, PARTIAL>(t.n, j));
            if ADD {
                // All of the old row before any of the new: vectors may overlap.
                let mut old = row;
                for (j, old) in old.iter_mut().enumerate() {
                    *old = if PARTIAL { V::load_first(at(j), t.n) } else { V::load(at(j)) };
                }
                for (sum, old) in row.iter_mut().zip(old) {
                    *sum = alpha.mul_add(*sum, old);
                }
            }
            for (j, new) in row.into_iter().enumerate() {
                match PARTIAL {
                    true => new.store_first(at(j), t.n),
                    false => new.store(at(j)),
                }
            }
        }
    }
}

/// `row += a · b_row` with the element at `a`, each rounded once.
///
/// # Safety
/// The CPU has `V`'s instructions, and the element may be read.
#[inline(always)]
unsafe fn add_products<T: Element, V: Operand<T>, const N: usize>(
    row: &mut [V; N],
    a: *const T,
    b_row: &[V; N],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let a = <V as Operand<T>>::broadcast(a);
        for (sum, &b) in row.iter_mut().zip(b_row) {
            *sum = a.mul_add(b, *sum);
        }
    }
}

/// The N vectors of a row of B.
///
/// # Safety
/// The row has n elements, at least LANES unless `PARTIAL` and at most LANES if so, and the CPU has `V`'s instructions.
#[inline(always)]
unsafe fn load_row<T: Element, V: Operand<T>, const N: usize, const PARTIAL: bool>(
    row: *const T,
    n: usize,
) -> [V; N] {
    // SAFETY: the caller's promise. No closure: it would not have the caller's target features.
    unsafe {
        let mut vectors = [V::splat(T::Out::ZERO); N];
        for (j, vector) in vectors.iter_mut().enumerate() {
            let at = row.wrapping_add(place::<T, V, N, PARTIAL>(n, j));
            *vector = match PARTIAL {
                true => V::operand_first(at, n),
                false => V::operand(at),
            };
        }
        vectors
    }
}
