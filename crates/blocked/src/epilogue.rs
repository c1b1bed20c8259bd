use matmul_core::Scalar;

/// What is done to an element of C when its sum is complete and it is still in L1, so that a layer's bias and
/// activation cost no pass over C of their own.
pub trait Epilogue<T>: Copy + Send + Sync {
    /// Whether nothing is done; the loops then have no trace of it.
    const IS_IDENTITY: bool = false;

    /// Called once for each element of C, a part of a row at a time: row `i`, columns `j ..`.
    fn apply(self, i: usize, j: usize, row: &mut [T]);
}

/// Leaves C as it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl<T> Epilogue<T> for Identity {
    const IS_IDENTITY: bool = true;
    fn apply(self, _: usize, _: usize, _: &mut [T]) {}
}

/// c ← c + bias\[j\], then c ← max(c, 0) if `relu`: a layer whose units are the columns of C.
///
/// NaN stays NaN. Columns past the end of `bias` get none.
#[derive(Clone, Copy, Debug)]
pub struct Bias<'a, T> {
    /// One for each column.
    pub bias: &'a [T],
    /// Whether negative sums become 0.
    pub relu: bool,
}

impl<T: Scalar> Epilogue<T> for Bias<'_, T> {
    #[inline(always)]
    fn apply(self, _: usize, j: usize, row: &mut [T]) {
        for (c, &bias) in row.iter_mut().zip(self.bias.get(j..).unwrap_or_default()) {
            *c += bias;
        }
        if self.relu {
            for c in row {
                *c = if *c < T::ZERO { T::ZERO } else { *c };
            }
        }
    }
}
