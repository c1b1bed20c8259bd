use std::path::{Path, PathBuf};

use matmul_report::{Report, render};

/// The same in the JSON of other tools.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Formats {
    /// Also write what google-benchmark would, for its compare.py and for dashboards
    #[arg(long, value_name = "FILE")]
    pub google_benchmark: Option<PathBuf>,
    /// Also write the metric format of bencher
    #[arg(long, value_name = "FILE")]
    pub bencher: Option<PathBuf>,
}

impl Formats {
    /// Names and contents of what was asked for.
    pub fn files(&self, report: &Report) -> Vec<(&Path, String)> {
        let google = self.google_benchmark.as_deref().map(|path| (path, render::google_benchmark(report)));
        let bencher = self.bencher.as_deref().map(|path| (path, render::bencher(report)));
        google.into_iter().chain(bencher).collect()
    }
}
