//! The cross-kernel conformance and performance matrix: `matmul-matrix bench` and `matmul-matrix conform`, which
//! `cargo xtask` builds and starts.
//!
//! A run of `bench` is a [`report::Report`]: settings (an element type on a number of threads), cells (a shape in a
//! setting), rows (a kernel in a cell), samples. [`matrix`] goes through them, [`cell`] measures one, [`report`]
//! computes every figure from the samples, and [`render`] writes them down.

mod bandwidth;
mod bench;
mod blocking;
mod cell;
mod conform;
mod data;
mod dtype;
mod error;
mod exchange;
mod gauge;
mod groups;
mod lesson;
mod machine;
mod matrix;
mod operands;
mod output;
mod pin;
mod pool;
mod progress;
mod rates;
mod registry;
mod render;
mod report;
mod roofline;
mod runner;
mod shapes;
mod stats;
mod table;
mod verify;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "matmul-matrix",
    about = "Measures and checks every matrix multiplication kernel on this machine"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure every kernel, after checking it
    Bench(bench::Options),
    /// Check every kernel against the conformance kit
    Conform(conform::Options),
    /// Climb the lesson's ladder, from three loops to the BLAS
    Lesson(lesson::Options),
    /// Print the caches of this machine and the block sizes of each kernel
    Blocking,
    /// Run one kernel for a parent process
    #[command(hide = true)]
    Worker(worker::Options),
}

/// 0: all is well. 1: one of our kernels failed, or a required one did not run. 2: the command could not be carried
/// out.
fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Conform(options) => conform::run(&options),
        Command::Lesson(options) => lesson::run(&options),
        Command::Blocking => {
            blocking::run();
            Ok(true)
        }
        Command::Worker(options) => worker::serve(&options).map(|()| true),
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
