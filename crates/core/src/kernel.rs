use alloc::string::String;

use crate::{BatchMut, BatchProblem, BatchRef, Element, Error, Fold, MatMut, MatRef};

/// Whether a kernel can run on this machine, as built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Available,
    /// It cannot.
    Unavailable {
        /// What is missing, as a noun phrase: "a CPU with avx512f".
        needs: String,
    },
}

/// What a kernel promises about the result's bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The numeric contract: the bits of C\[i, j\] depend on row i of A, column j of B, k, α, β and the old
    /// C\[i, j\] alone. See `docs/numerics.md`.
    SameBits,
    /// Only the usual componentwise bound, γ(k + 3)·(|α||A||B| + |β||C|).
    ErrorBound,
}

/// The order in which the terms of a sum are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summation {
    /// That of the numeric contract, in chunks of [`K_CHUNK`](crate::K_CHUNK): the same bits everywhere.
    #[default]
    Contract,
    /// Whichever is fastest: k may be cut across lanes and accumulators, within the usual error bound.
    Fast,
}

impl Summation {
    /// What a kernel that keeps the contract promises in this order.
    pub fn promise(self) -> Promise {
        match self {
            Summation::Contract => Promise::SameBits,
            Summation::Fast => Promise::ErrorBound,
        }
    }
}

/// The sizes at which a kernel changes its way of working. A conformance kit aims its shapes at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of the register tile.
    pub mr: usize,
    /// Columns of the register tile.
    pub nr: usize,
    /// Rows of a packed block of A.
    pub mc: usize,
    /// Depth of a packed block.
    pub kc: usize,
    /// Columns of a packed block of B.
    pub nc: usize,
}

/// A product whose shapes agree and in which there is something to do: m, n, k > 0 and α ≠ 0.
///
/// Its existence is the proof, so a [`Kernel`] need not check again.
#[derive(Debug)]
pub struct Problem<'a, T: Element> {
    alpha: T::Out,
    a: MatRef<'a, T>,
    b: MatRef<'a, T>,
    beta: T::Out,
    c: MatMut<'a, T::Out>,
}

impl<'a, T: Element> Problem<'a, T> {
    /// Checks the shapes. `Ok(None)` means that the product was degenerate (m, n or k is 0, or α is 0) and that
    /// C ← β·C is already done.
    ///
    /// # Errors
    /// [`Error::Shape`] unless A is m × k, B is k × n and C is m × n.
    #[inline]
    pub fn new(
        alpha: T::Out,
        a: MatRef<'a, T>,
        b: MatRef<'a, T>,
        beta: T::Out,
        mut c: MatMut<'a, T::Out>,
    ) -> Result<Option<Self>, Error> {
        if a.ncols() != b.nrows() || a.nrows() != c.nrows() || b.ncols() != c.ncols() {
            return Err(shape_error(a.shape(), b.shape(), c.shape()));
        }
        if c.nrows() == 0 || c.ncols() == 0 {
            return Ok(None);
        }
        if a.ncols() == 0 || alpha == T::Out::ZERO {
            scale(beta, &mut c);
            return Ok(None);
        }
        Ok(Some(Self { alpha, a, b, beta, c }))
    }

    /// A product whose shapes agree and in which there is something to do, as its caller has checked.
    #[inline(always)]
    pub(crate) fn checked(
        alpha: T::Out,
        a: MatRef<'a, T>,
        b: MatRef<'a, T>,
        beta: T::Out,
        c: MatMut<'a, T::Out>,
    ) -> Self {
        Self { alpha, a, b, beta, c }
    }

    /// The factor of A·B, not zero.
    #[inline(always)]
    pub fn alpha(&self) -> T::Out {
        self.alpha
    }

    /// The factor of the old C; zero means that C is not read.
    #[inline(always)]
    pub fn beta(&self) -> T::Out {
        self.beta
    }

