//! matrixmultiply, for comparison.

#[path = "../../check.rs"]
mod check;

use std::convert::Infallible;
use std::process::ExitCode;

use check::Shape;

macro_rules! multiply {
    ($name:ident, $t:ty, $gemm:path) => {
        /// Into new memory, and into memory that has the result already: 2 A B - A B.
        fn $name(a: &[$t], b: &[$t], (m, k, n): Shape) -> Result<Vec<$t>, Infallible> {
            assert_eq!((a.len(), b.len()), (m * k, k * n), "elements of A and B");
            let mut c = vec![0.0; m * n];
            let (ld_a, ld_b) = (k as isize, n as isize);
            for (alpha, beta) in [(1.0, 0.0), (2.0, -1.0)] {
                let (a, b) = (a.as_ptr(), b.as_ptr());
                // SAFETY: A, B and C have the elements that these sizes and strides reach, and C is borrowed mutably.
                unsafe { $gemm(m, k, n, alpha, a, ld_a, 1, b, ld_b, 1, beta, c.as_mut_ptr(), ld_b, 1) };
            }
            Ok(c)
        }
    };
}

multiply!(multiply_f32, f32, matrixmultiply::sgemm);
multiply!(multiply_f64, f64, matrixmultiply::dgemm);

fn main() -> ExitCode {
    check::exit(check::all("f32", multiply_f32), check::all("f64", multiply_f64))
}
