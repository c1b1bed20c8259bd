//! A layer: weights that are packed once, with bias and ReLU, or a function of one's own, applied to C while it is in L1.

use matmul::{Bias, Epilogue, Error, MatMut, MatRef, PackedB};

/// y / (1 + |y|), without a pass over C of its own.
struct Softsign;

impl Epilogue<f32> for Softsign {
    fn apply(&self, _row: usize, _column: usize, part: &mut [f32]) {
        part.iter_mut().for_each(|y| *y /= 1.0 + y.abs());
    }
}

fn main() -> Result<(), Error> {
    let weights = [1.0f32, -1.0, 2.0, 0.0, 0.5, 1.0];
    let weights = PackedB::new(MatRef::from_row_major(&weights, 3, 2)?)?;
    let layer = |x: &[f32], batch: usize| -> Result<Vec<f32>, Error> {
        let mut y = vec![0.0; batch * weights.ncols()];
        let c = MatMut::from_row_major(&mut y, batch, weights.ncols())?;
        let bias = Bias { bias: &[0.5, -4.0], relu: true };
        weights.gemm(1.0, MatRef::from_row_major(x, batch, weights.nrows())?, 0.0, c, bias)?;
        Ok(y)
    };
    println!("one: {:?}", layer(&[1.0, 2.0, 4.0], 1)?);
    println!("two: {:?}", layer(&[1.0, 2.0, 4.0, -1.0, 0.0, 10.0], 2)?);

    let (x, mut y) = ([1.0, 2.0, 4.0], [0.0; 2]);
    let c = MatMut::from_row_major(&mut y, 1, 2)?;
    weights.gemm(1.0, MatRef::from_row_major(&x, 1, 3)?, 0.0, c, Softsign)?;
    println!("softsign: {y:?}");
    Ok(())
}
