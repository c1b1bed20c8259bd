//! What the tests of the program share.
#![allow(dead_code)] // Each test program uses a part of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

pub(crate) fn lab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matmul-lab"));
    command.env_remove("MATMUL_REQUIRE").env_remove("MATMUL_MAX_ISA");
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A few rounds on one thread, on shapes that need no images.
pub(crate) fn bench(out: &Path, args: &[&str]) -> Command {
    let fixed = ["bench", "--verbose", "--quick", "--rounds", "3", "--threads", "1", "--out"];
    let mut command = lab();
    command.args(fixed).arg(out).args(args);
    command
}

pub(crate) fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// A shared library of this crate's "examples": cargo puts them beside the program.
pub(crate) fn library(name: &str) -> PathBuf {
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = Path::new(env!("CARGO_BIN_EXE_matmul-lab")).with_file_name("examples").join(file);
    assert!(path.exists(), "{} is missing: run the tests with --examples too", path.display());
    path
}
