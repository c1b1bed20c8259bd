//! The loops around the micro-kernel, in the terms of the BLIS papers, with the two inner ones exchanged.
//!
//! ```text
//! LOOP 4  jc   columns of C, NC at a time   packed B (KC x NC) stays in L3
//! LOOP 3  pc   k, KC at a time              B is packed here
//! LOOP 2  ir   rows of C, MR at a time      a panel of A (MR x 256) stays in L1, chunk by chunk of KC
//! LOOP 1  jr   columns, NR at a time        the micro-kernel: MR x NR of C in registers
//! ```
//!
//! BLIS keeps a panel of B in L1 and goes through a packed block of A in L2. Here a panel of A stays in L1 while
//! the tiles pass along it: A needs no blocks of its own (BLIS's loop over ic) and need not be packed unless its
//! layout is hostile (see `policy.rs`), and B is read front to back, which the prefetchers keep up with. KC is several
//! chunks deep: an MR × NC strip of C is folded KC / 256 times while it is in L1 or L2 instead of being fetched from
//! memory for each chunk. On a Zen 4 core this reaches 92 % of the FMA peak at 2000³ where packed blocks of A
//! reached 86 %.
//!
//! Packing is an optimisation that the micro-kernel cannot see, since it reads any strides of A and any row
//! stride of B: an operand that is used too seldom to repay the copy is read in place.

use core::marker::PhantomData;

use matmul_core::{BatchProblem, Fold, K_CHUNK, MatMut, MatRef, Problem, Scalar};

use crate::arena::{Lease, Slot};
use crate::epilogue::{Epilogue, Identity};
use crate::packed::PackedRef;
use crate::policy::{packs_a, packs_b, packs_rows_of, rows_at_once};
use crate::thin::MAX_COLUMNS;
use crate::{Blocking, MicroKernel, PACK_SLACK};

/// Rows of B that are packed side by side: a panel takes 64 or 128 B of each, and going down a whole chunk would
/// touch 256 pages for each panel.
const PACK_B_ROWS: usize = 16;

/// Room for one tile of a C whose rows are not contiguous.
const STAGE: usize = 32 * 32;

/// C ← α·A·B + β·C by the tiles of `kernel`, on the calling thread.
#[inline]
pub fn gemm<T, U>(kernel: U, blocking: Blocking, mut problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    if !gemm_one_tile(kernel, &mut problem) {
        gemm_by_shape(kernel, blocking, problem);
    }
}

