use alloc::vec;
use alloc::vec::Vec;

use crate::view::check_len;
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
    /// If nrows · ncols elements do not fit in memory.
    pub fn zeros(nrows: usize, ncols: usize) -> Self {
        let len = nrows.checked_mul(ncols).expect("a matrix has more elements than memory");
        Self { data: vec![T::ZERO; len], nrows, ncols }
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
