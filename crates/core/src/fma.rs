//! The fused multiply-add, x·y + z rounded once: the instruction where the target has it or, on x86-64, the CPU, and this
//! crate's own arithmetic elsewhere. A C library's `fma` may be wrong where the result is subnormal (musl's is), and so may that of the
//! crate libm; the numeric contract must not hang on either.

/// Whether every CPU of the target has the instruction, so that `mul_add` of std is one, and no call. Only with std: core has
/// no `mul_add` that is stable.
#[cfg(feature = "std")]
const ALWAYS: bool = cfg!(any(
    target_feature = "fma",
    target_arch = "aarch64",
    target_arch = "loongarch64",
    target_arch = "powerpc64",
    target_arch = "riscv64",
    target_arch = "s390x",
));

#[inline(always)]
pub(crate) fn f32(x: f32, y: f32, z: f32) -> f32 {
    #[cfg(feature = "std")]
    if ALWAYS {
        return x.mul_add(y, z);
    }
    elsewhere::f32(x, y, z)
}

#[inline(always)]
pub(crate) fn f64(x: f64, y: f64, z: f64) -> f64 {
    #[cfg(feature = "std")]
    if ALWAYS {
        return x.mul_add(y, z);
    }
    elsewhere::f64(x, y, z)
}

/// Where the target may lack the instruction. Not inlined: a tile of them would be tens of KiB.
mod elsewhere {
    #[inline(never)]
    pub(super) fn f32(x: f32, y: f32, z: f32) -> f32 {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        if std::is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has the instruction.
            return unsafe { super::by_instruction::f32(x, y, z) };
        }
        super::soft_f32(x, y, z)
    }

    #[inline(never)]
    pub(super) fn f64(x: f64, y: f64, z: f64) -> f64 {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        if std::is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has the instruction.
            return unsafe { super::by_instruction::f64(x, y, z) };
        }
        super::soft_f64(x, y, z)
    }
}

/// In functions with the feature enabled `mul_add` is the instruction. Each may be called where the CPU has it.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod by_instruction {
    #[allow(dead_code, reason = "a target that always has it calls it directly")]
    #[target_feature(enable = "fma")]
    pub(super) unsafe fn f32(x: f32, y: f32, z: f32) -> f32 {
        x.mul_add(y, z)
    }

    #[allow(dead_code, reason = "a target that always has it calls it directly")]
    #[target_feature(enable = "fma")]
    pub(super) unsafe fn f64(x: f64, y: f64, z: f64) -> f64 {
        x.mul_add(y, z)
    }
}

/// In f64, where the product is exact and underflows nowhere, and the sum is rounded to odd: f64 has more than twice the
/// bits of f32 and two, so that the second rounding, of whatever number of bits, is as if it were the only one.
#[allow(dead_code, reason = "only where the instruction may be missing")]
pub(crate) fn soft_f32(x: f32, y: f32, z: f32) -> f32 {
    let (product, z) = (f64::from(x) * f64::from(y), f64::from(z));
    let sum = product + z;
    // x + y = sum + error exactly (Knuth), if nothing is infinite or NaN.
    let part = sum - product;
    let error = (product - (sum - part)) + (z - part);
    let bits = sum.to_bits();
    if !sum.is_finite() || error == 0.0 || bits & 1 == 1 {
        return sum as f32;
    }
    // The neighbour towards the exact sum is odd. An inexact sum is no zero.
    let away = (error > 0.0) == (sum > 0.0);
    f64::from_bits(if away { bits + 1 } else { bits - 1 }) as f32
}

