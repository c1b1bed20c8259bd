//! `cargo xtask conform --target TRIPLE` and `--isa avx512 --emulate`: the kernels on architectures that this machine
//! is not.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Parser;
use serde_json::Value;

use crate::cross::{Cross, TARGETS, Target, make_static};
use crate::packages::{Packages, output};
use crate::test::required;
use crate::{Error, blas, bochs, cargo};

/// Checks the kernels under an emulator. Conformance of this machine takes other options: see `conform --help`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask conform", no_binary_name = true)]
struct Options {
    /// An architecture of Linux: aarch64, s390x or i686-unknown-linux-gnu
    #[arg(long, value_name = "TRIPLE", conflicts_with = "isa")]
    target: Option<String>,
    /// An instruction set of x86-64: avx512
    #[arg(long, value_parser = ["avx512"], requires = "emulate")]
    isa: Option<String>,
    /// In the full-system emulator Bochs, whatever this CPU has
    #[arg(long, requires = "isa")]
    emulate: bool,
    /// Folder of conformance.json; by default target/conform/NAME
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How much of the kit an emulator runs, some tens of million instructions a second.
const PLAN: (&str, &str) = ("MATMUL_CONFORMANCE_PLAN", "emulated");

/// The x86-64 target of the emulated machine.
const X86_64: &str = "x86_64-unknown-linux-gnu";

/// Whether these arguments of `conform` ask for an emulator.
pub(crate) fn is_emulated(args: &[std::ffi::OsString]) -> bool {
    let words = ["--target", "--emulate"];
    args.iter().filter_map(|arg| arg.to_str()).any(|arg| words.iter().any(|word| arg.starts_with(word)))
}

/// Runs the kernels and writes the record. A skip is success, unless `MATMUL_REQUIRE` names it.
pub(crate) fn run(args: &[std::ffi::OsString]) -> Result<u8, Error> {
    let options = Options::try_parse_from(args).unwrap_or_else(|error| error.exit());
    let required = required(std::env::var("MATMUL_REQUIRE").ok())?;
    let (name, names, result) = match &options.target {
        None => ("avx512", &["avx512"][..], with_packages("Bochs", avx512)?),
        Some(triple) => {
            let target = TARGETS.iter().find(|target| target.triple == triple);
            let target = target.ok_or_else(|| Error::Target { found: triple.clone() })?;
            (target.triple, target.names, with_packages(target.triple, |packages| foreign(target, packages))?)
        }
    };
    let out = options.out.unwrap_or_else(|| crate::root().join("target/conform").join(name));
    match result {
        Ok(None) => {
            println!("{name}: FAILED, the program ended without a record");
            Ok(1)
        }
        Ok(Some(Run { passed, record })) => {
            let path = out.join("conformance.json");
            fs::create_dir_all(&out).and_then(|()| fs::write(&path, record)).map_err(Error::write(&path))?;
            println!("{name}: {}, {}", if passed { "passed" } else { "FAILED" }, path.display());
            Ok(u8::from(!passed))
        }
        Err(because) => {
            let is_required = required.iter().any(|word| names.contains(&word.as_str()));
            let verdict = if is_required { "FAILED, as MATMUL_REQUIRE names it" } else { "SKIPPED" };
            println!("{verdict}: {name} because {because}");
            Ok(u8::from(is_required))
        }
    }
}

/// A run that came to its end.
struct Run {
    passed: bool,
    /// conformance.json.
    record: String,
}

/// What the emulator or compiler needs is fetched unasked if nobody is at the terminal.
fn with_packages(
    what: &str,
    work: impl Fn(&Packages) -> Result<Option<Run>, String>,
) -> Result<Result<Option<Run>, String>, Error> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Err("emulators are set up on x86-64 Linux alone".into()));
    }
    let packages = Packages::open()?;
    let question = format!("Fetch what {what} needs, up to 250 MB, to {}? [y/N] ", packages.dir().display());
    if io::stdin().is_terminal() && !packages.has_any() && !blas::ask(&question)? {
        return Ok(Err("its tools were not to be fetched".into()));
    }
    Ok(work(&packages))
}

