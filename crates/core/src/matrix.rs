use alloc::alloc::alloc_zeroed;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::any::TypeId;

use crate::extent::check_len;
use crate::{Element, Error, MatMut, MatRef};

/// An owned row-major matrix: a shape and a `Vec`.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T> {
    data: Vec<T>,
    nrows: usize,
    ncols: usize,
}

impl<T: Element> Matrix<T> {
    /// All zeros.
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

    /// Takes nrows · ncols elements, row after row.
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

    /// A view to read.
    pub fn as_ref(&self) -> MatRef<'_, T> {
        // SAFETY: data holds nrows * ncols elements, row after row, and is borrowed as long as the view.
        unsafe { MatRef::from_raw_parts(self.data.as_ptr(), self.nrows, self.ncols, self.ncols as isize, 1) }
    }

    /// A view to write.
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
    pub fn into_vec(self) -> Vec<T> {
        self.data
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
