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
//! layout is hostile (see `packs_a`), and B is read front to back, which the prefetchers keep up with. KC is several
//! chunks deep: an MR × NC strip of C is folded KC / 256 times while it is in L1 or L2 instead of being fetched from
//! memory for each chunk. On a Zen 4 core this reaches 92 % of the FMA peak at 2000³ where packed blocks of A
//! reached 86 %.
//!
//! Packing is an optimisation that the micro-kernel cannot see, since it reads any strides of A and any row
//! stride of B: an operand that is used too seldom to repay the copy is read in place.

use matmul_core::{BatchProblem, Fold, K_CHUNK, MatMut, MatRef, Problem, Scalar};

use crate::arena::{Lease, Slot};
use crate::{Blocking, MicroKernel, PACK_SLACK};

/// Panels of B that a panel of A must meet before a packed copy of A pays.
const PACK_A_MIN_PANELS: usize = 4;
/// Panels of A that a panel of B must meet before a packed copy of a row-contiguous B pays: many while B fits L2,
/// where reading in place costs little (AVX-512 at 256³: 98 % against 96 %, AVX2 at 48³: 91 % against 82 %).
const PACK_B_MIN_PANELS_L2: usize = 24;
/// The same for a larger B, which each panel of A would fetch from L3 or memory again.
const PACK_B_MIN_PANELS: usize = 8;
/// Half of a 512 KiB L2.
const L2_BYTES: usize = 256 << 10;
/// Rows that lie a multiple of this many bytes apart fall into one set of an L1 with 64 sets of 64 B lines, so that
/// MR of them evict each other. At half of it reading in place is still the better choice (512³: 92 % against 88 %).
const ALIASING_BYTES: usize = 4096;

/// Rows of B that are packed side by side: a panel takes 64 or 128 B of each, and going down a whole chunk would
/// touch 256 pages for each panel.
const PACK_B_ROWS: usize = 16;

/// Whether panels of A are copied before use: when its columns are not contiguous, each step of k would touch a
/// cache line of its own; when its rows alias in L1, they would not stay there (85 % instead of 88 % at 1024³).
pub fn packs_a<T: Scalar, U: MicroKernel<T>>(problem: &Problem<'_, T>) -> bool {
    let (a, n) = (problem.a(), problem.n());
    n.div_ceil(U::NR) >= PACK_A_MIN_PANELS && (a.cs() != 1 || aliased(a))
}

/// Whether B is copied into panels: when its rows are not contiguous, which tiles need, or when it is used often
/// enough.
fn packs_b<T: Scalar, U: MicroKernel<T>>(problem: &Problem<'_, T>) -> bool {
    let b = problem.b();
    let bytes = problem.k().saturating_mul(problem.n()).saturating_mul(size_of::<T>());
    let enough = if bytes <= L2_BYTES && !aliased(b) { PACK_B_MIN_PANELS_L2 } else { PACK_B_MIN_PANELS };
    (b.cs() != 1 && b.ncols() != 1) || problem.m().div_ceil(U::MR) >= enough
}

/// Whether the rows fall into one set of L1.
fn aliased<T>(v: MatRef<'_, T>) -> bool {
    v.rs().unsigned_abs().wrapping_mul(size_of::<T>()) % ALIASING_BYTES == 0
}

/// Room for one tile of a C whose rows are not contiguous.
const STAGE: usize = 32 * 32;

