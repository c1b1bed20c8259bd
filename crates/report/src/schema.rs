//! The schema of `report.json`: what a run of `bench` found.

use serde::{Deserialize, Serialize};

use crate::asked::Asked;
use crate::counters::Counters;
use crate::dtype::Dtype;
use crate::machine::Machine;
use crate::owner::Owner;
use crate::roofline::{Level, Limit};
use crate::shape::Shape;
use crate::stats::{self, Quartiles};

/// The version of the JSON; it grows when a field changes its meaning or goes.
pub const SCHEMA: u32 = 3;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// Seconds since 1970.
    pub started: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether it had to end within a minute.
    pub quick: bool,
    /// Of the operands and of the order of the kernels.
    pub seed: u64,
    /// Most rounds of a cell.
    pub rounds: usize,
    /// Whether A, B and C were in no cache when a call began.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cold: bool,
    /// What the shapes were taken from a trace for: their weights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Asked>,
    /// What ended the run before its last cell, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// Where the images came from.
    pub data: String,
    /// Where it ran.
    pub machine: Machine,
    /// What the conformance kit said of each kernel before.
    pub conformance: Vec<Conformance>,
    /// Element types and thread counts, in the order in which they were measured.
    pub settings: Vec<Setting>,
    /// Every product in every setting.
    pub cells: Vec<Cell>,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
}

/// The outcome of the conformance kit for one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conformance {
    /// The kernel's name.
    pub kernel: String,
    /// Whose kernel it is. The JSON has had it as `family` from the start.
    #[serde(rename = "family")]
    pub owner: Owner,
    /// The element type.
    pub dtype: Dtype,
    /// Threads of the kernels.
    pub threads: usize,
    /// Cases that ran.
    pub cases: usize,
    /// Empty if all passed; else what failed first.
    pub failure: String,
}

/// An element type on a number of threads, with the limits measured beside its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The element type.
    pub dtype: Dtype,
    /// Threads of the kernels.
    pub threads: usize,
    /// The levels of memory.
    pub levels: Vec<Level>,
}

/// The kernels on one product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The product.
    pub shape: Shape,
    /// The element type.
    pub dtype: Dtype,
    /// Threads of the kernels.
    pub threads: usize,
    /// GFLOP/s of the FMA loop, one reading for each round.
    pub fma: Vec<f64>,
    /// Share of CPU time stolen during the cell, 0 to 1.
    pub steal: Option<f64>,
    /// Filled in by [`Report::finish`].
    pub limit: Option<Limit>,
    /// Its kernels.
    pub rows: Vec<Row>,
}

/// One kernel in a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The kernel's name.
    pub kernel: String,
    /// Whose kernel it is. The JSON has had it as `family` from the start.
    #[serde(rename = "family")]
    pub owner: Owner,
    /// What runs behind the name, if the name does not say it.
    pub detail: String,
    /// Where it was called from, if that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<Called>,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether the kernel failed the conformance kit or the check of this cell: shown, never ranked.
    pub failed: bool,
    /// The check of its first result, if it ran.
    pub check: Option<Check>,
    /// Calls in each sample.
    pub calls: u64,
    /// The timed batches, in the order in which they were taken.
    #[serde(with = "crate::samples")]
    pub samples: Vec<Sample>,
    /// What the hardware counted, where a run asked and the machine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// Filled in by [`Report::finish`].
    pub summary: Option<Summary>,
}

/// Where a kernel whose threads are those of rayon's pool was called from. Other kernels do not care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Called {
    /// From a thread of the pool: nobody has to be woken before the first part of the product.
    Inside,
    /// From any other, as a program's main thread is.
    Outside,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "why")]
pub enum Outcome {
    /// It has samples.
    Measured,
    /// Why it was not worth measuring.
    Skipped(String),
    /// What is missing.
    Unavailable(String),
    /// What went wrong.
    Failed(String),
}

/// What comparing a kernel's result with its reference found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Whether every element is within the bound γ(k + 3)·|A||B|.
    pub passed: bool,
    /// The largest error as a share of the bound: over all elements for f32, over the anchors for f64.
    pub error_ratio: f64,
}

