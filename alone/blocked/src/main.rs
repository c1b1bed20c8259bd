//! `matmul-blocked` alone: all that multiplying two matrices takes is in the one crate.

#[path = "../../check.rs"]
mod check;

use std::process::ExitCode;

use check::Shape;
use matmul_blocked::{Blocked, Error, Kernel, MatMut, MatRef, Matrix};

macro_rules! multiply {
    ($name:ident, $t:ty) => {
        /// Into a new matrix, and into a slice that has the result already: 2 A B - A B.
        fn $name(a: &[$t], b: &[$t], (m, k, n): Shape) -> Result<Vec<$t>, Error> {
            let (a, b) = (MatRef::from_row_major(a, m, k)?, MatRef::from_row_major(b, k, n)?);
            let kernel = Blocked::new();
            let mut product = Matrix::<$t>::zeros(m, n);
            kernel.gemm(1.0, a, b, 0.0, product.as_mut())?;
            let mut c = product.as_slice().to_vec();
            kernel.gemm(2.0, a, b, -1.0, MatMut::from_row_major(&mut c, m, n)?)?;
            Ok(c)
        }
    };
}

multiply!(multiply_f32, f32);
multiply!(multiply_f64, f64);

fn main() -> ExitCode {
    check::exit(check::all("f32", multiply_f32), check::all("f64", multiply_f64))
}
