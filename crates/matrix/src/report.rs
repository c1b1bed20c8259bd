//! What a run found: the schema of `report.json`, and the figures that follow from the raw samples.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::registry::Family;
use crate::roofline::{self, Level, Limit};
use crate::shapes::Shape;
use crate::stats::{self, Quartiles};
use crate::verify::Check;

/// The version of the JSON; it grows when a field changes its meaning or goes.
pub(crate) const SCHEMA: u32 = 2;

/// The kernel that "x naive" compares with.
const NAIVE: &str = "naive-loops";

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    /// Seconds since 1970.
    pub(crate) started: u64,
    pub(crate) seconds: f64,
    /// Whether it had to end within a minute.
    pub(crate) quick: bool,
    pub(crate) seed: u64,
    pub(crate) rounds: usize,
    /// Where the images came from.
    pub(crate) data: String,
    pub(crate) machine: Machine,
    pub(crate) conformance: Vec<Conformance>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) cells: Vec<Cell>,
    /// What a reader of the figures must know.
    pub(crate) notes: Vec<String>,
}

/// The outcome of the conformance kit for one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conformance {
    pub(crate) kernel: String,
    pub(crate) family: Family,
    pub(crate) dtype: String,
    pub(crate) threads: usize,
    pub(crate) cases: usize,
    /// Empty if all passed; else what failed first.
    pub(crate) failure: String,
}

/// An element type on a number of threads, with the limits measured beside its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) dtype: String,
    pub(crate) threads: usize,
    pub(crate) levels: Vec<Level>,
}

/// The kernels on one product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) shape: Shape,
    pub(crate) dtype: String,
    pub(crate) threads: usize,
    /// GFLOP/s of the FMA loop, one reading for each round.
    pub(crate) fma: Vec<f64>,
    /// Share of CPU time stolen during the cell.
    pub(crate) steal: Option<f64>,
    /// Filled in by [`Report::finish`].
    pub(crate) limit: Option<Limit>,
    pub(crate) rows: Vec<Row>,
}

/// One kernel in a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) kernel: String,
    pub(crate) family: Family,
    pub(crate) detail: String,
    pub(crate) outcome: Outcome,
    /// Whether the kernel failed the conformance kit or the check of this cell: shown, never ranked.
    pub(crate) failed: bool,
    pub(crate) check: Option<Check>,
    /// Calls in each sample.
    pub(crate) calls: u64,
    pub(crate) samples: Vec<Sample>,
    /// Filled in by [`Report::finish`].
    pub(crate) summary: Option<Summary>,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "why")]
pub(crate) enum Outcome {
    Measured,
    /// Why it was not worth measuring.
    Skipped(String),
    /// What is missing.
    Unavailable(String),
    /// What went wrong.
    Failed(String),
}

/// A timed batch of calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) round: usize,
    /// Seconds per call.
    pub(crate) seconds: f64,
    /// The canary's GFLOP/s just before and just after.
    pub(crate) canary: (f64, f64),
}

/// The figures of a measured row, in GFLOP/s unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// The fastest sample is `all.max`.
    pub(crate) all: Quartiles,
    /// The median of the quiet samples, if there are any.
    pub(crate) quiet_median: Option<f64>,
    pub(crate) quiet: usize,
    pub(crate) samples: usize,
    /// Whether there are too few quiet samples to rely on their median.
    pub(crate) few_quiet: bool,
    /// The best sample as a share of the cell's limit.
    pub(crate) of_limit: f64,
    /// Best sample over the best sample of the naive loops on one thread.
    pub(crate) times_naive: Option<f64>,
    /// Best sample over that of the best peer or BLAS in the cell.
    pub(crate) times_peer: Option<f64>,
}

impl Row {
    /// GFLOP/s of the fastest sample; `None` for a row that may not be ranked.
    pub(crate) fn best(&self) -> Option<f64> {
        self.summary.filter(|_| !self.failed).map(|s| s.all.max)
    }
}

