//! The subcommands, and which one it is.

mod bench;
mod blocking;
mod conform;
mod lesson;
mod publish;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::child::{apart, worker};
use crate::options::{Bench, Conform, Lesson};

#[derive(Parser)]
#[command(
    name = "matmul-lab",
    bin_name = "cargo xtask",
    about = "Measures and checks every matrix multiplication kernel on this machine"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure every kernel, after checking it
    Bench(Bench),
    /// Check every kernel against the conformance kit
    Conform(Conform),
    /// Climb the lesson's ladder, from three loops to the BLAS
    Lesson(Lesson),
    /// Print the caches of this machine and the block sizes of each kernel
    Blocking,
    /// Run one kernel for a parent process
    #[command(hide = true)]
    Worker(worker::Options),
    /// Check one kernel for a parent process
    #[command(hide = true)]
    Apart(apart::Options),
}

/// Does what the command line of this process says. 0: all is well. 1: one of our kernels failed, or a required one did
/// not run. 2: the command could not be carried out.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Conform(options) => conform::run(&options),
        Command::Lesson(options) => lesson::run(&options),
        Command::Blocking => {
            blocking::run();
            Ok(true)
        }
        Command::Worker(options) => worker::serve(&options).map(|()| true),
        Command::Apart(options) => apart::serve(&options).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
