use std::fmt;

use matmul_core::{BatchMut, BatchRef, Error, Kernel, MatRef, Real};

use crate::case::{Case, Fill, Place};
use crate::judge::inputs;
use crate::memory::Matrix;
use crate::{Family, Layout, underflow};

/// [`fingerprint`] of every kernel that keeps the numeric contract, in f32.
pub const FINGERPRINT_F32: u64 = 0x7a42_e858_5a82_db6a;
/// [`fingerprint`] of every kernel that keeps the numeric contract, in f64.
pub const FINGERPRINT_F64: u64 = 0xd61b_49c2_450a_6928;

/// m, n, k, alpha and beta: one element, edges of any tile, chunk borders, one row, one column, few rows, few columns,
/// large.
const PRODUCTS: [(usize, usize, usize, f64, f64); 10] = [
    (1, 1, 1, 1.0, 0.0),
    (5, 7, 3, 1.0, 1.0),
    (7, 33, 255, 1.3125, 0.0),
    (13, 17, 256, -0.6875, 1.0),
    (31, 29, 257, 1.1875, -0.8125),
    (1, 100, 513, 1.0, 0.0),
    (100, 1, 513, 1.0, 1.0),
    (3, 90, 769, 0.5625, 2.5),
    (64, 10, 784, 1.0, 0.0),
    (130, 120, 300, 1.0, 0.0),
];

/// Of A, B and C: as they come, A transposed, B transposed, all transposed, reversed, and without a stride of 1.
const LAYOUTS: [(Layout, Layout, Layout); 6] = [
    (Layout::Row, Layout::Row, Layout::Row),
    (Layout::Col, Layout::RowPad, Layout::Row),
    (Layout::Row, Layout::Col, Layout::ColPad),
    (Layout::Col, Layout::Col, Layout::Col),
    (Layout::NegRows, Layout::NegCols, Layout::Neg),
    (Layout::General, Layout::GeneralCol, Layout::General),
];

/// m, n, k, alpha and beta of the product that is computed as a batch of [`BATCH`].
const BATCHED: (usize, usize, usize, f64, f64) = (52, 29, 257, 1.1875, -0.8125);
/// Matrices of the batch, each with as many rows of A and C.
const BATCH: usize = 4;