impl Report {
    /// Computes every figure that follows from samples. Cells may be added and this called again.
    pub(crate) fn finish(&mut self) {
        for index in 0..self.cells.len() {
            self.limit_cell(index);
            self.summarise_cell(index);
        }
        for index in 0..self.cells.len() {
            self.compare_cell(index);
        }
    }

    /// The best canary of all cells with this type and thread count.
    fn best_canary(&self, dtype: &str, threads: usize) -> f64 {
        let cells = self.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        let samples = cells.flat_map(|c| &c.rows).flat_map(|r| &r.samples);
        samples.map(|s| s.canary.0.max(s.canary.1)).fold(0.0, f64::max)
    }

    /// The best reading of the FMA loop in all cells with this type and thread count.
    pub(crate) fn peak(&self, dtype: &str, threads: usize) -> f64 {
        let cells = self.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        cells.map(|c| stats::best(&c.fma)).fold(0.0, f64::max)
    }

    /// Best and median canary, GFLOP/s.
    pub(crate) fn canary(&self, dtype: &str, threads: usize) -> (f64, f64) {
        let cells = self.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        let samples: Vec<f64> = cells
            .flat_map(|c| &c.rows)
            .flat_map(|r| &r.samples)
            .flat_map(|s| [s.canary.0, s.canary.1])
            .collect();
        (stats::best(&samples), stats::median(&samples))
    }

    fn limit_cell(&mut self, index: usize) {
        let cell = &self.cells[index];
        let peak = self.peak(&cell.dtype, cell.threads);
        let levels = self
            .settings
            .iter()
            .find(|s| s.dtype == cell.dtype && s.threads == cell.threads)
            .map_or(&[][..], |s| &s.levels);
        let bytes = cell.shape.bytes(&cell.dtype);
        let limit = roofline::limit(cell.shape.flops(), bytes, peak, levels);
        self.cells[index].limit = Some(limit);
    }

    fn summarise_cell(&mut self, index: usize) {
        let best_canary = self.best_canary(&self.cells[index].dtype, self.cells[index].threads);
        let cell = &mut self.cells[index];
        let limit = cell.limit.as_ref().map_or(0.0, |l| l.gflops);
        for row in &mut cell.rows {
            row.summary = summarise(&row.samples, cell.shape.flops(), best_canary, limit);
        }
    }

    fn compare_cell(&mut self, index: usize) {
        let cell = &self.cells[index];
        let naive = self
            .cells
            .iter()
            .find(|c| c.threads == 1 && c.dtype == cell.dtype && c.shape == cell.shape)
            .and_then(|c| c.rows.iter().find(|r| r.kernel == NAIVE)?.best());
        let peers = cell.rows.iter().filter(|r| r.family != Family::Own);
        let peer =
            peers.filter_map(Row::best).fold(None, |best: Option<f64>, x| Some(best.map_or(x, |b| b.max(x))));
        for row in &mut self.cells[index].rows {
            if let (Some(best), Some(summary)) = (row.best(), &mut row.summary) {
                summary.times_naive = naive.map(|naive| best / naive);
                summary.times_peer = peer.map(|peer| best / peer);
            }
        }
    }
}