/// The whole product, if it is one tile and one chunk of k; otherwise false, and nothing is done.
///
/// It is inlined into its caller and takes the product by reference: at 4³ the moving of its views from function to
/// function takes longer than the arithmetic.
#[inline(always)]
pub fn gemm_one_tile<T, U>(kernel: U, problem: &mut Problem<'_, T>) -> bool
where
    T: Scalar,
    U: MicroKernel<T>,
{
    let fits = problem.m() <= U::MR && problem.n() <= U::NR && problem.k() <= K_CHUNK;
    let one_tile = fits && problem.b().cs() == 1 && problem.c().cs() == 1;
    if one_tile {
        let (alpha, a, b, fold) = (problem.alpha(), problem.a(), problem.b(), Fold::first(problem.beta()));
        kernel.run(alpha, a, b, fold, problem.c());
    }
    one_tile
}

/// Few columns or rows go to the thin kernel: all of a product, or those that a tile would be mostly empty for.
#[inline(never)]
fn gemm_by_shape<T, U>(kernel: U, blocking: Blocking, mut problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    if problem.m().min(problem.n()) <= MAX_COLUMNS {
        // Few rows of C over a column-contiguous B are few columns of its transpose over a row-contiguous A.
        let few_rows = problem.m() < problem.n();
        problem = match kernel.thin(if few_rows { problem.transposed() } else { problem }) {
            Ok(()) => return,
            Err(problem) => problem,
        };
    }
    let problem = row_oriented(problem);
    let (n, edge) = (problem.n(), thin_edge::<T, U>(&problem));
    if edge == 0 {
        return gemm_by_tiles(kernel, blocking, problem);
    }
    let (left, right) = problem.split_cols(n - edge).expect("an edge is narrower than the whole");
    gemm_by_tiles(kernel, blocking, left);
    if let Err(right) = kernel.thin(right) {
        gemm_by_tiles(kernel, blocking, right);
    }
}

/// The last columns of C that a tile would be mostly empty for, if the thin kernel is better for them: with AVX-512
/// 65³ is at 83 % instead of 76 % when its last column does not take a tile of its own. Up to 4 columns cost no more
/// than one, as the loads of A are the limit; below 32 rows too many lanes are empty (17³ lost 16 %).
///
/// A tile of one vector is as fast per vector as one of two if it has chains enough to hide the latency of an FMA,
/// 8; with fewer, only columns that have no second vector beside them are cheaper apart.
fn thin_edge<T: Scalar, U: MicroKernel<T>>(problem: &Problem<'_, T>) -> usize {
    let step = if U::MR >= 8 { U::NR / 2 } else { U::NR };
    let edge = problem.n() % step;
    let thin = edge <= EDGE_COLUMNS && problem.n() > step && problem.m() >= EDGE_ROWS;
    if thin && problem.a().cs() == 1 { edge } else { 0 }
}

/// The most columns that are left to the thin kernel beside tiles, and the fewest rows.
const EDGE_COLUMNS: usize = 4;
const EDGE_ROWS: usize = 32;

fn gemm_by_tiles<T, U>(kernel: U, blocking: Blocking, problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    let (alpha, beta, a) = (problem.alpha(), problem.beta(), problem.a());
    let (pack_a, pack_b) = (packs_a::<T, U>(&problem), packs_b::<T, U>(&problem));
    let b = contiguous_if_single(problem.b());
    Product::new(kernel, alpha, a, pack_a, beta, problem.into_c(), Identity).loop4(blocking, b, pack_b);
}

/// C ← epilogue(α·A·B + β·C) with B packed before.
pub(crate) fn gemm_prepacked<T, U, E>(
    kernel: U,
    blocking: Blocking,
    (alpha, a, b): (T, MatRef<'_, T>, PackedRef<'_, T>),
    (beta, c): (T, MatMut<'_, T>),
    epilogue: E,
) where
    T: Scalar,
    U: MicroKernel<T>,
    E: Epilogue<T>,
{
    let pack_a = packs_rows_of::<T, U>(a, b.ncols());
    let product = Product::new(kernel, alpha, a, pack_a, beta, c, epilogue);
    let (kc, nc) = blocking.rounded::<T, U>(b.nrows(), b.ncols());
    for j in spans(b.ncols(), nc) {
        for p in spans(b.nrows(), kc) {
            product.loop2(p, j, Panels::Packed(b.panels()));
        }
    }
}

/// C ← α·A·B + β·C for each product of a batch, on the calling thread.
pub fn gemm_batch<T, U>(kernel: U, blocking: Blocking, mut batch: BatchProblem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    if let Some(problem) = batch.take_single() {
        return gemm(kernel, blocking, problem);
    }
    batch.for_each(|problem| gemm(kernel, blocking, problem));
}

/// The product, or its transpose if that has contiguous rows of C, so that micro-kernels know one direction of
/// stores.
pub fn row_oriented<T: Scalar>(mut problem: Problem<'_, T>) -> Problem<'_, T> {
    let c = problem.c();
    if c.cs() != 1 && c.ncols() != 1 && (c.rs() == 1 || c.nrows() == 1) {
        problem.transposed()
    } else {
        problem
    }
}

/// A single column may carry any column stride; 1 makes its rows contiguous.
fn contiguous_if_single<T>(v: MatRef<'_, T>) -> MatRef<'_, T> {
    if v.ncols() != 1 {
        return v;
    }
    // SAFETY: the same elements; with one column the column stride is never used.
    unsafe { MatRef::from_raw_parts(v.as_ptr(), v.nrows(), 1, v.rs(), 1) }
}

/// A product on its way through the loops, B apart.
struct Product<'a, T, U, E> {
    kernel: U,
    alpha: T,
    a: MatRef<'a, T>,
    pack_a: bool,
    beta: T,
    c: *mut T,
    c_rs: isize,
    c_cs: isize,
    epilogue: E,
    _c: PhantomData<&'a mut T>,
}

/// Start and length of one range of rows, columns or k.
pub(crate) type Span = (usize, usize);

/// Cuts `0..len` into spans of `step`. `step_by` would divide to know its length, which at 4³ costs more than the
/// product.
#[inline(always)]
pub(crate) fn spans(len: usize, step: usize) -> impl Iterator<Item = Span> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let span = (start, step.min(len - start));
        start += span.1;
        (span.1 > 0).then_some(span)
    })
}

