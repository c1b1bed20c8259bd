//! `cargo xtask test`: everything once, then the SIMD kernels once per instruction set.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use matmul_simd::Isa;

use crate::blas::Blas;
use crate::cross::TARGETS;
use crate::{Error, cargo, exit_code, spawn_error};
use matmul_lab::{say, terminal};

/// The crates whose code depends on the instruction set chosen at run time.
const ISA_CRATES: [&str; 3] = ["matmul-simd", "matmul-parallel", "matmul-kernels"];

/// How one run of the plan ended.
#[derive(Debug)]
enum Outcome {
    Ran {
        counts: Counts,
        code: u8,
    },
    Skipped {
        because: String,
    },
    /// Skipped although `MATMUL_REQUIRE` names it.
    Missing {
        because: String,
    },
}

/// Sums of the test harness's own figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs every test that this machine can run. The status is that of the first run that failed.
pub(crate) fn run(blas: Blas) -> Result<u8, Error> {
    let required = required(env::var("MATMUL_REQUIRE").ok())?;
    let is_required = |name: &str| required.iter().any(|r| r == name);
    let skip = |name: &str, because: String| {
        say!("SKIPPED: {name} because {because}");
        if is_required(name) { Outcome::Missing { because } } else { Outcome::Skipped { because } }
    };
    let mut report: Vec<(String, Outcome)> = Vec::new();

    let mut all = cargo();
    all.args(["test", "--workspace", "--no-fail-fast"]).args(blas.cargo_args());
    let best = Isa::best().map_or("no instruction set", Isa::name);
    report.push((format!("all crates, {best}"), execute(&mut all)?));
    if let Blas::Missing { reason } = &blas {
        report.push(("blas".into(), skip("blas", reason.clone())));
    }

    for &isa in Isa::ALL {
        let name = isa.name();
        if Isa::best() == Ok(isa) {
            continue;
        }
        let outcome = match why_not(isa) {
            Some(because) => skip(name, because),
            None => execute(&mut cargo_test_with(isa))?,
        };
        report.push((format!("{}, {name}", ISA_CRATES.join(" + ")), outcome));
    }
    Ok(print_summary(&report))
}

/// The names in `MATMUL_REQUIRE`, all of them known.
pub(crate) fn required(value: Option<String>) -> Result<Vec<String>, Error> {
    let names: Vec<String> = value
        .iter()
        .flat_map(|v| v.split(','))
        .map(|n| n.trim().to_owned())
        .filter(|n| !n.is_empty())
        .collect();
    let targets = TARGETS.iter().flat_map(|target| target.names);
    let known: Vec<&str> =
        Isa::ALL.iter().map(|isa| isa.name()).chain(targets.copied()).chain(["blas"]).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(found) => Err(Error::Require { found: found.clone(), expected: known.join(", ") }),
        None => Ok(names),
    }
}

/// Why the tests cannot run with `isa`.
fn why_not(isa: Isa) -> Option<String> {
    if !isa.is_available() {
        let elsewhere = match isa {
            Isa::Neon => "; `cargo xtask conform --target aarch64-unknown-linux-gnu` emulates one",
            Isa::Avx512 => "; `cargo xtask conform --isa avx512 --emulate` emulates one",
            _ => "",
        };
        Some(format!("this machine is not {}{elsewhere}", isa.needs()))
    } else if Isa::best().is_ok_and(|best| isa > best) {
        Some("MATMUL_MAX_ISA excludes it".into())
    } else {
        None
    }
}

/// The tests that depend on the instruction set, held to `isa`: at most that by MATMUL_MAX_ISA, at least that by
/// MATMUL_REQUIRE, so that a run that silently used another one would fail. By the quick plan: the run before it has
/// certified each instruction set by name, and what is left is that the dispatch obeys.
fn cargo_test_with(isa: Isa) -> Command {
    let mut command = cargo();
    command.args(["test", "--lib", "--tests", "--no-fail-fast"]);
    command.args(ISA_CRATES.iter().flat_map(|name| ["--package", name]));
    command.env("MATMUL_MAX_ISA", isa.name()).env("MATMUL_REQUIRE", isa.name());
    command.env("MATMUL_CONFORMANCE_PLAN", "quick");
    command
}

