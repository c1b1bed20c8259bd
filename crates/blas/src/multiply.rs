//! From views with any strides and any size to calls of `cblas_?gemm`.

use core::ffi::c_int;
use core::ops::Range;

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};
use matmul_core::{Error, MatMut, MatRef, Real};

use crate::library::Gemm;

/// The largest block of one call.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// m, n, k and leading dimensions: the library's integer.
    dim: usize,
    /// Dimensions of an operand that is copied to scratch; at most `dim`.
    scratch: usize,
}

impl Limits {
    pub(crate) fn of<T>(gemm: Gemm<T>) -> Self {
        match gemm {
            Gemm::Lp64(_) => Self::with_dim(c_int::MAX as usize),
            Gemm::Ilp64(_) => Self::with_dim(isize::MAX as usize),
        }
    }

    /// The limits of a library with integers up to `dim`.
    pub(crate) fn with_dim(dim: usize) -> Self {
        // 1024² f64 are 8 MiB: small enough for glibc to use the same pages again (from 32 MiB on each copy would be
        // page faults), large enough that each copied element takes part in a thousand multiplications. A view that
        // a zero stride makes much larger than its memory is copied in such blocks too, so it exhausts nothing.
        Self { dim, scratch: 1024 }
    }
}

/// A matrix as a BLAS takes it: contiguous rows (or columns), `ld` elements apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) row_major: bool,
    pub(crate) ld: usize,
}

impl Layout {
    /// The layout of a view that is not empty; `None` if a BLAS cannot express it.
    pub(crate) fn of<T>(view: &MatRef<'_, T>, limits: Limits) -> Option<Self> {
        let (nrows, ncols, rs, cs) = (view.nrows(), view.ncols(), view.rs(), view.cs());
        // `count` lines of `len` elements. The stride of a dimension of 1 means nothing and may be anything.
        let leading = |count: usize, len: usize, line_stride: isize, stride: isize| {
            let ld = if count == 1 { len.min(limits.dim) } else { usize::try_from(line_stride).ok()? };
            let contiguous = len == 1 || stride == 1;
            let apart = count == 1 || ld >= len;
            (contiguous && apart && ld <= limits.dim).then_some(ld)
        };
        let row_major = leading(nrows, ncols, rs, cs).map(|ld| Self { row_major: true, ld });
        row_major.or_else(|| leading(ncols, nrows, cs, rs).map(|ld| Self { row_major: false, ld }))
    }
}

/// C ← α·A·B + β·C for m, n, k > 0, in as many calls as the limits ask for: mostly one.
pub(crate) fn multiply<T: Real>(
    gemm: Gemm<T>,
    limits: Limits,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T,
    mut c: MatMut<'_, T>,
) -> Result<(), Error> {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    let limit = |view| if Layout::of(view, limits).is_some() { limits.dim } else { limits.scratch };
    let (of_a, of_b, of_c) = (limit(&a), limit(&b), limit(&c.as_ref()));
    for i in blocks(m, of_a.min(of_c)) {
        for j in blocks(n, of_b.min(of_c)) {
            for p in blocks(k, of_a.min(of_b)) {
                // Only the first block of k sees the old C; the later ones add to it.
                let beta = if p.start == 0 { beta } else { T::ONE };
                let a = a.submatrix(i.clone(), p.clone())?;
                let b = b.submatrix(p, j.clone())?;
                let c = c.reborrow().submatrix(i.clone(), j.clone())?;
                copy_and_call(gemm, limits, alpha, a, b, beta, c)?;
            }
        }
    }
    Ok(())
}

/// 0..len in ranges of at most `max`.
fn blocks(len: usize, max: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(max).map(move |start| start..start + max.min(len - start))
}

/// One block: operands that a BLAS cannot express go through dense scratch.
fn copy_and_call<T: Real>(
    gemm: Gemm<T>,
    limits: Limits,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T,
    mut c: MatMut<'_, T>,
) -> Result<(), Error> {
    let (mut a_dense, mut b_dense) = (Vec::new(), Vec::new());
    let a = expressible(a, limits, &mut a_dense)?;
    let b = expressible(b, limits, &mut b_dense)?;
    let (m, n) = c.shape();
    if let Some(layout) = Layout::of(&c.as_ref(), limits) {
        call(gemm, alpha, a, b, beta, c, layout);
        return Ok(());
    }
    // β = 0 does not read C: it may be uninitialised.
    let mut dense = if beta == T::ZERO { vec![T::ZERO; m * n] } else { c.as_ref().to_vec() };
    call(
        gemm,
        alpha,
        a,
        b,
        beta,
        MatMut::from_row_major(&mut dense, m, n)?,
        Layout { row_major: true, ld: n },
    );
    for (i, row) in dense.chunks_exact(n).enumerate() {
        for (j, &value) in row.iter().enumerate() {
            c.set(i, j, value);
        }
    }
    Ok(())
}

