//! The first word of a newcomer is answered without a build: with a cargo that cannot be started.

use std::process::{Command, Output, Stdio};

const NO_CARGO: &str = "a-cargo-that-must-not-run";

/// The exit status, what was printed, and what was said to be wrong.
fn xtask(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(args).env("CARGO", NO_CARGO).env_remove("MATMUL_REQUIRE").env_remove("MATMUL_MAX_ISA");
    let Output { status, stdout, stderr } = command.output().expect("xtask starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// What the tests below rely on: anything that needs a build says that it could not have one.
#[test]
fn a_run_needs_cargo() {
    for args in [
        &["bench", "--quick", "--blas", "none"][..],
        &["conform", "--blas", "none"],
        &["lesson", "--blas", "none"],
        &["bench", "--blas", "none", "--blas-lib", "x.so", "--kernels", "x"],
    ] {
        let (status, stdout, stderr) = xtask(args);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(stderr.contains(&format!("cannot start {NO_CARGO}")), "{args:?}: {stderr}");
    }
}

#[test]
fn help_says_what_there_is() {
    let (status, stdout, _) = xtask(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(stdout.contains("Usage: cargo xtask <COMMAND>") && stdout.contains("bench"), "{stdout}");
    for (task, options) in [
        (
            "bench",
            &["--blas <BLAS>", "--quick", "--from", "[possible values: f32, f64]", "Exit status: 0"][..],
        ),
        ("conform", &["--blas <BLAS>", "--plan", "--target <TRIPLE>", "--emulate", "--publish"]),
        ("lesson", &["--blas <BLAS>", "--update", "--from"]),
    ] {
        for help in ["--help", "-h"] {
            let (status, stdout, stderr) = xtask(&[task, help]);
            assert_eq!((status, stderr.as_str()), (Some(0), ""), "{task}");
            assert!(stdout.contains(&format!("Usage: cargo xtask {task} [OPTIONS]")), "{stdout}");
            for option in options {
                assert!(stdout.contains(option), "{option} is not in\n{stdout}");
            }
        }
    }
}

#[test]
fn a_list_has_kernels_and_shapes() {
    let (status, stdout, stderr) = xtask(&["bench", "--list", "--threads", "1", "--blas", "none"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    for name in [
        "kernels on 1 thread:",
        "naive-broadcast",
        "matrixmultiply",
        "simd-neon",
        "blas                 unavailable: left out by --blas none",
        "64x784x50",
        "512x512x512/tn",
        "64x(64x64x64)",
    ] {
        assert!(stdout.contains(name), "{name} is not in\n{stdout}");
    }
}

/// A reader that has seen enough is no error, and a disk that is full is one.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_may_go() {
    for args in [&["bench", "--list", "--blas", "none"][..], &["plan", "--all", "--isa", "neon"], &["--help"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(args).env("CARGO", NO_CARGO).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("xtask starts");
        drop(child.stdout.take());
        let out = child.wait_with_output().expect("an end");
        assert_eq!((out.status.code(), out.stderr.len()), (Some(0), 0), "{args:?}");
    }
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full disk");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let out =
        command.args(["bench", "--list", "--blas", "none"]).stdout(full).output().expect("xtask starts");
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).starts_with("error: results could not be printed"));
}

#[test]
fn completions_know_the_options() {
    for (shell, words) in
        [("bash", "--fail-on-regression"), ("zsh", "fail-on-regression"), ("fish", "fail-on-regression")]
    {
        let (status, stdout, stderr) = xtask(&["completions", shell]);
        assert_eq!((status, stderr.as_str()), (Some(0), ""));
        assert!(stdout.contains(words) && stdout.contains("doctor"), "{stdout}");
    }
    assert_eq!(xtask(&["completions", "cmd"]).0, Some(2));
}

#[test]
fn plans_need_no_build() {
    let (status, stdout, stderr) = xtask(&["plan", "--all", "--isa", "neon", "--threads", "4"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("1x1500x1500 ") && stdout.contains("turned column / 4 pieces"), "{stdout}");
    // Only the limit of this machine does, and it comes last.
    let (status, stdout, stderr) = xtask(&["plan", "33", "--isa", "portable"]);
    assert_eq!(status, Some(2));
    assert!(stdout.contains("one piece: there is one thread"), "{stdout}");
    assert!(stderr.contains(&format!("cannot start {NO_CARGO}")), "{stderr}");
}

#[test]
fn a_wrong_argument_is_named() {
    for (args, words) in [
        (&["bench", "--fast"][..], &["--fast", "Usage: cargo xtask bench"][..]),
        (&["bench", "--dtype", "f16"], &["f16", "f32, f64"]),
        (&["bench", "--cell", "-1"], &["-1"]),
        (&["bench", "--cell", "0"], &["expected 0 to 1e6 seconds"]),
        (&["bench", "--shapes", "mnist,50000x784"], &["\"50000x784\"; nearest: 50000x784x10, ", "--list"]),
        (&["bench", "--list", "--shapes", "5x5"], &["\"5x5\""]),
        (&["bench", "--filter", "(simd"], &["(simd", "--filter <REGEX>"]),
        (&["bench", "--rounds", "0"], &["expected 1 to 1000000 rounds"]),
        (&["bench", "--blas", "none", "--out", "/dev/null/x"], &["no results can be written to /dev/null/x"]),
        (&["conform", "--blas", "none", "--out", "/dev/null"], &["no results can be written to /dev/null"]),
        (&["bench", "--kernels", "fsat"], &["\"fsat\"", "matrixmultiply"]),
        (&["bench", "--threads", "0"], &["thread count 0"]),
        (&["bench", "--threads", "100000"], &["thread count 100000"]),
        (&["bench", "--blas", "mkl"], &["mkl", "system, bundled, none"]),
        (&["conform", "--kernels", "fsat"], &["\"fsat\"", "simd-portable"]),
        (&["conform", "--plan", "some"], &["some", "glance"]),
        (&["conform", "--case", "edges f16 m=1 n=1 k=1"], &["f16"]),
        (&["conform", "--check"], &["--publish", "Usage: cargo xtask conform"]),
        (&["conform", "--target", "x"], &["\"x\"", "s390x"]),
        (&["plan", "3x4"], &["\"3x4\"", "MxKxN"]),
        (&["plan", "4", "--isa", "sse9"], &["sse9", "avx512"]),
        (&["plan", "4", "--dtype", "f16"], &["f16", "f32 or f64"]),
        (&["plan"], &["SHAPE", "Usage: cargo xtask plan"]),
        (&["lesson", "--sed", "1"], &["--sed", "Usage: cargo xtask lesson"]),
        (&["bnech"], &["bnech"]),
    ] {
        let (status, stdout, stderr) = xtask(args);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{args:?}: {stderr}");
        for word in words {
            assert!(stderr.contains(word), "{args:?}: {word} is not in\n{stderr}");
        }
        assert!(!stderr.contains(NO_CARGO), "{args:?}: {stderr}");
    }
}
