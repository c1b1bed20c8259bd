use core::fmt::{Debug, Display};
use core::iter::Sum;
use core::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// An element type that can be multiplied: `f32` or `f64`.
pub trait Scalar:
    Copy
    + Debug
    + Default
    + Display
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Div<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + Sub<Output = Self>
    + Sum
    + 'static
{
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// Additive identity, +0.
    const ZERO: Self;
    /// Multiplicative identity.
    const ONE: Self;
    /// Not a number.
    const NAN: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Unit roundoff u: half the distance from 1 to the next larger number, 2⁻²⁴ or 2⁻⁵³.
    const UNIT_ROUNDOFF: f64;
    /// The largest integer up to which every integer is exact: 2²⁴ or 2⁵³.
    const EXACT_INT_MAX: i64;

    /// `self * b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The same value, exactly.
    fn to_f64(self) -> f64;
    /// The bit pattern, zero-extended.
    fn bits(self) -> u64;
    /// The value with the low bits of `bits` as its pattern; the inverse of [`Scalar::bits`].
    fn from_bits(bits: u64) -> Self;
    /// Whether this is a NaN.
    fn is_nan(self) -> bool;
}

macro_rules! impl_scalar {
    ($t:ident, $bits:ident, $mantissa:literal, $fma:path) => {
        impl Scalar for $t {
            const NAME: &'static str = stringify!($t);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $t::NAN;
            const INFINITY: Self = $t::INFINITY;
            const UNIT_ROUNDOFF: f64 = $t::EPSILON as f64 / 2.0;
            const EXACT_INT_MAX: i64 = 1 << $mantissa;

            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                $fma(self, b, c)
            }
            #[inline]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline]
            fn bits(self) -> u64 {
                self.to_bits() as u64
            }
            #[inline]
            fn from_bits(bits: u64) -> Self {
                $t::from_bits(bits as $bits)
            }
            #[inline]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
        }
    };
}

#[cfg(feature = "std")]
mod fma {
    use super::Scalar;
    impl_scalar!(f32, u32, 24, f32::mul_add);
    impl_scalar!(f64, u64, 53, f64::mul_add);
}

#[cfg(not(feature = "std"))]
mod fma {
    use super::Scalar;
    impl_scalar!(f32, u32, 24, libm::fmaf);
    impl_scalar!(f64, u64, 53, libm::fma);
}