/// C ← α·A·B + β·C by the tiles of `kernel`, on the calling thread.
pub fn gemm<T, U>(kernel: U, blocking: Blocking, problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    // Few rows of C over a column-contiguous B are few columns of its transpose over a row-contiguous A.
    let few_rows = problem.m() < problem.n();
    let problem = match kernel.thin(if few_rows { problem.transposed() } else { problem }) {
        Ok(()) => return,
        Err(problem) => row_oriented(problem),
    };
    let n = problem.n();
    let (alpha, beta) = (problem.alpha(), problem.beta());
    let (pack_a, pack_b) = (packs_a::<T, U>(&problem), packs_b::<T, U>(&problem));
    let a = problem.a();
    let b = contiguous_if_single(problem.b());
    let mut c = problem.into_c();
    let product = Product {
        kernel,
        alpha,
        beta,
        a,
        b,
        pack_a,
        pack_b,
        c_rs: c.rs(),
        // The stride of a single column says nothing; 1 makes it contiguous.
        c_cs: if n == 1 { 1 } else { c.cs() },
        c: c.as_mut_ptr(),
    };
    product.loop4(blocking);
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

/// A product on its way through the loops.
struct Product<'a, T, U> {
    kernel: U,
    alpha: T,
    beta: T,
    a: MatRef<'a, T>,
    b: MatRef<'a, T>,
    pack_a: bool,
    pack_b: bool,
    c: *mut T,
    c_rs: isize,
    c_cs: isize,
}

/// Start and length of one range of rows, columns or k.
type Span = (usize, usize);

