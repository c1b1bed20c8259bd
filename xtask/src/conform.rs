//! `cargo xtask conform --target TRIPLE` and `--isa avx512 --emulate`: the kernels on architectures that this machine
//! is not.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use matmul_report::Record;

use crate::cross::{Cross, TARGETS, Target, make_static};
use crate::packages::{Packages, output};
use crate::test::required;
use crate::{Error, blas, bochs, cargo};
use matmul_lab::{say, tell};

/// Where else than on this machine: an emulator takes the whole kit for all of our kernels, and no other option.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Emulation {
    /// An architecture of Linux: aarch64, s390x or i686-unknown-linux-gnu
    #[arg(long, value_name = "TRIPLE", conflicts_with = "isa", conflicts_with_all = ELSEWHERE, value_parser = target)]
    target: Option<&'static Target>,
    /// An instruction set of x86-64, with --emulate
    #[arg(long, value_parser = ["avx512"], requires = "emulate", conflicts_with_all = ELSEWHERE)]
    isa: Option<String>,
    /// In the full-system emulator Bochs, whatever this CPU has
    #[arg(long, requires = "isa")]
    emulate: bool,
}

/// The options of a run on this machine.
const ELSEWHERE: [&str; 9] =
    ["blas", "kernels", "plan", "seed", "case", "blas_lib", "publish", "check", "document"];

fn target(triple: &str) -> Result<&'static Target, Error> {
    let target = TARGETS.iter().find(|target| target.triple == triple);
    target.ok_or_else(|| Error::Target { found: triple.to_owned() })
}

impl Emulation {
    /// Whether these options ask for an emulator.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.target.is_some() || self.isa.is_some()
    }
}

/// How much of the kit an emulator runs, some tens of million instructions a second.
const PLAN: (&str, &str) = ("MATMUL_CONFORMANCE_PLAN", "emulated");

/// The variable that tells the program where it runs.
const HOW: &str = "MATMUL_CONFORMANCE_HOW";

/// The x86-64 target of the emulated machine.
const X86_64: &str = "x86_64-unknown-linux-gnu";

