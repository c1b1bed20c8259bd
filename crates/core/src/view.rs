use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::Range;

use crate::Error;
use crate::extent::{check_disjoint, check_index, check_len, check_range, check_split, check_view};

/// A borrowed nrows × ncols matrix: element (i, j) lies `i·rs + j·cs` elements from (0, 0).
///
/// Strides may be negative or 0 (a broadcast row or column).
///
/// ```
/// use matmul_core::MatRef;
///
/// let data = [1, 2, 3, 4, 5, 6];
/// let a = MatRef::from_row_major(&data, 2, 3)?;
/// assert_eq!((a.shape(), a.rs(), a.cs(), a[(1, 0)]), ((2, 3), 3, 1, 4));
/// assert_eq!(a.t().to_vec(), [1, 4, 2, 5, 3, 6]);
/// # Ok::<(), matmul_core::Error>(())
/// ```
pub struct MatRef<'a, T> {
    ptr: *const T,
    nrows: usize,
    ncols: usize,
    rs: isize,
    cs: isize,
    _data: PhantomData<&'a T>,
}

/// A mutably borrowed nrows × ncols matrix: element (i, j) lies `i·rs + j·cs` elements from (0, 0).
///
/// Strides may be negative, but no two elements share a place.
///
/// ```
/// use matmul_core::MatMut;
///
/// let mut data = [0; 6];
/// let mut c = MatMut::from_row_major(&mut data, 2, 3)?;
/// c.reborrow().submatrix(0..2, 1..3)?.fill(7);
/// c[(1, 0)] = 5;
/// assert_eq!(data, [0, 7, 7, 5, 7, 7]);
/// # Ok::<(), matmul_core::Error>(())
/// ```
pub struct MatMut<'a, T> {
    ptr: *mut T,
    nrows: usize,
    ncols: usize,
    rs: isize,
    cs: isize,
    _data: PhantomData<&'a mut T>,
}

// SAFETY: a MatRef is a shared borrow of its elements, like &[T].
unsafe impl<T: Sync> Send for MatRef<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for MatRef<'_, T> {}
// SAFETY: a MatMut is a unique borrow of its elements, like &mut [T]; no two of its elements share a place.
unsafe impl<T: Send> Send for MatMut<'_, T> {}
// SAFETY: as above; through &MatMut elements can only be read.
unsafe impl<T: Sync> Sync for MatMut<'_, T> {}

impl<T> Clone for MatRef<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MatRef<'_, T> {}

