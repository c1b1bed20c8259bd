//! The lab: `bench` measures every kernel, `conform` checks every kernel, `lesson` climbs the lesson's ladder.
//!
//! [`options`] is their command line, [`catalogue::names`] what there is to ask for and [`terminal`] how they speak; that
//! much is built for `cargo xtask`, which answers `--help`, `--list` and wrong arguments with it. The feature `measure` adds the program:
//! the kernels and the machine, the measuring (`measure`), other people's kernels in processes of their own (`child`),
//! and the subcommands (`commands`). What they find out is a record of [`matmul_report`].

// A closed pipe makes println! panic: `say!` and `tell!` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod catalogue;
mod machine;
pub mod options;
pub mod terminal;

#[cfg(feature = "measure")]
mod child;
#[cfg(feature = "measure")]
mod commands;
#[cfg(feature = "measure")]
mod data;
#[cfg(feature = "measure")]
mod error;
#[cfg(feature = "measure")]
mod interrupt;
#[cfg(feature = "measure")]
mod journal;
#[cfg(feature = "measure")]
mod measure;
#[cfg(feature = "measure")]
mod output;
#[cfg(feature = "measure")]
mod progress;

#[cfg(feature = "measure")]
pub use commands::run;

/// What the system tells of this machine, and of the build; the steal time since it was started.
pub fn machine() -> matmul_report::Machine {
    let steal = machine::steal::StealClock::now().map(machine::steal::StealClock::share);
    matmul_report::Machine { steal, ..machine::detect::detect() }
}
