//! The programs beside this one without a product: what is left of them is not the price of a kernel.

#[path = "../../check.rs"]
mod check;

use std::convert::Infallible;
use std::process::ExitCode;

use check::Shape;

/// The definition's own result, so that the check passes.
fn none<T: From<i16>>(_: &[T], _: &[T], shape: Shape) -> Result<Vec<T>, Infallible> {
    Ok(check::expected(shape))
}

fn main() -> ExitCode {
    check::exit(check::all("f32", none::<f32>), check::all("f64", none::<f64>))
}