/// The block of rows `i` and columns `j` of `v`, without the checks of `MatRef::submatrix`.
///
/// # Safety
/// The spans lie in `v`.
#[inline(always)]
unsafe fn block<T>(v: MatRef<'_, T>, i: Span, j: Span) -> MatRef<'_, T> {
    // SAFETY: the spans lie in the view, which vouches for its elements.
    unsafe {
        let corner = v.as_ptr().offset(i.0 as isize * v.rs() + j.0 as isize * v.cs());
        MatRef::from_raw_parts(corner, i.1, j.1, v.rs(), v.cs())
    }
}

/// A packed block of B: for each chunk of 256 its panels one after the other, `width` elements a row.
#[derive(Clone, Copy)]
pub(crate) struct Packed<T> {
    pub(crate) ptr: *mut T,
    pub(crate) width: usize,
    /// Columns that are packed, rounded up to a multiple of `width`.
    pub(crate) padded: usize,
    /// The first row and column of B in the block, multiples of `K_CHUNK` and `width`.
    pub(crate) corner: (usize, usize),
    /// Packed columns before that one, in a view of a part of a packed matrix.
    pub(crate) first: usize,
}

impl<T: Scalar> Packed<T> {
    /// The panel that holds row `p` of B (a multiple of `K_CHUNK`, in a chunk `k` rows deep) and column `j` (a
    /// multiple of `width`).
    #[inline(always)]
    fn panel(&self, p: usize, k: usize, j: usize) -> *mut T {
        self.ptr.wrapping_add((p - self.corner.0) * self.padded + (j - self.corner.1 + self.first) * k)
    }

    /// Packs rows `p` and columns `j` of B, in the order in which its memory lies.
    ///
    /// # Safety
    /// The spans lie in B and begin at `corner`, and the block has room for them and `PACK_SLACK` elements more.
    pub(crate) unsafe fn fill<U: MicroKernel<T>>(&self, kernel: U, b: MatRef<'_, T>, p: Span, j: Span) {
        let rows = if b.cs().unsigned_abs() == 1 { PACK_B_ROWS } else { K_CHUNK };
        for (p0, k) in spans(p.1, K_CHUNK) {
            for (q, depth) in spans(k, rows) {
                for (jr, n) in spans(j.1, self.width) {
                    // SAFETY: the caller's promise. What is written behind these rows of the panel is written again
                    // by the next, or slack.
                    unsafe {
                        let src = block(b, (p.0 + p0 + q, depth), (j.0 + jr, n));
                        let dst = self.panel(p.0 + p0, k, j.0 + jr).add(q * self.width);
                        kernel.pack(src, self.width, dst);
                    }
                }
            }
        }
    }
}

/// Where tiles find the panels of B.
#[derive(Clone, Copy)]
pub(crate) enum Panels<'a, T> {
    InPlace(MatRef<'a, T>),
    Packed(Packed<T>),
}

impl<'a, T: Scalar> Panels<'a, T> {
    /// Rows `p` of B, part of one chunk, and columns `j`.
    ///
    /// # Safety
    /// The spans lie in B, and in what was packed if it was; then `p` is a whole chunk and `j` one panel.
    #[inline(always)]
    unsafe fn get(&self, p: Span, j: Span) -> MatRef<'a, T> {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Panels::InPlace(b) => block(*b, p, j),
                Panels::Packed(packed) => {
                    let panel = packed.panel(p.0, p.1, j.0);
                    MatRef::from_raw_parts(panel, p.1, j.1, packed.width as isize, 1)
                }
            }
        }
    }
}

impl<'a, T: Scalar, U: MicroKernel<T>, E: Epilogue<T>> Product<'a, T, U, E> {
    fn new(
        kernel: U,
        alpha: T,
        a: MatRef<'a, T>,
        pack_a: bool,
        beta: T,
        mut c: MatMut<'a, T>,
        epilogue: E,
    ) -> Self {
        // The stride of a single column says nothing; 1 makes it contiguous.
        let (c_rs, c_cs) = (c.rs(), if c.ncols() == 1 { 1 } else { c.cs() });
        let c = c.as_mut_ptr();
        Self { kernel, alpha, a, pack_a, beta, c, c_rs, c_cs, epilogue, _c: PhantomData }
    }

    /// LOOP 4 and LOOP 3: cuts B into blocks that are packed; there is nothing to cut for if it is read in place.
    fn loop4(&self, blocking: Blocking, b: MatRef<'_, T>, pack_b: bool) {
        let (k, n) = b.shape();
        if !pack_b {
            return self.loop2((0, k), (0, n), Panels::InPlace(b));
        }
        let (kc, nc) = blocking.rounded::<T, U>(k, n);
        let mut lease = Lease::take(Slot::B, kc * nc + PACK_SLACK);
        for j in spans(n, nc) {
            let padded = j.1.next_multiple_of(U::NR);
            for p in spans(k, kc) {
                let packed =
                    Packed { ptr: lease.as_mut_ptr(), width: U::NR, padded, corner: (p.0, j.0), first: 0 };
                // SAFETY: the spans lie in B and begin at the corner; the lease has kc * nc elements and the slack.
                unsafe { packed.fill(self.kernel, b, p, j) };
                self.loop2(p, j, Panels::Packed(packed));
            }
        }
    }