/// Cuts `0..len` into spans of `step`. `step_by` would divide to know its length, which at 4³ costs more than the
/// product.
#[inline(always)]
fn spans(len: usize, step: usize) -> impl Iterator<Item = Span> {
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
struct Packed<T> {
    ptr: *mut T,
    width: usize,
    /// Columns that are packed, rounded up to a multiple of `width`.
    padded: usize,
}

impl<T: Scalar> Packed<T> {
    /// The panel that holds chunk row `p` (a multiple of `K_CHUNK`, `k` rows deep) and column `j` (a multiple of
    /// `width`).
    #[inline(always)]
    fn panel(&self, p: usize, k: usize, j: usize) -> *mut T {
        self.ptr.wrapping_add(p * self.padded + j * k)
    }

    /// The first `n` columns of that panel as a k × n matrix.
    ///
    /// # Safety
    /// The panel was packed from at least `n` columns, and outlives `'a`.
    #[inline(always)]
    unsafe fn view<'a>(&self, p: usize, k: usize, j: usize, n: usize) -> MatRef<'a, T> {
        // SAFETY: the caller's promise.
        unsafe { MatRef::from_raw_parts(self.panel(p, k, j), k, n, self.width as isize, 1) }
    }
}

impl<'a, T: Scalar, U: MicroKernel<T>> Product<'a, T, U> {
    /// LOOP 4 and LOOP 3: cuts B into blocks that are packed; there is nothing to cut for if it is read in place.
    fn loop4(&self, blocking: Blocking) {
        let (k, n) = self.b.shape();
        let mut packed = Packed { ptr: core::ptr::null_mut(), width: U::NR, padded: 0 };
        if !self.pack_b {
            return self.loop2((0, k), (0, n), &packed);
        }
        // Rounded here, whatever the caller chose: chunks fix the bits, and panels the size of the lease.
        let kc = blocking.kc.clamp(1, k).next_multiple_of(K_CHUNK).min(k);
        let nc = blocking.nc.clamp(1, n).next_multiple_of(U::NR);
        let mut lease = Lease::take(Slot::B, kc * nc + PACK_SLACK);
        packed.ptr = lease.as_mut_ptr();
        for j in spans(n, nc) {
            packed.padded = j.1.next_multiple_of(U::NR);
            for p in spans(k, kc) {
                self.pack_b(p, j, &packed);
                self.loop2(p, j, &packed);
            }
        }
    }

    /// Packs rows `p` and columns `j` of B, in the order in which its memory lies.
    fn pack_b(&self, p: Span, j: Span, packed: &Packed<T>) {
        let rows = if self.b.cs() == 1 { PACK_B_ROWS } else { K_CHUNK };
        for (p0, k) in spans(p.1, K_CHUNK) {
            for (q, depth) in spans(k, rows) {
                for (jr, n) in spans(j.1, U::NR) {
                    // SAFETY: the spans lie in B, and the panel lies in the lease of kc * nc elements. What is
                    // written behind these rows of the panel is written again by the next, or slack.
                    unsafe {
                        let src = block(self.b, (p.0 + p0 + q, depth), (j.0 + jr, n));
                        self.kernel.pack(src, U::NR, packed.panel(p0, k, jr).add(q * U::NR));
                    }
                }
            }
        }
    }

    /// LOOP 2 and LOOP 1: columns `j`, all of rows `p` of B for one panel of rows of A before the next.
    fn loop2(&self, p: Span, j: Span, packed_b: &Packed<T>) {
        let mut lease = self.pack_a.then(|| Lease::<T>::take(Slot::A, U::MR * K_CHUNK + PACK_SLACK));
        for i in spans(self.a.nrows(), U::MR) {
            for (p0, k) in spans(p.1, K_CHUNK) {
                // SAFETY: the spans lie in A.
                let mut a = unsafe { block(self.a, i, (p.0 + p0, k)) };
                if let Some(lease) = &mut lease {
                    let panel = lease.as_mut_ptr();
                    // SAFETY: the lease holds MR * k elements, of which m in each of the k rows are written.
                    a = unsafe {
                        self.kernel.pack(a.t(), U::MR, panel);
                        MatRef::from_raw_parts(panel, i.1, k, 1, U::MR as isize)
                    };
                }
                for (jr, n) in spans(j.1, U::NR) {
                    let b = self.b_panel(packed_b, (p.0, p0, k), j.0, (jr, n));
                    self.tile(a, b, p.0 + p0 == 0, i, (j.0 + jr, n));
                }
            }
        }
    }

    /// Rows pc + p0 .. of B, k of them, and columns jc + jr .., packed or in place.
    #[inline(always)]
    fn b_panel(
        &self,
        packed: &Packed<T>,
        (pc, p0, k): (usize, usize, usize),
        jc: usize,
        (jr, n): Span,
    ) -> MatRef<'_, T> {
        // SAFETY: the spans lie in B, and if B is packed its panels were packed before LOOP 2 began.
        unsafe {
            if self.pack_b { packed.view(p0, k, jr, n) } else { block(self.b, (pc + p0, k), (jc + jr, n)) }
        }
    }

    /// One tile of C, rows `i` and columns `j`.
    #[inline(always)]
    fn tile(&self, a: MatRef<'_, T>, b: MatRef<'_, T>, first: bool, i: Span, j: Span) {
        let fold = if first { Fold::first(self.beta) } else { Fold::Add };
        // SAFETY: the spans lie in C.
        let c = unsafe {
            let corner = self.c.offset(i.0 as isize * self.c_rs + j.0 as isize * self.c_cs);
            MatMut::from_raw_parts(corner, i.1, j.1, self.c_rs, self.c_cs)
        };
        if self.c_cs == 1 {
            self.kernel.run(self.alpha, a, b, fold, c);
        } else {
            self.staged_tile(a, b, fold, c);
        }
    }

    /// A tile of a C whose rows are not contiguous, by way of a buffer on the stack.
    #[cold]
    fn staged_tile(&self, a: MatRef<'_, T>, b: MatRef<'_, T>, fold: Fold<T>, mut c: MatMut<'_, T>) {
        const { assert!(U::MR * U::NR <= STAGE, "a tile must fit the stage") };
        let (m, n) = c.shape();
        let mut buffer = [T::ZERO; STAGE];
        let stage = |buffer: &mut [T; STAGE]| -> MatMut<'_, T> {
            // SAFETY: m * n <= MR * NR <= STAGE elements, row after row.
            unsafe { MatMut::from_raw_parts(buffer.as_mut_ptr(), m, n, n as isize, 1) }
        };
        let places = || (0..m).flat_map(|i| (0..n).map(move |j| (i, j)));
        if fold != Fold::Overwrite {
            places().for_each(|(i, j)| buffer[i * n + j] = c.at(i, j));
        }
        self.kernel.run(self.alpha, a, b, fold, stage(&mut buffer));
        places().for_each(|(i, j)| c.set(i, j, buffer[i * n + j]));
    }
}
