//! Views: what they accept, what they refuse and what they say then.

use matmul_core::{Error, Kernel, MatMut, MatRef, Matrix, Problem};

fn numbers(n: usize) -> Vec<f64> {
    (0..n).map(|x| x as f64).collect()
}

#[test]
fn layouts_index_the_same_matrix() {
    let data = numbers(6);
    let row = MatRef::from_row_major(&data, 2, 3).unwrap();
    assert_eq!((row.at(0, 2), row.at(1, 0)), (2.0, 3.0));
    let col = MatRef::from_col_major(&data, 3, 2).unwrap();
    assert_eq!(col.to_vec(), row.t().to_vec());
    assert_eq!(row.get(2, 0), None);
}

#[test]
fn strides_may_be_negative_or_zero_for_reading() {
    let data = numbers(6);
    let back = MatRef::from_strided(&data, 5, 2, 3, -3, -1).unwrap();
    assert_eq!(back.to_vec(), [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    let row = MatRef::from_row_major(&data, 2, 3).unwrap();
    assert_eq!(row.reverse_rows().reverse_cols().to_vec(), back.to_vec());
    let broadcast = MatRef::from_strided(&data, 1, 3, 2, 0, 1).unwrap();
    assert_eq!(broadcast.to_vec(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
}

#[test]
fn out_of_bounds_is_named() {
    let data = numbers(6);
    let err = MatRef::from_strided(&data, 1, 2, 3, 3, 1).unwrap_err();
    assert_eq!(err.to_string(), "a 2x3 view with strides (3, 1) reaches elements 1..=6, but the slice has 6");
    assert!(matches!(MatRef::from_strided(&data, 0, 2, 1, -1, 1), Err(Error::OutOfBounds { .. })));
    // Products that wrap around usize or isize must not pass as small.
    assert!(matches!(
        MatRef::from_strided(&data, 0, usize::MAX, usize::MAX, isize::MAX, isize::MIN),
        Err(Error::OutOfBounds { .. })
    ));
    assert!(matches!(MatRef::from_row_major(&data, usize::MAX, 2), Err(Error::Length { .. })));
    assert_eq!(
        MatRef::from_row_major(&data, 2, 2).unwrap_err().to_string(),
        "a 2x2 matrix needs 4 elements, found 6"
    );
}

#[test]
fn empty_views_touch_nothing() {
    let none: [f32; 0] = [];
    let view = MatRef::from_strided(&none, 7, 0, 5, isize::MIN, isize::MAX).unwrap();
    assert_eq!(view.reverse_rows().reverse_cols().t().shape(), (5, 0));
    assert!(view.submatrix(0..0, 2..5).unwrap().to_vec().is_empty());
}

/// Compares the closed form with a count of the places that a view touches.
#[test]
fn overlap_is_refused_exactly() {
    for nrows in 0..5usize {
        for ncols in 0..5usize {
            for rs in -6isize..=6 {
                for cs in -6isize..=6 {
                    let mut data = numbers(64);
                    let mut places: Vec<isize> = (0..nrows as isize)
                        .flat_map(|i| (0..ncols as isize).map(move |j| i * rs + j * cs))
                        .collect();
                    places.sort_unstable();
                    places.dedup();
                    let apart = places.len() == nrows * ncols;
                    let view = MatMut::from_strided(&mut data, 31, nrows, ncols, rs, cs);
                    match view {
                        Ok(_) => assert!(apart, "{nrows}x{ncols} strides ({rs}, {cs}) overlap"),
                        Err(Error::Overlap { .. }) => assert!(!apart, "{nrows}x{ncols} strides ({rs}, {cs})"),
                        Err(Error::OutOfBounds { reached: (lo, hi), .. }) => assert!(lo < 0 || hi > 63),
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        }
    }
}

#[test]
fn splits_are_disjoint_and_complete() {
    let mut data = numbers(12);
    let view = MatMut::from_row_major(&mut data, 3, 4).unwrap();
    let (mut top, bottom) = view.split_rows(1);
    let (mut left, mut right) = bottom.split_cols(3);
    top.fill(-1.0);
    left.fill(-2.0);
    right.fill(-3.0);
    assert_eq!(data, [-1., -1., -1., -1., -2., -2., -2., -3., -2., -2., -2., -3.]);
    let view = MatRef::from_row_major(&data, 3, 4).unwrap();
    let (left, right) = view.split_cols(4);
    assert_eq!((left.to_vec(), right.shape()), (data.clone(), (3, 0)));
}

#[test]
#[should_panic(expected = "a split at 4 of 3 rows or columns")]
fn splits_behind_the_end_panic() {
    let data = numbers(12);
    MatRef::from_row_major(&data, 3, 4).unwrap().split_rows(4);
}

#[test]
fn elements_are_found_by_index() {
    let mut a = Matrix::from_fn(2, 3, |i, j| 10 * i + j);
    a[(1, 2)] = 7;
    a.as_mut().reverse_rows()[(0, 0)] = 8;
    assert_eq!((a[(1, 2)], a[(1, 0)], a.as_ref()[(0, 1)], a.as_mut()[(1, 1)]), (7, 8, 1, 11));
    for (i, j) in [(2, 0), (0, 3)] {
        let outside = std::panic::catch_unwind(|| a[(i, j)]).unwrap_err();
        assert_eq!(*outside.downcast::<String>().unwrap(), format!("element ({i}, {j}) of a 2x3 matrix"));
    }
}

#[test]
fn matrices_of_nothing_have_a_shape() {
    for (nrows, ncols) in [(0, 0), (usize::MAX, 0), (0, usize::MAX)] {
        let none = Matrix::from_fn(nrows, ncols, |i, j| i + j);
        assert_eq!(none.shape(), (nrows, ncols));
        assert!(none.to_string().len() < 5, "{none}");
    }
}

struct Refuses;

impl Kernel<f64> for Refuses {
    fn name(&self) -> &str {
        "refuses"
    }
    fn run(&self, problem: Problem<'_, f64>) {
        panic!("ran {problem:?}")
    }
}

#[test]
fn degenerate_products_never_reach_the_kernel() {
    let (a, b) = (vec![f64::NAN; 4], vec![f64::INFINITY; 4]);
    let mut c = vec![f64::NAN, 1.0, 2.0, 3.0];
    let square = |x| MatRef::from_row_major(x, 2, 2).unwrap();
    // alpha = 0 reads neither A nor B, beta = 0 does not read C.
    Refuses.gemm(0.0, square(&a), square(&b), 0.0, MatMut::from_row_major(&mut c, 2, 2).unwrap()).unwrap();
    assert_eq!(c, [0.0; 4]);
    // k = 0 gives beta * C.
    c = vec![1.0, 2.0, 3.0, 4.0];
    let (a, b) = (MatRef::from_row_major(&[], 2, 0), MatRef::from_row_major(&[], 0, 2));
    Refuses.gemm(1.0, a.unwrap(), b.unwrap(), 3.0, MatMut::from_row_major(&mut c, 2, 2).unwrap()).unwrap();
    assert_eq!(c, [3.0, 6.0, 9.0, 12.0]);
}

#[test]
fn shape_errors_name_both_shapes() {
    let a = numbers(6);
    let mut c = numbers(4);
    let err = Refuses
        .gemm(
            1.0,
            MatRef::from_row_major(&a, 2, 3).unwrap(),
            MatRef::from_row_major(&a, 2, 3).unwrap(),
            0.0,
            MatMut::from_row_major(&mut c, 2, 2).unwrap(),
        )
        .unwrap_err();
    assert_eq!(
        err.to_string(),
        "cannot multiply A (2x3) by B (2x3) into C (2x2): A has 3 columns but B has 2 rows"
    );
    assert_eq!(c, numbers(4));
}

/// 2 x 3 times 3 x 4.
fn whole<'a>(a: &'a [f64], b: &'a [f64], c: &'a mut [f64]) -> Problem<'a, f64> {
    let (a, b) = (MatRef::from_row_major(a, 2, 3).unwrap(), MatRef::from_row_major(b, 3, 4).unwrap());
    Problem::new(1.0, a, b, 0.0, MatMut::from_row_major(c, 2, 4).unwrap()).unwrap().unwrap()
}

#[test]
fn split_products_make_the_whole() {
    let sum = |mut p: Problem<'_, f64>| {
        for i in 0..p.m() {
            for j in 0..p.n() {
                let sum = (0..p.k()).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
                p.store(i, j, sum);
            }
        }
    };
    let (a, b) = (numbers(6), numbers(12));
    let (mut want, mut c) = ([f64::NAN; 8], [f64::NAN; 8]);
    sum(whole(&a, &b, &mut want));
    let (top, bottom) = whole(&a, &b, &mut c).split_rows(1).unwrap();
    let (left, right) = bottom.split_cols(3).unwrap();
    [top, left, right].into_iter().for_each(sum);
    assert_eq!(c, want);
    for i in [0, 2, 3] {
        assert!(matches!(whole(&a, &b, &mut c).split_rows(i), Err(Error::Range { .. })));
    }
}
