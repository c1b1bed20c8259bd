//! `cargo xtask`: set-up and tasks of this workspace. It decides, starts cargo and passes the exit status on; the
//! work itself is in `crates/lab` and `crates/mnist`.

mod asan;
mod asm;
mod blas;
mod bochs;
mod conform;
mod cross;
mod packages;
mod test;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use clap::{Args, Parser, Subcommand};

use blas::{Blas, Choice};

#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    about = "Set-up and tasks of the matmul workspace",
    after_help = "bench, conform, lesson and test take --blas system|bundled|none; without it, OpenBLAS is used if \
                  pkg-config finds it.\n\
                  conform takes --target TRIPLE or --isa avx512 --emulate, for what this machine is not.\n\
                  bench, conform, lesson, data and show take --from DIR_OR_URL (or MATMUL_MNIST), where MNIST is."
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure every kernel on this machine, on MNIST, after checking it
    #[command(disable_help_flag = true)]
    Bench(Forward),
    /// Check every kernel against the conformance kit
    #[command(disable_help_flag = true)]
    Conform(Forward),
    /// Climb the lesson's ladder, from three loops to BLAS; --update writes it into the chapters
    #[command(disable_help_flag = true)]
    Lesson(Forward),
    /// Fetch, verify and convert MNIST
    #[command(disable_help_flag = true)]
    Data(Forward),
    /// Show one MNIST digit
    #[command(disable_help_flag = true)]
    Show(Forward),
    /// Run all tests, then those of the SIMD kernels once per instruction set of this CPU
    Test {
        /// Which BLAS to link
        #[arg(long)]
        blas: Option<Choice>,
        /// Instead, the conformance tests under AddressSanitizer (needs a nightly toolchain)
        #[arg(long, conflicts_with = "blas")]
        asan: bool,
    },
    /// Print the caches of this machine and the block sizes of each kernel
    Blocking,
    /// Count instructions, FMAs and spills in the functions of matmul-simd
    Asm {
        /// Part of a function's name, such as f32_6x16_avx2
        kernel: String,
    },
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
    #[error("--blas needs one of system, bundled, none; found {found}")]
    Blas { found: String },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("no target {found:?}, expected aarch64-, s390x- or i686-unknown-linux-gnu")]
    Target { found: String },
    #[error("MATMUL_REQUIRE names {found:?}; expected names out of {expected}")]
    Require { found: String, expected: String },
    #[error("no function of matmul-simd has {kernel:?} in its name; those with FMAs are:\n{known}")]
    NoSuchKernel { kernel: String, known: String },
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
        Task::Bench(Forward { args }) => matrix("bench", args),
        Task::Conform(Forward { args }) if conform::is_emulated(&args) => conform::run(&args),
        Task::Conform(Forward { args }) => matrix("conform", args),
        Task::Lesson(Forward { args }) => matrix("lesson", args),
        Task::Data(Forward { args }) => mnist("data", args),
        Task::Show(Forward { args }) => mnist("show", args),
        Task::Test { asan: true, .. } => asan::run(),
        Task::Test { blas, .. } => test::run(Blas::decide(blas, false)?),
        Task::Blocking => matrix("blocking", vec!["--blas=none".into()]),
        Task::Asm { kernel } => asm::run(&kernel),
    }
}

/// Runs a subcommand of the matrix with a BLAS linked, if there is one.
fn matrix(subcommand: &str, mut args: Vec<OsString>) -> Result<u8, Error> {
    let choice = blas::take_choice(&mut args)?;
    // Help needs no BLAS, and `--offline` forbids fetching one.
    let offline = args.iter().any(|arg| arg == "--offline" || arg == "--help" || arg == "-h");
    let blas = Blas::decide(choice, offline)?;
    let mut cargo = cargo();
    cargo.args(["run", "--release", "--package", "matmul-lab"]).args(blas.cargo_args());
    if let Blas::Missing { reason } = &blas {
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
        let cli = Cli::try_parse_from(["xtask", "bench", "--quick", "--threads", "1,2", "--help"]).unwrap();
        let Task::Bench(Forward { args }) = cli.task else { panic!("expected bench") };
        assert_eq!(args, ["--quick", "--threads", "1,2", "--help"]);
    }

    #[test]
    fn unknown_tasks_are_refused() {
        for line in [&["xtask", "bnech"][..], &["xtask"], &["xtask", "test", "--fast"], &["xtask", "asm"]] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
