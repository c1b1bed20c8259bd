//! Loading a library: the fake one beside these tests.

use std::path::PathBuf;

use matmul_blas::{Blas, LoadError};
use matmul_core::{Error, Kernel, MatMut, MatRef};

/// The library of this crate's "example": cargo puts examples beside the folder of tests.
fn fake() -> String {
    let deps = std::env::current_exe().unwrap();
    let file = format!("{}fake_cblas{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path: PathBuf = deps.parent().unwrap().parent().unwrap().join("examples").join(file);
    assert!(path.exists(), "{} is missing: run the tests with --examples too", path.display());
    path.into_os_string().into_string().unwrap()
}

/// Loads a family of the fake library's names.
fn open(prefix: &str) -> Result<Blas, LoadError> {
    // SAFETY: the fake library keeps the promises of a CBLAS, and says where its integers are 64 bits wide.
    unsafe { Blas::open(&format!("{}:{prefix}", fake())) }
}

/// A small product in both types, with A as it lies and transposed.
fn multiply(blas: &Blas) -> Result<(), Error> {
    let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut c = [f64::NAN; 4];
    let view = MatRef::from_row_major(&a, 2, 3)?;
    blas.gemm(2.0, view, view.t(), 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
    assert_eq!(c, [28.0, 64.0, 64.0, 154.0]);
    let a = a.map(|x| x as f32);
    let mut c = [1.0f32; 4];
    let view = MatRef::from_col_major(&a, 2, 3)?;
    blas.gemm(1.0, view, view.t(), -1.0, MatMut::from_col_major(&mut c, 2, 2)?)?;
    assert_eq!(c, [34.0, 43.0, 43.0, 55.0]);
    Ok(())
}

#[test]
fn plain_names_take_32_bit_integers() {
    let blas = open("").unwrap();
    multiply(&blas).unwrap();
    assert!(blas.describe().unwrap().contains("32-bit integers"), "{blas:?}");
    assert_eq!(Kernel::<f32>::name(&blas), "fake-cblas");
    assert_eq!(Kernel::<f32>::name(&blas.clone().with_name("other")), "other");
    // It tells no number of threads, so it cannot be asked for one.
    assert_eq!(Kernel::<f32>::threads(&blas), 1);
    assert_eq!(Kernel::<f32>::threads(&blas.with_threads(4)), 1);
}

#[test]
fn a_suffix_or_the_configuration_tells_64_bit_integers() {
    for prefix in ["scipy_", "wide_"] {
        let blas = open(prefix).unwrap();
        multiply(&blas).unwrap();
        let about = blas.describe().unwrap();
        assert!(about.starts_with("OpenBLAS 0.0.") && about.contains("64-bit integers"), "{about}");
        if cfg!(unix) {
            assert!(about.contains("fake_cblas"), "{about} should name the file");
        }
    }
}

#[test]
fn each_kernel_keeps_its_number_of_threads() {
    let blas = open("scipy_").unwrap();
    assert_eq!(Kernel::<f32>::threads(&blas), 7, "the library's own choice");
    let (two, three) = (blas.clone().with_threads(2), blas.clone().with_threads(3));
    let now = || Kernel::<f32>::threads(&open("scipy_").unwrap());
    for _ in 0..2 {
        multiply(&two).unwrap();
        assert_eq!((Kernel::<f32>::threads(&two), now()), (2, 2));
        multiply(&three).unwrap();
        assert_eq!((Kernel::<f32>::threads(&three), now()), (3, 3));
    }
    assert_eq!(Kernel::<f32>::threads(&blas.clone().with_threads(0)), 1);
    assert_eq!(Kernel::<f32>::threads(&blas.with_threads(usize::MAX)), 8, "the library's largest");
}

#[test]
fn a_library_without_threads_can_be_shared() {
    let blas = open("serial_").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| multiply(&blas).unwrap());
        }
    });
}

#[test]
fn what_is_missing_is_named() {
    // SAFETY: there is no such file to run code.
    let error = unsafe { Blas::open("/nowhere/libblas.so") }.unwrap_err();
    assert!(matches!(&error, LoadError::Open { path, .. } if path == "/nowhere/libblas.so"));
    assert!(error.to_string().starts_with("cannot load /nowhere/libblas.so: "), "{error}");

    let error = open("half_").unwrap_err().to_string();
    assert!(error.ends_with("has no function half_cblas_dgemm"), "{error}");
    let error = open("no_").unwrap_err().to_string();
    let names = "no_cblas_sgemm or no_cblas_sgemm64_ or no_cblas_sgemm_64";
    assert!(error.ends_with(&format!("has no function {names}")), "{error}");
}
