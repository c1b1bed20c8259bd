//! A and B of a cell, filled from MNIST or from a seeded generator, and the C that kernels write to.

use matmul::kernel::Kernel;
use matmul::{BatchMut, BatchRef, MatMut, MatRef, Real};
use matmul_report::{Layout, Shape, Source};

use crate::error::Error;

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
    pub(crate) fn normal<T: Real>(&mut self, len: usize) -> Vec<T> {
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

/// The memory of a cell: A, B and C of every product, one behind the other.
pub(crate) struct Operands<T> {
    pub(crate) shape: Shape,
    pub(crate) a: Vec<T>,
    pub(crate) b: Vec<T>,
    pub(crate) c: Vec<T>,
}

/// The elements of one A, B and C with their padding.
fn lens(shape: &Shape) -> [usize; 3] {
    let Shape { m, k, n, .. } = *shape;
    [shape.a.len((m, k)), shape.b.len((k, n)), shape.c.len((m, n))]
}

impl<T: Real> Operands<T> {
    /// The same seed and shape give the same numbers in every process.
    pub(crate) fn new(shape: &Shape, images: Images<'_>, seed: u64) -> Self {
        let Shape { m, k, n, batch, .. } = *shape;
        let mut random = Random::new(seed ^ (m as u64) << 42 ^ (k as u64) << 21 ^ n as u64);
        let pixels = match shape.source {
            Source::Normal => &[],
            Source::Train => images.train,
            Source::Valid => images.valid,
        };
        let [a, b, _] = lens(shape);
        let a = match pixels.get(..a * batch) {
            Some(pixels) if !pixels.is_empty() => pixels.iter().map(|&x| T::from_f64(x.into())).collect(),
            _ => random.normal(a * batch),
        };
        Self::with_factors(shape, a, random.normal(b * shape.count_b()))
    }

    /// Factors that were made elsewhere, of [`Operands::lens`] elements.
    pub(crate) fn with_factors(shape: &Shape, a: Vec<T>, b: Vec<T>) -> Self {
        // NaN and not zero: zeroed pages would be mapped on the first write, inside a timed call.
        Self { shape: shape.clone(), a, b, c: vec![T::NAN; lens(shape)[2] * shape.batch] }
    }

    /// Elements of all matrices A, and of all matrices B.
    pub(crate) fn lens(shape: &Shape) -> (usize, usize) {
        let [a, b, _] = lens(shape);
        (a * shape.batch, b * shape.count_b())
    }

    /// A and B of one product of the batch.
    pub(crate) fn factors(&self, index: usize) -> Result<(MatRef<'_, T>, MatRef<'_, T>), Error> {
        let shape = &self.shape;
        let [a, b, _] = lens(shape);
        let index_b = if shape.shared_b { 0 } else { index };
        let (dims_a, dims_b) = ((shape.m, shape.k), (shape.k, shape.n));
        Ok((
            view(&self.a[index * a..][..a], dims_a, shape.a.strides(dims_a))?,
            view(&self.b[index_b * b..][..b], dims_b, shape.b.strides(dims_b))?,
        ))
    }

    /// C of every product, row after row without padding.
    pub(crate) fn result(&self) -> Result<Vec<T>, Error> {
        let dims = (self.shape.m, self.shape.n);
        let mut all = Vec::with_capacity(dims.0 * dims.1 * self.shape.batch);
        for c in self.c.chunks_exact(lens(&self.shape)[2]) {
            all.extend(view(c, dims, self.shape.c.strides(dims))?.to_vec());
        }
        Ok(all)
    }

    /// The views of a call, made once and not in the time of each.
    pub(crate) fn call(&mut self) -> Result<Call<'_, T>, Error> {
        let Self { shape, a, b, c } = self;
        let (dims_a, dims_b, dims_c) = ((shape.m, shape.k), (shape.k, shape.n), (shape.m, shape.n));
        let [step_a, step_b, step_c] = lens(shape).map(|len| len as isize);
        let (offset, strides) = shape.c.strides(dims_c);
        if shape.batch == 1 {
            let (a, b) =
                (view(a, dims_a, shape.a.strides(dims_a))?, view(b, dims_b, shape.b.strides(dims_b))?);
            return Ok(Call::One(
                a,
                b,
                MatMut::from_strided(c, offset, dims_c.0, dims_c.1, strides.0, strides.1)?,
            ));
        }
        let batch = |data, layout: Layout, dims, step| {
            let (offset, strides) = layout.strides(dims);
            BatchRef::from_strided(data, offset, (shape.batch, step), dims, strides)
        };
        Ok(Call::Many(
            batch(a, shape.a, dims_a, step_a)?,
            batch(b, shape.b, dims_b, if shape.shared_b { 0 } else { step_b })?,
            BatchMut::from_strided(c, offset, (shape.batch, step_c), dims_c, strides)?,
        ))
    }
}

/// What a kernel is called with.
pub(crate) enum Call<'a, T> {
    One(MatRef<'a, T>, MatRef<'a, T>, MatMut<'a, T>),
    Many(BatchRef<'a, T>, BatchRef<'a, T>, BatchMut<'a, T>),
}

impl<T: Real> Call<'_, T> {
    /// C ← A·B, once.
    #[inline]
    pub(crate) fn multiply(&mut self, kernel: &dyn Kernel<T>) -> Result<(), Error> {
        match self {
            Call::One(a, b, c) => kernel.gemm(T::ONE, *a, *b, T::ZERO, c.reborrow())?,
            Call::Many(a, b, c) => kernel.gemm_batch(T::ONE, *a, *b, T::ZERO, c.reborrow())?,
        }
        Ok(())
    }
}

fn view<T>(
    data: &[T],
    (nrows, ncols): (usize, usize),
    (offset, (rs, cs)): (usize, (isize, isize)),
) -> Result<MatRef<'_, T>, Error> {
    Ok(MatRef::from_strided(data, offset, nrows, ncols, rs, cs)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Images<'static> = Images { train: &[], valid: &[] };

    fn shape(name: &str) -> Shape {
        matmul_report::groups::select(&[name]).unwrap().remove(0)
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
    fn a_call_fills_the_result_in_every_layout() {
        for name in
            ["64x(64x64x64)", "5x(3x4x5)/shared", "6x7x8/strided", "6x7x8/ld9", "6x7x8/reversed", "6x7x1/col"]
        {
            let mut operands = Operands::<f32>::new(&shape(name), NONE, 1);
            operands.call().unwrap().multiply(&matmul::Gemm::new()).unwrap();
            let result = operands.result().unwrap();
            let Shape { m, n, batch, .. } = operands.shape;
            assert!(result.len() == m * n * batch && result.iter().all(|x| !x.is_nan()), "{name}");
        }
    }

    #[test]
    fn layouts_are_the_strides_of_the_views() {
        let strides = |name| {
            let operands = Operands::<f32>::new(&shape(name), NONE, 1);
            let (a, b) = operands.factors(0).unwrap();
            [(a.rs(), a.cs()), (b.rs(), b.cs())]
        };
        assert_eq!(strides("6x7x8/tn"), [(1, 6), (8, 1)]);
        assert_eq!(strides("6x7x8/strided"), [(14, 1), (15, 1)]);
        assert_eq!(strides("6x7x8/reversed"), [(-7, -1), (-8, -1)]);
    }
}
