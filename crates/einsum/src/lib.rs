//! `einsum`, batched `matmul` and `tensordot` for [ndarray](https://docs.rs/ndarray), on any matmul kernel.
//!
//! ```
//! use matmul_einsum::{einsum, matmul, near};
//! use ndarray::{Array, Array2, Array3, array};
//!
//! let a = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
//! let b = array![[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]];
//! let c = einsum("ik,kj->ij", &[&a, &b])?;
//! assert_eq!(c, array![[58.0, 64.0], [139.0, 154.0]].into_dyn());
//!
//! // A batch of products; the second operand is broadcast over it without a copy.
//! let batch = Array3::<f32>::ones((5, 2, 3));
//! assert_eq!(matmul(&batch, &b)?, einsum("bik,kj->bij", &[&batch, &b])?);
//!
//! // Any view will do: here the transposes.
//! assert!(near(&matmul(&b.t(), &a.t())?, &c.t())?);
//! # Ok::<(), matmul_einsum::Error>(())
//! ```
//!
//! Every function takes views of any strides, negative and 0 too, and comes twice: on the best kernel of this machine,
//! and as `*_with` on a [`Kernel`](matmul_core::Kernel) of your choice. [`Einsum`] is a parsed expression to be used
//! again; its [`path`](Einsum::path) says in which order it contracts, by which products, and what it copies.
//!
//! The bits of a result are those of single products by the same kernel, whatever the batch and the layout.

mod axes;
mod compare;
mod error;
mod expression;
mod gather;
mod greedy;
mod layout;
mod loops;
mod lowering;
mod order;
mod pair;
mod path;
mod plan;
mod products;
mod subscripts;

pub use compare::{allclose, frobenius_norm, near};
pub use error::{Error, Fault, ShapeFault, Side};
pub use expression::{Einsum, einsum, einsum_with};
pub use order::Search;
pub use path::{Operation, Path, PathStep};
pub use products::{Axes, matmul, matmul_with, outer, outer_with, tensordot, tensordot_with};

use ndarray::{ArrayBase, ArrayRef, ArrayViewD, Data, Dimension};

/// Anything that can be read as an array: ndarray's arrays, views and references, of any number of axes.
///
/// ```
/// # use ndarray::{array, aview0};
/// let (m, v) = (array![[1.0, 2.0], [3.0, 4.0]], array![1.0, 1.0]);
/// let c = matmul_einsum::einsum(",ij,j", &[&aview0(&0.5), &m.t(), &v])?;
/// assert_eq!(c, array![2.0, 3.0].into_dyn());
/// # Ok::<(), matmul_einsum::Error>(())
/// ```
pub trait Operand<T> {
    /// The elements, with as many axes as there are.
    fn dyn_view(&self) -> ArrayViewD<'_, T>;
}

impl<T, S: Data<Elem = T>, D: Dimension> Operand<T> for ArrayBase<S, D> {
    fn dyn_view(&self) -> ArrayViewD<'_, T> {
        self.view().into_dyn()
    }
}

impl<T, D: Dimension> Operand<T> for ArrayRef<T, D> {
    fn dyn_view(&self) -> ArrayViewD<'_, T> {
        self.view().into_dyn()
    }
}