/// What both kinds of view can do without reading or writing.
macro_rules! impl_shape {
    ($view:ident) => {
        impl<T> $view<'_, T> {
            /// Number of rows.
            #[inline(always)]
            pub fn nrows(&self) -> usize {
                self.nrows
            }

            /// Number of columns.
            #[inline(always)]
            pub fn ncols(&self) -> usize {
                self.ncols
            }

            /// Rows and columns.
            #[inline(always)]
            pub fn shape(&self) -> (usize, usize) {
                (self.nrows, self.ncols)
            }

            /// Row stride in elements: the step from (i, j) to (i + 1, j).
            #[inline(always)]
            pub fn rs(&self) -> isize {
                self.rs
            }

            /// Column stride in elements: the step from (i, j) to (i, j + 1).
            #[inline(always)]
            pub fn cs(&self) -> isize {
                self.cs
            }

            /// The offset of element (i, j), which lies in the view.
            #[inline(always)]
            #[track_caller]
            pub(crate) fn offset_of(&self, i: usize, j: usize) -> isize {
                check_index((i, j), self.shape());
                // In range for elements that take memory; a slice of those that take none may have more than isize::MAX,
                // and they are all at one address.
                (i as isize).wrapping_mul(self.rs).wrapping_add((j as isize).wrapping_mul(self.cs))
            }

            /// The transpose: same memory, strides exchanged.
            ///
            /// ```
            /// let a = matmul_core::MatRef::from(&[[1, 2, 3]]);
            /// assert_eq!((a.t().shape(), a.t().rs()), ((3, 1), 1));
            /// ```
            #[inline(always)]
            pub fn t(self) -> Self {
                Self { nrows: self.ncols, ncols: self.nrows, rs: self.cs, cs: self.rs, ..self }
            }

            /// Rows in reverse order.
            ///
            /// ```
            /// let a = matmul_core::MatRef::from(&[[1, 2], [3, 4]]);
            /// assert_eq!(a.reverse_rows().to_vec(), [3, 4, 1, 2]);
            /// ```
            pub fn reverse_rows(self) -> Self {
                let last = self.nrows.saturating_sub(1) as isize;
                let ptr = self.ptr.wrapping_offset(last.wrapping_mul(self.rs));
                Self { ptr, rs: self.rs.wrapping_neg(), ..self }
            }

            /// Columns in reverse order.
            ///
            /// ```
            /// let a = matmul_core::MatRef::from(&[[1, 2], [3, 4]]);
            /// assert_eq!(a.reverse_cols().to_vec(), [2, 1, 4, 3]);
            /// ```
            pub fn reverse_cols(self) -> Self {
                self.t().reverse_rows().t()
            }

            /// The block of the given rows and columns.
            ///
            /// ```
            /// let a = matmul_core::MatRef::from(&[[1, 2, 3], [4, 5, 6]]);
            /// assert_eq!(a.submatrix(1..2, 0..2)?.to_vec(), [4, 5]);
            /// assert!(a.submatrix(1..3, 0..2).is_err());
            /// # Ok::<(), matmul_core::Error>(())
            /// ```
            ///
            /// # Errors
            /// [`Error::Range`] if a range does not lie in the matrix.
            pub fn submatrix(self, rows: Range<usize>, cols: Range<usize>) -> Result<Self, Error> {
                check_range(&rows, self.nrows)?;
                check_range(&cols, self.ncols)?;
                Ok(self.block(rows, cols))
            }

            /// [`Self::submatrix`] of ranges that lie in the matrix.
            fn block(self, rows: Range<usize>, cols: Range<usize>) -> Self {
                // Wrapping, because the corner of an empty block of an empty matrix need not be an address.
                let corner = (rows.start as isize)
                    .wrapping_mul(self.rs)
                    .wrapping_add((cols.start as isize).wrapping_mul(self.cs));
                let ptr = self.ptr.wrapping_offset(corner);
                Self { ptr, nrows: rows.len(), ncols: cols.len(), ..self }
            }

            /// Rows `..i` and rows `i..`, as `split_at` of a slice.
            ///
            /// ```
            /// let (top, bottom) = matmul_core::MatRef::from(&[[1, 2], [3, 4], [5, 6]]).split_rows(1);
            /// assert_eq!((top.to_vec(), bottom.to_vec()), (vec![1, 2], vec![3, 4, 5, 6]));
            /// ```
            ///
            /// # Panics
            /// If i > nrows.
            #[track_caller]
            pub fn split_rows(self, i: usize) -> (Self, Self) {
                let (nrows, ncols) = self.shape();
                check_split(i, nrows);
                // Rows ..i and i.. have no element in common, so both may live as long as the whole.
                let whole = Self { _data: PhantomData, ..self };
                (self.block(0..i, 0..ncols), whole.block(i..nrows, 0..ncols))
            }

            /// Columns `..j` and columns `j..`, as `split_at` of a slice.
            ///
            /// ```
            /// let (left, right) = matmul_core::MatRef::from(&[[1, 2], [3, 4]]).split_cols(1);
            /// assert_eq!((left.to_vec(), right.to_vec()), (vec![1, 3], vec![2, 4]));
            /// ```
            ///
            /// # Panics
            /// If j > ncols.
            #[track_caller]
            pub fn split_cols(self, j: usize) -> (Self, Self) {
                let (left, right) = self.t().split_rows(j);
                (left.t(), right.t())
            }
        }
    };
}

impl_shape!(MatRef);
impl_shape!(MatMut);

impl<'a, T> MatRef<'a, T> {
    /// A slice of nrows · ncols elements, row after row.
    ///
    /// ```
    /// let a = matmul_core::MatRef::from_row_major(&[1, 2, 3, 4, 5, 6], 2, 3)?;
    /// assert_eq!(a.at(1, 0), 4);
    /// # Ok::<(), matmul_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if the slice has another length.
    #[inline]
    pub fn from_row_major(data: &'a [T], nrows: usize, ncols: usize) -> Result<Self, Error> {
        check_len(data.len(), nrows, ncols)?;
        // SAFETY: the slice holds exactly nrows · ncols elements for 'a.
        Ok(unsafe { Self::from_raw_parts(data.as_ptr(), nrows, ncols, ncols as isize, 1) })
    }

    /// A slice of nrows · ncols elements, column after column.
    ///
    /// ```
    /// let a = matmul_core::MatRef::from_col_major(&[1, 2, 3, 4, 5, 6], 2, 3)?;
    /// assert_eq!(a.at(1, 0), 2);
    /// # Ok::<(), matmul_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if the slice has another length.
    #[inline]
    pub fn from_col_major(data: &'a [T], nrows: usize, ncols: usize) -> Result<Self, Error> {
        Ok(Self::from_row_major(data, ncols, nrows)?.t())
    }

