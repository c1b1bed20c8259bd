//! Products that nobody means: of shapes that do not agree, that memory does not hold, or in which there is nothing.
#![cfg(target_pointer_width = "64")]

use std::time::{Duration, Instant};

use matmul::{BatchMut, BatchRef, Error, Identity, MatMut, MatRef, PackedB, Relu};

const MAX: usize = usize::MAX;

/// A matrix of any shape, of one element.
fn same(x: &[f64], nrows: usize, ncols: usize) -> MatRef<'_, f64> {
    MatRef::from_strided(x, 0, nrows, ncols, 0, 0).expect("one element, again and again")
}

/// Shapes are compared before memory is asked for: here 8 TiB.
#[test]
fn shapes_that_disagree_are_refused_first() {
    let (a, b) = (same(&[1.0], 1 << 20, 3), same(&[1.0], 4, 1 << 20));
    let expected = Error::Shape { a: (1 << 20, 3), b: (4, 1 << 20), c: (1 << 20, 1 << 20) };
    assert_eq!(matmul::matmul(a, b).unwrap_err(), expected);
    let (a, b) = (same(&[1.0], MAX, 1), same(&[1.0], 2, MAX));
    assert!(matches!(matmul::matmul(a, b), Err(Error::Shape { .. })));
}

#[test]
fn a_result_that_memory_does_not_hold_is_an_error() {
    // 2⁶⁰ bytes: no machine's address space.
    for (m, n) in [(1 << 29, 1 << 28), (MAX, 2), (MAX, MAX)] {
        let result = matmul::matmul(same(&[1.0], m, 3), same(&[1.0], 3, n));
        assert_eq!(result.unwrap_err(), Error::TooLarge { nrows: m, ncols: n, element: 8 });
    }
}

#[test]
fn a_packed_matrix_that_memory_does_not_hold_is_an_error() {
    for (k, n) in [(MAX / 16, 16), (MAX, 16), (16, MAX), (1 << 29, 1 << 28), (MAX / 8, 1), (1, MAX / 8)] {
        let packed = PackedB::new(same(&[1.0], k, n));
        assert_eq!(packed.unwrap_err(), Error::TooLarge { nrows: k, ncols: n, element: 8 });
    }
}

/// Each way of calling a product does the same where a size is 0.
#[test]
fn packed_products_of_nothing_are_those_of_gemm() {
    for (m, k, n) in
        [(2, 3, 0), (2, 0, 3), (0, 3, 2), (0, 0, 0), (1, 0, 1), (MAX, 3, 0), (0, 3, MAX), (2, MAX, 0)]
    {
        let (a, b) = (same(&[2.0], m, k), same(&[3.0], k, n));
        let Ok(packed) = PackedB::new(b) else {
            // Its n columns are padded; where they have elements there may be no memory for them.
            assert!(k > 0 && n == MAX);
            continue;
        };
        let start = vec![4.0; m.checked_mul(n).expect("a result of nothing, or a small one")];
        let (mut plain, mut once, mut layer) = (start.clone(), start.clone(), start);
        let c = |data| MatMut::from_row_major(data, m, n).expect("m x n");
        matmul::gemm(1.0, a, b, 0.5, c(&mut plain)).expect("agreeing shapes");
        packed.gemm(1.0, a, 0.5, c(&mut once), Identity).expect("agreeing shapes");
        packed.gemm(1.0, a, 0.5, c(&mut layer), Relu).expect("agreeing shapes");
        assert_eq!((&once, &layer), (&plain, &plain), "{m}x{k}x{n}");
    }
}

#[test]
fn batches_of_nothing_take_no_time() {
    let start = Instant::now();
    let a = BatchRef::shared(same(&[1.0], 5, 3), 1 << 40);
    let b = BatchRef::shared(same(&[1.0], 3, 0), 1 << 40);
    let c = BatchMut::from_row_major(&mut [], 1 << 40, 5, 0).expect("nothing");
    matmul::gemm_batch(1.0, a, b, 0.0, c).expect("agreeing shapes");
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}
