//! `cargo xtask compare BASELINE NEW`: two runs of `bench`, without a build.

use std::path::PathBuf;

use matmul_lab::options::{Against, read};
use matmul_lab::terminal;
use matmul_report::render;

use crate::Error;

/// Which runs, and what follows from a difference.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 when the two could be compared, whatever came out; 1 with --fail-on-regression if \
                        anything is SLOWER; 2 if a file is no report."
)]
pub(crate) struct Options {
    /// report.json of the run that the other is held against
    baseline: PathBuf,
    /// report.json of the other
    new: PathBuf,
    #[command(flatten)]
    against: Against,
    /// Also what is the SAME or AMBIGUOUS
    #[arg(long, short)]
    verbose: bool,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints what differs. 1 if that is to be a failure.
pub(crate) fn run(options: &Options) -> Result<u8, Error> {
    let baseline = options.against.baseline(&options.baseline)?;
    let found = baseline.compare(&read(&options.new)?);
    let text = if options.json {
        serde_json::to_string_pretty(&found).map_err(Error::Json)? + "\n"
    } else {
        render::comparison(&found, options.verbose)
    };
    terminal::out(format_args!("{text}"));
    Ok(u8::from(options.against.fail_on_regression && found.has_regression()))
}
