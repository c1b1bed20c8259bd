//! Sizes, strides and counts that nobody means, each of a kind that once wrapped, looped or was let through.
#![cfg(target_pointer_width = "64")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use matmul_core::{BatchMut, BatchProblem, BatchRef, Error, MatMut, MatRef, Matrix, Problem};

const MAX: usize = usize::MAX;
const FAR: isize = isize::MAX;

/// Whatever it does, it does not step through 2⁶⁴ rows of nothing.
fn at_once<R>(work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    result
}

/// The sum of two reaches is beyond `i128`, and once came back as an index inside.
#[test]
fn a_view_whose_reach_wraps_is_refused() {
    let reads = MatRef::from_strided(&[1f32], 0, MAX, MAX, FAR, FAR);
    assert!(matches!(reads, Err(Error::OutOfBounds { reached: (0, i128::MAX), len: 1, .. })), "{reads:?}");
    for (nrows, ncols, rs, cs) in [
        (MAX - 1, MAX, FAR, FAR - 1),
        (MAX / 2 - 1, MAX, FAR, FAR - 1),
        (MAX, MAX, isize::MIN, isize::MIN),
        (MAX, 2, isize::MIN, 1),
        (3, 1 << 63, 1 << 62, 2),
    ] {
        for offset in [0, 1, MAX / 2, MAX] {
            let shared = MatRef::from_strided(&[1f32; 4], offset, nrows, ncols, rs, cs);
            assert!(matches!(shared, Err(Error::OutOfBounds { .. })), "{shared:?}");
            let mut data = [1f32; 4];
            let unique = MatMut::from_strided(&mut data, offset, nrows, ncols, rs, cs);
            assert!(matches!(unique, Err(Error::OutOfBounds { .. })), "{unique:?}");
        }
    }
}

#[test]
fn a_batch_whose_reach_wraps_is_refused() {
    for (batch, shape, strides) in [
        ((MAX, FAR), (MAX, MAX), (FAR, FAR)),
        ((MAX, FAR), (MAX, 1), (FAR, 1)),
        ((MAX, isize::MIN), (MAX, MAX), (isize::MIN, isize::MIN)),
        ((2, FAR), (2, 2), (FAR, FAR)),
    ] {
        let mut data = [1f32; 4];
        let shared = BatchRef::from_strided(&data, 0, batch, shape, strides);
        assert!(matches!(shared, Err(Error::BatchOutOfBounds { .. })), "{shared:?}");
        let unique = BatchMut::from_strided(&mut data, 0, batch, shape, strides);
        assert!(matches!(unique, Err(Error::BatchOutOfBounds { .. })), "{unique:?}");
    }
}

/// A factor of 0 passes the check of the length; the others need not multiply.
#[test]
fn batches_of_nothing_have_any_other_size() {
    for (count, nrows, ncols) in
        [(0, MAX, 2), (0, MAX, MAX), (MAX, 0, MAX), (MAX, MAX, 0), (MAX, 0, 0), (0, 2, MAX)]
    {
        let shared = BatchRef::<f32>::from_row_major(&[], count, nrows, ncols).expect("nothing");
        assert_eq!((shared.count(), shared.shape()), (count, (nrows, ncols)));
        let unique = BatchMut::<f32>::from_row_major(&mut [], count, nrows, ncols).expect("nothing");
        assert_eq!((unique.count(), unique.shape()), (count, (nrows, ncols)));
    }
    let wraps = BatchRef::<f64>::from_row_major(&[], MAX, 2, 3);
    assert!(matches!(wraps, Err(Error::Length { nrows: MAX, ncols: 3, found: 0 })));
    let wraps = BatchRef::from_row_major(&[1.0; 2], 1 << 63, 2, 1);
    assert!(matches!(wraps, Err(Error::Length { .. })));
}

