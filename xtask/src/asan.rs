//! `cargo xtask test --asan`: the conformance tests under AddressSanitizer.
//!
//! Guard pages see a stray access in those cases that have them; the sanitizer sees it in every case, because matrices
//! on the heap then have no canaries around them (`--cfg asan`). It needs a nightly compiler; std is not instrumented.

use std::env;
use std::process::Command;

use crate::{Error, spawn_error, status};
use matmul_lab::say;

/// The crates whose code touches memory by pointers, and the kit.
const CRATES: [&str; 5] =
    ["matmul-core", "matmul-blocked", "matmul-simd", "matmul-parallel", "matmul-conformance"];

/// Where Rust has the sanitizer.
const TARGETS: [&str; 4] =
    ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-apple-darwin", "aarch64-apple-darwin"];

/// Runs them, or says loudly why it cannot; `MATMUL_REQUIRE=asan` makes that a failure.
pub(crate) fn run() -> Result<u8, Error> {
    let target = match nightly_target() {
        Ok(target) => target,
        Err(because) => {
            say!("SKIPPED: AddressSanitizer because {because}");
            let required = env::var("MATMUL_REQUIRE").unwrap_or_default();
            return Ok(u8::from(required.split(',').any(|name| name.trim() == "asan")));
        }
    };
    let mut test = nightly("cargo");
    test.args(["test", "--lib", "--tests", "--no-fail-fast", "--target", &target]);
    test.args(CRATES.iter().flat_map(|name| ["--package", name]));
    test.env("RUSTFLAGS", "-Zsanitizer=address --cfg asan").env("MATMUL_CONFORMANCE_PLAN", "quick");
    // A requirement of this task, not of the tests.
    test.env_remove("MATMUL_REQUIRE").env_remove("CARGO").env_remove("RUSTC");
    say!("AddressSanitizer on {target}");
    status(&mut test)
}

fn nightly(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", program]);
    command
}

/// The nightly compiler's own target, if there is such a compiler and it has the sanitizer.
fn nightly_target() -> Result<String, String> {
    let mut rustc = nightly("rustc");
    let output = rustc.arg("-vV").output().map_err(|source| spawn_error(&rustc, source).to_string())?;
    if !output.status.success() {
        return Err("there is no nightly toolchain; `rustup toolchain install nightly` brings it".into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    if TARGETS.contains(&host) { Ok(host.into()) } else { Err(format!("Rust has none for {host:?}")) }
}
