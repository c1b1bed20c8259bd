use std::path::Path;

use matmul_mnist::{Options, PIXELS, prepare};
use ndarray::Array2;
use rand_distr::{Distribution, StandardNormal};

use crate::{Error, rng};

/// Rows × columns draws from the standard normal distribution: the lesson's `torch.randn`, with a seed.
pub fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut draws = StandardNormal.sample_iter(rng(seed));
    Array2::from_shape_simple_fn((rows, columns), || draws.next().unwrap_or(0.0))
}

/// The factors of the lesson's product: m1, five images of the validation set, and m2, normal weights, 784 × 10.
///
/// The images are MNIST's if `MATMUL_MNIST` names its folder or the workspace's `data` has them, else synthetic.
///
/// # Errors
/// [`Error::Data`] if the images cannot be prepared.
pub fn factors() -> Result<(Array2<f32>, Array2<f32>), Error> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let mnist = prepare(&Options { dir, from: None, offline: true })?;
    let m1 = Array2::from_shape_fn((5, PIXELS), |(i, j)| mnist.x_valid[i * PIXELS + j]);
    Ok((m1, normal(PIXELS, 10, 0)))
}
