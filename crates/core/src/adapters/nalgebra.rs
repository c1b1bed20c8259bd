use ::nalgebra::{Dim, Matrix as NMatrix, RawStorage, RawStorageMut};

use crate::extent::check_disjoint;
use crate::{AsMat, AsMatMut, Error, MatMut, MatRef};

/// Owned or a view, of fixed or dynamic sizes, with any strides.
///
/// ```
/// use matmul_core::MatRef;
/// use nalgebra::DMatrix;
///
/// let a = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(MatRef::from(&a).to_vec(), [1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(MatRef::from(&a.columns(1, 1)).to_vec(), [2.0, 4.0]);
/// ```
impl<'a, T, R: Dim, C: Dim, S: RawStorage<T, R, C>> From<&'a NMatrix<T, R, C, S>> for MatRef<'a, T> {
    #[inline]
    fn from(matrix: &'a NMatrix<T, R, C, S>) -> Self {
        let ((nrows, ncols), (rs, cs)) = (matrix.shape(), matrix.strides());
        // SAFETY: a storage has an element at each of these places, and lends them as long as it is lent itself.
        unsafe { MatRef::from_raw_parts(matrix.as_ptr(), nrows, ncols, rs as isize, cs as isize) }
    }
}

/// Any strides that keep the elements apart; otherwise [`Error::Overlap`].
///
/// ```
/// use matmul_core::{Error, MatMut};
/// use nalgebra::DMatrix;
///
/// let mut c = DMatrix::<f32>::zeros(2, 3);
/// MatMut::try_from(&mut c.columns_mut(1, 2))?.set(1, 1, 7.0);
/// assert_eq!(c[(1, 2)], 7.0);
/// # Ok::<(), Error>(())
/// ```
impl<'a, T, R: Dim, C: Dim, S: RawStorageMut<T, R, C>> TryFrom<&'a mut NMatrix<T, R, C, S>>
    for MatMut<'a, T>
{
    type Error = Error;

    #[inline]
    fn try_from(matrix: &'a mut NMatrix<T, R, C, S>) -> Result<Self, Error> {
        let ((nrows, ncols), (rs, cs)) = (matrix.shape(), matrix.strides());
        let (rs, cs) = (rs as isize, cs as isize);
        check_disjoint((nrows, ncols), (rs, cs))?;
        // SAFETY: a storage has an element at each of these places, and lends them as long as it is lent itself; no
        // two share a place.
        Ok(unsafe { MatMut::from_raw_parts(matrix.data.ptr_mut(), nrows, ncols, rs, cs) })
    }
}

impl<T, R: Dim, C: Dim, S: RawStorage<T, R, C>> AsMat for NMatrix<T, R, C, S> {
    type Elem = T;

    #[inline]
    fn as_mat(&self) -> MatRef<'_, T> {
        self.into()
    }
}

impl<T, R: Dim, C: Dim, S: RawStorageMut<T, R, C>> AsMatMut for NMatrix<T, R, C, S> {
    type Elem = T;

    #[inline]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        self.try_into()
    }
}
