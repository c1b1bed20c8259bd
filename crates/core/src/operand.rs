use crate::{Error, MatMut, MatRef, Matrix};

/// A matrix to read: a view, a [`Matrix`], a nested array, a reference to one of them, or another library's matrix
/// (features `faer`, `nalgebra`, `ndarray`). Nothing is copied.
///
/// ```
/// use matmul_core::{AsMat, Matrix};
///
/// /// The sum of the diagonal.
/// fn trace(a: impl AsMat<Elem = f64>) -> f64 {
///     let a = a.as_mat();
///     (0..a.nrows().min(a.ncols())).map(|i| a.at(i, i)).sum()
/// }
/// assert_eq!(trace([[1.0, 2.0], [3.0, 4.0]]), 5.0);
/// assert_eq!(trace(&Matrix::from_fn(3, 2, |i, j| (10 * i + j) as f64)), 11.0);
/// ```
pub trait AsMat {
    /// The type of its elements.
    type Elem;

    /// A view of it.
    fn as_mat(&self) -> MatRef<'_, Self::Elem>;
}

/// A matrix to write: what [`AsMat`] lists, mutable. Nothing is copied.
///
/// ```
/// use matmul_core::{AsMatMut, Error};
///
/// fn clear(mut c: impl AsMatMut<Elem = f32>) -> Result<(), Error> {
///     c.as_mat_mut()?.fill(0.0);
///     Ok(())
/// }
/// let mut c = [[1.0; 3]; 2];
/// clear(&mut c)?;
/// assert_eq!(c, [[0.0; 3]; 2]);
/// # Ok::<(), Error>(())
/// ```
pub trait AsMatMut {
    /// The type of its elements.
    type Elem;

    /// A view of it.
    ///
    /// # Errors
    /// [`Error::Overlap`] if two of its elements share a place, which some libraries' views allow.
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, Self::Elem>, Error>;
}

impl<A: AsMat + ?Sized> AsMat for &A {
    type Elem = A::Elem;

    #[inline(always)]
    fn as_mat(&self) -> MatRef<'_, A::Elem> {
        (**self).as_mat()
    }
}

impl<A: AsMatMut + ?Sized> AsMatMut for &mut A {
    type Elem = A::Elem;

    #[inline(always)]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, A::Elem>, Error> {
        (**self).as_mat_mut()
    }
}

impl<T> AsMat for MatRef<'_, T> {
    type Elem = T;

    #[inline(always)]
    fn as_mat(&self) -> MatRef<'_, T> {
        *self
    }
}

impl<T> AsMat for MatMut<'_, T> {
    type Elem = T;

    #[inline(always)]
    fn as_mat(&self) -> MatRef<'_, T> {
        self.as_ref()
    }
}

impl<T> AsMatMut for MatMut<'_, T> {
    type Elem = T;

    #[inline(always)]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        Ok(self.reborrow())
    }
}

impl<T> AsMat for Matrix<T> {
    type Elem = T;

    #[inline]
    fn as_mat(&self) -> MatRef<'_, T> {
        self.as_ref()
    }
}

impl<T> AsMatMut for Matrix<T> {
    type Elem = T;

    #[inline]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        Ok(self.as_mut())
    }
}

/// Row after row.
impl<T, const M: usize, const N: usize> AsMat for [[T; N]; M] {
    type Elem = T;

    #[inline]
    fn as_mat(&self) -> MatRef<'_, T> {
        MatRef::from(self)
    }
}

/// Row after row.
impl<T, const M: usize, const N: usize> AsMatMut for [[T; N]; M] {
    type Elem = T;

    #[inline]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        Ok(MatMut::from(self))
    }
}

/// Row after row.
impl<'a, T, const M: usize, const N: usize> From<&'a [[T; N]; M]> for MatRef<'a, T> {
    #[inline]
    fn from(rows: &'a [[T; N]; M]) -> Self {
        // SAFETY: M rows of N elements one behind the other, borrowed for 'a.
        unsafe { MatRef::from_raw_parts(rows.as_ptr().cast(), M, N, N as isize, 1) }
    }
}

/// Row after row.
impl<'a, T, const M: usize, const N: usize> From<&'a mut [[T; N]; M]> for MatMut<'a, T> {
    #[inline]
    fn from(rows: &'a mut [[T; N]; M]) -> Self {
        // SAFETY: M rows of N elements one behind the other, borrowed mutably for 'a.
        unsafe { MatMut::from_raw_parts(rows.as_mut_ptr().cast(), M, N, N as isize, 1) }
    }
}

impl<'a, T> From<&'a Matrix<T>> for MatRef<'a, T> {
    #[inline]
    fn from(matrix: &'a Matrix<T>) -> Self {
        matrix.as_ref()
    }
}

impl<'a, T> From<&'a mut Matrix<T>> for MatMut<'a, T> {
    #[inline]
    fn from(matrix: &'a mut Matrix<T>) -> Self {
        matrix.as_mut()
    }
}
