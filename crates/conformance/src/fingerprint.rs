use matmul_core::{Error, Kernel, MatMut, MatRef, Scalar};

use crate::Family;
use crate::case::{Case, Fill};
use crate::judge::inputs;

/// [`fingerprint`] of every kernel that keeps the numeric contract, in f32.
pub const FINGERPRINT_F32: u64 = 0x2ad4_ff7b_9d57_0647;
/// [`fingerprint`] of every kernel that keeps the numeric contract, in f64.
pub const FINGERPRINT_F64: u64 = 0x4c1e_b0eb_16db_cec4;

/// m, n, k, alpha and beta: one element, edges of any tile, chunk borders, one row, one column, few columns, large.
const PRODUCTS: [(usize, usize, usize, f64, f64); 9] = [
    (1, 1, 1, 1.0, 0.0),
    (5, 7, 3, 1.0, 1.0),
    (7, 33, 255, 1.3125, 0.0),
    (13, 17, 256, -0.6875, 1.0),
    (31, 29, 257, 1.1875, -0.8125),
    (1, 100, 513, 1.0, 0.0),
    (100, 1, 513, 1.0, 1.0),
    (64, 10, 784, 1.0, 0.0),
    (130, 120, 300, 1.0, 0.0),
];

/// A hash of the bits of nine products, to tell from one number whether two machines compute the same.
///
/// The products are those of the case lines `contract DTYPE m=.. n=.. k=.. alpha=.. beta=.. seed=1` (all matrices
/// row-major, fill `unit`). Element (i, j) has the word w = mix(mix(mix(1 + x) + i) + j), where 1 is the seed, x is
/// 1 for A, 2 for B, 3 for C and mix is SplitMix64's output function, and the value
/// (floor(w / 2^(64-p)) - 2^(p-1)) / 2^(p-1) with p the precision, 24 or 53. Where beta is 0, C holds NaN.
///
/// The hash is FNV-1a of 64 bits: from 0xcbf29ce484222325, for each byte xor it, then multiply by 0x100000001b3. The
/// bytes are those of each result's bit pattern, 4 or 8 of them, least significant first, row after row.
///
/// # Errors
/// The kernel's own, such as [`Error::Unavailable`].
pub fn fingerprint<T: Scalar>(kernel: &dyn Kernel<T>) -> Result<u64, Error> {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for (m, n, k, alpha, beta) in PRODUCTS {
        let case =
            Case { alpha, beta, fill: Fill::Unit, ..Case::new(Family::Contract, T::NAME, (m, n, k), 1) };
        let (a, b, mut c) = inputs::<T>(&case);
        let (a, b) = (MatRef::from_row_major(&a, m, k)?, MatRef::from_row_major(&b, k, n)?);
        let view = MatMut::from_row_major(&mut c, m, n)?;
        kernel.gemm(T::from_f64(alpha), a, b, T::from_f64(beta), view)?;
        for x in c {
            for byte in &x.bits().to_le_bytes()[..size_of::<T>()] {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Oracle;

    #[test]
    fn oracle_has_the_committed_fingerprints() {
        let (single, double) = (fingerprint::<f32>(&Oracle).unwrap(), fingerprint::<f64>(&Oracle).unwrap());
        assert_eq!(single, FINGERPRINT_F32, "found {single:#018x}");
        assert_eq!(double, FINGERPRINT_F64, "found {double:#018x}");
    }
}
