use crate::class::Class;
use crate::dtype::Dtype;
use crate::schema::{Cell, Report, Row};
use crate::stats::{MIN_QUIET, Quartiles};

/// Which row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) kernel: String,
    pub(super) shape: String,
    pub(super) class: Class,
    pub(super) dtype: Dtype,
    pub(super) threads: usize,
}

/// A row's quiet samples.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    pub(super) key: Key,
    /// As shares of the peak that the run measured: another clock is in both. Where memory is the limit, in GFLOP/s.
    /// `None` if they are too few.
    pub(super) quiet: Option<Quartiles>,
}

impl Rates {
    /// What a quarter of the samples reach: what disturbs a sample and is not noticed can only make it slower.
    pub(super) fn rate(&self) -> Option<f64> {
        self.quiet.map(|quiet| quiet.q3).filter(|&rate| rate > 0.0)
    }
}

/// Every row that was measured and is right.
pub(super) fn rates(report: &Report) -> Vec<Rates> {
    let free = report.free_canaries();
    let cells = report.cells.iter().zip(free);
    let rows = cells.flat_map(|(cell, free)| {
        let rows = cell.rows.iter().filter(|row| row.summary.is_some() && !row.failed);
        let is_memory_bound = cell.limit.as_ref().is_some_and(|limit| limit.memory_bound);
        let unit = if is_memory_bound { 1.0 } else { report.peak(cell.dtype, cell.threads) };
        rows.map(move |row| Rates { key: key(cell, row), quiet: quiet(cell, row, free, unit) })
    });
    rows.collect()
}

fn key(cell: &Cell, row: &Row) -> Key {
    Key {
        kernel: row.label(),
        shape: cell.shape.name.clone(),
        class: Class::of(&cell.shape),
        dtype: cell.dtype,
        threads: cell.threads,
    }
}

fn quiet(cell: &Cell, row: &Row, free_canary: f64, unit: f64) -> Option<Quartiles> {
    let quiet = row.samples.iter().filter(|sample| sample.is_quiet(free_canary));
    let rates = quiet.map(|sample| cell.shape.flops() / sample.seconds.max(1e-12) / 1e9 / unit.max(1e-12));
    let rates: Vec<f64> = rates.collect();
    if rates.len() < MIN_QUIET { None } else { Quartiles::of(&rates) }
}
