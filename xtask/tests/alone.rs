//! One kernel is one dependency: every program of `alone/` builds from its own lock file and multiplies correctly.
//!
//! None is skipped. A crate that is not in cargo's cache is an error with cargo's reason, because then nobody has tried.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each program prints: C by hand for the first shape, and the verdict of its own check for all.
const EXPECTED: &str = "\
f32 2x3 by 3x2: [19.0, -11.0, -8.0, 7.0] right
f32 64x64 by 64x64: [5.0, 28.0, 9.0, -55.0] right
f32 200x100 by 100x150: [115.0, 41.0, 3.0, -71.0] right
f64 2x3 by 3x2: [19.0, -11.0, -8.0, 7.0] right
f64 64x64 by 64x64: [5.0, 28.0, 9.0, -55.0] right
f64 200x100 by 100x150: [115.0, 41.0, 3.0, -71.0] right
";

/// The crates of this repository that each program may name: the one it is about.
const DEPENDENCIES: [(&str, &[&str]); 6] = [
    ("blocked", &["matmul-blocked"]),
    ("empty", &[]),
    ("matmul", &["matmul"]),
    ("matrixmultiply", &["matrixmultiply"]),
    ("parallel", &["matmul-parallel"]),
    ("simd", &["matmul-simd"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// The folders of `alone/`, so that a new one is not forgotten.
fn programs() -> Vec<String> {
    let entries =
        fs::read_dir(root().join("alone")).expect("the folder alone").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The packages of a lock file: versions and checksums by name. One name may have several.
fn locked(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in text.split("[[package]]").skip(1) {
        let field = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            line.map(|value| value.trim_matches('"').to_owned())
        };
        let name = field("name").expect("a name");
        let version = field("version").expect("a version");
        packages.entry(name).or_default().push(version + " " + &field("checksum").unwrap_or_default());
    }
    packages
}

/// Packages of a program's lock file that the repository's does not have in that version.
fn strangers(program: &str, repository: &str) -> Vec<String> {
    let known = locked(repository);
    let is_stranger =
        |name: &str, version: &String| !known.get(name).is_some_and(|known| known.contains(version));
    let mut found = Vec::new();
    for (name, versions) in locked(program).into_iter().filter(|(name, _)| !name.starts_with("alone-")) {
        found.extend(versions.iter().filter(|v| is_stranger(&name, v)).map(|v| format!("{name} {v}")));
    }
    found
}

/// The lines of a manifest's `[dependencies]`: names alone.
fn dependencies(manifest: &str) -> Vec<&str> {
    let section = manifest.split("[dependencies]").nth(1).unwrap_or("");
    section.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect()
}

#[test]
fn every_program_multiplies() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for name in programs() {
        let mut run = Command::new(&cargo);
        run.args(["run", "--quiet", "--offline", "--locked", "--manifest-path"]);
        run.arg(root().join("alone").join(&name).join("Cargo.toml"));
        // One for all of them, so that each crate is built once, and not cargo's own, which this test may hold locked.
        run.arg("--target-dir").arg(root().join("target/alone"));
        let output = run.output().expect("cargo");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.success(),
            "alone/{name}: {}\n{out}{err}If Cargo.lock needs an update: \
             cargo update --workspace --offline --manifest-path alone/{name}/Cargo.toml",
            output.status
        );
        assert_eq!(out.replace("\r\n", "\n"), EXPECTED, "alone/{name}");
        assert_eq!(err, "", "alone/{name}: warnings");
    }
}

#[test]
fn one_kernel_is_one_dependency() {
    assert_eq!(programs(), DEPENDENCIES.map(|(name, _)| name));
    for (name, expected) in DEPENDENCIES {
        let manifest = read(&root().join("alone").join(name).join("Cargo.toml"));
        assert_eq!(dependencies(&manifest), expected, "alone/{name}");
    }
}

#[test]
fn nothing_more_is_downloaded() {
    let repository = read(&root().join("Cargo.lock"));
    for name in programs() {
        let program = read(&root().join("alone").join(&name).join("Cargo.lock"));
        assert!(locked(&program).contains_key(&format!("alone-{name}")), "alone/{name}/Cargo.lock");
        let strangers = strangers(&program, &repository);
        assert!(
            strangers.is_empty(),
            "alone/{name}/Cargo.lock has {}, which Cargo.lock has not; copy Cargo.lock there and run \
             cargo build --offline --manifest-path alone/{name}/Cargo.toml",
            strangers.join(", ")
        );
    }
}

#[test]
fn findings_are_found() {
    let package = |name: &str, version: &str, checksum: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nchecksum = \"{checksum}\"\n\n")
    };
    let repository =
        package("libc", "0.2.1", "a") + &package("rand", "0.9.0", "b") + &package("rand", "0.10.0", "c");
    assert_eq!(strangers(&package("rand", "0.10.0", "c"), &repository), Vec::<String>::new());
    assert_eq!(strangers(&package("alone-simd", "0.0.0", ""), &repository), Vec::<String>::new());
    assert_eq!(strangers(&package("libc", "0.2.2", "a"), &repository), ["libc 0.2.2 a"]);
    assert_eq!(strangers(&package("libc", "0.2.1", "x"), &repository), ["libc 0.2.1 x"]);
    assert_eq!(strangers(&package("either", "1.0.0", "d"), &repository).len(), 1);
    assert_eq!(
        dependencies("[package]\nname = \"x\"\n\n[dependencies]\na = \"1\"\nb = { path = \"p\" }\n"),
        ["a", "b"]
    );
    assert_eq!(dependencies("[package]\nname = \"x\"\n"), Vec::<&str>::new());
}
