//! From a batch of views to one call of `cblas_?gemm_batch_strided`.

use core::ffi::c_int;

use matmul_core::{BatchMut, BatchRef, Real};

use crate::library::Batch;
use crate::multiply::{Layout, Limits, flags};

/// C ← α·A·B + β·C for each product in one call, or false if the call cannot express it: shapes that disagree,
/// nothing to do, layouts other than a BLAS's, negative strides from matrix to matrix. C is untouched then.
pub(crate) fn multiply_batch<T: Real>(
    batch: Batch<T>,
    alpha: T,
    a: BatchRef<'_, T>,
    b: BatchRef<'_, T>,
    beta: T,
    mut c: BatchMut<'_, T>,
) -> bool {
    let max = match batch {
        Batch::Lp64(_) => c_int::MAX as usize,
        Batch::Ilp64(_) => isize::MAX as usize,
    };
    let ((m, k), n, count) = (a.shape(), b.shape().1, c.count());
    let agree = b.shape().0 == k && c.shape() == (m, n) && a.count() == count && b.count() == count;
    let fits = [m, n, k, count].iter().all(|size| (1..=max).contains(size));
    let steps = [a.stride(), b.stride(), c.stride()];
    let steps_fit = steps.iter().all(|&step| usize::try_from(step).is_ok_and(|step| step <= max));
    if !agree || !fits || !steps_fit || alpha == T::ZERO {
        return false;
    }
    let [step_a, step_b, step_c] = steps;
    let (Some(a), Some(b), Some(mut c)) = (a.get(0), b.get(0), c.get_mut(0)) else { return false };
    let limits = Limits::with_dim(max);
    let layouts = (Layout::of(&a, limits), Layout::of(&b, limits), Layout::of(&c.as_ref(), limits));
    let (Some(of_a), Some(of_b), Some(of_c)) = layouts else { return false };
    let (order, ta, tb) = flags(of_a, of_b, of_c);
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    macro_rules! call {
        ($f:ident, $int:ty) => {
            // SAFETY: order, flags, leading dimensions and steps describe exactly the batches, whose elements are valid
            // and C's are borrowed mutably, no two the same. All numbers are within the integer's range.
            unsafe {
                $f(
                    order,
                    ta,
                    tb,
                    m as $int,
                    n as $int,
                    k as $int,
                    alpha,
                    a,
                    of_a.ld as $int,
                    step_a as $int,
                    b,
                    of_b.ld as $int,
                    step_b as $int,
                    beta,
                    c,
                    of_c.ld as $int,
                    step_c as $int,
                    count as $int,
                )
            }
        };
    }
    match batch {
        Batch::Lp64(f) => call!(f, c_int),
        Batch::Ilp64(f) => call!(f, i64),
    }
    true
}

#[cfg(test)]
mod tests {
    use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};

    use super::*;
    use crate::multiply::fake;

    /// The batch call by the strict product beside the tests.
    unsafe extern "C" fn looped<I: TryInto<usize> + Copy>(
        order: CBLAS_LAYOUT,
        ta: CBLAS_TRANSPOSE,
        tb: CBLAS_TRANSPOSE,
        m: I,
        n: I,
        k: I,
        alpha: f64,
        a: *const f64,
        lda: I,
        step_a: I,
        b: *const f64,
        ldb: I,
        step_b: I,
        beta: f64,
        c: *mut f64,
        ldc: I,
        step_c: I,
        count: I,
    ) {
        let size = |x: I| x.try_into().ok().unwrap();
        for i in 0..size(count) {
            // SAFETY: matrix i of each batch.
            let (a, b, c) =
                unsafe { (a.add(i * size(step_a)), b.add(i * size(step_b)), c.add(i * size(step_c))) };
            fake::gemm::<f64, I, 1000>(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        }
    }

    /// Three products of 2 x 3 and 3 x 4 with A transposed; B shared or not.
    fn check(batch: Batch<f64>, step_b: isize) {
        let data: Vec<f64> = (0..64).map(|i| f64::from(i * 37 % 17 - 8)).collect();
        let a = BatchRef::from_strided(&data, 0, (3, 6), (2, 3), (1, 2)).unwrap();
        let b = BatchRef::from_strided(&data[1..], 0, (3, step_b), (3, 4), (4, 1)).unwrap();
        let mut c = vec![1.0; 3 * 9];
        let out = BatchMut::from_strided(&mut c, 0, (3, 9), (2, 4), (4, 1)).unwrap();
        assert!(multiply_batch(batch, 2.0, a, b, -3.0, out));
        for l in 0..3 {
            let (a, b) = (a.get(l).unwrap(), b.get(l).unwrap());
            for (i, j) in (0..2).flat_map(|i| (0..4).map(move |j| (i, j))) {
                let sum: f64 = (0..3).map(|p| a.at(i, p) * b.at(p, j)).sum();
                assert_eq!(c[l * 9 + i * 4 + j], 2.0 * sum - 3.0);
            }
            assert_eq!(c[l * 9 + 8], 1.0);
        }
    }

    #[test]
    fn a_batch_is_one_legal_call() {
        for step_b in [12, 0] {
            check(Batch::Lp64(looped::<c_int>), step_b);
            check(Batch::Ilp64(looped::<i64>), step_b);
        }
    }

    #[test]
    fn what_the_call_cannot_express_is_left_alone() {
        let data = [1.0; 40];
        let plain = BatchRef::from_row_major(&data[..8], 2, 2, 2).unwrap();
        let backwards = BatchRef::from_strided(&data, 4, (2, -4), (2, 2), (2, 1)).unwrap();
        let gaps = BatchRef::from_strided(&data, 0, (2, 16), (2, 2), (8, 2)).unwrap();
        let wide = BatchRef::from_row_major(&data[..12], 2, 2, 3).unwrap();
        for (alpha, a, b) in
            [(1.0, backwards, plain), (1.0, plain, gaps), (1.0, plain, wide), (0.0, plain, plain)]
        {
            let mut c = [7.0; 8];
            let out = BatchMut::from_row_major(&mut c, 2, 2, 2).unwrap();
            assert!(!multiply_batch(Batch::Lp64(looped::<c_int>), alpha, a, b, 0.0, out));
            assert_eq!(c, [7.0; 8]);
        }
    }
}
