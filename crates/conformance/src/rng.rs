use matmul_core::Real;

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): the word that follows state `z`.
pub(crate) fn splitmix64(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The random word of element (i, j) of matrix `tag` (A is 1, B is 2, C is 3). It does not depend on the shape, so
/// a product of one row has the same inputs as the first row of a product of 64.
pub(crate) fn word(seed: u64, tag: u64, i: usize, j: usize) -> u64 {
    splitmix64(splitmix64(splitmix64(seed.wrapping_add(tag)).wrapping_add(i as u64)).wrapping_add(j as u64))
}

/// A multiple of 2^(1 - p) in [-1, 1), where p is the precision of `T`: 24 or 53 bits. Exact, so every machine
/// makes the same inputs.
pub(crate) fn unit<T: Real>(word: u64) -> f64 {
    let p = T::EXACT_INT_MAX.trailing_zeros();
    let half = 1i64 << (p - 1);
    ((word >> (64 - p)) as i64 - half) as f64 / half as f64
}

/// 2^e for a normal result, from its bits: exact everywhere.
pub(crate) fn exp2(e: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&e));
    f64::from_bits(((e + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_sequence() {
        // First outputs of SplitMix64 with seed 0, as printed by the authors' reference code.
        let gamma = 0x9e37_79b9_7f4a_7c15u64;
        assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(splitmix64(gamma), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn units_are_exact_and_in_range() {
        for i in 0..1000 {
            let x = unit::<f32>(word(7, 1, i, 3));
            assert!((-1.0..1.0).contains(&x));
            assert_eq!(f32::from_f64(x).to_f64(), x);
            assert!((-1.0..1.0).contains(&unit::<f64>(word(7, 1, i, 3))));
        }
        assert_eq!(exp2(-3), 0.125);
    }
}
