//! The products that have names, as expressions with numbered axes.

use matmul_core::{Kernel, Real};
use ndarray::{ArrayD, IxDyn};

use crate::Operand;
use crate::axes::Axis;
use crate::compare::broadcast_shape;
use crate::error::{Error, ShapeFault, Side};
use crate::plan::evaluate;
use crate::subscripts::Resolved;

/// `numpy.matmul` and `torch.matmul` by the best kernel.
///
/// The last two axes are matrices, those before them a batch, in which lengths of 1 and missing axes broadcast without
/// a copy. A left operand of one axis is a row and a right one a column, and the result does not have that axis.
///
/// ```
/// # use matmul_einsum::matmul;
/// # use ndarray::{Array, Array1, Array2, Array3};
/// let batch = Array3::<f32>::ones((10, 3, 4));
/// assert_eq!(matmul(&batch, &Array2::ones((4, 5)))?.shape(), [10, 3, 5]);
/// assert_eq!(matmul(&batch, &Array1::ones(4))?.shape(), [10, 3]);
///
/// let error = matmul(&batch, &Array2::ones((5, 4))).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "cannot multiply [10, 3, 4] by [5, 4]: axis 2 of the left has length 4, axis 0 of the right has 5"
/// );
/// # Ok::<(), matmul_einsum::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shapes`] if an operand is a scalar or axes disagree, [`Error::TooLarge`], [`Error::Kernel`].
pub fn matmul<T: Real>(a: &dyn Operand<T>, b: &dyn Operand<T>) -> Result<ArrayD<T>, Error> {
    matmul_with(&matmul::Gemm::new(), a, b)
}

/// [`matmul`](matmul()) by the given kernel.
///
/// # Errors
/// As [`matmul`](matmul()).
pub fn matmul_with<T: Real>(
    kernel: &dyn Kernel<T>,
    a: &dyn Operand<T>,
    b: &dyn Operand<T>,
) -> Result<ArrayD<T>, Error> {
    let operands = [a.dyn_view(), b.dyn_view()];
    let [a, b] = [operands[0].shape(), operands[1].shape()];
    let resolved = matmul_axes(a, b).map_err(|fault| shapes(a, b, fault))?;
    evaluate(kernel, &resolved, &operands)
}

fn shapes(a: &[usize], b: &[usize], fault: ShapeFault) -> Error {
    Error::Shapes { a: a.to_vec(), b: b.to_vec(), fault }
}

/// Numbers the axes: the batch from 0, then m, k and n.
fn matmul_axes(a: &[usize], b: &[usize]) -> Result<Resolved, ShapeFault> {
    for (shape, side) in [(a, Side::Left), (b, Side::Right)] {
        if shape.is_empty() {
            return Err(ShapeFault::Real(side));
        }
    }
    let (a_batch, a_matrix) = a.split_at(a.len().saturating_sub(2));
    let (b_batch, b_matrix) = b.split_at(b.len().saturating_sub(2));
    let (a_axis, b_axis) = (a.len() - 1, b_batch.len());
    let (a_len, b_len) = (a[a_axis], b[b_axis]);
    if a_len != b_len {
        return Err(ShapeFault::Lengths { a_axis, a_len, b_axis, b_len });
    }
    let mut lens = broadcast_shape(a_batch, b_batch)?;
    let batch = lens.len();
    let (m, k, n) = (batch, batch + 1, batch + 2);
    let (rows, columns) = (a_matrix.len() == 2, b_matrix.len() == 2);
    lens.extend([if rows { a_matrix[0] } else { 1 }, a_len, if columns { b_matrix[1] } else { 1 }]);
    let numbered = |own: &[usize], matrix: &[Option<Axis>]| -> Vec<Axis> {
        (batch - own.len()..batch).chain(matrix.iter().copied().flatten()).collect()
    };
    let (m, n) = (rows.then_some(m), columns.then_some(n));
    Ok(Resolved {
        inputs: vec![numbered(a_batch, &[m, Some(k)]), numbered(b_batch, &[Some(k), n])],
        output: numbered(&lens[..batch], &[m, n]),
        names: vec![None; lens.len()],
        lens,
    })
}

/// Which axes [`tensordot`] sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axes {
    /// The last `n` of the left operand with the first `n` of the right, in order.
    Last(usize),
    /// Each axis of the left with the one of the right at the same place. Negative ones count from the end.
    Pairs(Vec<isize>, Vec<isize>),
}

impl From<usize> for Axes {
    fn from(n: usize) -> Self {
        Axes::Last(n)
    }
}

impl<const N: usize> From<([isize; N], [isize; N])> for Axes {
    fn from((a, b): ([isize; N], [isize; N])) -> Self {
        Axes::Pairs(a.into(), b.into())
    }
}

