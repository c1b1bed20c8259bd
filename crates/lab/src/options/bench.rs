use std::fs;
use std::path::{Path, PathBuf};

use matmul_report::{Asked, Dtype, LineError, Shape, from_list, from_trace, groups};
use regex_lite::Regex;

use super::compare::{Against, Baseline};
use super::data::Data;
use super::error::OptionsError;
use super::formats::Formats;
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
    /// The shapes of a file: lines of `M K N [ta] [tb] [xBATCH]`, or names as for --shapes
    #[arg(long, value_name = "FILE")]
    pub shapes_file: Option<PathBuf>,
    /// The shapes of a program that ran with MATMUL_TRACE=FILE, weighted by their share of its time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["shapes", "shapes_file"])]
    pub trace: Option<PathBuf>,
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
    /// Read the hardware's counters too: cycles, instructions and cache misses of each row, in calls behind the timed
    /// ones. On Linux, where /proc/sys/kernel/perf_event_paranoid is at most 2 and the system sees a PMU
    #[arg(long)]
    pub counters: bool,
    /// Go on with a run that was ended, from the journal in its folder
    #[arg(long)]
    pub resume: bool,
    /// Compare with this report.json, and measure again what is slower
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// What it is compared with.
    #[command(flatten)]
    pub against: Against,
    /// Other files.
    #[command(flatten)]
    pub formats: Formats,
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
    /// [`OptionsError::Shape`] if a name selects none, [`OptionsError::Lines`] for a file that has none.
    pub fn shapes(&self) -> Result<Vec<Shape>, OptionsError> {
        if self.trace.is_some() {
            let names: Vec<String> = self.trace()?.0.into_iter().map(|asked| asked.shape).collect();
            return Ok(groups::select(&names)?);
        }
        let listed =
            self.shapes_file.as_deref().map(|path| lines(path, from_list, Vec::is_empty)).transpose()?;
        Ok(match (self.shapes.is_empty(), listed, self.quick) {
            (false, None, _) => groups::select(&self.shapes)?,
            (true, Some(listed), _) => listed,
            (false, Some(mut listed), _) => {
                let named = groups::select(&self.shapes)?;
                listed.retain(|shape| !named.contains(shape));
                [named, listed].concat()
            }
            (true, None, true) => groups::quick_set(),
            (true, None, false) => groups::table(),
        })
    }

    /// Whether somebody wants just these shapes.
    pub fn names_shapes(&self) -> bool {
        !self.shapes.is_empty() || self.shapes_file.is_some() || self.trace.is_some()
    }

    /// What the trace asks for, and what of it is not measured; nothing if there is none.
    ///
    /// # Errors
    /// [`OptionsError::Lines`] for a file that is no trace.
    pub fn trace(&self) -> Result<(Vec<Asked>, Vec<String>), OptionsError> {
        let Some(path) = &self.trace else { return Ok((Vec::new(), Vec::new())) };
        let (mut asked, notes) = lines(path, from_trace, |(asked, _)| asked.is_empty())?;
        asked.retain(|asked| self.dtype.contains(&asked.dtype));
        Ok((asked, notes))
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

/// What a file has.
fn lines<T>(
    path: &Path,
    read: fn(&str) -> Result<T, LineError>,
    is_empty: fn(&T) -> bool,
) -> Result<T, OptionsError> {
    let error = |why: String| OptionsError::Lines { path: path.display().to_string(), why };
    let text = fs::read_to_string(path).map_err(|err| error(err.to_string()))?;
    let found = read(&text).map_err(|err| error(err.to_string()))?;
    if is_empty(&found) { Err(error("expected at least one shape, found none".into())) } else { Ok(found) }
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