/// Runs a test command, passing its output on and adding up its figures.
fn execute(command: &mut Command) -> Result<Outcome, Error> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|source| spawn_error(command, source))?;
    let read_error = |source| Error::Read { what: "cargo's output".into(), source };
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        // Bytes, not lines: what a test prints need not be UTF-8.
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).map_err(read_error)? > 0 {
            let text = String::from_utf8_lossy(&line);
            terminal::out(format_args!("{text}"));
            counts.add(&text);
            line.clear();
        }
    }
    let status = child.wait().map_err(read_error)?;
    Ok(Outcome::Ran { counts, code: exit_code(status) })
}

impl Counts {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; ...`; other lines count nothing.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let mut words = result.split([' ', ';']).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let Ok(count) = word.parse::<u64>() else { continue };
            match words.peek() {
                Some(&"passed") => self.passed += count,
                Some(&"failed") => self.failed += count,
                Some(&"ignored") => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl Outcome {
    /// 0 if this is no reason to fail. A run in which no test passed proves nothing, so it is one.
    fn code(&self) -> u8 {
        match self {
            Outcome::Ran { counts, code: 0 } if counts.passed == 0 => 1,
            Outcome::Ran { code, .. } => *code,
            Outcome::Skipped { .. } => 0,
            Outcome::Missing { .. } => 1,
        }
    }
}

/// One line per run. Returns the status of the first that failed.
fn print_summary(report: &[(String, Outcome)]) -> u8 {
    say!("\ncargo xtask test on {} {}:", env::consts::ARCH, env::consts::OS);
    for (name, outcome) in report {
        match outcome {
            Outcome::Ran { counts: Counts { passed, failed, ignored }, .. } => {
                let verdict = if outcome.code() == 0 { "PASSED" } else { "FAILED" };
                say!("  {verdict}   {name}: {passed} passed, {failed} failed, {ignored} ignored");
            }
            Outcome::Skipped { because } => say!("  SKIPPED  {name}, because {because}"),
            Outcome::Missing { because } => {
                say!("  FAILED   {name}: MATMUL_REQUIRE names it, but {because}");
            }
        }
    }
    report.iter().map(|(_, outcome)| outcome.code()).find(|&code| code != 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_added_up() {
        let mut counts = Counts::default();
        counts.add("running 5 tests\n");
        counts.add(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 1s\n",
        );
        counts.add("test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n");
        assert_eq!(counts, Counts { passed: 7, failed: 2, ignored: 1 });
    }

    #[test]
    fn an_empty_run_and_a_missing_requirement_fail() {
        let ran = |passed, code| Outcome::Ran { counts: Counts { passed, ..Counts::default() }, code };
        let skipped = Outcome::Skipped { because: "no NEON".into() };
        let missing = Outcome::Missing { because: "no NEON".into() };
        assert_eq!([ran(3, 0).code(), ran(0, 0).code(), ran(3, 101).code()], [0, 1, 101]);
        assert_eq!([skipped.code(), missing.code()], [0, 1]);

        assert_eq!(print_summary(&[("a".into(), ran(3, 0)), ("b".into(), skipped)]), 0);
        assert_eq!(
            print_summary(&[("a".into(), ran(3, 0)), ("b".into(), ran(1, 101)), ("c".into(), missing)]),
            101
        );
    }

    #[test]
    fn requirements_are_known_names() {
        assert_eq!(required(Some("avx2, blas,".into())).unwrap(), ["avx2", "blas"]);
        assert!(required(None).unwrap().is_empty());
        let error = required(Some("avx-2".into())).unwrap_err().to_string();
        assert!(error.contains("avx-2") && error.contains("avx512"), "{error}");
    }

    #[test]
    fn forced_runs_require_what_they_allow() {
        let command = cargo_test_with(Isa::Avx2);
        let set: Vec<_> =
            command.get_envs().map(|(key, value)| (key.to_str(), value.and_then(|v| v.to_str()))).collect();
        let set: Vec<_> = set.into_iter().map(|(key, value)| (key.unwrap(), value.unwrap())).collect();
        assert!(
            set.contains(&("MATMUL_MAX_ISA", "avx2")) && set.contains(&("MATMUL_REQUIRE", "avx2")),
            "{set:?}"
        );
    }
}
