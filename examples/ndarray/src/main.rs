//! Arrays of ndarray, of any strides, in and out, without a copy.

use matmul::{Error, MatMut, MatRef};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, ShapeBuilder, array, s};

/// A view as ours. Both count strides in elements.
fn view<'a>(a: &'a ArrayView2<'_, f64>) -> MatRef<'a, f64> {
    let strides = a.strides();
    // SAFETY: ndarray has checked that every element lies in memory that is borrowed as long as the view.
    unsafe { MatRef::from_raw_parts(a.as_ptr(), a.nrows(), a.ncols(), strides[0], strides[1]) }
}

/// A view that is written. No two of its elements are one: ndarray has no mutable views of that kind.
fn view_mut<'a>(c: &'a mut ArrayViewMut2<'_, f64>) -> MatMut<'a, f64> {
    let (nrows, ncols) = c.dim();
    let (rs, cs) = (c.strides()[0], c.strides()[1]);
    // SAFETY: as above, and nobody else reads or writes what is borrowed mutably.
    unsafe { MatMut::from_raw_parts(c.as_mut_ptr(), nrows, ncols, rs, cs) }
}

/// C <- A B.
fn product(
    a: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
    mut c: ArrayViewMut2<'_, f64>,
) -> Result<(), Error> {
    matmul::gemm(1.0, view(&a), view(&b), 0.0, view_mut(&mut c))
}

fn main() -> Result<(), Error> {
    let a = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let b = array![[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]];
    let mut c = Array2::zeros((2, 2));
    product(a.view(), b.view(), c.view_mut())?;
    println!("rows: {c:?}", c = c.as_slice().expect("a new array"));

    // Transposed, backwards, every other column, and into a column-major array: only strides differ.
    let mut columns = Array2::zeros((3, 3).f());
    product(a.t(), b.t(), columns.view_mut())?;
    println!("transposed: {:?}", columns.row(0).to_vec());
    product(a.slice(s![..;-1, ..;2]), b.slice(s![..2, ..]), c.view_mut())?;
    println!("sliced: {:?}", c.as_slice().expect("a new array"));

    // Shapes that do not agree are an error, and nothing is written.
    println!("{}", product(a.view(), a.view(), c.view_mut()).expect_err("2 x 3 times 2 x 3"));
    Ok(())
}
