//! The figures of a report, from its raw samples.

use crate::dtype::Dtype;
use crate::owner::Owner;
use crate::roofline;
use crate::schema::{Cell, Report, Row, Sample, Summary};
use crate::stats::{self, Quartiles};

/// The kernel that "x naive" compares with.
const NAIVE: &str = "naive-loops";

impl Report {
    /// Computes every figure that follows from samples. Cells may be added and this called again.
    pub fn finish(&mut self) {
        for (index, free_canary) in self.free_canaries().into_iter().enumerate() {
            self.summarise_cell(index, free_canary);
            self.limit_cell(index);
        }
        for index in 0..self.cells.len() {
            self.compare_cell(index);
        }
    }

    /// For each cell the canary of a free core, as far as the run knew when it had measured it: what comes later changes
    /// no verdict on what was before.
    pub(crate) fn free_canaries(&self) -> Vec<f64> {
        let mut canaries: Vec<((Dtype, usize), Vec<f64>)> = Vec::new();
        let cells = self.cells.iter().map(|cell| {
            let setting = (cell.dtype, cell.threads);
            let known = canaries.iter().position(|(known, _)| *known == setting);
            let index = known.unwrap_or(canaries.len());
            if known.is_none() {
                canaries.push((setting, Vec::new()));
            }
            canaries[index].1.extend(cell.canaries());
            stats::free_canary(&canaries[index].1)
        });
        cells.collect()
    }

    /// [`Report::finish`] for the last cell alone, as far as it is known: cells to come may raise its limit.
    pub fn finish_last(&mut self) {
        let Some(index) = self.cells.len().checked_sub(1) else { return };
        let readings = self.canaries(self.cells[index].dtype, self.cells[index].threads);
        self.summarise_cell(index, stats::free_canary(&readings));
        self.limit_cell(index);
        self.compare_cell(index);
    }

    /// Every canary of a type and thread count.
    fn canaries(&self, dtype: Dtype, threads: usize) -> Vec<f64> {
        let cells = self.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        cells.flat_map(Cell::canaries).collect()
    }

    /// The best reading of the FMA loop in all cells with this type and thread count.
    pub fn peak(&self, dtype: Dtype, threads: usize) -> f64 {
        let cells = self.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        cells.map(|c| stats::best(&c.fma)).fold(0.0, f64::max)
    }

    /// Best and median canary, GFLOP/s.
    pub fn canary(&self, dtype: Dtype, threads: usize) -> (f64, f64) {
        let readings = self.canaries(dtype, threads);
        (stats::best(&readings), stats::median(&readings))
    }

    fn limit_cell(&mut self, index: usize) {
        let cell = &self.cells[index];
        let peak = self.peak(cell.dtype, cell.threads);
        let levels = self
            .settings
            .iter()
            .find(|s| s.dtype == cell.dtype && s.threads == cell.threads)
            .map_or(&[][..], |s| &s.levels);
        // With cold caches the operands are in memory, however small they are.
        let in_memory = levels.iter().position(|level| level.capacity == 0).filter(|_| self.cold);
        let levels = &levels[in_memory.unwrap_or(0)..];
        let bytes = cell.shape.bytes(cell.dtype);
        let fastest = cell.rows.iter().filter_map(Row::best).fold(0.0, f64::max);
        let limit = roofline::limit(cell.shape.flops(), bytes, peak, levels).against(fastest);
        for summary in self.cells[index].rows.iter_mut().filter_map(|row| row.summary.as_mut()) {
            summary.of_limit = if limit.gflops > 0.0 { summary.all.max / limit.gflops } else { 0.0 };
        }
        self.cells[index].limit = Some(limit);
    }

    fn summarise_cell(&mut self, index: usize, free_canary: f64) {
        let cell = &mut self.cells[index];
        for row in &mut cell.rows {
            row.summary = summarise(&row.samples, cell.shape.flops(), free_canary);
        }
    }

    fn compare_cell(&mut self, index: usize) {
        let cell = &self.cells[index];
        let naive = self
            .cells
            .iter()
            .find(|c| c.threads == 1 && c.dtype == cell.dtype && c.shape == cell.shape)
            .and_then(|c| c.rows.iter().find(|r| r.kernel == NAIVE)?.best());
        // Like with like: a peer from inside of the pool against ours from there.
        let peer = |aside: bool| {
            let peers = cell.rows.iter().filter(|r| r.owner != Owner::Own);
            let called = peers.filter(|r| r.called.is_none() || cell.is_aside(r) == aside);
            called.filter_map(Row::best).reduce(f64::max)
        };
        let peers = cell.rows.iter().map(|row| peer(cell.is_aside(row))).collect::<Vec<_>>();
        for (row, peer) in self.cells[index].rows.iter_mut().zip(peers) {
            if let (Some(best), Some(summary)) = (row.best(), &mut row.summary) {
                summary.times_naive = naive.map(|naive| best / naive);
                summary.times_peer = peer.map(|peer| best / peer);
            }
        }
    }
}