/// The view and its layout, copied to `dense` if a BLAS cannot express it as it is.
fn expressible<'a, T: Real>(
    view: MatRef<'a, T>,
    limits: Limits,
    dense: &'a mut Vec<T>,
) -> Result<(MatRef<'a, T>, Layout), Error> {
    if let Some(layout) = Layout::of(&view, limits) {
        return Ok((view, layout));
    }
    *dense = view.to_vec();
    let view = MatRef::from_row_major(dense, view.nrows(), view.ncols())?;
    Ok((view, Layout { row_major: true, ld: view.ncols() }))
}

/// The order of a call, which is C's layout, and whether A and B are transposed in it.
pub(crate) fn flags(a: Layout, b: Layout, c: Layout) -> (CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE) {
    let trans = |layout: Layout| {
        if layout.row_major == c.row_major {
            CBLAS_TRANSPOSE::CblasNoTrans
        } else {
            CBLAS_TRANSPOSE::CblasTrans
        }
    };
    let order = if c.row_major { CBLAS_LAYOUT::CblasRowMajor } else { CBLAS_LAYOUT::CblasColMajor };
    (order, trans(a), trans(b))
}

/// The call itself. C's layout is the call's order; an operand in the other one is passed as a transpose.
fn call<T: Real>(
    gemm: Gemm<T>,
    alpha: T,
    (a, a_layout): (MatRef<'_, T>, Layout),
    (b, b_layout): (MatRef<'_, T>, Layout),
    beta: T,
    mut c: MatMut<'_, T>,
    c_layout: Layout,
) {
    let (order, ta, tb) = flags(a_layout, b_layout, c_layout);
    let (m, n, k) = (c.nrows(), c.ncols(), a.ncols());
    let (lda, ldb, ldc) = (a_layout.ld, b_layout.ld, c_layout.ld);
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    macro_rules! call {
        ($f:ident, $int:ty) => {
            // SAFETY: order, flags and leading dimensions describe exactly the views, whose elements are valid and
            // C's are borrowed mutably; each ld is at least the length of its lines, as CBLAS demands. The casts are
            // exact: `multiply` keeps dimensions and `Layout::of` keeps ld within the integer's range.
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
                    lda as $int,
                    b,
                    ldb as $int,
                    beta,
                    c,
                    ldc as $int,
                )
            }
        };
    }
    match gemm {
        Gemm::Lp64(f) => call!(f, c_int),
        Gemm::Ilp64(f) => call!(f, i64),
    }
}