    /// The left factor, m × k.
    #[inline(always)]
    pub fn a(&self) -> MatRef<'a, T> {
        self.a
    }

    /// The right factor, k × n.
    #[inline(always)]
    pub fn b(&self) -> MatRef<'a, T> {
        self.b
    }

    /// The result, m × n.
    #[inline(always)]
    pub fn c(&mut self) -> MatMut<'_, T::Out> {
        self.c.reborrow()
    }

    /// The result, for as long as it was lent.
    #[inline(always)]
    pub fn into_c(self) -> MatMut<'a, T::Out> {
        self.c
    }

    /// Rows of A and C.
    #[inline(always)]
    pub fn m(&self) -> usize {
        // C's: its view was moved last, so that this need not wait for the moving of A's and B's.
        self.c.nrows()
    }

    /// Columns of B and C.
    #[inline(always)]
    pub fn n(&self) -> usize {
        self.c.ncols()
    }

    /// Columns of A and rows of B.
    #[inline(always)]
    pub fn k(&self) -> usize {
        self.a.ncols()
    }

    /// The same product transposed, Cᵀ ← α·Bᵀ·Aᵀ + β·Cᵀ. Bits are unchanged: every product commutes.
    #[inline(always)]
    pub fn transposed(self) -> Self {
        Self { a: self.b.t(), b: self.a.t(), c: self.c.into_t(), ..self }
    }

    /// The products for rows ..i and rows i.. of A and C. Both have the same bits as in the whole.
    ///
    /// # Errors
    /// [`Error::Range`] unless 0 < i < m: each part must have something to do.
    pub fn split_rows(self, i: usize) -> Result<(Self, Self), Error> {
        let (m, k) = self.a.shape();
        if i == 0 || i >= m {
            return Err(Error::Range { range: (0, i), len: m });
        }
        let (top, bottom) = self.c.split_rows(i)?;
        let part = |a, c| Self { a, c, ..self };
        Ok((part(self.a.submatrix(0..i, 0..k)?, top), part(self.a.submatrix(i..m, 0..k)?, bottom)))
    }

    /// The products for columns ..j and columns j.. of B and C. Both have the same bits as in the whole.
    ///
    /// # Errors
    /// [`Error::Range`] unless 0 < j < n: each part must have something to do.
    pub fn split_cols(self, j: usize) -> Result<(Self, Self), Error> {
        let (left, right) = self.transposed().split_rows(j)?;
        Ok((left.transposed(), right.transposed()))
    }

    /// C\[i, j\] ← α·sum + β·C\[i, j\], for kernels that form each element's whole sum at once.
    ///
    /// # Panics
    /// If i ≥ m or j ≥ n.
    #[inline]
    pub fn store(&mut self, i: usize, j: usize, sum: T::Out) {
        let new = Fold::first(self.beta).apply(self.alpha, sum, || self.c.at(i, j));
        self.c.set(i, j, new);
    }
}

#[cold]
fn shape_error(a: (usize, usize), b: (usize, usize), c: (usize, usize)) -> Error {
    Error::Shape { a, b, c }
}

/// C ← β·C, which for β = 0 does not read C.
#[cold]
fn scale<T: Element>(beta: T, c: &mut MatMut<'_, T>) {
    for i in 0..c.nrows() {
        for j in 0..c.ncols() {
            let new = if beta == T::ZERO { T::ZERO } else { beta * c.at(i, j) };
            c.set(i, j, new);
        }
    }
}

/// A way to compute C ← α·A·B + β·C.
///
/// Implementors write [`Kernel::run`]; callers use [`Kernel::gemm`].
pub trait Kernel<T: Element>: Send + Sync {
    /// The name in reports and on command lines: lower case, words joined by `-`.
    fn name(&self) -> &str;

    /// Whether this machine and build can run it.
    fn availability(&self) -> Availability {
        Availability::Available
    }

    /// What it promises about bits.
    fn promise(&self) -> Promise {
        Promise::ErrorBound
    }

    /// The sizes at which it changes its way of working, if it is blocked.
    fn sizes(&self) -> Option<Sizes> {
        None
    }

    /// How many threads it uses for a large product.
    fn threads(&self) -> usize {
        1
    }

    /// Computes a checked product. β = 0 must not read C; only C's m × n elements may be written.
    fn run(&self, problem: Problem<'_, T>);

    /// Computes a checked batch: each product as [`Kernel::run`] would, with the same bits.
    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        batch.for_each(|problem| self.run(problem));
    }

    /// C ← α·A·B + β·C, for any strides.
    ///
    /// α = 0 does not read A or B, β = 0 does not read C; otherwise NaN and infinity propagate. m, n and k may
    /// be 0, and k = 0 gives β·C.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes disagree, [`Error::Unavailable`] if the kernel cannot run here. C is
    /// unchanged then.
    #[inline]
    fn gemm(
        &self,
        alpha: T::Out,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        beta: T::Out,
        c: MatMut<'_, T::Out>,
    ) -> Result<(), Error> {
        refuse_unavailable(self)?;
        if let Some(problem) = Problem::new(alpha, a, b, beta, c)? {
            self.run(problem);
        }
        Ok(())
    }

    /// C ← α·A·B + β·C for each product of a batch; each has the bits that [`Kernel::gemm`] gives it.
    ///
    /// # Errors
    /// [`Error::Count`] if the batches differ in their number of matrices, otherwise as [`Kernel::gemm`]. C is
    /// unchanged then.
    fn gemm_batch(
        &self,
        alpha: T::Out,
        a: BatchRef<'_, T>,
        b: BatchRef<'_, T>,
        beta: T::Out,
        c: BatchMut<'_, T::Out>,
    ) -> Result<(), Error> {
        refuse_unavailable(self)?;
        if let Some(batch) = BatchProblem::new(alpha, a, b, beta, c)? {
            self.run_batch(batch);
        }
        Ok(())
    }
}

#[inline]
fn refuse_unavailable<T: Element>(kernel: &(impl Kernel<T> + ?Sized)) -> Result<(), Error> {
    match kernel.availability() {
        Availability::Available => Ok(()),
        Availability::Unavailable { needs } => {
            Err(Error::Unavailable { kernel: kernel.name().into(), needs })
        }
    }
}
