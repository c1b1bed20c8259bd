//! The figures of a report, from its raw samples.

use crate::dtype::Dtype;
use crate::owner::Owner;
use crate::roofline;
use crate::schema::{Report, Row, Sample, Summary};
use crate::stats::{self, Quartiles};

/// The kernel that "x naive" compares with.
const NAIVE: &str = "naive-loops";

impl Report {
    /// Computes every figure that follows from samples. Cells may be added and this called again.
    pub fn finish(&mut self) {
        for index in 0..self.cells.len() {
            self.limit_cell(index);
            self.summarise_cell(index);
        }
        for index in 0..self.cells.len() {
            self.compare_cell(index);
        }
    }

    /// The best canary of all cells with this type and thread count.
    fn best_canary(&self, dtype: Dtype, threads: usize) -> f64 {
        let cells = self.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        let samples = cells.flat_map(|c| &c.rows).flat_map(|r| &r.samples);
        samples.map(|s| s.canary.0.max(s.canary.1)).fold(0.0, f64::max)
    }

    /// The best reading of the FMA loop in all cells with this type and thread count.
    pub fn peak(&self, dtype: Dtype, threads: usize) -> f64 {
        let cells = self.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        cells.map(|c| stats::best(&c.fma)).fold(0.0, f64::max)
    }

    /// Best and median canary, GFLOP/s.
    pub fn canary(&self, dtype: Dtype, threads: usize) -> (f64, f64) {
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
        let peak = self.peak(cell.dtype, cell.threads);
        let levels = self
            .settings
            .iter()
            .find(|s| s.dtype == cell.dtype && s.threads == cell.threads)
            .map_or(&[][..], |s| &s.levels);
        let bytes = cell.shape.bytes(cell.dtype);
        let limit = roofline::limit(cell.shape.flops(), bytes, peak, levels);
        self.cells[index].limit = Some(limit);
    }

    fn summarise_cell(&mut self, index: usize) {
        let best_canary = self.best_canary(self.cells[index].dtype, self.cells[index].threads);
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
        let peers = cell.rows.iter().filter(|r| r.owner != Owner::Own);
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
mod tests {
    use super::*;
    use crate::fixtures::fixed;

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
