//! `matmul-lab`, which `cargo xtask` builds and starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    matmul_lab::run()
}
