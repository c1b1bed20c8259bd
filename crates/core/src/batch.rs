use crate::extent::{check_apart, check_batch, check_batch_len, step_over};
use crate::{Element, Error, MatMut, MatRef, Problem};

/// `count` borrowed matrices of one shape and one layout, each `stride` elements behind the one before.
///
/// The stride may be negative, or 0: the same matrix for every product.
///
/// ```
/// use matmul_core::{BatchRef, MatRef};
///
/// let data = [1, 2, 3, 4, 5, 6, 7, 8];
/// let batch = BatchRef::from_row_major(&data, 2, 2, 2)?;
/// assert_eq!((batch.count(), batch.shape(), batch.stride()), (2, (2, 2), 4));
/// assert_eq!(batch.get(1).map(|a| a.to_vec()), Some(vec![5, 6, 7, 8]));
/// // One element of each pair, in two 2 x 2 matrices that lie between each other; and one matrix three times.
/// let between = BatchRef::from_strided(&data, 0, (2, 1), (2, 2), (4, 2))?;
/// assert_eq!(between.get(1).map(|a| a.to_vec()), Some(vec![2, 4, 6, 8]));
/// assert_eq!(BatchRef::shared(MatRef::from(&[[1, 2]]), 3).get(2).map(|a| a.at(0, 1)), Some(2));
/// # Ok::<(), matmul_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BatchRef<'a, T> {
    first: MatRef<'a, T>,
    count: usize,
    stride: isize,
}

/// `count` mutably borrowed matrices of one shape and one layout, each `stride` elements behind the one before; no
/// two elements share a place.
///
/// ```
/// use matmul_core::BatchMut;
///
/// let mut data = [0; 8];
/// let mut batch = BatchMut::from_row_major(&mut data, 2, 2, 2)?;
/// if let Some(mut c) = batch.get_mut(1) {
///     c.set(0, 1, 7);
/// }
/// assert_eq!(data, [0, 0, 0, 0, 0, 7, 0, 0]);
/// assert!(BatchMut::from_strided(&mut data, 0, (2, 1), (2, 2), (2, 1)).is_err(), "elements overlap");
/// # Ok::<(), matmul_core::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchMut<'a, T> {
    first: MatMut<'a, T>,
    count: usize,
    stride: isize,
}

/// What both kinds of batch can say of themselves.
macro_rules! impl_batch {
    ($batch:ident) => {
        impl<T> $batch<'_, T> {
            /// Number of matrices.
            #[inline(always)]
            pub fn count(&self) -> usize {
                self.count
            }

            /// Elements from a matrix to the next.
            #[inline(always)]
            pub fn stride(&self) -> isize {
                self.stride
            }

            /// Rows and columns of each matrix.
            #[inline(always)]
            pub fn shape(&self) -> (usize, usize) {
                self.first.shape()
            }
        }
    };
}

impl_batch!(BatchRef);
impl_batch!(BatchMut);

impl<'a, T> BatchRef<'a, T> {
    /// A slice of count · nrows · ncols elements: row-major matrices one behind the other.
    ///
    /// # Errors
    /// [`Error::Length`] if the slice has another length.
    pub fn from_row_major(data: &'a [T], count: usize, nrows: usize, ncols: usize) -> Result<Self, Error> {
        check_batch_len(data.len(), count, nrows, ncols)?;
        let batch = (count, step_over(nrows, ncols));
        Self::from_strided(data, 0, batch, (nrows, ncols), (ncols as isize, 1))
    }

    /// Matrices of `shape` with row and column strides `strides`, the first at `data[offset]`, `batch.0` of them,
    /// each `batch.1` elements behind the one before.
    ///
    /// # Errors
    /// [`Error::BatchOutOfBounds`] if an element would lie outside the slice.
    pub fn from_strided(
        data: &'a [T],
        offset: usize,
        batch: (usize, isize),
        shape: (usize, usize),
        strides: (isize, isize),
    ) -> Result<Self, Error> {
        check_batch(data.len(), offset, batch, shape, strides)?;
        let first = data.as_ptr().wrapping_add(offset);
        // SAFETY: every element of every matrix lies in the slice; an empty batch may have any offset.
        Ok(unsafe {
            Self::from_raw_parts(
                MatRef::from_raw_parts(first, shape.0, shape.1, strides.0, strides.1),
                batch.0,
                batch.1,
            )
        })
    }

    /// The same matrix `count` times.
    #[inline]
    pub fn shared(matrix: MatRef<'a, T>, count: usize) -> Self {
        Self { first: matrix, count, stride: 0 }
    }

    /// A batch of memory that some other array type has checked already.
    ///
    /// # Safety
    /// What [`MatRef::from_raw_parts`] asks of the first matrix holds for each of the `count`. If `count` is 0,
    /// `first` is not read.
    #[inline]
    pub unsafe fn from_raw_parts(first: MatRef<'a, T>, count: usize, stride: isize) -> Self {
        Self { first, count, stride }
    }

