//! Batches: what is refused, what is computed, and that parts and wholes agree.

use matmul_core::{BatchMut, BatchProblem, BatchRef, Error, Kernel, MatRef, Problem};

/// Three loops.
struct Loops;

impl Kernel<f64> for Loops {
    fn name(&self) -> &str {
        "loops"
    }
    fn run(&self, mut p: Problem<'_, f64>) {
        for i in 0..p.m() {
            for j in 0..p.n() {
                let sum = (0..p.k()).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
                p.store(i, j, sum);
            }
        }
    }
}

fn counting(len: usize) -> Vec<f64> {
    (0..len).map(|i| (i % 7) as f64 - 2.0).collect()
}

const COUNT: usize = 5;
const SHAPE: (usize, usize, usize) = (2, 3, 4);

/// The batch's product, one matrix after the other.
fn expected(a: BatchRef<'_, f64>, b: BatchRef<'_, f64>) -> Vec<f64> {
    let ((m, k), (_, n)) = (a.shape(), b.shape());
    let mut c = Vec::new();
    for l in 0..a.count() {
        let (a, b) = (a.get(l).unwrap(), b.get(l).unwrap());
        for i in 0..m {
            c.extend((0..n).map(|j| (0..k).map(|p| a.at(i, p) * b.at(p, j)).sum::<f64>()));
        }
    }
    c
}

#[test]
fn each_product_is_computed_on_its_own_matrices() {
    let (m, n, k) = SHAPE;
    let (a, b) = (counting(COUNT * m * k), counting(COUNT * k * n));
    let shared = MatRef::from_row_major(&b[..k * n], k, n).unwrap();
    let a = BatchRef::from_row_major(&a, COUNT, m, k).unwrap();
    let last_first = (COUNT, -((k * n) as isize));
    for b in [
        BatchRef::from_row_major(&b, COUNT, k, n).unwrap(),
        BatchRef::from_strided(&b, (COUNT - 1) * k * n, last_first, (k, n), (1, k as isize)).unwrap(),
        BatchRef::shared(shared, COUNT),
    ] {
        let mut c = vec![f64::NAN; COUNT * m * n];
        let out = BatchMut::from_row_major(&mut c, COUNT, m, n).unwrap();
        Loops.gemm_batch(1.0, a, b, 0.0, out).unwrap();
        assert_eq!(c, expected(a, b));
    }
}

#[test]
fn parts_are_the_whole() {
    let (m, n, k) = SHAPE;
    let (a, b) = (counting(COUNT * m * k), counting(COUNT * k * n));
    let a = BatchRef::from_row_major(&a, COUNT, m, k).unwrap();
    let b = BatchRef::from_row_major(&b, COUNT, k, n).unwrap();
    for cut in 1..COUNT {
        let mut c = vec![f64::NAN; COUNT * m * n];
        let out = BatchMut::from_row_major(&mut c, COUNT, m, n).unwrap();
        let batch = BatchProblem::new(1.0, a, b, 0.0, out).unwrap().unwrap();
        let (front, back) = batch.split(cut).unwrap();
        assert_eq!((front.len(), back.len()), (cut, COUNT - cut));
        Loops.run_batch(back);
        Loops.run_batch(front);
        assert_eq!(c, expected(a, b));
    }
}

#[test]
fn a_shared_b_makes_one_product() {
    let (m, n, k) = SHAPE;
    let (a, b) = (counting(COUNT * m * k), counting(COUNT * k * n));
    let rows = BatchRef::from_row_major(&a, COUNT, m, k).unwrap();
    let shared = BatchRef::shared(MatRef::from_row_major(&b[..k * n], k, n).unwrap(), COUNT);
    let mut c = vec![f64::NAN; COUNT * m * n];
    let mut whole = |a, b| {
        let out = BatchMut::from_row_major(&mut c, COUNT, m, n).unwrap();
        let mut batch = BatchProblem::new(1.0, a, b, 0.0, out).unwrap().unwrap();
        let single = batch.take_single();
        assert_eq!(batch.len(), if single.is_some() { 0 } else { COUNT });
        assert!(batch.len() > 0 || batch.take_single().is_none());
        let rows = single.as_ref().map(Problem::m);
        single.into_iter().for_each(|problem| Loops.run(problem));
        rows
    };
    assert_eq!(whole(rows, shared), Some(COUNT * m));
    // Another B for each, or rows that do not go on, are no single product.
    assert_eq!(whole(rows, BatchRef::from_row_major(&b, COUNT, k, n).unwrap()), None);
    let reversed = BatchRef::from_strided(
        &a,
        (COUNT - 1) * m * k,
        (COUNT, -((m * k) as isize)),
        (m, k),
        (k as isize, 1),
    );
    assert_eq!(whole(reversed.unwrap(), shared), None);
    assert_eq!(c, expected(rows, shared));
}

