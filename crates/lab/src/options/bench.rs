use std::path::PathBuf;

use matmul_report::{Dtype, Shape, groups};
use regex_lite::Regex;

use super::compare::{Against, Baseline};
use super::data::Data;
use super::error::OptionsError;
use super::values::{PATIENCE, dtypes, rounds, seconds};
use crate::catalogue::names;
use crate::machine::affinity;

/// What to measure, and for how long.
#[derive(Clone, Debug, clap::Args)]
// No group of arguments of its own: the command that flattens it in may have the same name.
#[group(skip)]
pub struct Bench {
    /// Where the images come from.
    #[command(flatten)]
    pub data: Data,
    /// Few shapes, and done within a minute
    #[arg(long)]
    pub quick: bool,
    /// Only these kernels
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub kernels: Vec<String>,
    /// Only these shapes: groups (see --list), names, sizes, MxKxN or MxKxN/LAYOUT, or all
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub shapes: Vec<String>,
    /// Only these element types
    #[arg(long, value_delimiter = ',', value_parser = dtypes(), default_value = "f32,f64")]
    pub dtype: Vec<Dtype>,
    /// Thread counts; else one and all
    #[arg(long, value_delimiter = ',', value_name = "COUNTS")]
    pub threads: Vec<usize>,
    /// Only rows whose kernel/shape/dtype/threads, as in faer/64x64x64/f32/1, this finds
    #[arg(long, value_name = "REGEX", value_parser = regex_lite::Regex::new)]
    pub filter: Option<Regex>,
    /// Measure nothing; draw the report.json, or the journal, of an earlier run again, into --out or its own folder
    #[arg(long, value_name = "FILE")]
    pub render: Option<PathBuf>,
    /// Print the table of each cell, the machine and the limits, which are in report.md anyway
    #[arg(long, short)]
    pub verbose: bool,
    /// List kernels and shapes, and measure nothing
    #[arg(long)]
    pub list: bool,
    /// A CBLAS library to load, as PATH or PATH:prefix; may be repeated
    #[arg(long, value_name = "PATH[:prefix]")]
    pub blas_lib: Vec<String>,
    /// Most rounds of a cell
    #[arg(long, default_value_t = 100, value_parser = rounds)]
    pub rounds: usize,
    /// Most seconds of a cell; large ones get two to eight times as many
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS", value_parser = seconds)]
    pub cell: f64,
    /// Most seconds that a library in a process of its own may be silent; large products get more
    #[arg(long, default_value_t = PATIENCE, value_name = "SECONDS", value_parser = seconds)]
    pub patience: f64,
    /// Empty the caches before each call, which then is one of its own
    #[arg(long)]
    pub cold: bool,
    /// Go on with a run that was ended, from the journal in its folder
    #[arg(long)]
    pub resume: bool,
    /// Compare with this report.json, and measure again what is slower
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// What it is compared with.
    #[command(flatten)]
    pub against: Against,
    /// Do not run the conformance kit first; each timed result is checked all the same
    #[arg(long)]
    pub skip_conform: bool,
    /// Seed of the operands and of the order of the kernels
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder of report.json, report.md, report.html and report.csv
    #[arg(long, value_name = "DIR", default_value = "target/matmul-bench")]
    pub out: PathBuf,
}

impl Bench {
    /// What help says at its end.
    pub const EXIT_STATUS: &str = "Exit status: 0, all is well; 1, a kernel of ours failed, or with --fail-on-regression anything \
                                   is SLOWER; 2, the run could not be carried out; 130 and 143, ended by Ctrl-C or SIGTERM, \
                                   with a report of what was done.";

    /// Finds what is wrong without a kernel at hand.
    ///
    /// # Errors
    /// [`OptionsError`], as the other functions here.
    pub fn check(&self) -> Result<(), OptionsError> {
        names::check(&self.kernels, &self.blas_lib)?;
        self.shapes()?;
        self.baseline()?;
        self.thread_counts().map(drop)
    }

    /// What the run is compared with, if with anything.
    ///
    /// # Errors
    /// [`OptionsError::Report`] for a file that is no report.
    pub fn baseline(&self) -> Result<Option<Baseline>, OptionsError> {
        self.baseline.as_deref().map(|path| self.against.baseline(path)).transpose()
    }

    /// The shapes that are asked for.
    ///
    /// # Errors
    /// [`OptionsError::Shape`] if a name selects none.
    pub fn shapes(&self) -> Result<Vec<Shape>, OptionsError> {
        Ok(match (self.shapes.is_empty(), self.quick) {
            (false, _) => groups::select(&self.shapes)?,
            (true, true) => groups::quick_set(),
            (true, false) => groups::table(),
        })
    }

    /// One and all, or what is asked for: each from 1 to the CPUs there are, in order, so that the naive kernels are
    /// measured first.
    ///
    /// # Errors
    /// [`OptionsError::Threads`] if there are not so many CPUs.
    pub fn thread_counts(&self) -> Result<Vec<usize>, OptionsError> {
        thread_counts(&self.threads, affinity::cpus().len())
    }
}

fn thread_counts(asked: &[usize], cpus: usize) -> Result<Vec<usize>, OptionsError> {
    let granted = std::thread::available_parallelism().map_or(1, usize::from).min(cpus);
    let mut counts = if asked.is_empty() { vec![1, granted] } else { asked.to_vec() };
    counts.sort_unstable();
    counts.dedup();
    match counts.iter().find(|&&count| count == 0 || count > cpus) {
        Some(&found) => Err(OptionsError::Threads { found, max: cpus }),
        None => Ok(counts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_counts_are_one_and_all_in_order() {
        assert_eq!(thread_counts(&[2, 1, 2], 4).unwrap(), [1, 2]);
        assert_eq!(thread_counts(&[], 1).unwrap(), [1]);
        assert!(matches!(thread_counts(&[5], 4), Err(OptionsError::Threads { found: 5, max: 4 })));
        assert!(matches!(thread_counts(&[0], 4), Err(OptionsError::Threads { found: 0, max: 4 })));
    }
}
