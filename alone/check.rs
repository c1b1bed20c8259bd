//! What the programs beside this file multiply, and how they check it.
//!
//! Each includes it by `#[path]`, so that they differ in the product alone. A crate would be one more to build, and
//! `cargo xtask size` times builds.

use std::fmt::{Debug, Display};
use std::process::ExitCode;

/// Rows of A, columns of A (and rows of B), columns of B.
pub type Shape = (usize, usize, usize);

/// One small enough to follow by hand, one of whole tiles, and one that is worth a second thread.
const SHAPES: [Shape; 3] = [(2, 3, 2), (64, 64, 64), (200, 100, 150)];

/// Whole numbers from -4 to 4: every sum is exact in f32 in any order, so a result is right or wrong, never close.
fn number(i: usize) -> i16 {
    ((i * 5 + i / 11) % 9) as i16 - 4
}

/// A row-major matrix of so many rows and columns.
fn matrix<T: From<i16>>(nrows: usize, ncols: usize) -> Vec<T> {
    (0..nrows * ncols).map(|i| number(i).into()).collect()
}

/// The product by its definition.
pub fn expected<T: From<i16>>((m, k, n): Shape) -> Vec<T> {
    let element = |i: usize| (0..k).map(|l| number(i / n * k + l) * number(l * n + i % n)).sum::<i16>();
    (0..m * n).map(|i| element(i).into()).collect()
}

/// Multiplies every shape with `multiply`, prints how each C begins and whether it is right. Stops at an error.
pub fn all<T, E>(dtype: &str, multiply: impl Fn(&[T], &[T], Shape) -> Result<Vec<T>, E>) -> Result<bool, E>
where
    T: From<i16> + PartialEq + Debug,
{
    let mut all_right = true;
    for (m, k, n) in SHAPES {
        let c = multiply(&matrix(m, k), &matrix(k, n), (m, k, n))?;
        let expected = expected((m, k, n));
        let verdict = if c == expected { "right" } else { "WRONG" };
        println!("{dtype} {m}x{k} by {k}x{n}: {:?} {verdict}", &c[..4]);
        if let Some(i) = c.iter().zip(&expected).position(|(found, wanted)| found != wanted) {
            println!("  C[{}, {}]: expected {:?}, found {:?}", i / n, i % n, expected[i], c[i]);
        }
        all_right &= c == expected;
    }
    Ok(all_right)
}

/// 1 if a product was wrong, 2 if one could not be computed.
pub fn exit<E: Display>(f32: Result<bool, E>, f64: Result<bool, E>) -> ExitCode {
    match f32.and_then(|f32| f64.map(|f64| f32 && f64)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
