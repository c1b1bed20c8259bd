use std::fs;
use std::path::{Path, PathBuf};

use matmul_report::Report;
use matmul_report::compare::{Comparison, Noise, compare};

use super::error::OptionsError;

/// What a run is compared with.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Against {
    /// Another report.json of the baseline's build, to know by what runs of one build differ; may be repeated
    #[arg(long, value_name = "FILE")]
    pub again: Vec<PathBuf>,
    /// Exit with 1 if anything is SLOWER
    #[arg(long)]
    pub fail_on_regression: bool,
}

/// A baseline, and what it is known by.
pub struct Baseline {
    report: Report,
    noise: Noise,
}

impl Against {
    /// Reads the baseline and the other runs of its build.
    ///
    /// # Errors
    /// [`OptionsError::Report`] for a file that is no report.
    pub fn baseline(&self, path: &Path) -> Result<Baseline, OptionsError> {
        let report = read(path)?;
        let again = self.again.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let runs: Vec<&Report> = [&report].into_iter().chain(&again).collect();
        Ok(Baseline { noise: Noise::of(&runs), report })
    }
}

impl Baseline {
    /// Holds a run against it.
    pub fn compare(&self, new: &Report) -> Comparison {
        compare(&self.report, new, &self.noise)
    }
}

/// Reads a report.json.
///
/// # Errors
/// [`OptionsError::Report`] if it is none.
pub fn read(path: &Path) -> Result<Report, OptionsError> {
    let error = |why: String| OptionsError::Report { path: path.display().to_string(), why };
    let text = fs::read_to_string(path).map_err(|err| error(err.to_string()))?;
    Report::from_json(&text).map_err(|err| error(err.to_string()))
}
