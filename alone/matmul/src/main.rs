//! `matmul` alone: the facade, with threads.

#[path = "../../check.rs"]
mod check;

use std::process::ExitCode;

use check::Shape;
use matmul::{Error, MatMut, MatRef};

macro_rules! multiply {
    ($name:ident, $t:ty) => {
        /// Into a new matrix, and into a slice that has the result already: 2 A B - A B.
        fn $name(a: &[$t], b: &[$t], (m, k, n): Shape) -> Result<Vec<$t>, Error> {
            let (a, b) = (MatRef::from_row_major(a, m, k)?, MatRef::from_row_major(b, k, n)?);
            let mut c = matmul::matmul(a, b)?.into_vec();
            matmul::gemm(2.0, a, b, -1.0, MatMut::from_row_major(&mut c, m, n)?)?;
            Ok(c)
        }
    };
}

multiply!(multiply_f32, f32);
multiply!(multiply_f64, f64);

fn main() -> ExitCode {
    check::exit(check::all("f32", multiply_f32), check::all("f64", multiply_f64))
}
