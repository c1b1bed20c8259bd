//! An epilogue is what a pass over C after the product would be, with the same bits, whichever way the product goes.

use matmul::{
    BatchMut, BatchRef, Bias, Clamp, Epilogue, Error, Gemm, MatMut, MatRef, PackedA, PackedB, Real, Relu,
    Summation,
};

fn numbers<T: Real>(len: usize, seed: usize) -> Vec<T> {
    (0..len).map(|i| T::from_f64(((i * 7919 + seed) % 1009) as f64 / 37.0 - 13.0)).collect()
}

/// (rs, cs) of an m × n matrix: both layouts, with gaps, with rows in reverse.
fn layouts(m: usize, n: usize) -> [(usize, isize, isize); 4] {
    let (rows, columns) = (m as isize, n as isize);
    [(0, columns, 1), (0, 1, rows), (0, 3 * columns, 3), ((m - 1) * n, -columns, 1)]
}

/// Row, column and element all matter.
fn mixed<T: Real>(i: usize, j: usize, c: T) -> T {
    c * T::from_f64(0.5) + T::from_f64((3 * i) as f64 - j as f64)
}

/// Every kernel with every layout, and packed factors, against the product and then the function.
fn check<T: Real>((m, n, k): (usize, usize, usize)) {
    let (a, b) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2));
    let (alpha, beta) = (T::from_f64(0.7), T::from_f64(-1.3));
    let a = MatRef::from_row_major(&a, m, k).unwrap();
    let kernels = ["parallel", "blocked", "naive-broadcast"].map(|name| Gemm::new().kernel(name));
    let ways = kernels.into_iter().chain([Gemm::new().threads(3), Gemm::new().summation(Summation::Fast)]);
    let ways: Vec<Gemm> = ways.collect();
    for (_, rs, cs) in &layouts(k, n)[..2] {
        let b = MatRef::from_strided(&b, 0, k, n, *rs, *cs).unwrap();
        let (packed_a, packed_b) = (PackedA::new(a).unwrap(), PackedB::new(b).unwrap());
        assert_eq!((packed_a.nrows(), packed_a.ncols()), (m, k));
        for (offset, rs, cs) in layouts(m, n) {
            let result = |f: &dyn Fn(MatMut<'_, T>)| {
                let mut c = numbers::<T>(3 * m * n, 4);
                f(MatMut::from_strided(&mut c, offset, m, n, rs, cs).unwrap());
                c
            };
            let after = |way: &Gemm| {
                result(&|mut c| {
                    way.gemm(alpha, a, b, beta, c.reborrow()).unwrap();
                    (0..m).for_each(|i| (0..n).for_each(|j| c[(i, j)] = mixed(i, j, c[(i, j)])));
                })
            };
            for way in &ways {
                let fused = way.clone().epilogue(mixed::<T>);
                let found = result(&|c| fused.gemm(alpha, a, b, beta, c).unwrap());
                assert_eq!(found, after(way), "{m}x{n}x{k}, C {rs} {cs}, {way:?}");
            }
            let by_a = result(&|c| packed_a.gemm(alpha, b, beta, c, mixed::<T>).unwrap());
            let by_b = result(&|c| packed_b.gemm(alpha, a, beta, c, mixed::<T>).unwrap());
            let expected = after(&Gemm::new());
            assert_eq!((&by_a, &by_b), (&expected, &expected), "{m}x{n}x{k}, C {rs} {cs}, packed");
        }
    }
}

#[test]
fn epilogues_are_a_pass_over_the_product() {
    // One tile, one row, one column, strips, rows in lanes with and without an edge, several chunks, and products that
    // threads share by rows, by columns and by chunks of k.
    for shape in [
        (1, 1, 1),
        (3, 5, 7),
        (1, 70, 300),
        (70, 1, 300),
        (5, 130, 300),
        (200, 5, 40),
        (33, 33, 33),
        (13, 33, 300),
        (70, 65, 513),
        (300, 90, 60),
        (90, 300, 60),
        (12, 20, 20_000),
    ] {
        check::<f32>(shape);
        check::<f64>(shape);
    }
}

#[test]
fn each_element_is_finished_once_in_every_batch() {
    let (count, m, n, k) = (5, 3, 4, 6);
    let (a, b) = (numbers::<f32>(count * m * k, 1), numbers::<f32>(k * n, 2));
    let a = BatchRef::from_row_major(&a, count, m, k).unwrap();
    let b = BatchRef::shared(MatRef::from_row_major(&b, k, n).unwrap(), count);
    for alpha in [1.0, 0.0] {
        let (mut fused, mut after) = (vec![2.0f32; count * m * n], vec![2.0f32; count * m * n]);
        let c = BatchMut::from_row_major(&mut fused, count, m, n).unwrap();
        Gemm::new().epilogue(mixed::<f32>).gemm_batch(alpha, a, b, 1.0, c).unwrap();
        let c = BatchMut::from_row_major(&mut after, count, m, n).unwrap();
        Gemm::new().gemm_batch(alpha, a, b, 1.0, c).unwrap();
        for (l, c) in after.iter_mut().enumerate() {
            *c = mixed(l / n % m, l % n, *c);
        }
        assert_eq!(fused, after, "alpha {alpha}");
    }
}

#[test]
fn a_product_of_nothing_is_finished_too() {
    let none = MatRef::from_row_major(&[0.0f32; 0], 2, 0).unwrap();
    let bias = Bias { bias: &[1.0, -1.0], relu: true };
    let c = Gemm::new().epilogue(bias).matmul(none, none.t()).unwrap();
    assert_eq!(c.as_slice(), [1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_bias_of_another_length_is_an_error() {
    let (a, b) = ([[1.0f64, 2.0]; 3], [[1.0, 2.0, 3.0]; 2]);
    for length in [0, 2, 4] {
        let bias = [1.0; 4];
        let layer = Bias { bias: &bias[..length], relu: false };
        let expected = Err(Error::Bias { ncols: 3, found: length });
        let mut c = [[7.0; 3]; 3];
        assert_eq!(Gemm::new().epilogue(layer).gemm(1.0, a, b, 0.0, &mut c), expected);
        assert_eq!(PackedB::new(b).unwrap().gemm(1.0, a, 0.0, &mut c, layer), expected);
        assert_eq!(PackedA::new(a).unwrap().gemm(1.0, b, 0.0, &mut c, layer), expected);
        assert_eq!(c, [[7.0; 3]; 3], "nothing was written");
    }
}

#[test]
fn nan_stays_nan() {
    let (relu, clamp): (&dyn Epilogue<f32>, &dyn Epilogue<f32>) = (&Relu, &Clamp { min: -1.0, max: 1.0 });
    for epilogue in [relu, clamp] {
        let mut row = [f32::NAN, -2.0, 0.5, f32::INFINITY];
        epilogue.apply(0, 0, &mut row);
        assert!(row[0].is_nan() && row[1] > -2.0 && row[2] == 0.5, "{row:?}");
    }
}