fn summarise(samples: &[Sample], flops: f64, best_canary: f64, limit: f64) -> Option<Summary> {
    let gflops = |s: &Sample| flops / s.seconds.max(1e-12) / 1e9;
    let all = Quartiles::of(&samples.iter().map(gflops).collect::<Vec<_>>())?;
    let quiet: Vec<f64> =
        samples.iter().filter(|s| stats::is_quiet(s.canary.0, s.canary.1, best_canary)).map(gflops).collect();
    Some(Summary {
        all,
        quiet_median: Quartiles::of(&quiet).map(|q| q.median),
        quiet: quiet.len(),
        samples: samples.len(),
        few_quiet: quiet.len() < stats::MIN_QUIET,
        of_limit: if limit > 0.0 { all.max / limit } else { 0.0 },
        times_naive: None,
        times_peer: None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn row(kernel: &str, family: Family, seconds: &[f64]) -> Row {
        let sample = |(round, &seconds): (usize, &f64)| Sample {
            round,
            seconds,
            canary: if round % 2 == 0 { (100.0, 98.0) } else { (100.0, 80.0) },
        };
        Row {
            kernel: kernel.into(),
            family,
            detail: String::new(),
            outcome: Outcome::Measured,
            failed: false,
            check: Some(Check { passed: true, error_ratio: 0.0625 }),
            calls: 1,
            samples: seconds.iter().enumerate().map(sample).collect(),
            summary: None,
        }
    }

    /// A report of one cell of 2·50³ flops = 250 kflop: 2.5 µs is 100 GFLOP/s.
    pub(crate) fn fixed() -> Report {
        let mut unavailable = row("blas", Family::Blas, &[]);
        unavailable.outcome = Outcome::Unavailable("a linked BLAS".into());
        let mut wrong = row("wrong", Family::Peer, &[1e-9]);
        wrong.failed = true;
        let mut slow = row("naive-elementwise", Family::Own, &[]);
        slow.outcome = Outcome::Skipped("would take 17 s".into());
        let level =
            Level { name: "L1".into(), capacity: 1 << 15, buffer: 1 << 14, samples: vec![150.0, 200.0] };
        let mut report = Report {
            schema: SCHEMA,
            started: 1_700_000_000,
            seconds: 12.5,
            quick: false,
            seed: 1,
            rounds: 4,
            data: "synthetic".into(),
            machine: Machine { cpu: "a CPU".into(), ..Machine::default() },
            conformance: Vec::new(),
            settings: vec![Setting { dtype: "f32".into(), threads: 1, levels: vec![level] }],
            cells: vec![Cell {
                shape: crate::groups::select(&["50".into()]).unwrap().remove(0),
                dtype: "f32".into(),
                threads: 1,
                fma: vec![110.0, 125.0],
                steal: Some(0.01),
                limit: None,
                rows: vec![
                    row("naive-loops", Family::Own, &[250e-6]),
                    slow,
                    row("simd", Family::Own, &[2.5e-6, 5e-6, 3.125e-6, 5e-6]),
                    row("faer", Family::Peer, &[3.125e-6; 12]),
                    wrong,
                    unavailable,
                ],
            }],
            notes: vec!["a note".into()],
        };
        report.finish();
        report
    }

    fn summary(report: &Report, kernel: &str) -> Summary {
        report.cells[0].rows.iter().find(|r| r.kernel == kernel).unwrap().summary.unwrap()
    }

    fn close(x: f64, y: f64) {
        assert!((x - y).abs() < 1e-9 * y, "{x} is not {y}");
    }

    #[test]
    fn figures_follow_from_samples() {
        let report = fixed();
        let simd = summary(&report, "simd");
        close(simd.all.max, 100.0);
        close(simd.all.median, 65.0);
        // Rounds 0 and 2 were quiet: 100 and 80 GFLOP/s.
        close(simd.quiet_median.unwrap(), 90.0);
        assert!(simd.quiet == 2 && simd.few_quiet);
        close(simd.of_limit, 0.8);
        close(simd.times_naive.unwrap(), 100.0);
        close(simd.times_peer.unwrap(), 1.25);
        assert!(!summary(&report, "faer").few_quiet);
    }

    #[test]
    fn a_failed_kernel_is_never_ranked() {
        let report = fixed();
        assert_eq!(summary(&report, "wrong").times_peer, None);
        // It was by far the fastest, and a peer.
        close(summary(&report, "faer").times_peer.unwrap(), 1.0);
    }

    #[test]
    fn the_quiet_threshold_is_that_of_the_whole_setting() {
        let mut report = fixed();
        let mut other = report.cells[0].clone();
        other.rows.truncate(1);
        other.rows[0].samples[0].canary = (200.0, 200.0);
        report.cells.push(other);
        report.finish();
        assert_eq!(summary(&report, "simd").quiet, 0);
    }

    #[test]
    fn json_round_trips() {
        let report = fixed();
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        assert!(json.starts_with("{\"schema\":2,"));
        assert!(json.contains(r#"{"state":"skipped","why":"would take 17 s"}"#));
    }
}
