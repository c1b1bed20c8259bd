//! `cargo xtask`: set-up and tasks of this workspace. It decides, starts cargo and passes the exit status on; the
//! work itself is in `crates/lab` and `crates/mnist`. What can be answered without building those, help, lists and wrong
//! arguments, is answered here, with the lab's own types.

// A closed pipe makes println! panic: `say!` and `tell!` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod api;
mod asan;
mod asm;
mod blas;
mod bochs;
mod compare;
mod conform;
mod cross;
mod doctor;
mod folders;
mod instructions;
mod openblas;
mod packages;
mod plan;
mod published;
mod renew;
mod size;
mod test;
mod texts;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use matmul_lab::catalogue::names;
use matmul_lab::options;

use blas::{Blas, Choice};
use matmul_lab::{tell, terminal};

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
    #[command(after_help = options::Bench::EXIT_STATUS)]
    Bench {
        #[command(flatten)]
        blas: Linked,
        #[command(flatten)]
        options: Box<options::Bench>,
    },
    /// Compare two runs of bench: what is faster, what is slower, what cannot be told
    Compare(compare::Options),
    /// Check every kernel against the conformance kit
    Conform {
        #[command(flatten)]
        blas: Linked,
        #[command(flatten)]
        emulation: conform::Emulation,
        #[command(flatten)]
        options: options::Conform,
    },
    /// What this machine and checkout have, what is doubtful, and what mends it
    Doctor(doctor::Options),
    /// Count the instructions of some products with valgrind: for machines on which times say nothing
    Instructions(instructions::Options),
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
    /// Make the packages that are published, and build each from what is in it
    Package,
    /// Build what is published with the oldest compiler that it names, and run the kernels' tests with it
    Msrv,
    /// Write the files that follow from others: the packages' READMEs, the table of their features;
    /// with --api, the listings of public items
    Renew(renew::Options),
    /// Build each program of alone/ by itself: seconds, and bytes of machine code
    Size(size::Options),
    /// Print completions for a shell in which `xtask` is an alias of `cargo xtask`
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
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
    #[error("cargo metadata: expected target_directory, found {found}")]
    Metadata { found: String },
    #[error("cargo metadata: expected packages, found {found}")]
    Packages { found: String },
    #[error("results could not be printed: {source}")]
    Output { source: io::Error },
    #[error("the comparison as JSON: {0}")]
    Json(serde_json::Error),
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
    #[error("expected a count from valgrind, found {found:?}")]
    Instructions { found: String },
    #[error(transparent)]
    Core(#[from] openblas::CoreError),
    #[error(transparent)]
    Plan(#[from] plan::Error),
    #[error(transparent)]
    Renew(#[from] texts::Error),
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
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let nothing = ArgMatches::default();
    let given = matches.subcommand().map_or(&nothing, |(_, given)| given);
    let result = run(cli.task, given);
    let lost = terminal::lost().map(|source| Error::Output { source });
    match result.and_then(|code| lost.map_or(Ok(code), Err)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// `given`: the arguments of the task, and which of them the command line names.
fn run(task: Task, given: &ArgMatches) -> Result<u8, Error> {
    match task {
        Task::Bench { blas, options } => bench(blas, &options, given),
        Task::Compare(options) => compare::run(&options),
        Task::Doctor(options) => doctor::run(&options),
        Task::Conform { emulation, options, .. } if emulation.is_asked_for() => {
            conform::run(&emulation, options.out)
        }
        Task::Conform { blas, options, .. } => {
            options.check()?;
            options.out.as_deref().map_or(Ok(()), options::claim)?;
            let args = forwarded(given, env::args_os())?;
            lab("conform", &Blas::decide(blas.blas, names::wants_blas(&options.kernels))?, args)
        }
        Task::Instructions(options) => instructions::run(&options),
        Task::Lesson { blas, options } => {
            let args = forwarded(given, env::args_os())?;
            lab("lesson", &Blas::decide(blas.blas, !options.data.offline)?, args)
        }
        Task::Data(Forward { args }) => mnist("data", args),
        Task::Show(Forward { args }) => mnist("show", args),
        Task::Test { asan: true, .. } => asan::run(),
        Task::Test { blas, .. } => test::run(Blas::decide(blas.blas, true)?),
        Task::Blocking => lab("blocking", &Blas::decide(Some(Choice::None), false)?, Vec::new()),
        Task::Plan(options) => Ok(plan::run(&options)?),
        Task::Package => published::package(),
        Task::Msrv => published::msrv(),
        Task::Renew(options) => renew::run(&options),
        Task::Size(options) => Ok(size::run(&options, &folders::target()?)?),
        Task::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "xtask", &mut script);
            terminal::out(format_args!("{}", String::from_utf8_lossy(&script)));
            Ok(0)
        }
        Task::Asm { kernel } => asm::run(&kernel),
    }
}

/// A list installs nothing, and neither help nor lists nor wrong arguments build anything.
fn bench(blas: Linked, options: &options::Bench, given: &ArgMatches) -> Result<u8, Error> {
    if let Some(path) = &options.render {
        let out = folders::is_named(given, "out").then_some(options.out.as_path());
        let screen = options::redraw(path, out, &options.formats)?;
        terminal::out(format_args!("{}", terminal::fitted(&screen)));
        return Ok(0);
    }
    options.check()?;
    let install = !options.list && !options.data.offline && names::wants_blas(&options.kernels);
    let linked = Blas::decide(blas.blas, install)?;
    if options.list {
        let list = names::list(&options.thread_counts()?, |_| linked.listed(&options.blas_lib));
        terminal::out(format_args!("{list}"));
        return Ok(0);
    }
    if folders::is_named(given, "out") {
        options::claim(&options.out)?;
    }
    lab("bench", &linked, forwarded(given, env::args_os())?)
}

/// What this process was given behind the name of the task, for the program that parses it with the same types; but
/// `--blas`, which says how that program is built. The folders that it leaves open go in front.
fn forwarded(
    given: &ArgMatches,
    command_line: impl Iterator<Item = OsString>,
) -> Result<Vec<OsString>, Error> {
    let mut args = folders::defaults(given)?;
    let from = args.len();
    args.extend(command_line.skip(2));
    let mut rest = args.split_off(from);
    blas::remove_choice(&mut rest);
    args.extend(rest);
    Ok(args)
}

/// Builds the lab with a BLAS linked, if there is one, and runs a subcommand.
fn lab(subcommand: &str, blas: &Blas, args: Vec<OsString>) -> Result<u8, Error> {
    let mut cargo = cargo();
    cargo.args(["run", "--release", "--package", "matmul-lab"]).args(blas.cargo_args());
    if let Blas::Missing { reason } = blas {
        tell!("BLAS: {reason}");
    }
    become_it(cargo.arg("--").arg(subcommand).args(args))
}

fn mnist(subcommand: &str, args: Vec<OsString>) -> Result<u8, Error> {
    let mut cargo = cargo();
    cargo.args(["run", "--release", "--package", "matmul-mnist", "--bin", "mnist", "--", subcommand]);
    become_it(cargo.args(folders::mnist_defaults(subcommand, &args)?).args(args))
}

/// The cargo that started us.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Puts a program in the place of this one: a signal to end, which a run answers by writing what it has, reaches it.
/// Cargo does the same in its turn.
#[cfg(unix)]
fn become_it(command: &mut Command) -> Result<u8, Error> {
    let source = std::os::unix::process::CommandExt::exec(command);
    Err(spawn_error(command, source))
}

/// Runs a program to its end.
#[cfg(not(unix))]
fn become_it(command: &mut Command) -> Result<u8, Error> {
    status(command)
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
        let line =
            ["xtask", "bench", "--quick", "--blas", "none", "--data", "x", "--out", "y"].map(OsString::from);
        let matches = Cli::command().try_get_matches_from(&line).unwrap();
        let given = matches.subcommand().unwrap().1;
        let args = forwarded(given, line.into_iter()).unwrap();
        assert_eq!(args, ["--quick", "--data", "x", "--out", "y"]);
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
