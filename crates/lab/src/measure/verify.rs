//! The reference that every timed kernel's result is held against, in the run that times it.

use matmul::kernel::Kernel;
use matmul::{MatMut, MatRef, Real};
use matmul_report::Check;

use crate::error::Error;
use crate::measure::operands::{Operands, Random};

/// Elements of a reference that are computed again in double-double arithmetic: a dot product of 2048 terms takes
/// some 20 µs there.
const ANCHORS: usize = 1000;

/// Rows of A that are converted to f64 at a time: of 784 pixels, 6 MiB.
const ROWS: usize = 1024;

/// The products of a cell in f64, and some of their elements in more precision.
pub(crate) struct Reference {
    k: usize,
    /// A·B by the f64 kernel.
    product: Vec<f64>,
    /// |A|·|B|, which scales the bound.
    magnitude: Vec<f64>,
    /// Index and value of the elements that are known better.
    anchors: Vec<(usize, f64)>,
}

/// γ(n) = n·u / (1 - n·u), the bound on the relative error of a sum of products of n terms.
fn gamma(n: usize, unit_roundoff: f64) -> f64 {
    let nu = n as f64 * unit_roundoff;
    nu / (1.0 - nu)
}

impl Reference {
    /// Computes it with `kernel`, and holds it against the anchors.
    pub(crate) fn new<T: Real>(operands: &Operands<T>, kernel: &dyn Kernel<f64>) -> Result<Self, Error> {
        let shape = &operands.shape;
        let mut reference =
            Self { k: shape.k, product: Vec::new(), magnitude: Vec::new(), anchors: Vec::new() };
        for index in 0..shape.batch {
            let (a, b) = operands.factors(index)?;
            reference.product.extend(product(a, b, |x| x, kernel)?);
            reference.magnitude.extend(product(a, b, f64::abs, kernel)?);
        }
        let mut random = Random::new(shape.k as u64);
        let len = reference.product.len();
        for _ in 0..ANCHORS.min(len) {
            let index = random.below(len);
            let (batch, inside) = (index / (shape.m * shape.n), index % (shape.m * shape.n));
            let (a, b) = operands.factors(batch)?;
            reference.anchors.push((index, exact_dot(a, b, inside / shape.n, inside % shape.n)));
        }
        Ok(reference)
    }

    /// Compares a result, the products row after row. The bound of the whole comparison has room for the reference's own error.
    pub(crate) fn check<T: Real>(&self, c: &[T]) -> Check {
        let own = gamma(self.k + 3, f64::EPSILON / 2.0);
        let bound = gamma(self.k + 3, T::UNIT_ROUNDOFF);
        let ratio = |index: usize, exact: f64, bound: f64| -> f64 {
            let error = (c[index].to_f64() - exact).abs();
            let allowed = bound * self.magnitude[index];
            // A NaN must not pass as a small ratio, and JSON knows no infinity.
            if error == 0.0 {
                0.0
            } else if error <= f64::MAX {
                error / allowed
            } else {
                f64::MAX
            }
        };
        let all = (0..self.product.len()).map(|i| ratio(i, self.product[i], bound + own)).fold(0.0, f64::max);
        let anchored = self.anchors.iter().map(|&(i, exact)| ratio(i, exact, bound)).fold(0.0, f64::max);
        let f64_is_exact = T::UNIT_ROUNDOFF > f64::EPSILON;
        Check {
            passed: c.len() == self.product.len() && all <= 1.0 && anchored <= 1.0,
            error_ratio: if f64_is_exact { all.max(anchored) } else { anchored },
        }
    }

    /// The reference against its own anchors.
    pub(crate) fn own_check(&self) -> Check {
        self.check(&self.product)
    }
}

/// f(A)·f(B) in f64, a block of rows at a time.
fn product<T: Real>(
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    f: fn(f64) -> f64,
    kernel: &dyn Kernel<f64>,
) -> Result<Vec<f64>, Error> {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    let convert = |x: MatRef<'_, T>| -> Vec<f64> { x.to_vec().iter().map(|x| f(x.to_f64())).collect() };
    let b = convert(b);
    let b = MatRef::from_row_major(&b, k, n)?;
    let mut c = vec![0.0; m * n];
    for first in (0..m).step_by(ROWS) {
        let rows = first..(first + ROWS).min(m);
        let block = convert(a.submatrix(rows.clone(), 0..k)?);
        let block = MatRef::from_row_major(&block, rows.len(), k)?;
        let c = MatMut::from_row_major(&mut c[first * n..rows.end * n], rows.len(), n)?;
        kernel.gemm(1.0, block, b, 0.0, c)?;
    }
    Ok(c)
}

/// Row i of A times column j of B in double-double arithmetic (Ogita, Rump and Oishi's Dot2), rounded to f64.
fn exact_dot<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, i: usize, j: usize) -> f64 {
    let (mut sum, mut low) = (0.0f64, 0.0f64);
    for p in 0..a.ncols() {
        let (x, y) = (a.at(i, p).to_f64(), b.at(p, j).to_f64());
        let high = x * y;
        let product_error = x.mul_add(y, -high);
        let next = sum + high;
        let part = next - sum;
        let sum_error = (sum - (next - part)) + (high - part);
        sum = next;
        low += product_error + sum_error;
    }
    sum + low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::operands::Images;

    fn setup<T: matmul::Real>(name: &str) -> (Operands<T>, Reference) {
        let shape = matmul_report::groups::select(&[name]).unwrap().remove(0);
        let mut operands = Operands::<T>::new(&shape, Images { train: &[], valid: &[] }, 3);
        let reference = Reference::new(&operands, &matmul::Gemm::new()).unwrap();
        operands.call().unwrap().multiply(&matmul::Gemm::new()).unwrap();
        (operands, reference)
    }

    #[test]
    fn right_results_pass() {
        for name in ["5x784x10", "33x17x29", "99x512x70/tn", "16x(32x32x32)/shared", "33x17x29/strided"] {
            let (operands, reference) = setup::<f32>(name);
            let check = reference.check(&operands.result().unwrap());
            assert!(check.passed && check.error_ratio > 0.0 && check.error_ratio < 0.5, "{name} {check:?}");
            let (operands, reference) = setup::<f64>(name);
            assert!(
                reference.check(&operands.result().unwrap()).passed && reference.own_check().passed,
                "{name}"
            );
        }
    }

    #[test]
    fn one_wrong_element_fails() {
        let (mut operands, reference) = setup::<f32>("33x17x29");
        let right = operands.c[500];
        for wrong in [f32::NAN, f32::INFINITY, 0.0, right * 1.0001] {
            operands.c[500] = wrong;
            let check = reference.check(&operands.result().unwrap());
            assert!(!check.passed && check.error_ratio > 1.0, "{wrong} {check:?}");
        }
    }

    #[test]
    fn a_wrong_reference_fails_its_anchors() {
        let (_, mut reference) = setup::<f64>("5x784x10");
        for value in &mut reference.product {
            *value += 1e-6;
        }
        assert!(!reference.own_check().passed);
    }

    #[test]
    fn exact_dots_survive_cancellation() {
        let (a, b) = ([1e17, 1.0, -1e17], [1.0, 1.0, 1.0]);
        let dot = exact_dot(
            MatRef::from_row_major(&a, 1, 3).unwrap(),
            MatRef::from_row_major(&b, 3, 1).unwrap(),
            0,
            0,
        );
        assert_eq!(dot, 1.0);
    }
}
