//! Finds out whether this compiler has the AVX-512 intrinsics, which are stable since Rust 1.89.

use std::env;
use std::process::Command;

const AVX512_SINCE: u32 = 89;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(has_avx512)");
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let said = Command::new(rustc).arg("--version").output().expect("rustc --version runs").stdout;
    // rustc 1.89.0 (29483883e 2025-08-04)
    let said = String::from_utf8_lossy(&said);
    let version = said.split(' ').nth(1).unwrap_or_default();
    println!("cargo::rustc-env=MATMUL_SIMD_RUSTC={version}");
    // An unknown version is none that is too old.
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(AVX512_SINCE);
    if minor >= AVX512_SINCE {
        println!("cargo::rustc-cfg=has_avx512");
    }
}