impl Cell {
    fn canaries(&self) -> impl Iterator<Item = f64> + '_ {
        self.rows.iter().flat_map(|row| &row.samples).flat_map(|s| [s.canary.0, s.canary.1])
    }
}

fn summarise(samples: &[Sample], flops: f64, free_canary: f64) -> Option<Summary> {
    let gflops = |s: &Sample| flops / s.seconds.max(1e-12) / 1e9;
    let all = Quartiles::of(&samples.iter().map(gflops).collect::<Vec<_>>())?;
    let quiet: Vec<f64> = samples.iter().filter(|s| s.is_quiet(free_canary)).map(gflops).collect();
    Some(Summary {
        all,
        quiet_median: Quartiles::of(&quiet).map(|q| q.median),
        quiet: quiet.len(),
        samples: samples.len(),
        few_quiet: quiet.len() < stats::MIN_QUIET,
        of_limit: 0.0,
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

    /// What a cell's samples were taken for does not change with what is measured after it.
    #[test]
    fn a_late_canary_undoes_nothing() {
        let mut report = fixed();
        let mut later = report.cells[0].clone();
        for sample in later.rows.iter_mut().flat_map(|row| &mut row.samples) {
            sample.canary = (200.0, 200.0);
        }
        report.cells.push(later.clone());
        report.finish();
        assert_eq!(summary(&report, "simd").quiet, 2);
        // Yet a core that was slower than before is not quiet.
        let before = report.cells.remove(0);
        report.cells.push(before);
        report.finish();
        assert_eq!(report.cells[1].rows[2].summary.unwrap().quiet, 0);
    }

    #[test]
    fn a_thread_that_was_switched_out_is_disturbed() {
        let mut report = fixed();
        report.cells[0].rows[2].samples[0].switched = 1;
        report.finish();
        assert_eq!(summary(&report, "simd").quiet, 1);
    }

    #[test]
    fn a_limit_below_what_was_reached_is_marked() {
        let mut report = fixed();
        assert!(!report.cells[0].limit.as_ref().unwrap().exceeded);
        report.cells[0].fma = vec![0.02];
        report.finish();
        assert!(report.cells[0].limit.as_ref().unwrap().exceeded);
        // The fastest of all failed its check, and is no witness.
        report.cells[0].fma = vec![125.0];
        report.cells[0].rows[2].failed = true;
        report.finish();
        assert!(!report.cells[0].limit.as_ref().unwrap().exceeded);
    }

    #[test]
    fn with_cold_caches_memory_is_the_limit() {
        let mut report = fixed();
        let memory = crate::Level { name: "DRAM".into(), capacity: 0, buffer: 1 << 20, samples: vec![10.0] };
        report.settings[0].levels.push(memory);
        report.finish();
        assert_eq!(report.cells[0].limit.as_ref().unwrap().level, "L1");
        report.cold = true;
        report.finish();
        let limit = report.cells[0].limit.as_ref().unwrap();
        // 250 kflop for 30 kB at 10 GB/s.
        assert_eq!((limit.level.as_str(), limit.memory_bound), ("DRAM", true));
        close(limit.gflops, 250.0 / 3.0);
    }

    /// A call from outside of the pool is what is ranked, and each is compared with its like.
    #[test]
    fn a_row_from_inside_of_the_pool_stands_aside() {
        use crate::schema::Called;
        let mut report = fixed();
        report.cells[0].threads = 2;
        report.settings[0].threads = 2;
        let rows = &mut report.cells[0].rows;
        for index in [2, 3] {
            rows[index].called = Some(Called::Outside);
            let mut inside = rows[index].clone();
            inside.called = Some(Called::Inside);
            // Twice as fast from there, ours; faer four times.
            inside.samples.iter_mut().for_each(|s| s.seconds /= if index == 2 { 2.0 } else { 4.0 });
            rows.push(inside);
        }
        report.finish();
        let cell = &report.cells[0];
        assert_eq!(
            cell.fastest().map(|(row, best)| (row.label(), best.round())),
            Some(("simd".into(), 100.0))
        );
        let labels = ["simd", "faer", "simd (inside)", "faer (inside)"];
        for (label, times) in labels.into_iter().zip([1.25, 1.0, 0.625, 1.0]) {
            let row = cell.rows.iter().find(|row| row.label() == label).unwrap();
            close(row.summary.unwrap().times_peer.unwrap(), times);
        }
        // Without the others they are all there is.
        report.cells[0].rows.drain(2..4);
        report.finish();
        assert_eq!(report.cells[0].fastest().map(|(row, _)| row.label()), Some("faer (inside)".into()));
    }

    #[test]
    fn json_round_trips() {
        let report = fixed();
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        assert!(json.starts_with("{\"schema\":3,"));
        assert!(json.contains(r#"{"state":"skipped","why":"would take 17 s"}"#));
    }
}