/// A timed batch of calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The round of the cell, from 0.
    pub round: usize,
    /// Seconds per call.
    pub seconds: f64,
    /// The canary's GFLOP/s just before and just after.
    pub canary: (f64, f64),
    /// How often the thread that called was switched out for another, in the time of the batch.
    #[serde(default)]
    pub switched: u64,
}

/// The figures of a measured row, in GFLOP/s unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The fastest sample is `all.max`.
    pub all: Quartiles,
    /// The median of the quiet samples, if there are any.
    pub quiet_median: Option<f64>,
    /// Samples taken in a quiet moment.
    pub quiet: usize,
    /// All samples.
    pub samples: usize,
    /// Whether there are too few quiet samples to rely on their median.
    pub few_quiet: bool,
    /// The best sample as a share of the cell's limit.
    pub of_limit: f64,
    /// Best sample over the best sample of the naive loops on one thread.
    pub times_naive: Option<f64>,
    /// Best sample over that of the best peer or BLAS in the cell.
    pub times_peer: Option<f64>,
}

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is no JSON, or lacks a field.
    #[error("no report.json: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of a version to come.
    #[error("a report.json of version {found}, expected 1 to {expected}", expected = SCHEMA)]
    Schema {
        /// Its version.
        found: u32,
    },
}

impl Report {
    /// Reads one of this version or an older one, and computes its figures where it has the samples.
    ///
    /// # Errors
    /// [`ReportError`] if the text is none.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        /// Looked at first: another version may lack any field.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let Version { schema: found } = serde_json::from_str(text)?;
        if !(1..=SCHEMA).contains(&found) {
            return Err(ReportError::Schema { found });
        }
        let mut report: Self = serde_json::from_str(text)?;
        report.upgrade();
        if report.cells.iter().flat_map(|cell| &cell.rows).any(|row| !row.samples.is_empty()) {
            report.finish();
        }
        Ok(report)
    }

    /// Makes one of an older version one of this: until version 2 all calls came from inside of the pool, and none of
    /// them said so.
    pub(crate) fn upgrade(&mut self) {
        self.schema = SCHEMA;
        for cell in self.cells.iter_mut().filter(|cell| cell.threads > 1) {
            for row in cell.rows.iter_mut().filter(|row| row.owner != Owner::Blas) {
                row.called.get_or_insert(Called::Inside);
            }
        }
    }
}

// Serde wants a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Cell {
    /// The rows that may be ranked, with GFLOP/s of their fastest samples: called as users call, from outside of the
    /// pool, where that was measured.
    pub fn ranked(&self) -> impl Iterator<Item = (&Row, f64)> {
        let rows = self.rows.iter().filter(|row| !self.is_aside(row));
        rows.filter_map(|row| Some((row, row.best()?)))
    }

    /// The fastest of them.
    pub fn fastest(&self) -> Option<(&Row, f64)> {
        self.ranked().max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Whether a row was called from inside of the pool, in a cell that has others.
    pub fn is_aside(&self, row: &Row) -> bool {
        row.called == Some(Called::Inside) && self.rows.iter().any(|row| row.called == Some(Called::Outside))
    }
}

impl Sample {
    /// Whether nothing else had the core: by the canaries around it, which an equal share of the CPU leaves alone where
    /// they are short, and by the system's own count of switches, which knows nothing of other guests.
    pub fn is_quiet(&self, free_canary: f64) -> bool {
        self.switched == 0 && stats::is_quiet(self.canary.0, self.canary.1, free_canary)
    }
}

impl Row {
    /// The kernel's name, and `(inside)` behind it if it was called from inside of the pool.
    pub fn label(&self) -> String {
        let inside = if self.called == Some(Called::Inside) { " (inside)" } else { "" };
        format!("{}{inside}", self.kernel)
    }

    /// GFLOP/s of the fastest sample; `None` for a row that may not be ranked.
    pub fn best(&self) -> Option<f64> {
        self.summary.filter(|_| !self.failed).map(|s| s.all.max)
    }
}
