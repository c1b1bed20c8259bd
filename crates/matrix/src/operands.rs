//! A and B of a cell, filled from MNIST or from a seeded generator, and the C that kernels write to.

use matmul::{MatMut, MatRef, Scalar};

use crate::error::Error;
use crate::shapes::{Layout, Shape, Source};

/// SplitMix64 (Steele, Lea and Flood, 2014): small, seedable by any number, good enough for test data.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; the bias is below 2⁻⁴⁰ for any bound used here.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// `len` draws from the standard normal distribution, two for each step of Box and Muller's method.
    pub(crate) fn normal<T: Scalar>(&mut self, len: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(len + 1);
        while out.len() < len {
            let (radius, angle) =
                ((-2.0 * self.uniform().ln()).sqrt(), std::f64::consts::TAU * self.uniform());
            out.push(T::from_f64(radius * angle.cos()));
            out.push(T::from_f64(radius * angle.sin()));
        }
        out.truncate(len);
        out
    }

    /// Fisher and Yates.
    pub(crate) fn shuffle<E>(&mut self, items: &mut [E]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The images that shapes of the `mnist` group multiply, row after row, 784 pixels each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Images<'a> {
    pub(crate) train: &'a [f32],
    pub(crate) valid: &'a [f32],
}

/// The factors of every product of a cell, one after the other, and one C for all of them.
pub(crate) struct Operands<T> {
    pub(crate) shape: Shape,
    pub(crate) a: Vec<T>,
    pub(crate) b: Vec<T>,
    pub(crate) c: Vec<T>,
}

impl<T: Scalar> Operands<T> {
    /// The same seed and shape give the same numbers in every process.
    pub(crate) fn new(shape: &Shape, images: Images<'_>, seed: u64) -> Self {
        let Shape { m, k, n, batch, .. } = *shape;
        let mut random = Random::new(seed ^ (m as u64) << 42 ^ (k as u64) << 21 ^ n as u64);
        let pixels = match shape.source {
            Source::Normal => &[],
            Source::Train => images.train,
            Source::Valid => images.valid,
        };
        let a = match pixels.get(..m * k * batch) {
            Some(pixels) if !pixels.is_empty() => pixels.iter().map(|&x| T::from_f64(x.into())).collect(),
            _ => random.normal(m * k * batch),
        };
        // NaN and not zero: zeroed pages would be mapped on the first write, inside a timed call.
        Self { shape: shape.clone(), a, b: random.normal(k * n * batch), c: vec![T::NAN; m * n * batch] }
    }

    /// A and B of one product of the batch.
    pub(crate) fn factors(&self, index: usize) -> Result<(MatRef<'_, T>, MatRef<'_, T>), Error> {
        let Shape { m, k, n, .. } = self.shape;
        let (a, b) = (&self.a[index * m * k..][..m * k], &self.b[index * k * n..][..k * n]);
        Ok((view(a, m, k, self.shape.a)?, view(b, k, n, self.shape.b)?))
    }

    /// One call: every product of the batch, C ← A·B.
    pub(crate) fn multiply(&mut self, kernel: &dyn matmul::Kernel<T>) -> Result<(), Error> {
        let Shape { m, k, n, batch, .. } = self.shape;
        for index in 0..batch {
            let a = view(&self.a[index * m * k..][..m * k], m, k, self.shape.a)?;
            let b = view(&self.b[index * k * n..][..k * n], k, n, self.shape.b)?;
            let c = MatMut::from_row_major(&mut self.c[index * m * n..][..m * n], m, n)?;
            kernel.gemm(T::ONE, a, b, T::ZERO, c)?;
        }
        Ok(())
    }
}

fn view<T>(data: &[T], nrows: usize, ncols: usize, layout: Layout) -> Result<MatRef<'_, T>, Error> {
    Ok(match layout {
        Layout::Row => MatRef::from_row_major(data, nrows, ncols)?,
        Layout::Col => MatRef::from_col_major(data, nrows, ncols)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Images<'static> = Images { train: &[], valid: &[] };

    fn shape(name: &str) -> Shape {
        crate::shapes::select(&[name.into()]).unwrap().remove(0)
    }

    #[test]
    fn normal_draws_have_mean_0_and_variance_1() {
        let draws: Vec<f64> = Random::new(1).normal(100_001);
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // Five standard errors: 1/sqrt(1e5) and sqrt(2/1e5).
        assert!(mean.abs() < 0.016 && (variance - 1.0).abs() < 0.023, "{mean} {variance}");
        assert_eq!(draws.len(), 100_001);
    }

    #[test]
    fn shuffles_are_permutations() {
        let mut items: Vec<usize> = (0..50).collect();
        Random::new(2).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn images_fill_a() {
        let pixels: Vec<f32> = (0..5 * 784).map(|i| i as f32).collect();
        let operands = Operands::<f64>::new(&shape("5x784x10"), Images { train: &[], valid: &pixels }, 1);
        assert_eq!(operands.factors(0).unwrap().0.at(4, 783), 3919.0);
    }

    #[test]
    fn equal_seeds_give_equal_operands() {
        let make = |seed| Operands::<f32>::new(&shape("3x4x5"), NONE, seed);
        assert_eq!((make(1).a, make(1).b), (make(1).a, make(1).b));
        assert_ne!(make(1).b, make(2).b);
    }

    #[test]
    fn a_call_multiplies_the_whole_batch() {
        let mut operands = Operands::<f32>::new(&shape("64*64x64x64"), NONE, 1);
        operands.multiply(matmul::best()).unwrap();
        assert!(operands.c.iter().all(|x| !x.is_nan()));
        let transposed = Operands::<f32>::new(&shape("512x512x512-ta"), NONE, 1);
        assert_eq!(transposed.factors(0).unwrap().0.rs(), 1);
    }
}
