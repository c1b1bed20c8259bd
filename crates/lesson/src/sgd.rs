use matmul::kernel::Kernel;
use matmul::{MatRef, Real};
use rand::Rng;
use rand::seq::SliceRandom;

use crate::{Error, Mlp};

/// Mini-batch stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// Rows of a batch; the last one may have fewer.
    pub batch: usize,
    /// Step length, in units of the gradient of a batch's mean loss.
    pub rate: f64,
}

impl Sgd {
    /// Goes once through all images and tells `progress` each batch's loss. Returns their mean.
    ///
    /// Batches are blocks of consecutive rows, visited in random order: views, where gathering rows would copy
    /// all images in every epoch.
    ///
    /// # Errors
    /// As [`Mlp::step`]; the model has taken the steps before then.
    pub fn epoch<T: Real>(
        &self,
        model: &mut Mlp<T>,
        kernel: &dyn Kernel<T>,
        (x, labels): (MatRef<'_, T>, &[i64]),
        rng: &mut impl Rng,
        mut progress: impl FnMut(f64),
    ) -> Result<f64, Error> {
        if labels.len() != x.nrows() {
            return Err(Error::Labels { rows: x.nrows(), found: labels.len() });
        }
        let mut starts: Vec<usize> = (0..x.nrows()).step_by(self.batch.max(1)).collect();
        starts.shuffle(rng);
        let mut sum = 0.0;
        for &start in &starts {
            let rows = start..x.nrows().min(start + self.batch.max(1));
            let labels = &labels[rows.clone()];
            let x = x.submatrix(rows, 0..x.ncols())?;
            let loss = model.step(kernel, x, labels, T::from_f64(self.rate))?;
            progress(loss);
            sum += loss;
        }
        Ok(sum / starts.len() as f64)
    }
}
