use matmul_core::{Element, Error, MatMut};

/// What is done to an element of C when its sum is complete, so that a layer's bias and activation cost no pass over C
/// of their own where it is still in L1.
///
/// A function of row, column and element is one. The result has the bits of the product and then the epilogue.
///
/// ```
/// use matmul_blocked::{Epilogue, Relu};
///
/// let mut row = [-1.0, 2.0];
/// Relu.apply(0, 0, &mut row);
/// let halved = |_: usize, _: usize, c: f32| c / 2.0;
/// halved.apply(0, 0, &mut row);
/// assert_eq!(row, [0.0, 1.0]);
/// ```
pub trait Epilogue<T>: Sync {
    /// Called once for each element of C, a part of a row at a time: row `i`, columns `j ..`.
    fn apply(&self, i: usize, j: usize, row: &mut [T]);

    /// Refuses a C of these rows and columns, before anything is computed.
    ///
    /// # Errors
    /// Of the epilogue's choice; none unless it is overridden.
    fn check(&self, shape: (usize, usize)) -> Result<(), Error> {
        let _ = shape;
        Ok(())
    }

    /// Whether nothing is done; `apply` is then not called.
    fn is_identity(&self) -> bool {
        false
    }
}

/// c ← f(i, j, c).
impl<T: Copy, F: Fn(usize, usize, T) -> T + Sync> Epilogue<T> for F {
    fn apply(&self, i: usize, j: usize, row: &mut [T]) {
        for (j, c) in (j..).zip(row) {
            *c = self(i, j, *c);
        }
    }
}

/// Leaves C as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

impl<T> Epilogue<T> for Identity {
    fn apply(&self, _: usize, _: usize, _: &mut [T]) {}

    fn is_identity(&self) -> bool {
        true
    }
}

/// c ← c + bias\[j\], then c ← max(c, 0) if `relu`: a layer whose units are the columns of C. NaN stays NaN.
///
/// A product is refused with [`Error::Bias`] unless `bias` has as many elements as C has columns.
///
/// ```
/// use matmul_blocked::{Bias, Epilogue};
///
/// let layer = Bias { bias: &[1.0, -5.0], relu: true };
/// let mut row = [2.0, 3.0];
/// layer.apply(0, 0, &mut row);
/// assert_eq!(row, [3.0, 0.0]);
/// assert!(Epilogue::<f64>::check(&layer, (1, 3)).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bias<'a, T> {
    /// One for each column.
    pub bias: &'a [T],
    /// Whether negative sums become 0.
    pub relu: bool,
}

impl<T: Element + PartialOrd> Epilogue<T> for Bias<'_, T> {
    fn apply(&self, i: usize, j: usize, row: &mut [T]) {
        for (c, &bias) in row.iter_mut().zip(self.bias.get(j..).unwrap_or_default()) {
            *c = *c + bias;
        }
        if self.relu {
            Relu.apply(i, j, row);
        }
    }

    fn check(&self, (_, ncols): (usize, usize)) -> Result<(), Error> {
        let found = self.bias.len();
        if found == ncols { Ok(()) } else { Err(Error::Bias { ncols, found }) }
    }
}

/// c ← max(c, 0). NaN stays NaN, and -0 stays -0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;

impl<T: Element + PartialOrd> Epilogue<T> for Relu {
    fn apply(&self, _: usize, _: usize, row: &mut [T]) {
        for c in row {
            *c = if *c < T::ZERO { T::ZERO } else { *c };
        }
    }
}

/// c ← the nearest number in `min ..= max`. NaN stays NaN; if `min` > `max`, all that is below `min` becomes that.
///
/// ```
/// use matmul_blocked::{Clamp, Epilogue};
///
/// let mut row = [-1.0, 3.0, 9.0];
/// Clamp { min: 0.0, max: 6.0 }.apply(0, 0, &mut row);
/// assert_eq!(row, [0.0, 3.0, 6.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clamp<T> {
    /// The least.
    pub min: T,
    /// The greatest.
    pub max: T,
}

impl<T: Element + PartialOrd> Epilogue<T> for Clamp<T> {
    fn apply(&self, _: usize, _: usize, row: &mut [T]) {
        for c in row {
            if *c < self.min {
                *c = self.min;
            } else if *c > self.max {
                *c = self.max;
            }
        }
    }
}

/// C ← epilogue(C), in a pass of its own: after kernels that know nothing of it.
///
/// ```
/// use matmul_blocked::{MatMut, Relu, finish};
///
/// let mut c = [[-1.0, 2.0], [3.0, -4.0]];
/// finish(&Relu, MatMut::from(&mut c));
/// assert_eq!(c, [[0.0, 2.0], [3.0, 0.0]]);
/// ```
pub fn finish<T: Element>(epilogue: &dyn Epilogue<T>, mut c: MatMut<'_, T>) {
    // So many rows of nothing would take as many steps.
    if !epilogue.is_identity() && c.ncols() > 0 {
        let (shape, strides) = (c.shape(), (c.rs(), c.cs()));
        // SAFETY: the view borrows its elements mutably.
        unsafe { Finish { epilogue, i: 0, j: 0 }.run(c.as_mut_ptr(), shape, strides) };
    }
}

/// An epilogue for a part of C that begins at row `i` and column `j` of the whole.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    pub(crate) epilogue: &'a dyn Epilogue<T>,
    pub(crate) i: usize,
    pub(crate) j: usize,
}

impl<T: Element> Finish<'_, T> {
    /// The same for a part of the part.
    pub(crate) fn at(self, i: usize, j: usize) -> Self {
        Self { i: self.i + i, j: self.j + j, ..self }
    }

    /// On the m × n elements that begin at `c`, with row and column strides `rs` and `cs`.
    ///
    /// # Safety
    /// They are borrowed mutably.
    // One call a tile beside thousands of multiply-adds: inlined it would only be more code.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, c: *mut T, (m, n): (usize, usize), (rs, cs): (isize, isize)) {
        // Elements that lie apart are rows of one.
        let (parts, len) = if cs == 1 { (1, n) } else { (n, 1) };
        for i in 0..m {
            for j in 0..parts {
                let first = c.wrapping_offset(i as isize * rs + j as isize * cs);
                // SAFETY: the caller's promise; so many elements lie side by side.
                let row = unsafe { core::slice::from_raw_parts_mut(first, len) };
                self.epilogue.apply(self.i + i, self.j + j, row);
            }
        }
    }
}
