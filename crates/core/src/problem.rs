use crate::{Element, Error, Fold, MatMut, MatRef};

/// A product whose shapes agree and in which there is something to do: m, n, k > 0 and α ≠ 0.
///
/// Its existence is the proof, so a [`Kernel`](crate::Kernel) need not check again.
///
/// ```
/// use matmul_core::{MatMut, MatRef, Problem};
///
/// let (a, b, mut c) = ([[1.0, 2.0]], [[3.0], [4.0]], [[f64::NAN]]);
/// let product = Problem::new(2.0, MatRef::from(&a), MatRef::from(&b), 0.0, MatMut::from(&mut c))?;
/// let mut product = product.expect("something to do");
/// assert_eq!((product.m(), product.k(), product.n(), product.alpha()), (1, 2, 1, 2.0));
/// product.store(0, 0, 11.0);
/// assert_eq!(c, [[22.0]]);
/// # Ok::<(), matmul_core::Error>(())
/// ```
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
            c.scale(beta);
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
        Self { a: self.b.t(), b: self.a.t(), c: self.c.t(), ..self }
    }

    /// The products for rows ..i and rows i.. of A and C. Both have the same bits as in the whole.
    ///
    /// # Errors
    /// [`Error::Range`] unless 0 < i < m: each part must have something to do.
    pub fn split_rows(self, i: usize) -> Result<(Self, Self), Error> {
        let m = self.m();
        if i == 0 || i >= m {
            return Err(Error::Range { range: (0, i), len: m });
        }
        let (top, bottom) = self.c.split_rows(i);
        let part = |a, c| Self { a, c, ..self };
        let (upper, lower) = self.a.split_rows(i);
        Ok((part(upper, top), part(lower, bottom)))
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