    /// Any strides, in elements, with element (0, 0) at `data[offset]`.
    ///
    /// ```
    /// // Every other element, from the last one backwards.
    /// let a = matmul_core::MatRef::from_strided(&[1, 2, 3, 4, 5], 4, 1, 3, 1, -2)?;
    /// assert_eq!(a.to_vec(), [5, 3, 1]);
    /// # Ok::<(), matmul_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] if an element would lie outside the slice.
    pub fn from_strided(
        data: &'a [T],
        offset: usize,
        nrows: usize,
        ncols: usize,
        rs: isize,
        cs: isize,
    ) -> Result<Self, Error> {
        check_view(data.len(), offset, (nrows, ncols), (rs, cs))?;
        // SAFETY: every element lies in the slice; `wrapping_add` because an empty view may have any offset.
        Ok(unsafe { Self::from_raw_parts(data.as_ptr().wrapping_add(offset), nrows, ncols, rs, cs) })
    }

    /// A view of memory that some other array type has checked already.
    ///
    /// # Safety
    /// Every element `ptr + i·rs + j·cs` with i < nrows, j < ncols lies in one allocation, is initialised, and is
    /// not written to for `'a`.
    #[inline(always)]
    pub unsafe fn from_raw_parts(ptr: *const T, nrows: usize, ncols: usize, rs: isize, cs: isize) -> Self {
        Self { ptr, nrows, ncols, rs, cs, _data: PhantomData }
    }

    /// Address of element (0, 0). Do not read through it if the matrix is empty.
    #[inline(always)]
    pub fn as_ptr(&self) -> *const T {
        self.ptr
    }

    /// The same matrix `offset` elements further on.
    ///
    /// # Safety
    /// That matrix satisfies [`MatRef::from_raw_parts`], or is never read.
    #[inline(always)]
    pub(crate) unsafe fn moved(self, offset: isize) -> Self {
        Self { ptr: self.ptr.wrapping_offset(offset), ..self }
    }
}

impl<T: Copy> MatRef<'_, T> {
    /// Element (i, j).
    ///
    /// ```
    /// assert_eq!(matmul_core::MatRef::from(&[[1, 2], [3, 4]]).at(1, 0), 3);
    /// ```
    ///
    /// # Panics
    /// If i ≥ nrows or j ≥ ncols.
    #[inline(always)]
    #[track_caller]
    pub fn at(&self, i: usize, j: usize) -> T {
        let index = self.offset_of(i, j);
        // SAFETY: (i, j) lies in the view, whose constructor vouched for its elements.
        unsafe { *self.ptr.offset(index) }
    }

    /// Element (i, j), if there is one.
    ///
    /// ```
    /// let a = matmul_core::MatRef::from(&[[1, 2], [3, 4]]);
    /// assert_eq!((a.get(1, 0), a.get(2, 0)), (Some(3), None));
    /// ```
    #[inline]
    pub fn get(&self, i: usize, j: usize) -> Option<T> {
        (i < self.nrows && j < self.ncols).then(|| self.at(i, j))
    }

    /// All elements, row after row.
    ///
    /// ```
    /// assert_eq!(matmul_core::MatRef::from(&[[1, 2], [3, 4]]).t().to_vec(), [1, 3, 2, 4]);
    /// ```
    pub fn to_vec(&self) -> Vec<T> {
        // So many rows of nothing would take as many steps.
        let nrows = if self.ncols == 0 { 0 } else { self.nrows };
        (0..nrows).flat_map(|i| (0..self.ncols).map(move |j| self.at(i, j))).collect()
    }
}

impl<'a, T> MatMut<'a, T> {
    /// A slice of nrows · ncols elements, row after row.
    ///
    /// ```
    /// let mut data = [0; 6];
    /// matmul_core::MatMut::from_row_major(&mut data, 2, 3)?.set(1, 0, 7);
    /// assert_eq!(data, [0, 0, 0, 7, 0, 0]);
    /// # Ok::<(), matmul_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if the slice has another length.
    #[inline]
    pub fn from_row_major(data: &'a mut [T], nrows: usize, ncols: usize) -> Result<Self, Error> {
        check_len(data.len(), nrows, ncols)?;
        // SAFETY: the slice holds exactly nrows · ncols elements, each once, and is borrowed mutably for 'a.
        Ok(unsafe { Self::from_raw_parts(data.as_mut_ptr(), nrows, ncols, ncols as isize, 1) })
    }

    /// A slice of nrows · ncols elements, column after column.
    ///
    /// ```
    /// let mut data = [0; 6];
    /// matmul_core::MatMut::from_col_major(&mut data, 2, 3)?.set(1, 0, 7);
    /// assert_eq!(data, [0, 7, 0, 0, 0, 0]);
    /// # Ok::<(), matmul_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if the slice has another length.
    #[inline]
    pub fn from_col_major(data: &'a mut [T], nrows: usize, ncols: usize) -> Result<Self, Error> {
        Ok(Self::from_row_major(data, ncols, nrows)?.t())
    }