    /// Matrix number `i`, if there is one.
    #[inline]
    pub fn get(&self, i: usize) -> Option<MatRef<'a, T>> {
        // SAFETY: i < count, and the batch vouches for each of its matrices.
        (i < self.count).then(|| unsafe { self.first.moved((i as isize).wrapping_mul(self.stride)) })
    }
}

impl<'a, T> BatchMut<'a, T> {
    /// A slice of count · nrows · ncols elements: row-major matrices one behind the other.
    ///
    /// # Errors
    /// [`Error::Length`] if the slice has another length.
    pub fn from_row_major(
        data: &'a mut [T],
        count: usize,
        nrows: usize,
        ncols: usize,
    ) -> Result<Self, Error> {
        check_batch_len(data.len(), count, nrows, ncols)?;
        let batch = (count, step_over(nrows, ncols));
        Self::from_strided(data, 0, batch, (nrows, ncols), (ncols as isize, 1))
    }

    /// Matrices of `shape` with row and column strides `strides`, the first at `data[offset]`, `batch.0` of them,
    /// each `batch.1` elements behind the one before.
    ///
    /// # Errors
    /// [`Error::BatchOutOfBounds`] if an element would lie outside the slice; [`Error::Overlap`] or
    /// [`Error::BatchOverlap`] unless the strides nest: some order of rows, columns and matrices in which each
    /// steps over all that the ones before it reach.
    pub fn from_strided(
        data: &'a mut [T],
        offset: usize,
        batch: (usize, isize),
        shape: (usize, usize),
        strides: (isize, isize),
    ) -> Result<Self, Error> {
        check_batch(data.len(), offset, batch, shape, strides)?;
        check_apart(batch, shape, strides)?;
        let first = data.as_mut_ptr().wrapping_add(offset);
        // SAFETY: every element of every matrix lies in the slice and no two share a place; an empty batch may have
        // any offset.
        Ok(unsafe {
            Self::from_raw_parts(
                MatMut::from_raw_parts(first, shape.0, shape.1, strides.0, strides.1),
                batch.0,
                batch.1,
            )
        })
    }

    /// A batch of memory that some other array type has checked already.
    ///
    /// # Safety
    /// What [`MatMut::from_raw_parts`] asks of the first matrix holds for each of the `count`, and no two matrices
    /// have an element in common. If `count` is 0, `first` is not used.
    #[inline]
    pub unsafe fn from_raw_parts(first: MatMut<'a, T>, count: usize, stride: isize) -> Self {
        Self { first, count, stride }
    }

    /// The same batch for a shorter time.
    #[inline]
    pub fn reborrow(&mut self) -> BatchMut<'_, T> {
        BatchMut { first: self.first.reborrow(), ..*self }
    }

    /// Matrix number `i`, if there is one.
    #[inline]
    pub fn get_mut(&mut self, i: usize) -> Option<MatMut<'_, T>> {
        // SAFETY: i < count, and the batch vouches for each of its matrices.
        (i < self.count)
            .then(|| unsafe { self.first.reborrow().moved((i as isize).wrapping_mul(self.stride)) })
    }
}

/// A batch of products whose counts and shapes agree and in which there is something to do: none of count, m, n, k is
/// 0, and α ≠ 0. It iterates over its products; `len` is their number, at least 1 before the first was taken.
///
/// As for [`Problem`], its existence is the proof.
///
/// ```
/// use matmul_core::{BatchMut, BatchProblem, BatchRef};
///
/// let (a, mut c) = ([1.0, 2.0, 3.0, 4.0], [0.0; 2]);
/// let rows = BatchRef::from_row_major(&a, 2, 1, 2)?;
/// let columns = BatchRef::from_row_major(&a, 2, 2, 1)?;
/// let batch = BatchProblem::new(1.0, rows, columns, 0.0, BatchMut::from_row_major(&mut c, 2, 1, 1)?)?;
/// for mut problem in batch.into_iter().flatten() {
///     let sum = (0..problem.k()).map(|l| problem.a().at(0, l) * problem.b().at(l, 0)).sum();
///     problem.store(0, 0, sum);
/// }
/// assert_eq!(c, [5.0, 25.0]);
/// # Ok::<(), matmul_core::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchProblem<'a, T: Element> {
    alpha: T::Out,
    a: BatchRef<'a, T>,
    b: BatchRef<'a, T>,
    beta: T::Out,
    c: BatchMut<'a, T::Out>,
}

impl<'a, T: Element> BatchProblem<'a, T> {
    /// Checks counts and shapes. `Ok(None)` means that the batch was degenerate and that C ← β·C is already done.
    ///
    /// # Errors
    /// [`Error::Count`] unless the batches have one number of matrices, [`Error::Shape`] unless A's are m × k, B's
    /// k × n and C's m × n.
    pub fn new(
        alpha: T::Out,
        a: BatchRef<'a, T>,
        b: BatchRef<'a, T>,
        beta: T::Out,
        mut c: BatchMut<'a, T::Out>,
    ) -> Result<Option<Self>, Error> {
        if a.count != b.count || a.count != c.count {
            return Err(Error::Count { a: a.count, b: b.count, c: c.count });
        }
        let ((m, k), (_, n)) = (a.shape(), b.shape());
        if b.first.nrows() != k || c.shape() != (m, n) {
            return Err(Error::Shape { a: a.shape(), b: b.shape(), c: c.shape() });
        }
        if a.count == 0 || m == 0 || n == 0 {
            return Ok(None);
        }
        if k == 0 || alpha == T::Out::ZERO {
            for i in 0..c.count {
                let (a, b) = (a.first, b.first);
                if let Some(c) = c.get_mut(i) {
                    Problem::new(alpha, a, b, beta, c)?;
                }
            }
            return Ok(None);
        }
        Ok(Some(Self { alpha, a, b, beta, c }))
    }

