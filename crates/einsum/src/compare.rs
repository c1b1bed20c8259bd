use matmul_core::Real;
use ndarray::{Axis, IxDyn, Zip};

use crate::Operand;
use crate::error::{Error, ShapeFault};

/// The square root of the sum of the squares of all elements, summed in f64.
///
/// ```
/// # use ndarray::array;
/// let m = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
/// assert_eq!(matmul_einsum::frobenius_norm(&m), 285.0f32.sqrt());
/// ```
pub fn frobenius_norm<T: Real>(a: &dyn Operand<T>) -> T {
    let a = a.dyn_view();
    let norm = |scale: f64| a.fold(0.0, |sum, x| sum + (x.to_f64() / scale).powi(2)).sqrt() * scale;
    let plain = norm(1.0);
    // Squares of f64s beyond 2^±511 leave the range; in units of the largest element they do not.
    let largest = a.fold(0.0f64, |largest, x| largest.max(x.to_f64().abs()));
    let in_range = (1e-150..1e150).contains(&largest) || !(largest > 0.0 && largest.is_finite());
    T::from_f64(if in_range { plain } else { norm(largest) })
}

/// Whether |a - b| ≤ atol + rtol·|b| for all elements, with shapes broadcast; NaN is close to nothing, and an infinity
/// to itself alone. The rule of `numpy.allclose` and `torch.allclose`.
///
/// # Errors
/// [`Error::Broadcast`] if the shapes do not broadcast to one.
pub fn allclose<T: Real>(
    a: &dyn Operand<T>,
    b: &dyn Operand<T>,
    rtol: f64,
    atol: f64,
) -> Result<bool, Error> {
    let (mut a, mut b) = (a.dyn_view(), b.dyn_view());
    let shape = broadcast_shape(a.shape(), b.shape()).map_err(|fault| Error::Broadcast {
        a: a.shape().to_vec(),
        b: b.shape().to_vec(),
        fault,
    })?;
    for view in [&mut a, &mut b] {
        while view.ndim() < shape.len() {
            view.insert_axis_inplace(Axis(0));
        }
    }
    let close = |a: f64, b: f64| a == b || (b.is_finite() && (a - b).abs() <= atol + rtol * b.abs());
    let shape = IxDyn(&shape);
    let (Some(a), Some(b)) = (a.broadcast(shape.clone()), b.broadcast(shape)) else { return Ok(false) };
    Ok(Zip::from(&a).and(&b).all(|a, b| close(a.to_f64(), b.to_f64())))
}

/// The lesson's tolerance: [`allclose`] with rtol = 1e-3 and atol = 1e-5.
///
/// # Errors
/// As [`allclose`].
pub fn near<T: Real>(a: &dyn Operand<T>, b: &dyn Operand<T>) -> Result<bool, Error> {
    allclose(a, b, 1e-3, 1e-5)
}

/// The shape to which two broadcast: aligned at their ends, lengths are equal or one of them is 1.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, ShapeFault> {
    let ndim = a.len().max(b.len());
    let at = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(ndim).map(|axis| (axis, shape[axis]));
    (0..ndim)
        .map(|i| match (at(a, i), at(b, i)) {
            (Some((a_axis, a_len)), Some((b_axis, b_len))) if a_len != b_len && a_len != 1 && b_len != 1 => {
                Err(ShapeFault::Lengths { a_axis, a_len, b_axis, b_len })
            }
            (Some((_, 1)), Some((_, len))) | (Some((_, len)), _) | (None, Some((_, len))) => Ok(len),
            (None, None) => Ok(1),
        })
        .collect()
}
