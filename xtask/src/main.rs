//! `cargo xtask`: set-up and tasks of this workspace. It decides, starts cargo and passes the exit status on; the
//! work itself is in `crates/lab` and `crates/mnist`. What can be answered without building those, help, lists and wrong
//! arguments, is answered here, with the lab's own types.

mod asan;
mod asm;
mod blas;
mod bochs;
mod conform;
mod cross;
mod packages;
mod plan;
mod size;
mod test;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use clap::{Args, Parser, Subcommand};

use matmul_lab::catalogue::names;
use matmul_lab::options;

use blas::{Blas, Choice};

#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    about = "Set-up and tasks of the matmul workspace",
    after_help = "bench, conform, lesson and test use the OpenBLAS that pkg-config finds, unless --blas says otherwise.\n\
                  conform also runs on what this machine is not: --target TRIPLE, or --isa avx512 --emulate.\n\
                  bench, lesson, data and show take --from DIR_OR_URL (or MATMUL_MNIST), where MNIST is."
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure every kernel on this machine, on MNIST, after checking it
    Bench {
        #[command(flatten)]
        blas: Linked,
        #[command(flatten)]
        options: options::Bench,
    },
    /// Check every kernel against the conformance kit
    Conform {
        #[command(flatten)]
        blas: Linked,
        #[command(flatten)]
        emulation: conform::Emulation,
        #[command(flatten)]
        options: options::Conform,
    },
    /// Climb the lesson's ladder, from three loops to BLAS
    Lesson {
        #[command(flatten)]
        blas: Linked,
        #[command(flatten)]
        options: options::Lesson,
    },
    /// Fetch, verify and convert MNIST
    #[command(disable_help_flag = true)]
    Data(Forward),
    /// Show one MNIST digit
    #[command(disable_help_flag = true)]
    Show(Forward),
    /// Run all tests, then those of the SIMD kernels once per instruction set of this CPU
    Test {
        #[command(flatten)]
        blas: Linked,
        /// Instead, the conformance tests under AddressSanitizer (needs a nightly toolchain)
        #[arg(long, conflicts_with = "blas")]
        asan: bool,
    },
    /// Print the caches of this machine and the block sizes of each kernel
    Blocking,
    /// Print which way a product goes, why, and what limits it
    Plan(plan::Options),
    /// Build each program of alone/ by itself: seconds, and bytes of machine code
    Size(size::Options),
    /// Count instructions, FMAs and spills in the functions of matmul-simd
    Asm {
        /// Part of a function's name, such as f32_6x16_avx2
        kernel: String,
    },
}

/// The BLAS that a program is built with.
#[derive(Args)]
#[group(skip)]
struct Linked {
    /// Which BLAS to link; else OpenBLAS, if pkg-config finds it or it can be installed
    #[arg(long)]
    blas: Option<Choice>,
}

