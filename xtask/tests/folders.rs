//! `cargo xtask` from wherever somebody stands: with a cargo that shows what it was asked for.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Answers `metadata` as cargo does, and repeats the rest.
fn stand_in(dir: &Path) -> PathBuf {
    let real = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let script = format!("#!/bin/sh\n[ \"$1\" = metadata ] && exec {real} \"$@\"\nprintf '%s\\n' \"$@\"\n");
    let path = dir.join("cargo");
    fs::write(&path, script).expect("a writable folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
    path
}

/// What the task would have started, from a folder of the workspace.
fn started(stand_in: &Path, args: &[&str], target: Option<&Path>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(args).env("CARGO", stand_in).current_dir(root.join("crates"));
    match target {
        Some(target) => command.env("CARGO_TARGET_DIR", target),
        None => command.env_remove("CARGO_TARGET_DIR"),
    };
    let out = command.output().expect("xtask starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8").lines().map(Into::into).collect()
}

/// The argument behind an option.
fn after<'a>(args: &'a [String], option: &str) -> &'a Path {
    let at = args.iter().position(|arg| arg == option).unwrap_or_else(|| panic!("no {option} in {args:?}"));
    Path::new(&args[at + 1])
}

#[test]
fn a_subfolder_gets_no_folders_of_its_own() {
    let dir = std::env::temp_dir().join(format!("matmul-folders-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a writable folder");
    let cargo = stand_in(&dir);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let elsewhere = dir.join("elsewhere");
    for target in [None, Some(elsewhere.as_path())] {
        let expected = target.map_or_else(|| root.join("target"), Into::into);
        let bench = started(&cargo, &["bench", "--quick", "--blas", "none"], target);
        assert_eq!(after(&bench, "--data"), root.join("data"));
        assert_eq!(after(&bench, "--out"), expected.join("matmul-bench"));
        let conform = started(&cargo, &["conform", "--blas", "none"], target);
        assert_eq!(after(&conform, "--out"), expected.join("matmul-bench"));
        assert_eq!(after(&conform, "--document"), root.join("docs/conformance.md"));
        let show = started(&cargo, &["show", "7", "--split", "valid"], target);
        assert_eq!(after(&show, "--png"), expected.join("mnist-valid-7.png"));
        let data = started(&cargo, &["data", "--dir", "here"], target);
        assert!(data.ends_with(&["data".into(), "--dir".into(), "here".into()]), "{data:?}");
    }
    fs::remove_dir_all(&dir).expect("our own folder");
}

/// A mirror that does not answer: said first, and not for what needs no BLAS.
#[cfg(target_os = "linux")]
#[test]
fn apt_get_is_announced_and_bounded() {
    let dir = std::env::temp_dir().join(format!("matmul-apt-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a writable folder");
    let cargo = stand_in(&dir);
    // Whoever we are, these say that we are root, that there is no OpenBLAS, and what was asked of them.
    for (name, body) in [
        ("pkg-config", "exit 1"),
        ("apt-get", "exit 0"),
        ("id", "echo 0"),
        ("timeout", "echo \"$@\" >>\"$ASKED\"; echo no mirror >&2; exit 124"),
    ] {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a writable folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
    }
    let run = |args: &[&str]| {
        let asked = dir.join("asked");
        fs::write(&asked, "").expect("a writable folder");
        let path = format!("{}:{}", dir.display(), std::env::var("PATH").expect("a path"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(args).env("CARGO", &cargo).env("PATH", path).env("ASKED", &asked);
        let out = command.env_remove("PKG_CONFIG").stdin(std::process::Stdio::null()).output();
        let out = out.expect("xtask starts");
        let asked = fs::read_to_string(&asked).expect("what was asked");
        (asked, String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (asked, said) = run(&["bench", "--quick"]);
    assert!(asked.lines().all(|line| line.starts_with("180 apt-get")) && !asked.is_empty(), "{asked}");
    assert!(said.starts_with("BLAS: installing libopenblas-dev with apt-get, for at most 180 s"), "{said}");
    assert!(said.contains("no mirror"), "{said}");
    for args in [&["bench", "--kernels", "simd"][..], &["bench", "--list"], &["bench", "--offline"]] {
        assert_eq!(run(args).0, "", "{args:?}");
    }
    fs::remove_dir_all(&dir).expect("our own folder");
}
