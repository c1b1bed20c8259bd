//! The lesson's own rungs, as its chapters show them: matmul on ndarray's views, from three loops to einsum.

use ndarray::{Array2, ArrayView2, Axis};

/// A·B for A m × k and B k × n.
pub type Matmul = fn(ArrayView2<'_, f32>, ArrayView2<'_, f32>) -> Array2<f32>;

/// Every rung with its name, lowest first.
pub const RUNGS: [(&str, Matmul); 4] =
    [("loops", loops), ("elementwise", elementwise), ("broadcast", broadcast), ("einsum", einsum)];

/// Chapter 4: one multiplication and one addition at a time.
///
/// # Panics
/// Unless `a` has as many columns as `b` has rows; so do the others.
pub fn loops(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Array2<f32> {
    let ((ar, ac), (br, bc)) = (a.dim(), b.dim());
    assert_eq!(ac, br, "a has {ac} columns, b has {br} rows");
    let mut c = Array2::zeros((ar, bc));
    for i in 0..ar {
        for j in 0..bc {
            for k in 0..ac {
                c[[i, j]] += a[[i, k]] * b[[k, j]];
            }
        }
    }
    c
}

/// Chapter 7: a row times a column.
pub fn elementwise(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Array2<f32> {
    let ((ar, ac), (br, bc)) = (a.dim(), b.dim());
    assert_eq!(ac, br, "a has {ac} columns, b has {br} rows");
    let mut c = Array2::zeros((ar, bc));
    for i in 0..ar {
        for j in 0..bc {
            c[[i, j]] = (&a.row(i) * &b.column(j)).sum();
        }
    }
    c
}

/// Chapter 11: a row, stood up, times all rows of `b`.
pub fn broadcast(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Array2<f32> {
    let ((ar, ac), (br, bc)) = (a.dim(), b.dim());
    assert_eq!(ac, br, "a has {ac} columns, b has {br} rows");
    let mut c = Array2::zeros((ar, bc));
    for i in 0..ar {
        c.row_mut(i).assign(&(&a.row(i).insert_axis(Axis(1)) * &b).sum_axis(Axis(0)));
    }
    c
}

/// Chapter 13: what is to be summed, and nothing on how.
pub fn einsum(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Array2<f32> {
    let c = matmul_einsum::einsum("ik,kj->ij", &[&a, &b]).expect("a has as many columns as b has rows");
    c.into_dimensionality().expect("i and j are two axes")
}

/// The lesson's `near` for one element: |a − b| ≤ 1e-5 + 1e-3·|b|. NaN is close to nothing, an infinity only to itself.
pub fn close(a: f32, b: f32) -> bool {
    // |a - b| is not finite where either is infinite, and no infinity is within an infinite tolerance.
    a == b || ((a - b).is_finite() && (a - b).abs() <= 1e-5 + 1e-3 * b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    #[test]
    fn close_is_torch_allclose() {
        assert!(close(1.0, 1.0009) && !close(1.0, 1.0012));
        assert!(close(0.0, 9e-6) && !close(0.0, 2e-5));
        // Relative to b, not to a.
        assert!(close(1.0 + 1.001e-3, 1.0) && !close(1.0, 1.0 - 1.012e-3));
        assert!(close(f32::INFINITY, f32::INFINITY) && close(-0.0, 0.0));
        assert!(!close(1.0, f32::INFINITY) && !close(f32::INFINITY, 1.0));
        assert!(!close(f32::INFINITY, f32::NEG_INFINITY));
        assert!(!close(f32::NAN, f32::NAN) && !close(0.0, f32::NAN) && !close(f32::NAN, 0.0));
    }

    #[test]
    fn every_rung_multiplies_any_layout() {
        let a = array![[1., 2., 3.], [4., 5., 6.]];
        let b = array![[1., 0., -1., 2.], [1., 0., 3., 1.]];
        let expected = array![[5., 0., 11., 6.], [7., 0., 13., 9.], [9., 0., 15., 12.]];
        for (name, matmul) in RUNGS {
            assert_eq!(matmul(a.t(), b.view()), expected, "{name}");
            assert_eq!(matmul(a.t(), b.slice(s![.., ..;-1])), expected.slice(s![.., ..;-1]), "{name}");
            assert!(matmul(a.t(), b.slice(s![.., ..0])).is_empty(), "{name}");
        }
    }
}
