//! Finds the system's OpenBLAS for the feature `openblas-system`; does nothing without it.
//!
//! openblas-src could do this too, but it compiles a downloader first: 40 crates, against pkg-config's one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "openblas-system")]
    if let Err(error) = pkg_config::probe_library("openblas") {
        println!(
            "cargo::error=pkg-config finds no OpenBLAS (Debian and Ubuntu: apt-get install libopenblas-dev)"
        );
        println!("cargo::error={}", error.to_string().replace('\n', " "));
    }
}
