//! A library that sets flush-to-zero when it is loaded: alone in its process, as it is loaded only once.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::hint::black_box;
use std::path::PathBuf;

use matmul_blas::Blas;

/// The smallest normal number halved.
fn half() -> f32 {
    black_box(f32::MIN_POSITIVE) * black_box(0.5)
}

#[test]
fn loading_keeps_the_floating_point_mode() {
    let deps = std::env::current_exe().unwrap();
    let path: PathBuf = deps.parent().unwrap().parent().unwrap().join("examples/libfake_cblas.so");
    assert!(path.exists(), "{} is missing: run the tests with --examples too", path.display());
    let before = half();
    assert!(before.to_bits() != 0);
    // SAFETY: the fake library keeps the promises of a CBLAS.
    let blas = unsafe { Blas::open(&format!("{}:mode_", path.display())) }.unwrap();
    assert_eq!(half().to_bits(), before.to_bits(), "the thread that loaded it");
    assert_eq!(std::thread::spawn(half).join().unwrap().to_bits(), before.to_bits(), "a thread of it");
    // The library did set it, and tells.
    assert!(blas.describe().unwrap().contains("flushed"), "{:?}", blas.describe());
}
