//! Records how the runner was compiled, for the report.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTFLAGS");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    println!("cargo::rustc-env=BUILD_RUSTC={}", version.unwrap_or_else(|_| "unknown".into()));
    // Flags are separated by U+001F there.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    println!("cargo::rustc-env=BUILD_FLAGS={flags}");
    for (name, variable) in
        [("BUILD_TARGET", "TARGET"), ("BUILD_PROFILE", "PROFILE"), ("BUILD_OPT", "OPT_LEVEL")]
    {
        println!("cargo::rustc-env={name}={}", env::var(variable).unwrap_or_default());
    }
}
