//! A packed B gives the bits of B itself, and the epilogue is what a pass over C would be.

use matmul::{Bias, Error, Identity, MatMut, MatRef, PackedB, Real};

fn numbers<T: Real>(len: usize, seed: usize) -> Vec<T> {
    (0..len).map(|i| T::from_f64(((i * 7919 + seed) % 1009) as f64 / 37.0 - 13.0)).collect()
}

/// (rs, cs) of an m × n matrix in both layouts.
fn layouts(m: usize, n: usize) -> [(isize, isize); 2] {
    [(n as isize, 1), (1, m as isize)]
}

fn check<T: Real>((m, n, k): (usize, usize, usize)) {
    let (a, b, bias) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2), numbers::<T>(n, 3));
    let (alpha, beta) = (T::from_f64(0.7), T::from_f64(-1.3));
    let a = MatRef::from_row_major(&a, m, k).unwrap();
    for (rs, cs) in layouts(k, n) {
        let b = MatRef::from_strided(&b, 0, k, n, rs, cs).unwrap();
        let packed = PackedB::new(b).unwrap();
        assert_eq!((packed.nrows(), packed.ncols()), (k, n));
        for (rs, cs) in layouts(m, n) {
            let old = numbers::<T>(m * n, 4);
            let result = |f: &dyn Fn(MatMut<'_, T>)| {
                let mut c = old.clone();
                f(MatMut::from_strided(&mut c, 0, m, n, rs, cs).unwrap());
                c
            };
            let want = result(&|c| matmul::gemm(alpha, a, b, beta, c).unwrap());
            assert_eq!(result(&|c| packed.gemm(alpha, a, beta, c, Identity).unwrap()), want, "{m}x{n}x{k}");

            let layer = Bias { bias: &bias, relu: true };
            let fused = result(&|c| packed.gemm(alpha, a, beta, c, layer).unwrap());
            for i in 0..m {
                for (j, &bias) in bias.iter().enumerate() {
                    let at = (i as isize * rs + j as isize * cs) as usize;
                    let sum = want[at] + bias;
                    assert_eq!(
                        fused[at],
                        if sum < T::ZERO { T::ZERO } else { sum },
                        "{m}x{n}x{k} ({i}, {j})"
                    );
                }
            }
        }
    }
}

#[test]
fn packed_products_have_the_same_bits() {
    // One tile, edges of tiles, several chunks, and products that threads share by rows and by columns.
    for shape in
        [(1, 1, 1), (3, 5, 7), (6, 16, 256), (13, 33, 300), (70, 65, 513), (500, 40, 60), (8, 900, 300)]
    {
        check::<f32>(shape);
        check::<f64>(shape);
    }
}

#[test]
fn degenerate_products_have_an_epilogue_too() {
    let bias = Bias { bias: &[1.0f32, -5.0], relu: true };
    let packed = PackedB::new(MatRef::from_row_major(&[f32::NAN; 6], 3, 2).unwrap()).unwrap();
    let a = [f32::NAN; 3];
    let mut c = [2.0f32, 2.0];
    fn row(c: &mut [f32]) -> MatMut<'_, f32> {
        MatMut::from_row_major(c, 1, 2).unwrap()
    }
    packed.gemm(0.0, MatRef::from_row_major(&a, 1, 3).unwrap(), 1.0, row(&mut c), bias).unwrap();
    assert_eq!(c, [3.0, 0.0]);

    let none = PackedB::new(MatRef::from_row_major(&[0.0f32; 0], 0, 2).unwrap()).unwrap();
    let mut c = [f32::NAN; 2];
    none.gemm(1.0, MatRef::from_row_major(&[], 1, 0).unwrap(), 0.0, row(&mut c), bias).unwrap();
    assert_eq!(c, [1.0, 0.0]);
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let packed = PackedB::new(MatRef::from_row_major(&[1.0f64; 6], 3, 2).unwrap()).unwrap();
    let a = [1.0; 4];
    let mut c = [7.0; 4];
    let a = MatRef::from_row_major(&a, 2, 2).unwrap();
    let view = MatMut::from_row_major(&mut c, 2, 2).unwrap();
    assert!(matches!(packed.gemm(1.0, a, 0.0, view, Identity), Err(Error::Shape { .. })));
    assert_eq!(c, [7.0; 4]);
}
