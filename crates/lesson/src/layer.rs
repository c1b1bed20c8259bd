use matmul::kernel::Kernel;
use matmul::{MatMut, MatRef, Matrix, Real};
use rand::{Rng, RngExt};

use crate::Error;

/// A linear layer, Y = X·W + b: X is rows × inputs, W is inputs × outputs, b is added to every row.
#[derive(Clone, Debug)]
pub struct Linear<T> {
    /// W, inputs × outputs.
    pub weights: Matrix<T>,
    /// b, one for each output.
    pub bias: Vec<T>,
}

impl<T: Real> Linear<T> {
    /// Weights uniform in ±√(6 / inputs), bias 0: He et al. (2015), so that what passes a ReLU keeps its variance.
    ///
    /// Uniform rather than normal, because it takes nothing that a C library might round in its own way.
    pub fn random(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let bound = (6.0 / inputs as f64).sqrt();
        let mut weights = Matrix::zeros(inputs, outputs);
        weights.as_mut_slice().fill_with(|| T::from_f64(rng.random_range(-bound..bound)));
        Self { weights, bias: vec![T::ZERO; outputs] }
    }

    /// Y ← X·W + b, in one product: Y is set to b in every row, and β = 1.
    ///
    /// # Errors
    /// [`Error::Product`] unless X is rows × inputs and Y rows × outputs, or if the kernel cannot run here.
    pub fn forward(
        &self,
        kernel: &dyn Kernel<T>,
        x: MatRef<'_, T>,
        mut y: MatMut<'_, T>,
    ) -> Result<(), Error> {
        for i in 0..y.nrows() {
            self.bias.iter().take(y.ncols()).enumerate().for_each(|(j, &b)| y.set(i, j, b));
        }
        Ok(kernel.gemm(T::ONE, x, self.weights.as_ref(), T::ONE, y)?)
    }

    /// dX ← dY·Wᵀ, the gradient for the layer below. Wᵀ is a view with exchanged strides.
    ///
    /// # Errors
    /// As [`Linear::forward`], for dX in the place of X and dY in the place of Y.
    pub fn backward(
        &self,
        kernel: &dyn Kernel<T>,
        dy: MatRef<'_, T>,
        dx: MatMut<'_, T>,
    ) -> Result<(), Error> {
        Ok(kernel.gemm(T::ONE, dy, self.weights.as_ref().t(), T::ZERO, dx)?)
    }

    /// W ← W − rate·Xᵀ·dY and b ← b − rate·Σ dY: gradient and step in one product, with α = −rate and β = 1.
    ///
    /// # Errors
    /// As [`Linear::forward`], for dY in the place of Y. The layer is unchanged then.
    pub fn descend(
        &mut self,
        kernel: &dyn Kernel<T>,
        x: MatRef<'_, T>,
        dy: MatRef<'_, T>,
        rate: T,
    ) -> Result<(), Error> {
        kernel.gemm(-rate, x.t(), dy, T::ONE, self.weights.as_mut())?;
        for (j, bias) in self.bias.iter_mut().enumerate() {
            let sum: T = (0..dy.nrows()).map(|i| dy.at(i, j)).sum();
            *bias = *bias - rate * sum;
        }
        Ok(())
    }
}
