use matmul_core::Element;

/// What is done to an element of C when its sum is complete and it is still in L1, so that a layer's bias and
/// activation cost no pass over C of their own.
pub trait Epilogue<T>: Sync {
    /// Called once for each element of C, a part of a row at a time: row `i`, columns `j ..`.
    fn apply(&self, i: usize, j: usize, row: &mut [T]);

    /// Whether nothing is done; `apply` is then not called.
    fn is_identity(&self) -> bool {
        false
    }
}

/// Leaves C as it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl<T> Epilogue<T> for Identity {
    fn apply(&self, _: usize, _: usize, _: &mut [T]) {}

    fn is_identity(&self) -> bool {
        true
    }
}

/// c ← c + bias\[j\], then c ← max(c, 0) if `relu`: a layer whose units are the columns of C.
///
/// NaN stays NaN. Columns past the end of `bias` get none.
#[derive(Clone, Copy, Debug)]
pub struct Bias<'a, T> {
    /// One for each column.
    pub bias: &'a [T],
    /// Whether negative sums become 0.
    pub relu: bool,
}

impl<T: Element + PartialOrd> Epilogue<T> for Bias<'_, T> {
    fn apply(&self, _: usize, j: usize, row: &mut [T]) {
        for (c, &bias) in row.iter_mut().zip(self.bias.get(j..).unwrap_or_default()) {
            *c = *c + bias;
        }
        if self.relu {
            for c in row {
                *c = if *c < T::ZERO { T::ZERO } else { *c };
            }
        }
    }
}

/// An epilogue for a part of C that begins at row `i` and column `j` of the whole.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    pub(crate) epilogue: &'a dyn Epilogue<T>,
    pub(crate) i: usize,
    pub(crate) j: usize,
}

impl<T> Finish<'_, T> {
    /// The same for a part of the part.
    pub(crate) fn at(self, i: usize, j: usize) -> Self {
        Self { i: self.i + i, j: self.j + j, ..self }
    }

    /// On m rows of n contiguous elements that begin at `c` and lie `c_rs` apart.
    ///
    /// # Safety
    /// They are borrowed mutably.
    pub(crate) unsafe fn run(&self, c: *mut T, (m, n): (usize, usize), c_rs: isize) {
        for i in 0..m {
            // SAFETY: the caller's promise.
            let row = unsafe { core::slice::from_raw_parts_mut(c.offset(i as isize * c_rs), n) };
            self.epilogue.apply(self.i + i, self.j, row);
        }
    }
}
