//! `cargo xtask doctor`: without a build, on any machine.

use std::process::Command;

use serde_json::Value;

fn doctor(args: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("doctor").args(args).envs(variables.iter().copied()).env("CARGO", "no-such-cargo");
    let out = command.output().expect("xtask starts");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

#[test]
fn every_doubt_has_its_line_and_its_command() {
    let variables = [("OPENBLAS_CORETYPE", "Haswell"), ("PKG_CONFIG", "no-such-program"), ("PATH", "")];
    let text = doctor(&[], &variables);
    for line in [
        "! machine       OPENBLAS_CORETYPE=Haswell is set: what it names may not run its best code\n                `unset OPENBLAS_CORETYPE`",
        "! BLAS          pkg-config finds no OpenBLAS: its row is missing from every table\n                `apt-get install",
        "! C compiler    missing:",
        "  CPU           ",
        "  emulator      NEON",
        "  emulator      AVX-512",
        "  instructions  ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() < 200), "{text}");
}

/// A pkg-config that finds an OpenBLAS in `folder`.
#[cfg(unix)]
fn pkg_config(folder: &std::path::Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let (path, folder) = (folder.join("pkg-config"), folder.display());
    let script =
        format!("#!/bin/sh\ncase $1 in --modversion) echo 9.9;; --variable=libdir) echo {folder};; esac\n");
    std::fs::write(&path, script).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    path
}

#[cfg(unix)]
#[test]
fn a_core_that_is_not_told_says_why() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("doctor");
    std::fs::create_dir_all(&folder).expect("a folder");
    let library =
        folder.join(format!("{}openblas{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX));
    let program = pkg_config(&folder);
    let blas = || {
        let text = doctor(&[], &[("PKG_CONFIG", program.to_str().expect("UTF-8"))]);
        text.lines().find(|line| line.contains(" BLAS ")).expect("a line").to_owned()
    };
    let begins = "  BLAS          OpenBLAS 9.9, by pkg-config; its core is not told: ";
    let _ = std::fs::remove_file(&library);
    assert_eq!(
        blas(),
        format!(
            "{begins}no shared {} in {}",
            library.file_name().and_then(|name| name.to_str()).expect("a name"),
            folder.display()
        )
    );
    std::fs::write(&library, "no library").expect("a file");
    let line = blas();
    assert!(line.starts_with(begins) && line.contains(library.to_str().expect("UTF-8")), "{line}");
}

/// The real one, where there is one that pkg-config finds.
#[test]
fn a_found_openblas_names_its_core() {
    let text = doctor(&[], &[]);
    let line = text.lines().find(|line| line.contains(" BLAS ")).expect("a line");
    if line.contains("pkg-config finds no OpenBLAS") {
        println!("SKIPPED: the core of OpenBLAS, because pkg-config finds none");
        return;
    }
    assert!(line.contains("; its core here is ") && !line.ends_with("is "), "{line}");
}

#[test]
fn json_says_the_same() {
    let json: Value = serde_json::from_str(&doctor(&["--json"], &[("MATMUL_MNIST", "x")])).expect("JSON");
    let findings = json.as_array().expect("a list");
    let topic = |name: &str| findings.iter().find(|finding| finding["topic"] == name).expect("a topic");
    assert_eq!(topic("MNIST")["found"], "from x (MATMUL_MNIST)");
    assert!(
        topic("CPU")["doubt"].is_null() && topic("CPU")["found"].as_str().is_some_and(|cpu| !cpu.is_empty())
    );
}
