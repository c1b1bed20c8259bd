use core::fmt::{Debug, Display, Formatter, Result};

use crate::{MatMut, MatRef, Matrix};

/// Rows in brackets, a line each. Width and precision are those of the elements.
///
/// ```
/// let data = [1.0, 2.0, 30.0, 4.0];
/// let a = matmul_core::MatRef::from_row_major(&data, 2, 2)?;
/// assert_eq!(format!("{a:4}"), "[[   1,    2],\n [  30,    4]]");
/// # Ok::<(), matmul_core::Error>(())
/// ```
impl<T: Display> Display for MatRef<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("[")?;
        // So many rows of nothing would take as many steps.
        let nrows = if self.ncols() == 0 { self.nrows().min(1) } else { self.nrows() };
        for i in 0..nrows {
            f.write_str(if i == 0 { "[" } else { ",\n [" })?;
            for j in 0..self.ncols() {
                if j > 0 {
                    f.write_str(", ")?;
                }
                Display::fmt(&self[(i, j)], f)?;
            }
            f.write_str("]")?;
        }
        f.write_str("]")
    }
}

impl<T: Display> Display for MatMut<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        Display::fmt(&self.as_ref(), f)
    }
}

impl<T: Display> Display for Matrix<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        Display::fmt(&self.as_ref(), f)
    }
}

impl<T> Debug for MatRef<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}x{} (rs {}, cs {})", self.nrows(), self.ncols(), self.rs(), self.cs())
    }
}

impl<T> Debug for MatMut<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        Debug::fmt(&self.as_ref(), f)
    }
}