    /// Rows of each A and C.
    #[inline]
    pub fn m(&self) -> usize {
        self.a.first.nrows()
    }

    /// Columns of each B and C.
    #[inline]
    pub fn n(&self) -> usize {
        self.b.first.ncols()
    }

    /// Columns of each A and rows of each B.
    #[inline]
    pub fn k(&self) -> usize {
        self.a.first.ncols()
    }

    /// The first product that is left, without taking it: all others have its shape and its strides.
    pub fn first(&mut self) -> Option<Problem<'_, T>> {
        let (alpha, a, b, beta) = (self.alpha, self.a.get(0)?, self.b.get(0)?, self.beta);
        Some(Problem::checked(alpha, a, b, beta, self.c.get_mut(0)?))
    }

    /// The products ..i and i.. .
    ///
    /// # Errors
    /// [`Error::Range`] unless 0 < i < count: each part must have something to do.
    pub fn split(mut self, i: usize) -> Result<(Self, Self), Error> {
        if i == 0 || i >= self.len() {
            return Err(Error::Range { range: (0, i), len: self.len() });
        }
        let (alpha, beta) = (self.alpha, self.beta);
        let (a, b) = (BatchRef { count: i, ..self.a }, BatchRef { count: i, ..self.b });
        let front = Self { alpha, a, b, beta, c: self.front(i) };
        self.advance(i);
        Ok((front, self))
    }

    /// What is left of the batch as one product, if it is one: all share one B, and the rows of A and of C go on from
    /// matrix to matrix. The batch is empty then. The bits are the same: C\[i, j\] does not depend on m.
    pub fn take_single(&mut self) -> Option<Problem<'a, T>> {
        let (m, n, count) = (self.m(), self.n(), self.len());
        let rows = m.checked_mul(count).filter(|&rows| rows > 0)?;
        let (a, mut c) = (self.a.first, self.front(1).first);
        let goes_on = |stride: isize, rs: isize| Some(stride) == rs.checked_mul(m as isize);
        if self.b.stride != 0 || !goes_on(self.a.stride, a.rs()) || !goes_on(self.c.stride, c.rs()) {
            return None;
        }
        // SAFETY: row l·m + i is row i of matrix l, so the elements are those of the batch.
        let (a, c) = unsafe {
            (
                MatRef::from_raw_parts(a.as_ptr(), rows, a.ncols(), a.rs(), a.cs()),
                MatMut::from_raw_parts(c.as_mut_ptr(), rows, n, c.rs(), c.cs()),
            )
        };
        let problem = Problem::checked(self.alpha, a, self.b.first, self.beta, c);
        self.advance(count);
        Some(problem)
    }

    /// The first `i` matrices of C, which must not be used through `self` again.
    fn front(&mut self, i: usize) -> BatchMut<'a, T::Out> {
        let ((m, n), rs, cs) = (self.c.first.shape(), self.c.first.rs(), self.c.first.cs());
        // SAFETY: the same matrix; the caller moves `self` past it, and no two matrices share an element.
        let first = unsafe { MatMut::from_raw_parts(self.c.first.as_mut_ptr(), m, n, rs, cs) };
        BatchMut { first, count: i, stride: self.c.stride }
    }

    /// Leaves out the first `i` products; what is left may be empty.
    fn advance(&mut self, i: usize) {
        let step = |stride: isize| stride.wrapping_mul(i as isize);
        // SAFETY: matrix i of each batch, or, if there is none, one that is never used: `moved` computes an address
        // and reads nothing.
        unsafe {
            self.a = BatchRef {
                first: self.a.first.moved(step(self.a.stride)),
                count: self.a.count - i,
                ..self.a
            };
            self.b = BatchRef {
                first: self.b.first.moved(step(self.b.stride)),
                count: self.b.count - i,
                ..self.b
            };
            let rest = self.front(i).first.moved(step(self.c.stride));
            self.c = BatchMut { first: rest, count: self.c.count - i, stride: self.c.stride };
        }
    }
}

impl<'a, T: Element> Iterator for BatchProblem<'a, T> {
    type Item = Problem<'a, T>;

    #[inline]
    fn next(&mut self) -> Option<Problem<'a, T>> {
        if self.c.count == 0 {
            return None;
        }
        let c = self.front(1).first;
        let problem = Problem::checked(self.alpha, self.a.first, self.b.first, self.beta, c);
        self.advance(1);
        Some(problem)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.c.count, Some(self.c.count))
    }
}

impl<T: Element> ExactSizeIterator for BatchProblem<'_, T> {}