    /// Any strides, in elements, that keep the elements apart, with element (0, 0) at `data[offset]`.
    ///
    /// ```
    /// use matmul_core::{Error, MatMut};
    ///
    /// let overlap = MatMut::from_strided(&mut [1, 2, 3], 0, 2, 2, 1, 1).unwrap_err();
    /// assert_eq!(overlap, Error::Overlap { shape: (2, 2), strides: (1, 1) });
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] if an element would lie outside the slice, [`Error::Overlap`] if two elements would
    /// share a place.
    pub fn from_strided(
        data: &'a mut [T],
        offset: usize,
        nrows: usize,
        ncols: usize,
        rs: isize,
        cs: isize,
    ) -> Result<Self, Error> {
        check_view(data.len(), offset, (nrows, ncols), (rs, cs))?;
        check_disjoint((nrows, ncols), (rs, cs))?;
        // SAFETY: every element lies in the slice and no two share a place; an empty view may have any offset.
        Ok(unsafe { Self::from_raw_parts(data.as_mut_ptr().wrapping_add(offset), nrows, ncols, rs, cs) })
    }

    /// A view of memory that some other array type has checked already.
    ///
    /// # Safety
    /// Every element `ptr + i·rs + j·cs` with i < nrows, j < ncols lies in one allocation, no two share a place,
    /// and nothing else reads or writes them for `'a`. Elements that are read must be initialised.
    #[inline(always)]
    pub unsafe fn from_raw_parts(ptr: *mut T, nrows: usize, ncols: usize, rs: isize, cs: isize) -> Self {
        Self { ptr, nrows, ncols, rs, cs, _data: PhantomData }
    }

    /// Address of element (0, 0). Do not use it if the matrix is empty.
    #[inline(always)]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.ptr
    }

    /// A shared view of the same elements.
    #[inline(always)]
    pub fn as_ref(&self) -> MatRef<'_, T> {
        let Self { ptr, nrows, ncols, rs, cs, .. } = *self;
        MatRef { ptr, nrows, ncols, rs, cs, _data: PhantomData }
    }

    /// The same view for a shorter time.
    ///
    /// ```
    /// let mut data = [[1, 2]];
    /// let mut c = matmul_core::MatMut::from(&mut data);
    /// c.reborrow().t().set(1, 0, 5);
    /// assert_eq!(c.at(0, 1), 5);
    /// ```
    #[inline(always)]
    pub fn reborrow(&mut self) -> MatMut<'_, T> {
        MatMut { _data: PhantomData, ..*self }
    }

    /// The same matrix `offset` elements further on.
    ///
    /// # Safety
    /// That matrix satisfies [`MatMut::from_raw_parts`], or is never used.
    #[inline(always)]
    pub(crate) unsafe fn moved(self, offset: isize) -> Self {
        Self { ptr: self.ptr.wrapping_offset(offset), ..self }
    }
}

impl<T: Copy> MatMut<'_, T> {
    /// Element (i, j).
    ///
    /// ```
    /// assert_eq!(matmul_core::MatRef::from(&[[1, 2], [3, 4]]).at(1, 0), 3);
    /// ```
    ///
    /// # Panics
    /// If i ≥ nrows or j ≥ ncols.
    #[inline(always)]
    #[track_caller]
    pub fn at(&self, i: usize, j: usize) -> T {
        self.as_ref().at(i, j)
    }

    /// Sets element (i, j).
    ///
    /// # Panics
    /// If i ≥ nrows or j ≥ ncols.
    #[inline(always)]
    #[track_caller]
    pub fn set(&mut self, i: usize, j: usize, value: T) {
        let index = self.offset_of(i, j);
        // SAFETY: (i, j) lies in the view, which borrows its elements mutably.
        unsafe { *self.ptr.offset(index) = value }
    }

    /// Sets every element.
    ///
    /// ```
    /// let mut data = [1, 2, 3, 4];
    /// matmul_core::MatMut::from_strided(&mut data, 0, 2, 1, 2, 1)?.fill(0);
    /// assert_eq!(data, [0, 2, 0, 4]);
    /// # Ok::<(), matmul_core::Error>(())
    /// ```
    pub fn fill(&mut self, value: T) {
        // So many rows of nothing would take as many steps.
        let nrows = if self.ncols == 0 { 0 } else { self.nrows };
        for i in 0..nrows {
            for j in 0..self.ncols {
                self.set(i, j, value);
            }
        }
    }
}