/// Runs the kernels and writes the record. A skip is success, unless `MATMUL_REQUIRE` names it.
pub(crate) fn run(emulation: &Emulation, out: Option<PathBuf>) -> Result<u8, Error> {
    let required = required(std::env::var("MATMUL_REQUIRE").ok())?;
    let (name, names, result) = match emulation.target {
        None => ("avx512", &["avx512"][..], with_packages("Bochs", avx512)?),
        Some(target) => {
            (target.triple, target.names, with_packages(target.triple, |packages| foreign(target, packages))?)
        }
    };
    let out = out.map_or_else(|| crate::folders::target().map(|dir| dir.join("conform").join(name)), Ok)?;
    match result {
        Ok(None) => {
            say!("{name}: FAILED, the program ended without a record");
            Ok(1)
        }
        Ok(Some(Run { passed, record })) => {
            let path = out.join("conformance.json");
            fs::create_dir_all(&out).and_then(|()| fs::write(&path, record)).map_err(Error::write(&path))?;
            say!("{name}: {}, {}", if passed { "passed" } else { "FAILED" }, path.display());
            Ok(u8::from(!passed))
        }
        Err(because) => {
            let is_required = required.iter().any(|word| names.contains(&word.as_str()));
            let verdict = if is_required { "FAILED, as MATMUL_REQUIRE names it" } else { "SKIPPED" };
            say!("{verdict}: {name} because {because}");
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
    certify.envs(target.environment.iter().copied()).env(HOW, cross.how()?);
    let printed = certify.stderr(Stdio::inherit()).output().map_err(|err| err.to_string())?;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    finish(&printed, &[("npy", formats)])
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
    let how = bochs::how();
    let environment = [PLAN, ("MATMUL_REQUIRE", "avx512"), (HOW, &how)];
    let printed = bochs::boot(packages, &program, &environment, &["simd-avx512"])?;
    // A serial line ends its lines in CR LF.
    let (record, text): (Vec<&str>, Vec<&str>) = printed.lines().partition(|line| is_record(line));
    tell!("{}", text.join("\n"));
    finish(record.first().unwrap_or(&""), &[])
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

/// The record in a program's output, with the tests that ran beside it; `None` if it printed no whole one.
fn finish(printed: &str, tests: &[(&str, bool)]) -> Result<Option<Run>, String> {
    let Some(line) = printed.lines().rfind(|line| is_record(line)) else { return Ok(None) };
    let mut record = match Record::from_json(line) {
        Ok(record) => record,
        Err(why) => {
            tell!("{why}");
            return Ok(None);
        }
    };
    record.tests.extend(tests.iter().map(|(name, passed)| ((*name).to_owned(), *passed)));
    let passed = record.finish();
    let record = serde_json::to_string_pretty(&record).map_err(|err| err.to_string())?;
    Ok(Some(Run { passed, record: format!("{record}\n") }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parse(line: &[&str]) -> Result<Emulation, clap::Error> {
        let line = ["xtask", "conform"].iter().chain(line);
        match crate::Cli::try_parse_from(line)?.task {
            crate::Task::Conform { emulation, .. } => Ok(emulation),
            _ => panic!("expected conform"),
        }
    }

    #[test]
    fn emulators_are_told_from_this_machine() {
        let is_emulated = |args: &[&str]| parse(args).unwrap().is_asked_for();
        assert!(is_emulated(&["--target", "s390x-unknown-linux-gnu"]));
        assert!(is_emulated(&["--out", "x", "--target=s390x-unknown-linux-gnu"]));
        assert!(is_emulated(&["--isa", "avx512", "--emulate"]));
        assert!(!is_emulated(&["--kernels", "simd", "--out", "x"]));
    }

    #[test]
    fn options_go_together() {
        let target = "s390x-unknown-linux-gnu";
        for line in [
            &["--target", target, "--isa", "avx512"][..],
            &["--emulate"],
            &["--isa", "avx512"],
            &["--isa", "avx2", "--emulate"],
            &["--target", target, "--kernels", "simd"],
            &["--target", target, "--blas", "none"],
            &["--target", "x"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
        assert!(parse(&["--target", "x"]).unwrap_err().to_string().contains("aarch64"));
    }

    /// What the program prints: a kernel of ours, checked, and its fingerprint.
    fn printed(slope: f64) -> String {
        format!(
            "{{\"schema\":1,\"target\":\"s390x\",\"how\":\"qemu\",\"plan\":\"emulated\",\"ran\":1,\"kernels\":1,\"passed\":true,\
             \"fingerprints\":[{{\"kernel\":\"blocked\",\"threads\":1,\"dtype\":\"f32\",\"found\":\"0x1\",\"expected\":\"0x1\"}}],\
             \"checks\":[{{\"family\":\"own\",\"threads\":1,\"report\":{{\"kernel\":\"blocked\",\"dtype\":\"f32\",\
             \"promise\":\"same-bits\",\"unavailable\":null,\"families\":[],\"worst_ratio\":0.5,\"slope\":{slope}}}}}]}}"
        )
    }

    #[test]
    fn a_record_passes_if_its_kernels_did_and_the_tests_beside() {
        let passed = |printed: &str, npy| finish(printed, &[("npy", npy)]).unwrap().map(|run| run.passed);
        let (good, bad) = (printed(1.0), printed(1.5));
        assert_eq!(passed(&format!("noise\n{good}\n"), true), Some(true));
        assert_eq!(passed(&good, false), Some(false));
        assert_eq!(passed(&bad, true), Some(false));
        assert_eq!(passed("", true), None);
        assert_eq!(passed(&good[..good.len() - 1], true), None);
        let written = finish(&good, &[("npy", true)]).unwrap().unwrap().record;
        let record = Record::from_json(&written).unwrap();
        assert_eq!((record.target.as_str(), record.how.as_str()), ("s390x", "qemu"));
        assert_eq!(record.tests.get("npy"), Some(&true));
    }

    #[test]
    fn a_record_of_another_type_is_none() {
        let other = printed(1.0).replace("\"dtype\":\"f32\",\"promise\"", "\"dtype\":\"f16\",\"promise\"");
        assert!(other.contains("f16") && finish(&other, &[]).unwrap().is_none());
    }
}