#[test]
fn degenerate_batches_scale_c() {
    let (m, n, k) = SHAPE;
    let a = counting(COUNT * m * k);
    let a = BatchRef::from_row_major(&a, COUNT, m, k).unwrap();
    let b = BatchRef::shared(MatRef::from_strided(&[f64::NAN], 0, k, n, 0, 0).unwrap(), COUNT);
    let mut c = vec![2.0; COUNT * m * n];
    Loops.gemm_batch(0.0, a, b, 3.0, BatchMut::from_row_major(&mut c, COUNT, m, n).unwrap()).unwrap();
    assert_eq!(c, vec![6.0; COUNT * m * n]);
    let none = BatchRef::from_row_major(&[], COUNT, m, 0).unwrap();
    let empty = BatchRef::from_row_major(&[], COUNT, 0, n).unwrap();
    c.fill(f64::NAN);
    Loops.gemm_batch(1.0, none, empty, 0.0, BatchMut::from_row_major(&mut c, COUNT, m, n).unwrap()).unwrap();
    assert_eq!(c, vec![0.0; COUNT * m * n]);
    let zero = BatchRef::from_row_major(&[], 0, m, k).unwrap();
    let b = BatchRef::from_row_major(&[], 0, k, n).unwrap();
    Loops.gemm_batch(1.0, zero, b, 0.0, BatchMut::from_row_major(&mut [], 0, m, n).unwrap()).unwrap();
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let data = [0.0; 24];
    let b = BatchRef::from_row_major(&data, 4, 2, 3).unwrap();
    let out_of_bounds = BatchRef::from_strided(&data, 0, (4, 7), (2, 3), (3, 1)).unwrap_err();
    assert!(out_of_bounds.to_string().contains("0..=26"), "{out_of_bounds}");
    assert!(BatchRef::from_strided(&data, 0, (usize::MAX, isize::MAX), (2, 3), (3, 1)).is_err());
    assert!(matches!(BatchRef::from_row_major(&data, 4, 3, 3), Err(Error::Length { found: 24, .. })));
    assert!(matches!(BatchRef::<f64>::from_row_major(&[], usize::MAX, 2, 3), Err(Error::Length { .. })));
    assert_eq!(BatchRef::<f64>::from_row_major(&[], usize::MAX, 0, 3).unwrap().count(), usize::MAX);
    assert!(b.get(4).is_none());

    let mut c = [0.0; 24];
    let mut count = |count, stride, rs, cs| {
        BatchMut::from_strided(&mut c, 0, (count, stride), (2, 3), (rs, cs)).map(|batch| batch.count())
    };
    assert_eq!(count(4, 6, 3, 1), Ok(4));
    // Interleaved: the matrices are the fastest dimension.
    assert_eq!(count(4, 1, 12, 4), Ok(4));
    assert_eq!(
        count(4, 5, 3, 1).unwrap_err().to_string(),
        "a mutable batch needs strides that nest, found 4 2x3 matrices 5 elements apart with strides (3, 1)"
    );
    assert!(matches!(count(2, 0, 3, 1), Err(Error::BatchOverlap { .. })));
    assert!(matches!(count(2, 6, 1, 1), Err(Error::Overlap { .. })));

    let two = BatchMut::from_row_major(&mut c[..12], 2, 2, 3).unwrap();
    let a = BatchRef::shared(MatRef::from_row_major(&data[..4], 2, 2).unwrap(), 4);
    assert_eq!(
        Loops.gemm_batch(1.0, a, b, 0.0, two).unwrap_err().to_string(),
        "a batch needs as many matrices A as B as C, found 4, 4 and 2"
    );
    let wrong = BatchMut::from_row_major(&mut c, 4, 3, 2).unwrap();
    assert!(matches!(Loops.gemm_batch(1.0, a, b, 0.0, wrong), Err(Error::Shape { .. })));
}