/// In integers: both terms with their leading bit at [`TOP`], the smaller one shifted to its place, and one rounding.
#[allow(dead_code, reason = "only where the instruction may be missing")]
pub(crate) fn soft_f64(x: f64, y: f64, z: f64) -> f64 {
    let product = x * y;
    if !x.is_finite() || !y.is_finite() || x == 0.0 || y == 0.0 {
        // An infinity or NaN by the rules of the two operations, or a product that is exact.
        return product + z;
    }
    if !z.is_finite() {
        // Whatever the product: if it overflows, it is no infinity.
        return z;
    }
    if z == 0.0 {
        // Rounded once. A sum with +0 would take the sign of a product that underflows to -0.
        return product;
    }
    let ((x, x_exponent), (y, y_exponent)) = (parts(x), parts(y));
    let (z_bits, z_exponent) = parts(z);
    let negative = product.is_sign_negative();
    let (mut large, mut small) = (
        normal(u128::from(x) * u128::from(y), x_exponent + y_exponent),
        normal(u128::from(z_bits), z_exponent),
    );
    let mut signs = (negative, z.is_sign_negative());
    if (small.1, small.0) > (large.1, large.0) {
        (large, small) = (small, large);
        signs = (signs.1, signs.0);
    }
    // What is shifted out stays as a bit below all that decide a rounding: a difference loses more than one leading bit
    // only where the shift is at most one, and both terms end in at least 20 zeros.
    let small = shifted(small.0, large.1 - small.1);
    let sum = if signs.0 == signs.1 { large.0 + small } else { large.0 - small };
    rounded(signs.0, sum, large.1)
}

/// The highest bit of a term, so that the sum of two fits.
const TOP: u32 = 125;

/// Magnitude as an integer, and the exponent of its lowest bit.
fn parts(x: f64) -> (u64, i32) {
    let bits = x.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i32);
    // Subnormals have the exponent of the smallest normal numbers, and no hidden bit.
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

/// A magnitude other than 0 with its leading bit at [`TOP`].
fn normal(magnitude: u128, exponent: i32) -> (u128, i32) {
    let up = TOP - magnitude.ilog2();
    (magnitude << up, exponent - up as i32)
}

/// Shifted right, with the lowest bit set if a bit was lost.
fn shifted(magnitude: u128, down: i32) -> u128 {
    if down > TOP as i32 {
        return 1;
    }
    let lost = magnitude & ((1u128 << down) - 1) != 0;
    (magnitude >> down) | u128::from(lost)
}

