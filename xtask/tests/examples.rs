//! The programs of `examples/` build from their own lock files, as somebody else's would, and print what they should.
//!
//! None is skipped. A crate that is not in cargo's cache is an error with cargo's reason, because then nobody has tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each program, and all that it prints.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "ndarray",
        "rows: [58.0, 64.0, 139.0, 154.0]\n\
         transposed: [39.0, 49.0, 59.0]\n\
         sliced: [82.0, 92.0, 34.0, 38.0]\n\
         cannot multiply A (2x3) by B (2x3) into C (2x2): A has 3 columns but B has 2 rows\n",
    ),
    // It names its linker's and C library's symbols, which are those of Linux.
    #[cfg(target_os = "linux")]
    (
        "no-std",
        "product: [58.0, 64.0, 139.0, 154.0]\n\
         fused: 4.930380657631324e-32\n\
         error: cannot multiply A (2x3) by B (2x3) into C (2x2): A has 3 columns but B has 2 rows\n",
    ),
    ("one-kernel", "best: [58.0, 64.0, 139.0, 154.0]\nevery instruction set: the same bits\n"),
    ("own-kernel", "row-by-row: passed\nforgetful: FAILED, as it must\n"),
    ("packed-layer", "one: [7.5, 0.0]\ntwo: [7.5, 0.0, 4.5, 7.0]\nsoftsign: [0.875, 0.75]\n"),
    ("rayon-tasks", "8 products in 2 threads: the same bits as one after the other\nsum of all: 1250\n"),
    (
        "strided-batch",
        "head 0: [1.0, 0.0, 2.0, 4.0, 6.0, 11.0, 2.0, 2.0, 5.0]\n\
         head 1: [4.0, 8.0, 3.0, 0.0, 2.0, 1.0, 6.0, 11.0, 4.0]\n\
         head 2: [4.0, 0.0, 8.0, 8.0, 3.0, 4.0, 2.0, 1.0, 0.0]\n\
         head 3: [2.0, 2.0, 5.0, 0.0, 8.0, 4.0, 3.0, 4.0, 8.0]\n\
         halved: [0.5, 0.0, 1.0]\n",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

#[test]
fn every_program_is_in_the_table() {
    let entries = fs::read_dir(root().join("examples")).expect("the folder examples");
    let folders = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    if !cfg!(target_os = "linux") {
        names.retain(|name| name != "no-std");
    }
    assert_eq!(names, PROGRAMS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn every_program_prints_what_it_should() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for &(name, expected) in PROGRAMS {
        let manifest = root().join("examples").join(name).join("Cargo.toml");
        let mut run = Command::new(&cargo);
        run.args(["run", "--quiet", "--offline", "--locked", "--manifest-path"]).arg(manifest);
        // That of `alone/`, so that each crate is built once for all of them.
        run.arg("--target-dir").arg(root().join("target/alone"));
        let output = run.output().expect("cargo");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.success(),
            "examples/{name}: {}\n{out}{err}If Cargo.lock needs an update: \
             cargo update --workspace --offline --manifest-path examples/{name}/Cargo.toml",
            output.status
        );
        assert_eq!(out.replace("\r\n", "\n"), expected, "examples/{name}");
        assert_eq!(err, "", "examples/{name}: warnings");
    }
}

/// A version of its own would be one more download, and would not be what the tests of this repository run with.
#[test]
fn versions_are_those_of_the_repository() {
    let repository = read(&root().join("Cargo.lock"));
    for (name, _) in PROGRAMS {
        let lock = read(&root().join("examples").join(name).join("Cargo.lock"));
        assert!(lock.contains(&format!("name = \"example-{name}\"")), "examples/{name}/Cargo.lock");
        let checksums = lock.lines().filter(|line| line.starts_with("checksum = "));
        let strangers: Vec<_> = checksums.filter(|line| !repository.contains(*line)).collect();
        assert!(
            strangers.is_empty(),
            "examples/{name}/Cargo.lock has what Cargo.lock has not ({}); copy Cargo.lock there and run \
             cargo build --offline --manifest-path examples/{name}/Cargo.toml",
            strangers.join(", ")
        );
    }
}