/// The kernels on another architecture; and .npy files, whose byte order is the other thing that can go wrong there.
fn foreign(target: &'static Target, packages: &Packages) -> Result<Option<Run>, String> {
    let cross = Cross::set_up(target, packages)?;
    let formats =
        ["test", "--package", "matmul-mnist", "--no-default-features", "--lib", "--test", "formats"];
    let mut tests = cross.cargo(&formats)?;
    let formats = tests.status().map_err(|err| err.to_string())?.success();
    let mut certify = cross.cargo(&["run", "--package", "matmul-certify"])?;
    certify.env(PLAN.0, PLAN.1).env_remove("MATMUL_MAX_ISA").env_remove("MATMUL_REQUIRE");
    certify.envs(target.environment.iter().copied());
    let printed = certify.stderr(Stdio::inherit()).output().map_err(|err| err.to_string())?;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    Ok(finish(&printed, target.triple, &cross.how()?, &[("npy", formats)]))
}

/// The AVX-512 kernel in the full-system emulator.
fn avx512(packages: &Packages) -> Result<Option<Run>, String> {
    bochs::set_up(packages)?;
    let build = packages.dir().join("build");
    let mut command = cargo();
    command.args(["build", "--release", "--package", "matmul-certify", "--target", X86_64, "--target-dir"]);
    make_static(command.arg(&build), X86_64);
    let built = command.status().map_err(|err| err.to_string())?;
    if !built.success() {
        return Err(format!("cargo could not build matmul-certify for {X86_64}"));
    }
    let program = stripped(&build.join(X86_64).join("release/matmul-certify"));
    let environment = [PLAN, ("MATMUL_REQUIRE", "avx512")];
    let printed = bochs::boot(packages, &program, &environment, &["simd-avx512"])?;
    // A serial line ends its lines in CR LF.
    let (record, text): (Vec<&str>, Vec<&str>) = printed.lines().partition(|line| is_record(line));
    eprintln!("{}", text.join("\n"));
    Ok(finish(record.first().unwrap_or(&""), X86_64, &bochs::how(), &[]))
}

/// A smaller copy of a program, if there is a `strip`: debugging information takes longer to load than the program runs.
fn stripped(program: &Path) -> PathBuf {
    let small = program.with_extension("stripped");
    let strip = output(std::process::Command::new("strip").arg("-o").arg(&small).arg(program));
    if strip.is_ok() { small } else { program.into() }
}

fn is_record(line: &str) -> bool {
    line.starts_with("{\"schema\"")
}

/// The record in a program's output, with what the program cannot know: where it ran, and which other tests passed.
fn finish(printed: &str, target: &str, how: &str, tests: &[(&str, bool)]) -> Option<Run> {
    let mut record: serde_json::Map<String, Value> =
        serde_json::from_str(printed.lines().rfind(|line| is_record(line))?).ok()?;
    let passed = record.get("passed") == Some(&Value::Bool(true)) && tests.iter().all(|(_, passed)| *passed);
    let tests = tests.iter().map(|(name, passed)| ((*name).to_owned(), Value::from(*passed))).collect();
    record.insert("target".into(), target.into());
    record.insert("how".into(), how.into());
    record.insert("tests".into(), Value::Object(tests));
    record.insert("passed".into(), passed.into());
    Some(Run { passed, record: format!("{:#}\n", Value::Object(record)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulators_are_told_from_this_machine() {
        let is_emulated = |args: &[&str]| is_emulated(&args.iter().map(Into::into).collect::<Vec<_>>());
        assert!(is_emulated(&["--target", "s390x-unknown-linux-gnu"]));
        assert!(is_emulated(&["--out", "x", "--target=s390x-unknown-linux-gnu"]));
        assert!(is_emulated(&["--isa", "avx512", "--emulate"]));
        assert!(!is_emulated(&["--kernels", "simd", "--out", "x"]));
    }

    #[test]
    fn options_go_together() {
        for line in [
            &["--target", "x", "--isa", "avx512"][..],
            &["--emulate"],
            &["--isa", "avx512"],
            &["--isa", "avx2", "--emulate"],
            &["--target", "x", "--kernels", "simd"],
        ] {
            assert!(Options::try_parse_from(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_record_passes_if_it_says_so_and_the_tests_did() {
        let passed = |printed, npy| finish(printed, "s390x", "qemu", &[("npy", npy)]).map(|run| run.passed);
        assert_eq!(passed("noise\n{\"schema\":1,\"passed\":true}\n", true), Some(true));
        assert_eq!(passed("{\"schema\":1,\"passed\":true}", false), Some(false));
        assert_eq!(passed("{\"schema\":1,\"passed\":false}", true), Some(false));
        assert_eq!(passed("", true), None);
        assert_eq!(passed("{\"schema\":1,\"passed\":tr", true), None);
    }
}
