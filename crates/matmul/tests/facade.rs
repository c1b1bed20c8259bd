//! The facade: what it lists, what it refuses, and that what it picks keeps the contract.

use matmul::kernel::{Availability, Kernel, Promise};
use matmul::{Error, Gemm, MatMut, MatRef, Matrix, Real};
use matmul_conformance::{Plan, check, check_same_bits};

fn certify<T: Real>() {
    check::<T>(&Gemm::new(), &Plan::quick()).assert_passed();
    let kernels = matmul::kernel::all::<T>();
    let keep_bits: Vec<&dyn Kernel<T>> = kernels
        .iter()
        .map(|kernel| kernel.as_ref())
        .filter(|kernel| {
            kernel.promise() == Promise::SameBits && kernel.availability() == Availability::Available
        })
        .collect();
    assert!(keep_bits.len() >= 2, "{} kernels keep the contract here", keep_bits.len());
    check_same_bits(&keep_bits, &Plan::quick()).assert_passed();
}

#[test]
fn every_kernel_with_the_contract_has_the_same_bits() {
    certify::<f32>();
    certify::<f64>();
}

#[test]
fn names_are_unique_and_the_ladder_is_complete() {
    let kernels = matmul::kernel::all::<f32>();
    let mut names: Vec<&str> = kernels.iter().map(|kernel| kernel.name()).collect();
    for rung in ["naive-loops", "naive-elementwise", "naive-broadcast", "blocked", "simd", "parallel"] {
        assert!(names.contains(&rung), "{rung} is not in {names:?}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), kernels.len());
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let a = Matrix::<f32>::zeros(2, 3);
    assert!(matches!(matmul::matmul(a.as_ref(), a.as_ref()), Err(Error::Shape { .. })));
    let mut c = [7.0; 4];
    let view = MatMut::from_row_major(&mut c, 2, 2).unwrap();
    assert!(matmul::gemm(1.0, a.as_ref(), a.as_ref(), 0.0, view).is_err());
    assert_eq!(c, [7.0; 4]);
}

#[test]
fn a_column_of_an_outer_product() {
    let (a, b) = ([1.0f64, 2.0, 3.0], [4.0, 5.0]);
    let a = MatRef::from_col_major(&a, 3, 1).unwrap();
    let c = matmul::matmul(a, MatRef::from_row_major(&b, 1, 2).unwrap()).unwrap();
    assert_eq!(c.as_slice(), [4.0, 5.0, 8.0, 10.0, 12.0, 15.0]);
}
