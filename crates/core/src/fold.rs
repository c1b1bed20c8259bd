use crate::Element;

/// How the sum `t` of one chunk of k enters C. This is the only place that knows when C may be read.
///
/// The first chunk of a product folds with [`Fold::first`], every later one with [`Fold::Add`].
///
/// ```
/// use matmul_core::Fold;
///
/// assert_eq!(Fold::first(0.0).apply(2.0, 3.0, || unreachable!("C is not read")), 6.0);
/// assert_eq!(Fold::first(0.5).apply(2.0, 3.0, || 4.0), 2.0 * 3.0 + 0.5 * 4.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fold<T> {
    /// c ← α·t. C is not read: it may be NaN or uninitialised.
    Overwrite,
    /// c ← fma(α, t, c).
    Add,
    /// c ← fma(α, t, β·c).
    Scale(T),
}

impl<T: Element<Out = T>> Fold<T> {
    /// The fold of the first chunk. β = 1 becomes [`Fold::Add`], which gives the same bits because 1·c is c.
    #[inline(always)]
    pub fn first(beta: T) -> Self {
        if beta == T::ZERO {
            Fold::Overwrite
        } else if beta == T::ONE {
            Fold::Add
        } else {
            Fold::Scale(beta)
        }
    }

    /// The new value of an element whose chunk sums to `t`; `old` is called only if C is to be read.
    #[inline(always)]
    pub fn apply(self, alpha: T, t: T, old: impl FnOnce() -> T) -> T {
        self.apply_by(T::mul_add, alpha, t, old)
    }

    /// [`Fold::apply`] by a multiply-add of the caller's, such as [`Element::fused`].
    #[inline(always)]
    pub fn apply_by(self, fma: impl FnOnce(T, T, T) -> T, alpha: T, t: T, old: impl FnOnce() -> T) -> T {
        match self {
            Fold::Overwrite => alpha * t,
            Fold::Add => fma(alpha, t, old()),
            Fold::Scale(beta) => fma(alpha, t, beta * old()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_zero_never_reads_c() {
        let fold = Fold::first(0.0f32);
        assert_eq!(fold.apply(2.0, 3.0, || unreachable!("C was read")), 6.0);
        assert_eq!(Fold::first(-0.0f64), Fold::Overwrite);
    }

    #[test]
    fn folds_round_once() {
        let eps = f32::EPSILON;
        // (1 + eps)² - 1 in one rounding keeps the eps² term that two roundings lose.
        let c = Fold::Add.apply(1.0 + eps, 1.0 + eps, || -1.0);
        assert_eq!(c, (2.0 * eps as f64 + eps as f64 * eps as f64) as f32);
        assert_eq!(Fold::first(3.0).apply(2.0, 5.0, || 7.0), 31.0);
        assert_eq!(Fold::first(1.0f32), Fold::Add);
    }
}
