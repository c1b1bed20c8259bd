use matmul::kernel::Kernel;
use matmul::{MatRef, Matrix, Real};
use rand::Rng;

use crate::{Error, Linear, argmax, softmax_cross_entropy};

/// Two linear layers with a ReLU between them: logits = max(X·W₁ + b₁, 0)·W₂ + b₂.
#[derive(Clone, Debug)]
pub struct Mlp<T> {
    /// W₁ and b₁.
    pub hidden: Linear<T>,
    /// W₂ and b₂.
    pub output: Linear<T>,
}

/// How a model does on images that it did not learn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean softmax cross-entropy.
    pub loss: f64,
    /// Share of images whose largest logit is the label's.
    pub accuracy: f64,
}

impl<T: Real> Mlp<T> {
    /// Layers of random weights, such as 784, 50, 10.
    pub fn random(inputs: usize, hidden: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let (hidden, output) = (Linear::random(inputs, hidden, rng), Linear::random(hidden, outputs, rng));
        Self { hidden, output }
    }

    /// The hidden layer's values after the ReLU, and the logits.
    fn forward(&self, kernel: &dyn Kernel<T>, x: MatRef<'_, T>) -> Result<(Matrix<T>, Matrix<T>), Error> {
        let mut h = Matrix::zeros(x.nrows(), self.hidden.bias.len());
        self.hidden.forward(kernel, x, h.as_mut())?;
        for h in h.as_mut_slice() {
            // Written so that a NaN stays one.
            *h = if *h < T::ZERO { T::ZERO } else { *h };
        }
        let mut logits = Matrix::zeros(x.nrows(), self.output.bias.len());
        self.output.forward(kernel, h.as_ref(), logits.as_mut())?;
        Ok((h, logits))
    }

    /// The logits of each row of X, rows × outputs.
    ///
    /// # Errors
    /// [`Error::Product`] unless X is rows × inputs, or if the kernel cannot run here.
    pub fn logits(&self, kernel: &dyn Kernel<T>, x: MatRef<'_, T>) -> Result<Matrix<T>, Error> {
        Ok(self.forward(kernel, x)?.1)
    }

    /// One step of gradient descent on a batch; returns the batch's mean loss before the step.
    ///
    /// A layer has three products: X·W, Xᵀ·dY and dY·Wᵀ, all of them on views of the same memory. The first layer
    /// goes without the last, which would be the gradient of the images.
    ///
    /// # Errors
    /// As [`Mlp::logits`] and [`softmax_cross_entropy`].
    pub fn step(
        &mut self,
        kernel: &dyn Kernel<T>,
        x: MatRef<'_, T>,
        labels: &[i64],
        rate: T,
    ) -> Result<f64, Error> {
        let (h, mut dlogits) = self.forward(kernel, x)?;
        let loss = softmax_cross_entropy(&mut dlogits, labels)?;
        // Backwards, and with the weights that the loss was computed with.
        let mut dh = Matrix::zeros(h.nrows(), h.ncols());
        self.output.backward(kernel, dlogits.as_ref(), dh.as_mut())?;
        for (dh, &h) in dh.as_mut_slice().iter_mut().zip(h.as_slice()) {
            if h == T::ZERO {
                *dh = T::ZERO;
            }
        }
        self.output.descend(kernel, h.as_ref(), dlogits.as_ref(), rate)?;
        self.hidden.descend(kernel, x, dh.as_ref(), rate)?;
        Ok(loss)
    }

    /// Loss and accuracy on the rows of X.
    ///
    /// # Errors
    /// As [`Mlp::step`].
    pub fn score(&self, kernel: &dyn Kernel<T>, x: MatRef<'_, T>, labels: &[i64]) -> Result<Score, Error> {
        let mut logits = self.logits(kernel, x)?;
        let accuracy = accuracy(&argmax(&logits), labels);
        Ok(Score { loss: softmax_cross_entropy(&mut logits, labels)?, accuracy })
    }

    /// All weights and biases: W₁, b₁, W₂, b₂, row after row.
    pub fn parameters(&self) -> impl Iterator<Item = T> {
        [&self.hidden, &self.output]
            .into_iter()
            .flat_map(|l| l.weights.as_slice().iter().chain(&l.bias))
            .copied()
    }
}

/// Share of predictions that are the label.
pub fn accuracy(predicted: &[usize], labels: &[i64]) -> f64 {
    let hits = predicted.iter().zip(labels).filter(|&(&p, &label)| usize::try_from(label) == Ok(p)).count();
    hits as f64 / predicted.len() as f64
}
