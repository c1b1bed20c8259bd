use alloc::string::String;

use crate::{BatchMut, BatchProblem, BatchRef, Element, Error, MatMut, MatRef, Problem};

/// Whether a kernel can run on this machine, as built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Available,
    /// It cannot.
    Unavailable {
        /// What is missing, as a noun phrase: "a CPU with avx512f".
        needs: String,
    },
}

/// What a kernel promises about the result's bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The numeric contract: the bits of C\[i, j\] depend on row i of A, column j of B, k, α, β and the old
    /// C\[i, j\] alone. See `docs/numerics.md`.
    SameBits,
    /// Only the usual componentwise bound, γ(k + 3)·(|α||A||B| + |β||C|).
    ErrorBound,
}

/// The order in which the terms of a sum are added.
///
/// ```
/// use matmul_core::{Promise, Summation};
///
/// assert_eq!(Summation::default().promise(), Promise::SameBits);
/// assert_eq!(Summation::Fast.promise(), Promise::ErrorBound);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summation {
    /// That of the numeric contract, in chunks of [`K_CHUNK`](crate::K_CHUNK): the same bits everywhere.
    #[default]
    Contract,
    /// Whichever is fastest: k may be cut across lanes and accumulators, within the usual error bound.
    Fast,
}

impl Summation {
    /// What a kernel that keeps the contract promises in this order.
    pub fn promise(self) -> Promise {
        match self {
            Summation::Contract => Promise::SameBits,
            Summation::Fast => Promise::ErrorBound,
        }
    }
}

/// The sizes at which a kernel changes its way of working. A conformance kit aims its shapes at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of the register tile.
    pub mr: usize,
    /// Columns of the register tile.
    pub nr: usize,
    /// Rows of a packed block of A.
    pub mc: usize,
    /// Depth of a packed block.
    pub kc: usize,
    /// Columns of a packed block of B.
    pub nc: usize,
}

/// A way to compute C ← α·A·B + β·C.
///
/// Implementors write [`Kernel::run`]; callers use [`Kernel::gemm`].
pub trait Kernel<T: Element>: Send + Sync {
    /// The name in reports and on command lines: lower case, words joined by `-`.
    fn name(&self) -> &str;

    /// Whether this machine and build can run it.
    fn availability(&self) -> Availability {
        Availability::Available
    }

    /// What it promises about bits.
    fn promise(&self) -> Promise {
        Promise::ErrorBound
    }

    /// The sizes at which it changes its way of working, if it is blocked.
    fn sizes(&self) -> Option<Sizes> {
        None
    }

    /// How many threads it uses for a large product.
    fn threads(&self) -> usize {
        1
    }

    /// Computes a checked product. β = 0 must not read C; only C's m × n elements may be written.
    fn run(&self, problem: Problem<'_, T>);

    /// Computes a checked batch: each product as [`Kernel::run`] would, with the same bits.
    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        batch.for_each(|problem| self.run(problem));
    }

    /// C ← α·A·B + β·C, for any strides.
    ///
    /// α = 0 does not read A or B, β = 0 does not read C; otherwise NaN and infinity propagate. m, n and k may
    /// be 0, and k = 0 gives β·C.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes disagree, [`Error::Unavailable`] if the kernel cannot run here. C is
    /// unchanged then.
    #[inline]
    fn gemm(
        &self,
        alpha: T::Out,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        beta: T::Out,
        c: MatMut<'_, T::Out>,
    ) -> Result<(), Error> {
        refuse_unavailable(self)?;
        if let Some(problem) = Problem::new(alpha, a, b, beta, c)? {
            self.run(problem);
        }
        Ok(())
    }

    /// C ← α·A·B + β·C for each product of a batch; each has the bits that [`Kernel::gemm`] gives it.
    ///
    /// # Errors
    /// [`Error::Count`] if the batches differ in their number of matrices, otherwise as [`Kernel::gemm`]. C is
    /// unchanged then.
    fn gemm_batch(
        &self,
        alpha: T::Out,
        a: BatchRef<'_, T>,
        b: BatchRef<'_, T>,
        beta: T::Out,
        c: BatchMut<'_, T::Out>,
    ) -> Result<(), Error> {
        refuse_unavailable(self)?;
        if let Some(batch) = BatchProblem::new(alpha, a, b, beta, c)? {
            self.run_batch(batch);
        }
        Ok(())
    }
}

#[inline]
fn refuse_unavailable<T: Element>(kernel: &(impl Kernel<T> + ?Sized)) -> Result<(), Error> {
    match kernel.availability() {
        Availability::Available => Ok(()),
        Availability::Unavailable { needs } => {
            Err(Error::Unavailable { kernel: kernel.name().into(), needs })
        }
    }
}