#[cfg(test)]
#[path = "../tests/fake/gemm.rs"]
pub(crate) mod fake;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every view shape a caller can make of 1..=4 rows and columns over a slice.
    const STRIDES: [(isize, isize); 9] =
        [(7, 1), (1, 7), (4, 1), (1, 4), (9, 2), (-7, 1), (1, -7), (0, 1), (1, 1)];

    fn view(data: &[f64], nrows: usize, ncols: usize, (rs, cs): (isize, isize)) -> MatRef<'_, f64> {
        let offset = (nrows as isize - 1) * (-rs).max(0) + (ncols as isize - 1) * (-cs).max(0);
        MatRef::from_strided(data, offset as usize, nrows, ncols, rs, cs).unwrap()
    }

    fn limits(dim: usize, scratch: usize) -> Limits {
        Limits { dim, scratch }
    }

    #[test]
    fn layouts_have_the_leading_dimension_that_cblas_demands() {
        let data = [0.0; 64];
        let of = |nrows, ncols, strides| {
            Layout::of(&view(&data, nrows, ncols, strides), limits(100, 1)).map(|l| (l.row_major, l.ld))
        };
        assert_eq!(of(3, 4, (4, 1)), Some((true, 4)));
        assert_eq!(of(3, 4, (9, 1)), Some((true, 9)));
        assert_eq!(of(3, 4, (1, 3)), Some((false, 3)));
        // One row or column: the other stride may be anything, ld may not.
        assert_eq!(of(1, 4, (0, 1)), Some((true, 4)));
        assert_eq!(of(1, 4, (-5, 1)), Some((true, 4)));
        assert_eq!(of(4, 1, (1, 0)), Some((true, 1)));
        assert_eq!(of(4, 1, (3, 0)), Some((true, 3)));
        assert_eq!(of(1, 4, (9, 3)), Some((false, 3)));
        assert_eq!(of(1, 1, (0, 0)), Some((true, 1)));
        // Reversed, broadcast, overlapping, and with gaps both ways.
        assert_eq!(of(3, 4, (-4, 1)), None);
        assert_eq!(of(3, 4, (4, -1)), None);
        assert_eq!(of(3, 4, (0, 1)), None);
        assert_eq!(of(3, 4, (1, 1)), None);
        assert_eq!(of(3, 4, (10, 2)), None);
        assert_eq!(of(1, 4, (0, -1)), None);
        // Beyond the library's integer.
        assert_eq!(Layout::of(&view(&data, 3, 4, (9, 1)), limits(8, 1)), None);
    }

    /// Small integers, so that any order of summation is exact.
    fn check(gemm: Gemm<f64>, limits: Limits, (m, k, n): (usize, usize, usize)) {
        let data: Vec<f64> = (0..64).map(|i| f64::from(i * 37 % 17 - 8)).collect();
        let (alpha, beta) = (2.0, -3.0);
        for sa in STRIDES {
            for sb in STRIDES {
                for sc in STRIDES {
                    let (a, b) = (view(&data, m, k, sa), view(&data[1..], k, n, sb));
                    let old = view(&data[2..], m, n, sc);
                    let offset = (m as isize - 1) * (-sc.0).max(0) + (n as isize - 1) * (-sc.1).max(0);
                    for beta in [beta, 0.0] {
                        let mut c = if beta == 0.0 { vec![f64::NAN; 62] } else { data[2..].to_vec() };
                        let Ok(c_view) = MatMut::from_strided(&mut c, offset as usize, m, n, sc.0, sc.1)
                        else {
                            continue; // not a C
                        };
                        multiply(gemm, limits, alpha, a, b, beta, c_view).unwrap();
                        for i in 0..m {
                            for j in 0..n {
                                let sum: f64 = (0..k).map(|p| a.at(i, p) * b.at(p, j)).sum();
                                let expected =
                                    alpha * sum + if beta == 0.0 { 0.0 } else { beta * old.at(i, j) };
                                let index = offset + i as isize * sc.0 + j as isize * sc.1;
                                let found = std::mem::replace(&mut c[index as usize], f64::INFINITY);
                                assert_eq!(found, expected, "({i}, {j}) of {a:?} {b:?} {sc:?} beta {beta}");
                            }
                        }
                        // What is left was never to be written.
                        for (found, before) in c.iter().zip(&data[2..]).filter(|(c, _)| **c != f64::INFINITY)
                        {
                            assert!(if beta == 0.0 { found.is_nan() } else { found == before });
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn any_strides_become_legal_calls() {
        for shape in [(1, 1, 1), (3, 4, 2), (1, 4, 3), (4, 1, 4), (4, 3, 1), (1, 4, 1)] {
            check(Gemm::Lp64(fake::gemm::<f64, c_int, 1000>), limits(1000, 1000), shape);
            check(Gemm::Ilp64(fake::gemm::<f64, i64, 1000>), limits(1000, 1000), shape);
        }
    }

    /// Limits of a few elements stand for 2³¹ - 1 and 1024. The fake aborts if it gets a size beyond the first.
    #[test]
    fn products_beyond_the_limits_are_split() {
        // With vectors alone nothing is copied, so that the first limit is the one that splits.
        for shape in [(4, 4, 4), (1, 4, 4), (4, 1, 3), (3, 4, 1), (4, 1, 1), (1, 4, 1), (1, 1, 4)] {
            check(Gemm::Lp64(fake::gemm::<f64, c_int, 3>), limits(3, 2), shape);
            check(Gemm::Lp64(fake::gemm::<f64, c_int, 2>), limits(2, 2), shape);
            check(Gemm::Lp64(fake::gemm::<f64, c_int, 1>), limits(1, 1), shape);
        }
    }

    #[test]
    fn blocks_cover_a_range_once() {
        for (len, max, expected) in [(5, 2, vec![(0, 2), (2, 4), (4, 5)]), (4, usize::MAX, vec![(0, 4)])] {
            let found: Vec<_> = blocks(len, max).map(|block| (block.start, block.end)).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(blocks(usize::MAX, usize::MAX).count(), 1);
    }
}