/// A hash of the bits of 61 products, to tell from one number whether two machines compute the same.
///
/// The products are those of the case lines `contract DTYPE m=.. n=.. k=.. alpha=.. beta=.. seed=1` (fill `unit`), ten of
/// them in each of six layouts, and one of 52 rows as a batch of four; neither changes a bit. Element (i, j) has the word w = mix(mix(mix(1 + x) + i) + j), where 1
/// is the seed, x is 1 for A, 2 for B, 3 for C and mix is SplitMix64's output function, and the value
/// (floor(w / 2^(64-p)) - 2^(p-1)) / 2^(p-1) with p the precision, 24 or 53. Where beta is 0, C holds NaN.
///
/// The hash is FNV-1a of 64 bits: from 0xcbf29ce484222325, for each byte xor it, then multiply by 0x100000001b3. The
/// bytes are those of each result's bit pattern, 4 or 8 of them, least significant first, row after row.
///
/// # Errors
/// The kernel's own, such as [`Error::Unavailable`].
pub fn fingerprint<T: Real>(kernel: &dyn Kernel<T>) -> Result<u64, Error> {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut add = |c: Vec<T>| {
        for x in c {
            for byte in &x.bits().to_le_bytes()[..size_of::<T>()] {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    };
    for (a, b, c) in LAYOUTS {
        for shape in PRODUCTS {
            add(product(kernel, &Case { a, b, c, ..case::<T>(shape) })?);
        }
    }
    add(batch(kernel)?);
    Ok(hash)
}

fn case<T: Real>((m, n, k, alpha, beta): (usize, usize, usize, f64, f64)) -> Case {
    Case { alpha, beta, fill: Fill::Unit, ..Case::new(Family::Contract, T::NAME, (m, n, k), 1) }
}

/// The product of [`BATCHED`], some rows at a time.
fn batch<T: Real>(kernel: &dyn Kernel<T>) -> Result<Vec<T>, Error> {
    let case = case::<T>(BATCHED);
    let (m, n, k) = (case.m / BATCH, case.n, case.k);
    let (a, b, mut c) = inputs::<T>(&case);
    // The last rows first: in order, with the same B, they would be recognised as one product.
    let last = |ncols| (BATCH - 1) * m * ncols;
    let back = |ncols| (BATCH, -((m * ncols) as isize));
    let a = BatchRef::from_strided(&a, last(k), back(k), (m, k), (k as isize, 1))?;
    let b = BatchRef::shared(MatRef::from_row_major(&b, k, n)?, BATCH);
    let view = BatchMut::from_strided(&mut c, last(n), back(n), (m, n), (n as isize, 1))?;
    kernel.gemm_batch(T::from_f64(case.alpha), a, b, T::from_f64(case.beta), view)?;
    Ok(c)
}

fn product<T: Real>(kernel: &dyn Kernel<T>, case: &Case) -> Result<Vec<T>, Error> {
    let (m, n, k) = (case.m, case.n, case.k);
    let (a, b, c) = inputs::<T>(case);
    let on_heap = |dense: &[T], shape, layout| {
        Matrix::new(dense, shape, layout, Place::Heap).expect("the heap needs no guard pages")
    };
    let (a, b, mut c) =
        (on_heap(&a, (m, k), case.a), on_heap(&b, (k, n), case.b), on_heap(&c, (m, n), case.c));
    kernel.gemm(T::from_f64(case.alpha), a.view()?, b.view()?, T::from_f64(case.beta), c.view_mut()?)?;
    Ok(c.dense())
}

/// The [`fingerprint`] of a kernel beside the committed one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fingerprint {
    /// The kernel's name.
    pub kernel: String,
    /// The threads that it used.
    pub threads: usize,
    /// `f32` or `f64`.
    pub dtype: String,
    /// What it computed, in hexadecimal: not every reader of JSON keeps 64 bits of a number.
    pub found: String,
    /// What is committed.
    pub expected: String,
}

impl Fingerprint {
    /// Computes it.
    ///
    /// # Errors
    /// As [`fingerprint`], and [`Error::Unavailable`] for an element type whose fingerprint is not committed, or on a thread
    /// that flushes subnormal results to zero.
    pub fn of<T: Real>(kernel: &dyn Kernel<T>) -> Result<Self, Error> {
        let expected = match T::NAME {
            "f32" => FINGERPRINT_F32,
            "f64" => FINGERPRINT_F64,
            other => {
                let needs = format!("a committed fingerprint of {other}");
                return Err(Error::Unavailable { kernel: kernel.name().into(), needs });
            }
        };
        if !underflow::is_gradual::<T>() {
            return Err(Error::Unavailable { kernel: kernel.name().into(), needs: underflow::NEEDED.into() });
        }
        let hex = |hash: u64| format!("{hash:#018x}");
        Ok(Fingerprint {
            kernel: kernel.name().into(),
            threads: kernel.threads(),
            dtype: T::NAME.into(),
            found: hex(fingerprint(kernel)?),
            expected: hex(expected),
        })
    }

    /// Whether the two are equal.
    pub fn passed(&self) -> bool {
        self.found == self.expected
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fingerprint { kernel, threads, dtype, found, expected } = self;
        write!(f, "fingerprint of {kernel} {dtype} on {threads}: {found}")?;
        if self.passed() { f.write_str(", as committed") } else { write!(f, ", FAILED: expected {expected}") }
    }
}

// Not under Miri, which would take an hour for these products.
#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::Oracle;

    #[test]
    fn oracle_has_the_committed_fingerprints() {
        let (single, double) =
            (Fingerprint::of::<f32>(&Oracle).unwrap(), Fingerprint::of::<f64>(&Oracle).unwrap());
        assert!(single.passed() && double.passed(), "{single}\n{double}");
    }

    #[test]
    fn no_layout_and_no_batch_changes_a_bit() {
        for shape in [PRODUCTS[7], BATCHED] {
            let [first, others @ ..] = LAYOUTS
                .map(|(a, b, c)| product::<f32>(&Oracle, &Case { a, b, c, ..case::<f32>(shape) }).unwrap());
            assert!(first.iter().all(|x| x.is_finite()));
            assert!(others.iter().all(|other| *other == first));
            if shape == BATCHED {
                assert_eq!(batch::<f32>(&Oracle).unwrap(), first);
            }
        }
    }
}
