use crate::{Element, MatMut};

impl<T: Element> MatMut<'_, T> {
    /// C ← β·C, which for β = 0 does not read C.
    ///
    /// ```
    /// let mut c = [[f64::NAN, 1.0]];
    /// let mut c = matmul_core::MatMut::from(&mut c);
    /// c.scale(0.0);
    /// assert_eq!(c.as_ref().to_vec(), [0.0, 0.0]);
    /// ```
    #[cold]
    pub fn scale(&mut self, beta: T) {
        if beta == T::ZERO {
            return self.fill(T::ZERO);
        }
        // So many rows of nothing would take as many steps.
        let nrows = if self.ncols() == 0 { 0 } else { self.nrows() };
        for i in 0..nrows {
            for j in 0..self.ncols() {
                self.set(i, j, beta * self.at(i, j));
            }
        }
    }
}
