//! The subcommands, and which one it is.

mod bench;
mod blocking;
mod calls;
mod conform;
mod lesson;
mod publish;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::child::{apart, serve, worker};
use crate::error::Error;
use crate::options::{Bench, Conform, Lesson};
use crate::{tell, terminal};

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
    #[command(after_help = Bench::EXIT_STATUS)]
    Bench(Box<Bench>),
    /// Check every kernel against the conformance kit
    Conform(Conform),
    /// Climb the lesson's ladder, from three loops to the BLAS
    Lesson(Lesson),
    /// Print the caches of this machine and the block sizes of each kernel
    Blocking,
    /// Make some calls of a kernel, for a tool that counts what they take
    #[command(hide = true)]
    Calls(calls::Options),
    /// Run one kernel for a parent process
    #[command(hide = true)]
    Worker(worker::Options),
    /// Check one kernel for a parent process
    #[command(hide = true)]
    Apart(apart::Options),
}

/// Does what the command line of this process says. 0: all is well. 1: one of our kernels failed, or a required one did
/// not run. 2: the command could not be carried out. 130 and 143: ended by Ctrl-C or SIGTERM.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Conform(options) => conform::run(&options),
        Command::Lesson(options) => lesson::run(&options),
        Command::Blocking => {
            blocking::run();
            Ok(true)
        }
        Command::Calls(options) => calls::run(&options).map(|()| true),
        Command::Worker(options) => serve::serve(&options).map(|()| true),
        Command::Apart(options) => apart::serve(&options).map(|()| true),
    };
    let lost = terminal::lost().map(Error::Output);
    match result.and_then(|passed| lost.map_or(Ok(passed), Err)) {
        Ok(passed) => ExitCode::from(u8::from(!passed)),
        Err(err) => {
            tell!("error: {err}");
            ExitCode::from(err.exit_code())
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
