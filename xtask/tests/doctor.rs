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
