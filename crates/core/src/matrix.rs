use alloc::alloc::alloc_zeroed;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::any::TypeId;

use crate::extent::check_len;
use crate::{Element, Error, MatMut, MatRef};

/// An owned row-major matrix: a shape and a `Vec`.
///
/// ```
/// use matmul_core::Matrix;
///
/// let mut a = Matrix::from([[1.0, 2.0], [3.0, 4.0]]);
/// a[(0, 1)] = 2.5;
/// assert_eq!(a.to_string(), "[[1, 2.5],\n [3, 4]]");
/// assert_eq!(format!("{a:.1}"), "[[1.0, 2.5],\n [3.0, 4.0]]");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T> {
    data: Vec<T>,
    nrows: usize,
    ncols: usize,
}

impl<T: Element> Matrix<T> {
    /// All zeros.
    ///
    /// ```
    /// assert_eq!(matmul_core::Matrix::<f32>::zeros(2, 3).as_slice(), [0.0; 6]);
    /// ```
    ///
    /// # Panics
    /// If memory for nrows · ncols elements is not to be had; [`Matrix::try_zeros`] says so.
    pub fn zeros(nrows: usize, ncols: usize) -> Self {
        Self::try_zeros(nrows, ncols).unwrap_or_else(|error| panic!("{error}"))
    }

    /// All zeros, if there is memory for them. As always, a system that promises more memory than it has may end the
    /// process when it is used.
    ///
    /// ```
    /// use matmul_core::{Error, Matrix};
    ///
    /// assert_eq!(Matrix::<f32>::try_zeros(2, 3)?.as_slice(), [0.0; 6]);
    /// let error = Matrix::<f32>::try_zeros(usize::MAX, 3).unwrap_err();
    /// assert_eq!(error, Error::TooLarge { nrows: usize::MAX, ncols: 3, element: 4 });
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooLarge`] if not.
    pub fn try_zeros(nrows: usize, ncols: usize) -> Result<Self, Error> {
        let data = nrows.checked_mul(ncols).and_then(zeros);
        let data = data.ok_or(Error::TooLarge { nrows, ncols, element: size_of::<T>() })?;
        Ok(Self { data, nrows, ncols })
    }
}

impl<T> Matrix<T> {
    /// Element (i, j) is `element(i, j)`, which is asked row after row.
    ///
    /// ```
    /// let identity = matmul_core::Matrix::from_fn(2, 2, |i, j| if i == j { 1.0 } else { 0.0 });
    /// assert_eq!(identity.as_slice(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If nrows · ncols elements are more than memory can hold, as `Vec` does.
    pub fn from_fn(nrows: usize, ncols: usize, mut element: impl FnMut(usize, usize) -> T) -> Self {
        let len = nrows.checked_mul(ncols);
        let mut data = Vec::with_capacity(len.expect("a matrix has fewer elements than usize::MAX"));
        // So many rows of nothing would take as many steps.
        for i in 0..if ncols == 0 { 0 } else { nrows } {
            data.extend((0..ncols).map(|j| element(i, j)));
        }
        Self { data, nrows, ncols }
    }

    /// Takes nrows · ncols elements, row after row.
    ///
    /// ```
    /// use matmul_core::{Error, Matrix};
    ///
    /// assert_eq!(Matrix::from_vec(vec![1, 2, 3, 4, 5, 6], 2, 3)?[(1, 0)], 4);
    /// assert_eq!(Matrix::from_vec(vec![1], 2, 3), Err(Error::Length { nrows: 2, ncols: 3, found: 1 }));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if there is another number of them.
    pub fn from_vec(data: Vec<T>, nrows: usize, ncols: usize) -> Result<Self, Error> {
        check_len(data.len(), nrows, ncols)?;
        Ok(Self { data, nrows, ncols })
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.nrows, self.ncols)
    }

    /// A view to read.
    pub fn as_ref(&self) -> MatRef<'_, T> {
        // SAFETY: data holds nrows * ncols elements, row after row, and is borrowed as long as the view.
        unsafe { MatRef::from_raw_parts(self.data.as_ptr(), self.nrows, self.ncols, self.ncols as isize, 1) }
    }

    /// A view to write.
    ///
    /// ```
    /// let mut a = matmul_core::Matrix::from([[1, 2], [3, 4]]);
    /// a.as_mut().t().set(0, 1, 7);
    /// assert_eq!(a.as_slice(), [1, 2, 7, 4]);
    /// ```
    pub fn as_mut(&mut self) -> MatMut<'_, T> {
        // SAFETY: as above, and borrowed mutably.
        unsafe {
            MatMut::from_raw_parts(self.data.as_mut_ptr(), self.nrows, self.ncols, self.ncols as isize, 1)
        }
    }

    /// The elements, row after row.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// The elements, row after row, to write.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The elements, row after row, to keep.
    ///
    /// ```
    /// assert_eq!(matmul_core::Matrix::from([[1, 2], [3, 4]]).into_vec(), [1, 2, 3, 4]);
    /// ```
    pub fn into_vec(self) -> Vec<T> {
        self.data
    }
}

/// Row after row.
impl<T, const M: usize, const N: usize> From<[[T; N]; M]> for Matrix<T> {
    fn from(rows: [[T; N]; M]) -> Self {
        Self { data: rows.into_iter().flatten().collect(), nrows: M, ncols: N }
    }
}

/// So many zeros, or None where `vec!` would end the process.
fn zeros<T: Element>(len: usize) -> Option<Vec<T>> {
    let mut data = Vec::new();
    let is_float = TypeId::of::<T>() == TypeId::of::<f32>() || TypeId::of::<T>() == TypeId::of::<f64>();
    if !is_float || len == 0 {
        data.try_reserve_exact(len).ok()?;
        data.resize(len, T::ZERO);
        return Some(data);
    }
    // As `vec!` does it: pages that the system hands out are zero already.
    let layout = Layout::array::<T>(len).ok()?;
    // SAFETY: the layout is not empty.
    let first = unsafe { alloc_zeroed(layout) }.cast::<T>();
    // SAFETY: allocated just now by the global allocator, with the layout of `len` elements; zeroed memory is 0.0.
    (!first.is_null()).then(|| unsafe { Vec::from_raw_parts(first, len, len) })
}
