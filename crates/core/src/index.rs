//! Elements by `[(i, j)]`.

use core::ops::{Index, IndexMut};

use crate::extent::check_index;
use crate::{MatMut, MatRef, Matrix};

/// Element (i, j).
///
/// # Panics
/// If i ≥ nrows or j ≥ ncols.
impl<T> Index<(usize, usize)> for MatRef<'_, T> {
    type Output = T;

    #[inline(always)]
    #[track_caller]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        let offset = self.offset_of(i, j);
        // SAFETY: (i, j) lies in the view, whose constructor vouched for its elements.
        unsafe { &*self.as_ptr().offset(offset) }
    }
}

/// Element (i, j).
///
/// # Panics
/// If i ≥ nrows or j ≥ ncols.
impl<T> Index<(usize, usize)> for MatMut<'_, T> {
    type Output = T;

    #[inline(always)]
    #[track_caller]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        let offset = self.offset_of(i, j);
        // SAFETY: (i, j) lies in the view, which borrows its elements.
        unsafe { &*self.as_ref().as_ptr().offset(offset) }
    }
}

/// Element (i, j), to write.
///
/// # Panics
/// If i ≥ nrows or j ≥ ncols.
impl<T> IndexMut<(usize, usize)> for MatMut<'_, T> {
    #[inline(always)]
    #[track_caller]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut T {
        let offset = self.offset_of(i, j);
        // SAFETY: (i, j) lies in the view, which borrows its elements mutably.
        unsafe { &mut *self.as_mut_ptr().offset(offset) }
    }
}

/// Element (i, j).
///
/// # Panics
/// If i ≥ nrows or j ≥ ncols.
impl<T> Index<(usize, usize)> for Matrix<T> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        check_index((i, j), self.shape());
        &self.as_slice()[i * self.ncols() + j]
    }
}

/// Element (i, j), to write.
///
/// # Panics
/// If i ≥ nrows or j ≥ ncols.
impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut T {
        check_index((i, j), self.shape());
        let place = i * self.ncols() + j;
        &mut self.as_mut_slice()[place]
    }
}