    /// LOOP 2 and LOOP 1: columns `j`, all of rows `p` of B for one panel of rows of A before the next.
    fn loop2(&self, p: Span, j: Span, panels: Panels<'_, T>) {
        let mut lease = self.pack_a.then(|| Lease::<T>::take(Slot::A, U::MR * K_CHUNK + PACK_SLACK));
        for i in spans(self.a.nrows(), rows_at_once::<T, U>(self.a, self.pack_a)) {
            for (p0, k) in spans(p.1, K_CHUNK) {
                let p = (p.0 + p0, k);
                // SAFETY: the spans lie in A.
                let mut a = unsafe { block(self.a, i, p) };
                if let Some(lease) = &mut lease {
                    let panel = lease.as_mut_ptr();
                    // SAFETY: the lease holds MR * k elements, of which m in each of the k rows are written.
                    a = unsafe {
                        self.kernel.pack(a.t(), U::MR, panel);
                        MatRef::from_raw_parts(panel, i.1, k, 1, U::MR as isize)
                    };
                }
                for (jr, n) in spans(j.1, U::NR) {
                    let j = (j.0 + jr, n);
                    // SAFETY: the spans lie in B, and if B is packed these were packed before LOOP 2 began.
                    let b = unsafe { panels.get(p, j) };
                    self.tile(a, b, p, i, j);
                }
            }
        }
    }

    /// One tile of C, rows `i` and columns `j`, for rows `p` of B.
    #[inline(always)]
    fn tile(&self, a: MatRef<'_, T>, b: MatRef<'_, T>, p: Span, i: Span, j: Span) {
        let fold = if p.0 == 0 { Fold::first(self.beta) } else { Fold::Add };
        let complete = p.0 + p.1 == self.a.ncols();
        // SAFETY: the spans lie in C, which is borrowed mutably.
        let mut c = unsafe {
            let corner = self.c.offset(i.0 as isize * self.c_rs + j.0 as isize * self.c_cs);
            MatMut::from_raw_parts(corner, i.1, j.1, self.c_rs, self.c_cs)
        };
        if self.c_cs != 1 {
            return self.staged_tile(a, b, fold, c, complete.then_some((i.0, j.0)));
        }
        self.kernel.run(self.alpha, a, b, fold, c.reborrow());
        if complete {
            self.finish(&mut c, (i.0, j.0));
        }
    }

    /// The epilogue on a tile with contiguous rows whose sums are complete, while it is in L1.
    #[inline(always)]
    fn finish(&self, c: &mut MatMut<'_, T>, (i, j): (usize, usize)) {
        if E::IS_IDENTITY {
            return;
        }
        let (m, n) = c.shape();
        for row in 0..m {
            // SAFETY: rows of this tile are n contiguous elements of C, borrowed mutably.
            let row_of_c =
                unsafe { core::slice::from_raw_parts_mut(c.as_mut_ptr().offset(row as isize * c.rs()), n) };
            self.epilogue.apply(i + row, j, row_of_c);
        }
    }

    /// A tile of a C whose rows are not contiguous, by way of a buffer on the stack; `complete` is the place of the
    /// tile if its sums are complete.
    #[cold]
    fn staged_tile(
        &self,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        fold: Fold<T>,
        mut c: MatMut<'_, T>,
        complete: Option<(usize, usize)>,
    ) {
        const { assert!(U::MR * U::NR <= STAGE, "a tile must fit the stage") };
        let (m, n) = c.shape();
        let mut buffer = [T::ZERO; STAGE];
        let places = || (0..m).flat_map(|i| (0..n).map(move |j| (i, j)));
        if fold != Fold::Overwrite {
            places().for_each(|(i, j)| buffer[i * n + j] = c.at(i, j));
        }
        // SAFETY: m * n <= MR * NR <= STAGE elements, row after row.
        let mut stage = unsafe { MatMut::from_raw_parts(buffer.as_mut_ptr(), m, n, n as isize, 1) };
        self.kernel.run(self.alpha, a, b, fold, stage.reborrow());
        if let Some(place) = complete {
            self.finish(&mut stage, place);
        }
        places().for_each(|(i, j)| c.set(i, j, stage.at(i, j)));
    }
}