/// The nearest f64, of two the even one.
fn rounded(negative: bool, magnitude: u128, exponent: i32) -> f64 {
    if magnitude == 0 {
        // x - x is +0.
        return 0.0;
    }
    let sign = u64::from(negative) << 63;
    // The exponent of the result's lowest bit: its leading bit is 52 above it, or it is subnormal.
    let lowest = (magnitude.ilog2() as i32 + exponent - 52).max(-1074);
    if lowest > 971 {
        return f64::from_bits(sign | 0x7ff << 52);
    }
    let down = lowest - exponent;
    let bits = match down {
        // After a cancellation it is exact.
        ..=0 => (magnitude << -down) as u64,
        1..=126 => {
            let (kept, rest) = ((magnitude >> down) as u64, magnitude & ((1 << down) - 1));
            let half = 1 << (down - 1);
            kept + u64::from(rest > half || (rest == half && kept & 1 == 1))
        }
        // Below half of the smallest number.
        _ => 0,
    };
    // The hidden bit, and a carry from the rounding, count up the exponent; beyond the last is infinity.
    f64::from_bits(sign | ((((lowest + 1074) as u64) << 52) + bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }

        /// Bits of a float with so many bits of fraction and of exponent: any, or with few bits set, or around a power of
        /// two, at exponents where things happen.
        fn bits(&mut self, fraction: u32, exponent: u32) -> u64 {
            let (w, how) = (self.next(), self.next());
            let mask = (1u64 << fraction) - 1;
            let tail = match how % 6 {
                0 => 0,
                1 => mask,
                2 => 1 << (w % u64::from(fraction)),
                3 => mask ^ (1 << (w % u64::from(fraction))),
                4 => (1 << (w % u64::from(fraction))) | 1,
                _ => w & mask,
            };
            let all = (1u64 << exponent) - 1;
            let bias = all / 2;
            let near = [0, 1, 2, bias / 2, bias - u64::from(fraction), bias, bias + bias / 2, all - 1];
            let level = match how >> 8 & 3 {
                0 => near[(how >> 16) as usize % near.len()],
                1 => near[(how >> 16) as usize % near.len()].wrapping_add(how >> 24 & 7),
                _ => how >> 32,
            } & all;
            (how >> 63) << (fraction + exponent) | level << fraction | tail
        }
    }

    fn same_f32(x: f32, y: f32, z: f32, want: f32) {
        let found = soft_f32(x, y, z);
        let same = found.to_bits() == want.to_bits() || (found.is_nan() && want.is_nan());
        assert!(same, "{x:e} * {y:e} + {z:e} is {want:e}, found {found:e}");
    }

    fn same_f64(x: f64, y: f64, z: f64, want: f64) {
        let found = soft_f64(x, y, z);
        let same = found.to_bits() == want.to_bits() || (found.is_nan() && want.is_nan());
        assert!(same, "{x:e} * {y:e} + {z:e} is {want:e}, found {found:e}");
    }

    /// Sums that two roundings get wrong, with the right bits.
    #[test]
    fn hard_cases() {
        let single = |x: u32, y: u32, z: u32, want: u32| {
            let [x, y, z, want] = [x, y, z, want].map(f32::from_bits);
            same_f32(x, y, z, want);
        };
        // A little more than half of the lowest bit of a subnormal result, taken away and added.
        single(0x9700_0800, 0x1cff_f001, 0x0001_0002, 0x0001_0001);
        single(0x1700_0800, 0x1cff_f001, 0x0001_0002, 0x0001_0003);
        // Half of the smallest number: a tie, which goes to even, and a little more.
        single(0x0000_0001, 0x3f00_0000, 0x0000_0001, 0x0000_0002);
        single(0x0000_0001, 0x3f00_0000, 0x0000_0002, 0x0000_0002);
        single(0x0000_0001, 0x3f00_0001, 0x0000_0002, 0x0000_0003);
        // A product that is far below, on either side of a tie in the sum.
        single(0x0080_0000, 0x0080_0000, 0x0000_0001, 0x0000_0001);
        single(0x0080_0000, 0x8080_0000, 0x0080_0000, 0x0080_0000);
        // Signs of zero: cancellation is +0, underflow keeps its sign.
        single(0x3f80_0000, 0x3f80_0000, 0xbf80_0000, 0x0000_0000);
        single(0x8080_0000, 0x0080_0000, 0x0000_0000, 0x8000_0000);
        single(0x8000_0000, 0x3f80_0000, 0x8000_0000, 0x8000_0000);
        single(0x8000_0000, 0x3f80_0000, 0x0000_0000, 0x0000_0000);
        // The product overflows, the sum does not.
        single(0x7f7f_ffff, 0x4000_0000, 0xff7f_ffff, 0x7f7f_ffff);
        single(0x7f80_0000, 0x3f80_0000, 0xff80_0000, f32::NAN.to_bits());

        let double = |x: u64, y: u64, z: u64, want: u64| {
            let [x, y, z, want] = [x, y, z, want].map(f64::from_bits);
            same_f64(x, y, z, want);
        };
        let one = 1.0f64.to_bits();
        double(1, 0.5f64.to_bits(), 1, 2);
        double(1, 0.5f64.to_bits(), 2, 2);
        double(1, 0.5f64.to_bits() + 1, 2, 3);
        double(1 << 52, 1 << 52, 1, 1);
        double(1 << 52, 1 << 52 | 1 << 63, 1 << 52, 1 << 52);
        double(1 << 52, 1 << 52 | 1 << 63, one, one);
        double(one + 1, one - 1, one | 1 << 63, 0x3c9f_ffff_ffff_fffe);
        double(one, one, one | 1 << 63, 0);
        double(1 << 63 | 1 << 52, 1 << 52, 0, 1 << 63);
        double(f64::MAX.to_bits(), 2.0f64.to_bits(), (-f64::MAX).to_bits(), f64::MAX.to_bits());
        double(
            f64::MAX.to_bits(),
            f64::MAX.to_bits(),
            f64::NEG_INFINITY.to_bits(),
            f64::NEG_INFINITY.to_bits(),
        );
        double(f64::MAX.to_bits(), 1.0f64.to_bits(), f64::MAX.to_bits(), f64::INFINITY.to_bits());
        // A tie that the smallest number breaks, and one that it does not reach.
        double(one, one, 0x3ca0_0000_0000_0000, one);
        double(one + 1, one, 0x3ca0_0000_0000_0000, one + 2);
        double(one, one, 0x3ca0_0000_0000_0001, one + 1);
    }

    /// Where the sum is exact in f64, rounding it is all.
    #[test]
    fn an_exact_sum_is_rounded_once() {
        let mut random = Random(7);
        let mut exact = 0;
        for _ in 0..if cfg!(miri) { 500 } else { 1_000_000 } {
            let [x, y, z] = [0; 3].map(|_| f32::from_bits(random.bits(23, 8) as u32));
            let (product, wide_z) = (f64::from(x) * f64::from(y), f64::from(z));
            let sum = product + wide_z;
            let part = sum - product;
            let error = (product - (sum - part)) + (wide_z - part);
            if sum.is_finite() && error == 0.0 {
                exact += 1;
                same_f32(x, y, z, sum as f32);
            }
        }
        assert!(exact > 50, "{exact} of the sums were exact");
    }

    /// A product of short factors is exact, so that adding is the only rounding.
    #[test]
    fn an_exact_product_is_added() {
        let mut random = Random(11);
        for _ in 0..if cfg!(miri) { 500 } else { 300_000 } {
            // 26 bits.
            let mut short = || {
                let magnitude = (random.next() >> 38) as f64;
                let scale = f64::from_bits(((random.next() % 200 + 923) << 52) | random.next() & 1 << 63);
                magnitude * scale
            };
            let (x, y) = (short(), short());
            let z = f64::from_bits((random.next() % 400 + 823) << 52 | random.next() & 0x800f_ffff_ffff_ffff);
            same_f64(x, y, z, x * y + z);
        }
    }

    /// On CPUs with the instruction, against it: every kind of operand, those with results around ties above all.
    #[cfg(all(feature = "std", target_arch = "x86_64", not(miri)))]
    #[test]
    fn soft_is_the_instruction() {
        if !std::is_x86_feature_detected!("fma") {
            return;
        }
        let mut random = Random(42);
        let steps = 4_000_000;
        for step in 0..steps {
            let [x, y, z] = [0; 3].map(|_| f32::from_bits(random.bits(23, 8) as u32));
            // z near the product, or near a tie of it, in a third of the cases each.
            let z = match step % 3 {
                0 => z,
                1 => f32::from_bits((-(x * y)).to_bits().wrapping_add(random.next() as u32 % 5)),
                _ => {
                    x * y * f32::from_bits((103 + random.next() as u32 % 4) << 23 | random.next() as u32 & 1)
                }
            };
            // SAFETY: the CPU has the instruction.
            same_f32(x, y, z, unsafe { by_instruction::f32(x, y, z) });
            let [x, y, z] = [0; 3].map(|_| f64::from_bits(random.bits(52, 11)));
            let z = match step % 3 {
                0 => z,
                1 => f64::from_bits((-(x * y)).to_bits().wrapping_add(random.next() % 5)),
                _ => x * y * f64::from_bits((970 + random.next() % 4) << 52 | random.next() & 1),
            };
            // SAFETY: as above.
            same_f64(x, y, z, unsafe { by_instruction::f64(x, y, z) });
        }
    }
}
