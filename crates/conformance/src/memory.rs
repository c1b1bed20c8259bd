//! Memory in which a kernel's stray reads and writes show.

use matmul_core::{Error, MatMut, MatRef, Real};

use crate::case::Place;
use crate::layout::Layout;

/// Canaries on each side of a matrix on the heap: more than the widest vector register, 16 f32. None in a build for
/// AddressSanitizer, which sees reads too, but only outside of the allocation.
const MARGIN: usize = if cfg!(asan) { 0 } else { 64 };

/// A quiet NaN with a payload that no arithmetic makes.
pub(crate) fn canary<T: Real>() -> T {
    T::from_bits(match T::NAME {
        "f32" => 0x7fc5_a5a5,
        "f64" => 0x7ff8_5a5a_a5a5_5a5a,
        other => unreachable!("the kit makes f32 and f64, not {other}"),
    })
}

/// A matrix in memory of its own, with canaries in every place that is not an element.
pub(crate) struct Matrix<T> {
    data: Store<T>,
    /// Index of element (0, 0).
    origin: usize,
    nrows: usize,
    ncols: usize,
    rs: isize,
    cs: isize,
}

enum Store<T> {
    Heap(Vec<T>),
    #[cfg(all(any(unix, windows), not(miri)))]
    Guarded(guard::Guarded<T>),
}

impl<T: Real> Matrix<T> {
    /// `dense` holds nrows · ncols elements, row after row; elements that share a place are equal.
    pub(crate) fn new(
        dense: &[T],
        (nrows, ncols): (usize, usize),
        layout: Layout,
        place: Place,
    ) -> Result<Self, String> {
        let (rs, cs) = layout.strides(nrows, ncols, size_of::<T>());
        let reach = |stride: isize, len: usize| stride * len.saturating_sub(1) as isize;
        let (down, right) = (reach(rs, nrows), reach(cs, ncols));
        let origin = (-(down.min(0) + right.min(0))) as usize;
        let empty = nrows == 0 || ncols == 0;
        let len = if empty { 0 } else { origin + (down.max(0) + right.max(0)) as usize + 1 };
        let (data, margin) = Store::new(len, place)?;
        let origin = if empty { margin } else { margin + origin };
        let mut matrix = Matrix { data, origin, nrows, ncols, rs, cs };
        matrix.data.slice_mut().fill(canary());
        for i in 0..nrows {
            for j in 0..ncols {
                let at = matrix.index(i, j);
                matrix.data.slice_mut()[at] = dense[i * ncols + j];
            }
        }
        Ok(matrix)
    }

    fn index(&self, i: usize, j: usize) -> usize {
        (self.origin as isize + i as isize * self.rs + j as isize * self.cs) as usize
    }

    pub(crate) fn view(&self) -> Result<MatRef<'_, T>, Error> {
        MatRef::from_strided(self.data.slice(), self.origin, self.nrows, self.ncols, self.rs, self.cs)
    }

    pub(crate) fn view_mut(&mut self) -> Result<MatMut<'_, T>, Error> {
        let Self { origin, nrows, ncols, rs, cs, .. } = *self;
        MatMut::from_strided(self.data.slice_mut(), origin, nrows, ncols, rs, cs)
    }

    /// The elements, row after row.
    pub(crate) fn dense(&self) -> Vec<T> {
        let index = |i| (0..self.ncols).map(move |j| self.index(i, j));
        (0..self.nrows).flat_map(index).map(|at| self.data.slice()[at]).collect()
    }

    /// All memory, canaries included.
    pub(crate) fn snapshot(&self) -> Vec<T> {
        self.data.slice().to_vec()
    }

    /// The first place, relative to element (0, 0), at which memory is not what it was. `elements` says whether
    /// the matrix's own elements count.
    pub(crate) fn changed(&self, mut before: Vec<T>, elements: bool) -> Option<isize> {
        let now = self.data.slice();
        if !elements {
            for i in 0..self.nrows {
                for j in 0..self.ncols {
                    let at = self.index(i, j);
                    before[at] = now[at];
                }
            }
        }
        let at = before.iter().zip(now).position(|(x, y)| x.bits() != y.bits())?;
        Some(at as isize - self.origin as isize)
    }
}

impl<T: Real> Store<T> {
    /// Memory for `len` elements, and the number of canaries before them.
    fn new(len: usize, place: Place) -> Result<(Self, usize), String> {
        match place {
            Place::Heap => Ok((Store::Heap(vec![T::ZERO; len + 2 * MARGIN]), MARGIN)),
            #[cfg(all(any(unix, windows), not(miri)))]
            _ => Ok((Store::Guarded(guard::Guarded::new(len, place)?), 0)),
            #[cfg(not(all(any(unix, windows), not(miri))))]
            _ => Err("no guard pages on this target".into()),
        }
    }