/// `numpy.tensordot` by the best kernel: sums over pairs of axes; the result has the left operand's others, then the
/// right's.
///
/// ```
/// # use matmul_einsum::tensordot;
/// # use ndarray::Array3;
/// let (a, b) = (Array3::<f64>::ones((3, 4, 5)), Array3::ones((4, 3, 2)));
/// assert_eq!(tensordot(&a, &b, ([1, 0], [0, 1]))?.shape(), [5, 2]);
/// assert_eq!(tensordot(&a, &Array3::ones((4, 5, 6)), 2)?.shape(), [3, 6]);
/// # Ok::<(), matmul_einsum::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shapes`] if an axis does not exist or is named twice, or lengths disagree; [`Error::TooLarge`],
/// [`Error::Kernel`].
pub fn tensordot<T: Real>(
    a: &dyn Operand<T>,
    b: &dyn Operand<T>,
    axes: impl Into<Axes>,
) -> Result<ArrayD<T>, Error> {
    tensordot_with(&matmul::Gemm::new(), a, b, axes)
}

/// [`tensordot`] by the given kernel.
///
/// # Errors
/// As [`tensordot`].
pub fn tensordot_with<T: Real>(
    kernel: &dyn Kernel<T>,
    a: &dyn Operand<T>,
    b: &dyn Operand<T>,
    axes: impl Into<Axes>,
) -> Result<ArrayD<T>, Error> {
    let operands = [a.dyn_view(), b.dyn_view()];
    let [a, b] = [operands[0].shape(), operands[1].shape()];
    let resolved = pairs(a, b, axes.into())
        .and_then(|pairs| tensordot_axes(a, b, &pairs))
        .map_err(|fault| shapes(a, b, fault))?;
    evaluate(kernel, &resolved, &operands)
}

/// The pairs of axes to be summed.
fn pairs(a: &[usize], b: &[usize], axes: Axes) -> Result<Vec<(usize, usize)>, ShapeFault> {
    let (left, right) = match axes {
        // Before the axes are listed: there may be more of them than memory.
        Axes::Last(count) if count > a.len().min(b.len()) => {
            return Err(ShapeFault::Count { count, a: a.len(), b: b.len() });
        }
        Axes::Last(n) => ((-(n as isize)..0).collect(), (0..n as isize).collect()),
        Axes::Pairs(left, right) => (left, right),
    };
    if left.len() != right.len() {
        return Err(ShapeFault::Pairs { a: left.len(), b: right.len() });
    }
    let left = checked(a, left, Side::Left)?;
    Ok(left.into_iter().zip(checked(b, right, Side::Right)?).collect())
}

/// The axes counted from the front.
fn checked(shape: &[usize], axes: Vec<isize>, side: Side) -> Result<Vec<usize>, ShapeFault> {
    let mut found = Vec::with_capacity(axes.len());
    for axis in axes {
        let from_front = if axis < 0 { axis + shape.len() as isize } else { axis };
        match usize::try_from(from_front) {
            Ok(index) if index < shape.len() && !found.contains(&index) => found.push(index),
            _ => return Err(ShapeFault::Axis { side, axis }),
        }
    }
    Ok(found)
}

/// Numbers the summed axes from 0, then the others of the left, then those of the right.
fn tensordot_axes(a: &[usize], b: &[usize], pairs: &[(usize, usize)]) -> Result<Resolved, ShapeFault> {
    let mut lens = Vec::new();
    for &(a_axis, b_axis) in pairs {
        let (a_len, b_len) = (a[a_axis], b[b_axis]);
        if a_len != b_len {
            return Err(ShapeFault::Lengths { a_axis, a_len, b_axis, b_len });
        }
        lens.push(a_len);
    }
    let mut number = |shape: &[usize], summed: &[usize]| -> Vec<Axis> {
        let mut axis = |(i, &len): (usize, &usize)| {
            summed.iter().position(|&axis| axis == i).unwrap_or_else(|| {
                lens.push(len);
                lens.len() - 1
            })
        };
        shape.iter().enumerate().map(&mut axis).collect()
    };
    let (left, right): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    let inputs = vec![number(a, &left), number(b, &right)];
    let output = (pairs.len()..lens.len()).collect();
    Ok(Resolved { inputs, output, names: vec![None; lens.len()], lens })
}

/// `numpy.outer` by the best kernel: the product of every element of `a` with every element of `b`, both in row-major
/// order, as a matrix with a row for each element of `a`.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Kernel`].
pub fn outer<T: Real>(a: &dyn Operand<T>, b: &dyn Operand<T>) -> Result<ArrayD<T>, Error> {
    outer_with(&matmul::Gemm::new(), a, b)
}

/// [`outer`] by the given kernel.
///
/// # Errors
/// As [`outer`].
pub fn outer_with<T: Real>(
    kernel: &dyn Kernel<T>,
    a: &dyn Operand<T>,
    b: &dyn Operand<T>,
) -> Result<ArrayD<T>, Error> {
    let shape = IxDyn(&[a.dyn_view().len(), b.dyn_view().len()]);
    let product = tensordot_with(kernel, a, b, 0)?;
    Ok(product.into_shape_with_order(shape).expect("a row-major array of as many elements"))
}
