use crate::{AsMat, AsMatMut, Error, MatMut, MatRef};

/// Any strides, reversed ones too.
///
/// ```
/// use matmul_core::MatRef;
///
/// let a = faer::mat![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(MatRef::from(&a).to_vec(), [1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(MatRef::from(a.reverse_rows()).to_vec(), [3.0, 4.0, 1.0, 2.0]);
/// ```
impl<'a, T> From<::faer::MatRef<'a, T>> for MatRef<'a, T> {
    #[inline]
    fn from(view: ::faer::MatRef<'a, T>) -> Self {
        let ((nrows, ncols), (rs, cs)) = (view.shape(), (view.row_stride(), view.col_stride()));
        // SAFETY: a view's elements may be read for 'a.
        unsafe { MatRef::from_raw_parts(view.as_ptr(), nrows, ncols, rs, cs) }
    }
}

impl<'a, T> From<&'a ::faer::Mat<T>> for MatRef<'a, T> {
    #[inline]
    fn from(matrix: &'a ::faer::Mat<T>) -> Self {
        matrix.as_ref().into()
    }
}

/// Any strides: no two elements of a faer view that can be written share a place.
///
/// ```
/// use matmul_core::MatMut;
///
/// let mut c = faer::Mat::<f32>::zeros(2, 3);
/// MatMut::from(c.as_mut().transpose_mut()).set(2, 1, 7.0);
/// assert_eq!(c[(1, 2)], 7.0);
/// ```
impl<'a, T> From<::faer::MatMut<'a, T>> for MatMut<'a, T> {
    #[inline]
    fn from(view: ::faer::MatMut<'a, T>) -> Self {
        let ((nrows, ncols), (rs, cs)) = (view.shape(), (view.row_stride(), view.col_stride()));
        // SAFETY: a view's elements may be written for 'a, and no two share a place.
        unsafe { MatMut::from_raw_parts(view.as_ptr_mut(), nrows, ncols, rs, cs) }
    }
}

impl<'a, T> From<&'a mut ::faer::Mat<T>> for MatMut<'a, T> {
    #[inline]
    fn from(matrix: &'a mut ::faer::Mat<T>) -> Self {
        matrix.as_mut().into()
    }
}

impl<T> AsMat for ::faer::MatRef<'_, T> {
    type Elem = T;

    #[inline]
    fn as_mat(&self) -> MatRef<'_, T> {
        (*self).into()
    }
}

impl<T> AsMat for ::faer::Mat<T> {
    type Elem = T;

    #[inline]
    fn as_mat(&self) -> MatRef<'_, T> {
        self.into()
    }
}

impl<T> AsMatMut for ::faer::MatMut<'_, T> {
    type Elem = T;

    #[inline]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        Ok(self.as_mut().into())
    }
}

impl<T> AsMatMut for ::faer::Mat<T> {
    type Elem = T;

    #[inline]
    fn as_mat_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        Ok(self.into())
    }
}