    fn slice(&self) -> &[T] {
        match self {
            Store::Heap(data) => data,
            #[cfg(all(any(unix, windows), not(miri)))]
            Store::Guarded(data) => data.slice(),
        }
    }

    fn slice_mut(&mut self) -> &mut [T] {
        match self {
            Store::Heap(data) => data,
            #[cfg(all(any(unix, windows), not(miri)))]
            Store::Guarded(data) => data.slice_mut(),
        }
    }
}

/// Whether this target has guard pages.
pub(crate) const HAS_GUARD_PAGES: bool = cfg!(all(any(unix, windows), not(miri)));

#[cfg(all(any(unix, windows), not(miri)))]
mod guard {
    use std::marker::PhantomData;
    use std::slice;

    use matmul_core::Real;
    use region::{Allocation, Protection};

    use super::Place;

    /// Elements between two inaccessible pages, and directly at one of them.
    pub(super) struct Guarded<T> {
        pages: Allocation,
        /// Bytes from the start of the pages to the first element.
        start: usize,
        len: usize,
        _data: PhantomData<T>,
    }

    impl<T: Real> Guarded<T> {
        pub(super) fn new(len: usize, place: Place) -> Result<Self, String> {
            let page = region::page::size();
            let bytes = len * size_of::<T>();
            let inner = bytes.div_ceil(page).max(1) * page;
            let map = |error: region::Error| format!("cannot map guard pages: {error}");
            let pages = region::alloc(inner + 2 * page, Protection::READ_WRITE).map_err(map)?;
            let base = pages.as_ptr::<u8>();
            for guard in [base, base.wrapping_add(page + inner)] {
                // SAFETY: both pages belong to this allocation, and nothing points into them.
                unsafe { region::protect(guard, page, Protection::NONE) }.map_err(map)?;
            }
            let start = if place == Place::Left { page } else { page + inner - bytes };
            Ok(Self { pages, start, len, _data: PhantomData })
        }

        pub(super) fn slice(&self) -> &[T] {
            let first = self.pages.as_ptr::<u8>().wrapping_add(self.start).cast::<T>();
            // SAFETY: `len` elements lie in the accessible pages, which came zeroed (f32 and f64 are valid for any
            // bits) and live as long as self. `start` is a multiple of the element size, pages are aligned.
            unsafe { slice::from_raw_parts(first, self.len) }
        }

        pub(super) fn slice_mut(&mut self) -> &mut [T] {
            let first = self.pages.as_mut_ptr::<u8>().wrapping_add(self.start).cast::<T>();
            // SAFETY: as above, and self is borrowed mutably.
            unsafe { slice::from_raw_parts_mut(first, self.len) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_holds_its_elements_and_nothing_else() {
        let (nrows, ncols) = (4, 5);
        for layout in Layout::ALL {
            let value = |i: usize, j: usize| {
                let (i, j) = layout.source(i, j);
                (100 * i + j) as f32
            };
            let dense: Vec<f32> = (0..nrows * ncols).map(|x| value(x / ncols, x % ncols)).collect();
            let places: &[Place] =
                if HAS_GUARD_PAGES { &[Place::Heap, Place::Left, Place::Right] } else { &[Place::Heap] };
            for &place in places {
                let mut matrix = Matrix::new(&dense, (nrows, ncols), layout, place).unwrap();
                assert_eq!(matrix.dense(), dense, "{layout}");
                let before = matrix.snapshot();
                assert_eq!(matrix.changed(before.clone(), true), None);
                if Layout::DISTINCT.contains(&layout) {
                    matrix.view_mut().unwrap().set(1, 2, -1.0);
                    assert_eq!(matrix.changed(before.clone(), false), None);
                    let offset = matrix.rs + 2 * matrix.cs;
                    assert_eq!(matrix.changed(before, true), Some(offset), "{layout}");
                }
            }
        }
    }

    #[test]
    fn flush_right_ends_at_the_page() {
        if HAS_GUARD_PAGES {
            let matrix = Matrix::new(&[1.0f64; 6], (2, 3), Layout::Row, Place::Right).unwrap();
            assert_eq!((matrix.data.slice().as_ptr_range().end as usize) % 4096, 0);
            let matrix = Matrix::new(&[1.0f64; 6], (2, 3), Layout::Row, Place::Left).unwrap();
            assert_eq!((matrix.data.slice().as_ptr() as usize) % 4096, 0);
        }
    }
}
