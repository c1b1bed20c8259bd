//! The examples as programs, on synthetic digits.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// An example of this profile, in a folder of its own. `None` if cargo was told to build tests alone.
fn program(name: &str, dir: &Path, args: &[&str]) -> Option<Command> {
    let test = env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if !program.is_file() {
        eprintln!("SKIPPED: {} is not built; `cargo test -p matmul-lesson` builds it", program.display());
        return None;
    }
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).env_remove("MATMUL_MNIST");
    Some(command)
}

/// Runs one: success, standard output and standard error.
fn run(name: &str, dir: &Path, args: &[&str]) -> Option<(bool, String, String)> {
    let output = program(name, dir, args)?.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some((output.status.success(), text(output.stdout), text(output.stderr)))
}

/// What follows `word` on its line.
fn after<'a>(text: &'a str, word: &str) -> &'a str {
    let at = text.find(word).unwrap_or_else(|| panic!("no {word:?} in {text}"));
    text[at + word.len()..].lines().next().unwrap()
}

/// Whoever has read enough closes the pipe, which is no error and no panic.
#[test]
fn a_reader_may_go() {
    for name in ["mnist_linear", "mnist_mlp"] {
        let dir = tempfile::tempdir().unwrap();
        let Some(mut command) = program(name, dir.path(), &["--offline"]) else { return };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        let err = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.success() && !err.contains("panicked"), "{name}: {err}");
    }
}

#[test]
fn the_programs_do_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let Some((ok, out, err)) = run("mnist_linear", dir.path(), &["--offline"]) else { return };
    assert!(ok, "{err}");
    assert!(
        out.contains("SYNTHETIC") && out.contains("10000x10 in ") && out.contains("by parallel"),
        "{out}"
    );

    let mut digests = Vec::new();
    for kernel in ["blocked", "parallel"] {
        let args = ["--offline", "--epochs", "1", "--kernel", kernel, "--out", "plots"];
        let Some((ok, out, err)) = run("mnist_mlp", dir.path(), &args) else { return };
        assert!(ok, "{err}");
        let right: f64 = after(&out, "test: ").split(' ').next().unwrap().parse().unwrap();
        assert!(right > 90.0, "{out}");
        assert!(after(&out, "64 x 784 x 50 ").contains("781 "), "{out}");
        let share: f64 = after(&out, "\nmatmul ").split_whitespace().nth(2).unwrap().parse().unwrap();
        assert!(share > 10.0 && share < 100.0, "{out}");
        digests.push(after(&out, "sha256 ").to_owned());
    }
    assert_eq!(digests[0], digests[1]);
    for plot in ["mnist_mlp-loss.svg", "mnist_mlp-digits.svg"] {
        assert!(std::fs::read_to_string(dir.path().join("plots").join(plot)).unwrap().starts_with("<svg"));
    }

    let Some((ok, _, err)) = run("mnist_mlp", dir.path(), &["--kernel", "fast"]) else { return };
    assert!(!ok && err.contains("unknown kernel \"fast\", expected one of naive-loops, "), "{err}");
}
