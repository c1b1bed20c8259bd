use ::ndarray::{Array2, ArrayBase, ArrayRef2, ArrayView2, ArrayViewMut2, Data, DataMut, Ix2};

use crate::extent::check_disjoint;
use crate::{AsMat, AsMatMut, Error, MatMut, MatRef, Matrix};

/// Any strides: those of a transposed, reversed or broadcast view too.
///
/// ```
/// use matmul_core::MatRef;
/// use ndarray::{array, s};
///
/// let a = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(MatRef::from(&a).to_vec(), [1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(MatRef::from(a.slice(s![..;-1, ..])).to_vec(), [3.0, 4.0, 1.0, 2.0]);
/// ```
impl<'a, T> From<ArrayView2<'a, T>> for MatRef<'a, T> {
    #[inline]
    fn from(view: ArrayView2<'a, T>) -> Self {
        let ((nrows, ncols), strides) = (view.dim(), view.strides());
        // SAFETY: a view's elements may be read for 'a.
        unsafe { MatRef::from_raw_parts(view.as_ptr(), nrows, ncols, strides[0], strides[1]) }
    }
}

impl<'a, T, S: Data<Elem = T>> From<&'a ArrayBase<S, Ix2>> for MatRef<'a, T> {
    #[inline]
    fn from(array: &'a ArrayBase<S, Ix2>) -> Self {
        array.view().into()
    }
}

impl<'a, T> From<&'a ArrayRef2<T>> for MatRef<'a, T> {
    #[inline]
    fn from(array: &'a ArrayRef2<T>) -> Self {
        array.view().into()
    }
}

/// Any strides that keep the elements apart; otherwise [`Error::Overlap`]: of a view that was made of a raw one ndarray
/// checks that in debug builds alone.
///
/// ```
/// use matmul_core::{Error, MatMut};
/// use ndarray::Array2;
///
/// let mut c = Array2::<f32>::zeros((2, 3));
/// MatMut::try_from(c.view_mut().reversed_axes())?.set(2, 1, 7.0);
/// assert_eq!(c[(1, 2)], 7.0);
/// # Ok::<(), Error>(())
/// ```
impl<'a, T> TryFrom<ArrayViewMut2<'a, T>> for MatMut<'a, T> {
    type Error = Error;

    #[inline]
    fn try_from(mut view: ArrayViewMut2<'a, T>) -> Result<Self, Error> {
        let first = view.as_mut_ptr();
        let ((nrows, ncols), (rs, cs)) = (view.dim(), (view.strides()[0], view.strides()[1]));
        check_disjoint((nrows, ncols), (rs, cs))?;
        // SAFETY: a view's elements may be written for 'a, and no two of these share a place.
        Ok(unsafe { MatMut::from_raw_parts(first, nrows, ncols, rs, cs) })
    }
}

impl<'a, T, S: DataMut<Elem = T>> TryFrom<&'a mut ArrayBase<S, Ix2>> for MatMut<'a, T> {
    type Error = Error;

    #[inline]
    fn try_from(array: &'a mut ArrayBase<S, Ix2>) -> Result<Self, Error> {
        array.view_mut().try_into()
    }
}

impl<'a, T> TryFrom<&'a mut ArrayRef2<T>> for MatMut<'a, T> {
    type Error = Error;

    #[inline]
    fn try_from(array: &'a mut ArrayRef2<T>) -> Result<Self, Error> {
        array.view_mut().try_into()
    }
}

impl<T, S: Data<Elem = T>> AsMat for ArrayBase<S, Ix2> {
    type Elem = T;

    #[inline]
    fn as_mat(&self) -> MatRef<'_, T> {
        self.into()
    }
}

impl<T, S: DataMut<Elem = T>> AsMatMut for ArrayBase<S, Ix2> {
    type Elem = T;

    #[inline]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        self.try_into()
    }
}

impl<T> AsMat for ArrayRef2<T> {
    type Elem = T;

    #[inline]
    fn as_mat(&self) -> MatRef<'_, T> {
        self.into()
    }
}

impl<T> AsMatMut for ArrayRef2<T> {
    type Elem = T;

    #[inline]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        self.try_into()
    }
}

/// The same memory, row after row.
///
/// ```
/// use matmul_core::Matrix;
/// use ndarray::{Array2, array};
///
/// let c = Matrix::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(Array2::from(c), array![[1.0, 2.0], [3.0, 4.0]]);
/// ```
impl<T> From<Matrix<T>> for Array2<T> {
    fn from(matrix: Matrix<T>) -> Self {
        let shape = matrix.shape();
        Array2::from_shape_vec(shape, matrix.into_vec()).expect("a matrix has the elements of its shape")
    }
}
