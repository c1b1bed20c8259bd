use core::fmt::{Debug, Display};
use core::iter::Sum;
use core::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::fma;

/// An element of the factors A and B of a product, and of C if it is its own [`Out`](Element::Out).
///
/// `f32` and `f64` are summed in themselves. A narrower type (16-bit floats, 8-bit integers) is summed in a wider one,
/// which is then the type of C, α and β.
///
/// ```
/// use matmul_core::Element;
///
/// /// The sum of squares, as a kernel would add them.
/// fn squares<T: Element>(x: &[T]) -> T::Out {
///     x.iter().fold(T::Out::ZERO, |sum, &x| x.mul_add(x, sum))
/// }
/// assert_eq!((squares(&[1.0f32, 2.0]), f64::NAME), (5.0, "f64"));
/// ```
pub trait Element:
    Copy + Debug + Default + Display + PartialEq + Send + Sync + Add<Output = Self> + Mul<Output = Self> + 'static
{
    /// The type of C, α, β and of the sums.
    type Out: Element<Out = Self::Out>;

    /// `"f32"` or `"f64"`: the name on command lines and in reports.
    const NAME: &'static str;
    /// Additive identity, +0.
    const ZERO: Self;
    /// Multiplicative identity.
    const ONE: Self;
    /// Terms of k that one instruction multiplies and adds; packed panels keep them side by side.
    const STEP: usize = 1;

    /// The same value as a sum, exactly.
    fn widen(self) -> Self::Out;
    /// `self * b + c`, rounded once: a step of the numeric contract.
    fn mul_add(self, b: Self, c: Self::Out) -> Self::Out;
    /// [`Element::mul_add`] in a function that is compiled for CPUs with the instruction, where it becomes one. In any
    /// other it may be a call of the C library, whose result may be another.
    #[inline(always)]
    fn fused(self, b: Self, c: Self::Out) -> Self::Out {
        self.mul_add(b, c)
    }
}

/// A real floating-point type, `f32` or `f64`: what tests, oracles and models of errors need beyond [`Element`].
///
/// ```
/// use matmul_core::Real;
///
/// assert_eq!((f32::from_f64(0.5).to_f64(), f64::UNIT_ROUNDOFF), (0.5, f64::EPSILON / 2.0));
/// ```
pub trait Real:
    Element<Out = Self>
    + PartialOrd
    + AddAssign
    + Div<Output = Self>
    + Neg<Output = Self>
    + Sub<Output = Self>
    + Sum
{
    /// Not a number.
    const NAN: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Unit roundoff u: half the distance from 1 to the next larger number, 2⁻²⁴ or 2⁻⁵³.
    const UNIT_ROUNDOFF: f64;
    /// The largest integer up to which every integer is exact: 2²⁴ or 2⁵³.
    const EXACT_INT_MAX: i64;

    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The same value, exactly.
    fn to_f64(self) -> f64;
    /// The bit pattern, zero-extended.
    fn bits(self) -> u64;
    /// The value with the low bits of `bits` as its pattern; the inverse of [`Real::bits`].
    fn from_bits(bits: u64) -> Self;
    /// Whether this is a NaN.
    fn is_nan(self) -> bool;
}

macro_rules! impl_real {
    ($t:ident, $bits:ident, $mantissa:literal) => {
        impl Element for $t {
            type Out = $t;
            const NAME: &'static str = stringify!($t);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn widen(self) -> Self {
                self
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                fma::$t(self, b, c)
            }
            #[cfg(feature = "std")]
            #[inline(always)]
            fn fused(self, b: Self, c: Self) -> Self {
                $t::mul_add(self, b, c)
            }
        }

        impl Real for $t {
            const NAN: Self = $t::NAN;
            const INFINITY: Self = $t::INFINITY;
            const UNIT_ROUNDOFF: f64 = $t::EPSILON as f64 / 2.0;
            const EXACT_INT_MAX: i64 = 1 << $mantissa;

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

impl_real!(f32, u32, 24);
impl_real!(f64, u64, 53);
