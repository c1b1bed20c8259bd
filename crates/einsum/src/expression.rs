use std::str::FromStr;

use matmul_core::{Kernel, Real};
use ndarray::{ArrayBase, ArrayD, ArrayViewD, DataMut, Dimension};

use crate::Operand;
use crate::error::Error;
use crate::layout::Layout;
use crate::path::Path;
use crate::plan::{Plan, check_size, evaluate, evaluate_into, layouts};
use crate::subscripts::{Resolved, Subscripts};

/// A parsed expression of NumPy's einsum: which axes of its operands are one, and which stay in the result.
///
/// ```
/// # use matmul_einsum::Einsum;
/// # use ndarray::{Array2, array};
/// let chain = Einsum::new("ij,jk,kl->il")?;
/// let (a, b, c) = (Array2::<f64>::ones((2, 30)), Array2::ones((30, 40)), Array2::ones((40, 3)));
/// let path = chain.path(&[&a, &b, &c])?;
/// assert_eq!(path.flops(), 2.0 * (2 * 30 * 40 + 2 * 40 * 3) as f64);
/// println!("{path}");
/// assert_eq!(chain.run(&matmul::Gemm::new(), &[&a, &b, &c])?[[1, 2]], 1200.0);
/// # Ok::<(), matmul_einsum::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Einsum {
    subscripts: Subscripts,
}

impl Einsum {
    /// Parses subscripts: labels a-z and A-Z for the axes of each operand, operands separated by `,`, then `->` and
    /// the labels of the result. A label that is not in the result is summed; one that an operand has twice is its
    /// diagonal. `...` stands for any axes, which broadcast. Without `->` the result has the axes of `...` and the
    /// labels that occur once, in alphabetical order, capitals first. Spaces have no meaning.
    ///
    /// # Errors
    /// [`Error::Subscripts`], which points at the character.
    pub fn new(subscripts: &str) -> Result<Self, Error> {
        Ok(Self { subscripts: Subscripts::parse(subscripts)? })
    }

    /// The string that this was parsed from.
    pub fn subscripts(&self) -> &str {
        self.subscripts.text()
    }

    /// The value for these operands, as a new array.
    ///
    /// # Errors
    /// [`Error::Operands`] for another number of operands, [`Error::Subscripts`] if their axes do not fit the
    /// subscripts or each other, [`Error::TooLarge`], [`Error::Kernel`] if the kernel cannot run here.
    pub fn run<T: Real>(
        &self,
        kernel: &dyn Kernel<T>,
        operands: &[&dyn Operand<T>],
    ) -> Result<ArrayD<T>, Error> {
        let (views, resolved) = self.resolve(operands)?;
        evaluate(kernel, &resolved, &views)
    }

    /// The value for these operands, into an array of the result's shape and any strides. What it holds is not read.
    ///
    /// # Errors
    /// As [`Einsum::run`], and [`Error::OutputShape`].
    pub fn run_into<T: Real, S: DataMut<Elem = T>, D: Dimension>(
        &self,
        kernel: &dyn Kernel<T>,
        operands: &[&dyn Operand<T>],
        output: &mut ArrayBase<S, D>,
    ) -> Result<(), Error> {
        let (views, resolved) = self.resolve(operands)?;
        evaluate_into(kernel, &resolved, &views, output.view_mut().into_dyn())
    }

    /// What [`Einsum::run`] will do with these operands.
    ///
    /// # Errors
    /// As [`Einsum::run`].
    pub fn path<T>(&self, operands: &[&dyn Operand<T>]) -> Result<Path, Error> {
        let (views, resolved) = self.resolve(operands)?;
        let layouts = layouts(&resolved, &views);
        self.describe(&resolved, layouts)
    }

    /// What [`Einsum::run`] will do with row-major operands of these shapes.
    ///
    /// # Errors
    /// As [`Einsum::run`].
    pub fn path_for_shapes(&self, shapes: &[&[usize]]) -> Result<Path, Error> {
        let resolved = self.subscripts.resolve(shapes)?;
        shapes.iter().try_for_each(|shape| check_size(shape))?;
        let strides = |shape: &[usize]| -> Vec<isize> {
            (1..=shape.len()).map(|axis| shape[axis..].iter().product::<usize>() as isize).collect()
        };
        let layouts = resolved.inputs.iter().zip(shapes);
        let layouts = layouts.map(|(axes, shape)| Layout::new(axes, shape, &strides(shape))).collect();
        self.describe(&resolved, layouts)
    }

    fn describe(&self, resolved: &Resolved, operands: Vec<Layout>) -> Result<Path, Error> {
        check_size(&resolved.output_shape())?;
        let output = Layout::row_major(resolved.output.iter().copied(), &resolved.lens);
        let plan = Plan::new(resolved, operands, output)?;
        Ok(Path::new(self.subscripts(), resolved, &plan))
    }

    fn resolve<'a, T>(
        &self,
        operands: &[&'a dyn Operand<T>],
    ) -> Result<(Vec<ArrayViewD<'a, T>>, Resolved), Error> {
        let views: Vec<_> = operands.iter().map(|operand| operand.dyn_view()).collect();
        let shapes: Vec<&[usize]> = views.iter().map(|view| view.shape()).collect();
        let resolved = self.subscripts.resolve(&shapes)?;
        Ok((views, resolved))
    }
}

impl FromStr for Einsum {
    type Err = Error;

    fn from_str(subscripts: &str) -> Result<Self, Error> {
        Self::new(subscripts)
    }
}

/// The sum of products that `subscripts` describe, by the best kernel; see [`Einsum::new`] for the grammar.
///
/// ```
/// # use matmul_einsum::einsum;
/// # use ndarray::array;
/// let m = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(einsum("ii", &[&m])?[[]], 5.0);
/// assert_eq!(einsum("ij->ji", &[&m])?, m.t().into_dyn());
///
/// let error = einsum("ij,jk->im", &[&m, &m]).unwrap_err();
/// assert_eq!(error.to_string(), "output label 'm' is in no operand\n  ij,jk->im\n          ^");
/// # Ok::<(), matmul_einsum::Error>(())
/// ```
///
/// # Errors
/// As [`Einsum::new`] and [`Einsum::run`].
pub fn einsum<T: Real>(subscripts: &str, operands: &[&dyn Operand<T>]) -> Result<ArrayD<T>, Error> {
    einsum_with(&matmul::Gemm::new(), subscripts, operands)
}

/// [`einsum`] by the given kernel.
///
/// # Errors
/// As [`Einsum::new`] and [`Einsum::run`].
pub fn einsum_with<T: Real>(
    kernel: &dyn Kernel<T>,
    subscripts: &str,
    operands: &[&dyn Operand<T>],
) -> Result<ArrayD<T>, Error> {
    Einsum::new(subscripts)?.run(kernel, operands)
}
