//! Other libraries' matrices: the same elements at the same addresses, and what is written is theirs.

use matmul_core::{AsMat, AsMatMut, Error, MatMut, MatRef, Matrix};

/// Element (i, j) of every matrix here.
fn number(i: usize, j: usize) -> f64 {
    (10 * i + j) as f64
}

/// The view has these elements, and (0, 0) at this address.
#[track_caller]
fn assert_is<const N: usize>(view: MatRef<'_, f64>, first: *const f64, expected: &[[f64; N]]) {
    assert_eq!(view.as_ptr(), first, "the address of (0, 0)");
    assert_eq!(view.shape(), (expected.len(), N));
    assert_eq!(view.to_vec(), expected.as_flattened());
}

mod ndarray {
    use ::ndarray::{Array2, ArrayView2, Axis, ShapeBuilder, array, s};

    use super::*;

    #[test]
    fn any_strides_are_read_in_place() {
        let a = Array2::from_shape_fn((4, 6), |(i, j)| number(i, j));
        assert_is(
            (&a).into(),
            a.as_ptr(),
            &[
                [0., 1., 2., 3., 4., 5.],
                [10., 11., 12., 13., 14., 15.],
                [20., 21., 22., 23., 24., 25.],
                [30., 31., 32., 33., 34., 35.],
            ],
        );
        let part = a.slice(s![1..;2, ..;-4]);
        assert_is(part.into(), &a[(1, 5)], &[[15., 11.], [35., 31.]]);
        assert_is(part.t().into(), &a[(1, 5)], &[[15., 35.], [11., 31.]]);
        let row = a.row(2);
        let wide = row.slice(s![..2]);
        assert_is(wide.broadcast((3, 2)).unwrap().into(), &a[(2, 0)], &[[20., 21.]; 3]);
        let column_major = Array2::from_shape_fn((2, 2).f(), |(i, j)| number(i, j));
        assert_is(column_major.as_mat(), column_major.as_ptr(), &[[0., 1.], [10., 11.]]);
        let shared = a.to_shared();
        assert_eq!(shared.as_mat().shape(), (4, 6));
        let reference: &::ndarray::ArrayRef2<f64> = &a;
        assert_eq!(reference.as_mat().at(3, 5), 35.0);
        let empty = Array2::<f64>::zeros((3, 0));
        assert_eq!(empty.as_mat().shape(), (3, 0));
    }

    #[test]
    fn what_is_written_is_the_arrays() {
        let mut a = Array2::from_shape_fn((4, 6), |(i, j)| number(i, j));
        let mut part = a.slice_mut(s![..;-3, 1..3]);
        part.as_mat_mut().unwrap().t().fill(-1.0);
        assert_eq!(a.slice(s![.., 1..3]), array![[-1., -1.], [11., 12.], [21., 22.], [-1., -1.]]);
        assert_eq!((a.sum_axis(Axis(0))[0], a[(3, 3)]), (60.0, 33.0));
    }

    #[test]
    fn a_matrix_becomes_an_array() {
        let c = Matrix::from_fn(3, 2, number);
        let first = c.as_slice().as_ptr();
        let array = Array2::from(c);
        assert_eq!((array.as_ptr(), &array), (first, &array![[0., 1.], [10., 11.], [20., 21.]]));
        assert_eq!(array.as_mat().to_vec(), Matrix::from_fn(3, 2, number).into_vec());
    }

    #[test]
    fn elements_that_overlap_are_read() {
        let data = [1.0, 2.0, 3.0];
        let read = ArrayView2::from_shape((2, 2).strides((1, 1)), &data).unwrap();
        assert_is(read.into(), data.as_ptr(), &[[1., 2.], [2., 3.]]);
    }
}

mod faer {
    use ::faer::Mat;

    use super::*;

    #[test]
    fn any_strides_are_read_in_place() {
        let a = Mat::from_fn(4, 3, number);
        assert_is(
            (&a).into(),
            a.as_ptr(),
            &[[0., 1., 2.], [10., 11., 12.], [20., 21., 22.], [30., 31., 32.]],
        );
        let part = a.as_ref().submatrix(1, 1, 3, 2).reverse_rows();
        assert_is(part.into(), &a[(3, 1)], &[[31., 32.], [21., 22.], [11., 12.]]);
        assert_is(part.transpose().as_mat(), &a[(3, 1)], &[[31., 21., 11.], [32., 22., 12.]]);
        assert_eq!(Mat::<f64>::zeros(0, 5).as_mat().shape(), (0, 5));
    }

    #[test]
    fn what_is_written_is_the_matrix() {
        let mut a = Mat::from_fn(3, 3, number);
        a.as_mut().submatrix_mut(0, 1, 3, 1).reverse_rows_mut().as_mat_mut().unwrap()[(0, 0)] = -1.0;
        assert_eq!((a[(2, 1)], a[(0, 1)]), (-1.0, 1.0));
        a.as_mat_mut().unwrap()[(1, 0)] = -2.0;
        assert_eq!(a[(1, 0)], -2.0);
    }
}

mod nalgebra {
    use ::nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, Dyn, Matrix2x3};

    use super::*;

    #[test]
    fn any_strides_are_read_in_place() {
        let a = DMatrix::from_fn(4, 3, number);
        assert_is(
            (&a).into(),
            a.as_ptr(),
            &[[0., 1., 2.], [10., 11., 12.], [20., 21., 22.], [30., 31., 32.]],
        );
        let part = a.view_with_steps((0, 0), (2, 2), (2, 1));
        assert_is((&part).into(), &a[(0, 0)], &[[0., 2.], [30., 32.]]);
        let fixed = Matrix2x3::from_fn(number);
        assert_is(fixed.as_mat(), fixed.as_ptr(), &[[0., 1., 2.], [10., 11., 12.]]);
        let data = [1.0, 2.0];
        let rows: DMatrixView<'_, f64, Dyn, Dyn> = DMatrixView::from_slice_with_strides(&data, 3, 2, 0, 1);
        assert_is(rows.as_mat(), data.as_ptr(), &[[1., 2.]; 3]);
        assert_eq!(DMatrix::<f64>::zeros(0, 5).as_mat().shape(), (0, 5));
    }

    #[test]
    fn what_is_written_is_the_matrix() {
        let mut a = DMatrix::from_fn(4, 3, number);
        a.rows_with_step_mut(0, 2, 1).as_mat_mut().unwrap().t().fill(-1.0);
        assert_eq!(a.column(1).as_slice(), [-1., 11., -1., 31.]);
        let mut data = [0.0; 4];
        let (two, one) = (Dyn(2), Dyn(1));
        // SAFETY: the elements lie in the slice. Two are one, which the safe constructors refuse; none is touched.
        let mut lines = unsafe {
            DMatrixViewMut::from_slice_with_strides_generic_unchecked(&mut data, 0, two, two, one, one)
        };
        let expected = Error::Overlap { shape: (2, 2), strides: (1, 1) };
        assert_eq!(MatMut::try_from(&mut lines).unwrap_err(), expected);
        let mut fixed = Matrix2x3::from_fn(number);
        fixed.as_mat_mut().unwrap()[(1, 2)] = -1.0;
        assert_eq!(fixed[(1, 2)], -1.0);
    }
}