#[derive(Args)]
struct Forward {
    /// Passed on
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Why a task could not be carried out. A program that ran and failed is not one of these: its status is passed on.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot start {program}: {source}")]
    Spawn { program: String, source: io::Error },
    #[error("cannot read {what}: {source}")]
    Read { what: String, source: io::Error },
    #[error(transparent)]
    Options(#[from] options::OptionsError),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("no target {found:?}, expected aarch64-, s390x- or i686-unknown-linux-gnu")]
    Target { found: String },
    #[error("MATMUL_REQUIRE names {found:?}; expected names out of {expected}")]
    Require { found: String, expected: String },
    #[error("no function of matmul-simd has {kernel:?} in its name; those with FMAs are:\n{known}")]
    NoSuchKernel { kernel: String, known: String },
    #[error(transparent)]
    Plan(#[from] plan::Error),
    #[error(transparent)]
    Size(#[from] size::Error),
}

impl Error {
    fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Error::Write { path: path.clone(), source }
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> Result<u8, Error> {
    match task {
        Task::Bench { blas, options } => {
            options.check()?;
            // A list installs nothing, and help and lists build nothing.
            let linked = Blas::decide(blas.blas, options.list || options.data.offline)?;
            if options.list {
                print!("{}", names::list(&options.thread_counts()?, |_| linked.listed(&options.blas_lib)));
                return Ok(0);
            }
            lab("bench", &linked, forwarded(env::args_os()))
        }
        Task::Conform { emulation, options, .. } if emulation.is_asked_for() => {
            conform::run(&emulation, options.out)
        }
        Task::Conform { blas, options, .. } => {
            options.check()?;
            lab("conform", &Blas::decide(blas.blas, false)?, forwarded(env::args_os()))
        }
        Task::Lesson { blas, options } => {
            lab("lesson", &Blas::decide(blas.blas, options.data.offline)?, forwarded(env::args_os()))
        }
        Task::Data(Forward { args }) => mnist("data", args),
        Task::Show(Forward { args }) => mnist("show", args),
        Task::Test { asan: true, .. } => asan::run(),
        Task::Test { blas, .. } => test::run(Blas::decide(blas.blas, false)?),
        Task::Blocking => lab("blocking", &Blas::decide(Some(Choice::None), true)?, Vec::new()),
        Task::Plan(options) => Ok(plan::run(&options)?),
        Task::Size(options) => Ok(size::run(&options)?),
        Task::Asm { kernel } => asm::run(&kernel),
    }
}

/// What this process was given behind the name of the task, for the program that parses it with the same types; but
/// `--blas`, which says how that program is built.
fn forwarded(command_line: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args = command_line.skip(2).collect();
    blas::remove_choice(&mut args);
    args
}

/// Builds the lab with a BLAS linked, if there is one, and runs a subcommand.
fn lab(subcommand: &str, blas: &Blas, args: Vec<OsString>) -> Result<u8, Error> {
    let mut cargo = cargo();
    cargo.args(["run", "--release", "--package", "matmul-lab"]).args(blas.cargo_args());
    if let Blas::Missing { reason } = blas {
        eprintln!("BLAS: {reason}");
    }
    status(cargo.arg("--").arg(subcommand).args(args))
}

fn mnist(subcommand: &str, args: Vec<OsString>) -> Result<u8, Error> {
    let mut cargo = cargo();
    cargo.args(["run", "--release", "--package", "matmul-mnist", "--bin", "mnist", "--", subcommand]);
    status(cargo.args(args))
}

/// The cargo that started us.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The root of the workspace.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a program to its end.
fn status(command: &mut Command) -> Result<u8, Error> {
    command.status().map(exit_code).map_err(|source| spawn_error(command, source))
}

fn spawn_error(command: &Command, source: io::Error) -> Error {
    Error::Spawn { program: command.get_program().to_string_lossy().into(), source }
}

/// The status to pass on. One that does not fit (a signal, an NTSTATUS of Windows) becomes 1, never success.
fn exit_code(status: ExitStatus) -> u8 {
    match status.code() {
        Some(code) => u8::try_from(code).unwrap_or(1),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_are_passed_on_untouched() {
        let cli = Cli::try_parse_from(["xtask", "show", "0", "--split", "valid", "--help"]).unwrap();
        let Task::Show(Forward { args }) = cli.task else { panic!("expected show") };
        assert_eq!(args, ["0", "--split", "valid", "--help"]);
        let line = ["xtask", "bench", "--quick", "--blas", "none", "--threads", "1,2"].map(Into::into);
        assert_eq!(forwarded(line.into_iter()), ["--quick", "--threads", "1,2"]);
    }

    #[test]
    fn a_wrong_blas_is_named() {
        let error = |line: &[&str]| Cli::try_parse_from(line).err().map(|error| error.to_string());
        assert!(error(&["xtask", "bench", "--blas", "mkl"]).is_some_and(|error| error.contains("mkl")));
        assert!(
            error(&["xtask", "bench", "--blas"]).is_some_and(|error| error.contains("value is required"))
        );
    }

    #[test]
    fn unknown_tasks_are_refused() {
        for line in [&["xtask", "bnech"][..], &["xtask"], &["xtask", "test", "--fast"], &["xtask", "asm"]] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