#[test]
fn rows_of_nothing_take_no_time() {
    at_once(|| {
        let view = MatRef::<f32>::from_row_major(&[], MAX, 0).expect("nothing");
        assert!(view.to_vec().is_empty());
        assert!(view.t().to_vec().is_empty());
        MatMut::<f32>::from_row_major(&mut [], MAX, 0).expect("nothing").fill(1.0);
        MatMut::<f32>::from_col_major(&mut [], 0, MAX).expect("nothing").fill(1.0);
    });
}

#[test]
fn batches_of_nothing_take_no_time() {
    let run = |alpha: f32, k: usize, (m, n): (usize, usize), count: usize| {
        let (x, y) = (vec![1.0f32; m * k], vec![1.0; k * n]);
        let a = BatchRef::shared(MatRef::from_row_major(&x, m, k).unwrap(), count);
        let b = BatchRef::shared(MatRef::from_row_major(&y, k, n).unwrap(), count);
        let c = BatchMut::from_row_major(&mut [], count, m, n).unwrap();
        assert!(BatchProblem::new(alpha, a, b, 0.5, c).unwrap().is_none());
    };
    at_once(|| {
        run(1.0, 0, (5, 0), 1 << 40);
        run(1.0, 3, (0, 5), MAX);
        run(0.0, 3, (5, 0), MAX);
    });
    // One view of no columns for every problem, too.
    at_once(|| {
        let (a, b) = (MatRef::<f32>::from_row_major(&[], MAX, 0), MatRef::from_row_major(&[], 0, 0));
        let c = MatMut::from_row_major(&mut [], MAX, 0);
        assert!(Problem::new(1.0, a.unwrap(), b.unwrap(), 0.5, c.unwrap()).unwrap().is_none());
    });
}

/// A slice of elements that take no memory may be longer than any that do.
#[test]
fn elements_of_no_size_have_every_index() {
    let many = [(); MAX];
    let view = MatRef::from_row_major(&many, MAX, 1).expect("so many");
    assert_eq!(view.get(MAX - 1, 0), Some(()));
    assert_eq!(view.get(MAX, 0), None);
    let view = MatRef::from_row_major(&many, 3, MAX / 3).expect("so many");
    assert_eq!(view.get(2, MAX / 3 - 1), Some(()));
    let batch = BatchRef::from_row_major(&many, 3, MAX / 3, 1).expect("so many");
    assert_eq!(batch.get(2).map(|matrix| matrix.at(MAX / 3 - 1, 0)), Some(()));
    assert!(MatRef::from_strided(&many, MAX - 1, 2, 1, 1, 1).is_err());
    assert!(MatRef::from_strided(&many, MAX - 2, 2, 1, 1, 1).is_ok());
}

#[test]
fn a_matrix_that_memory_does_not_hold_is_an_error() {
    let bytes = |nrows, ncols| match Matrix::<f64>::try_zeros(nrows, ncols) {
        // Looked at, or the compiler may leave an allocation out and take it for one that succeeded.
        Ok(matrix) => Ok(black_box(&matrix).as_slice().len()),
        Err(error) => Err(error),
    };
    // More than an integer, more than a slice, and more than any machine's memory, which Miri would end at.
    let rows = if cfg!(miri) { 1 << 31 } else { 1 << 30 };
    for (nrows, ncols) in [(MAX, 3), (MAX / 8, 1), (rows, 1 << 29)] {
        assert_eq!(bytes(nrows, ncols), Err(Error::TooLarge { nrows, ncols, element: 8 }));
    }
    assert_eq!(bytes(MAX, 0), Ok(0));
    assert_eq!(bytes(3, 4), Ok(12));
    let panic = std::panic::catch_unwind(|| black_box(Matrix::<f32>::zeros(rows, 1 << 30))).unwrap_err();
    let message = panic.downcast_ref::<String>().expect("a message");
    assert_eq!(message, &format!("no memory for a {rows}x1073741824 matrix of 4 bytes an element"));
}
