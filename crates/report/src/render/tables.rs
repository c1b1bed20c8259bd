//! The tables of a whole report.

use super::cells::{COUNTERS, counters, share};
use super::numbers::number;
use super::table::Table;
use crate::owner::Owner;
use crate::schema::{Cell, Report};
use crate::stats;

/// One line for each shape and one column for each setting: the fastest kernel and its share of the limit.
pub(crate) fn overview(report: &Report, own_only: bool) -> Table {
    let mut head = vec!["m x k x n".to_owned()];
    head.extend(report.settings.iter().map(|s| format!("{} {}T", s.dtype, s.threads)));
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    let mut shapes: Vec<&str> = Vec::new();
    for cell in &report.cells {
        if !shapes.contains(&cell.shape.name.as_str()) {
            shapes.push(&cell.shape.name);
        }
    }
    for shape in shapes {
        let mut line = vec![shape.to_owned()];
        for setting in &report.settings {
            let cell = report
                .cells
                .iter()
                .find(|c| c.shape.name == shape && c.dtype == setting.dtype && c.threads == setting.threads);
            line.push(cell.and_then(|c| fastest(c, own_only)).unwrap_or_else(|| "-".into()));
        }
        table.row(line);
    }
    table
}

fn fastest(cell: &Cell, own_only: bool) -> Option<String> {
    let rows = cell.ranked().filter(|(row, _)| !own_only || row.owner == Owner::Own);
    let (row, _) = rows.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let summary = row.summary?;
    let peer =
        summary.times_peer.filter(|_| own_only).map_or_else(String::new, |x| format!(", {}x", number(x)));
    let share = share(&summary, cell.limit.as_ref());
    Some(format!("{} {} ({share}{peer})", row.kernel, number(summary.all.max)))
}

/// FMA peak and canary of each setting.
pub fn limits_table(report: &Report) -> Table {
    let mut table = Table::new(&[
        "setting",
        "FMA best",
        "FMA median",
        "canary best",
        "canary median",
        "bandwidth GB/s, best (median)",
    ]);
    for setting in &report.settings {
        let cells = report.cells.iter().filter(|c| c.dtype == setting.dtype && c.threads == setting.threads);
        let fma: Vec<f64> = cells.flat_map(|c| c.fma.iter().copied()).collect();
        let (best, median) = report.canary(setting.dtype, setting.threads);
        let bandwidth = setting.levels.iter().map(|level| {
            let (best, median) = (stats::best(&level.samples), stats::median(&level.samples));
            format!("{} {} ({})", level.name, number(best), number(median))
        });
        table.row(vec![
            format!("{} {}T", setting.dtype, setting.threads),
            number(stats::best(&fma)),
            number(stats::median(&fma)),
            number(best),
            number(median),
            bandwidth.collect::<Vec<_>>().join(", "),
        ]);
    }
    table
}

/// What the hardware counted, a line for each row that has it.
pub(crate) fn counters_table(cells: &[&Cell]) -> Table {
    let mut table = Table::new(&[&["m x k x n", "kernel"][..], &COUNTERS].concat());
    for cell in cells {
        for row in cell.rows.iter().filter(|row| row.counters.is_some()) {
            let mut line = vec![cell.shape.name.clone(), row.label()];
            line.extend(counters(cell, row));
            table.row(line);
        }
    }
    table
}

/// The kernels whose name does not say what runs.
pub(crate) fn details_table(report: &Report) -> Table {
    let mut table = Table::new(&["kernel", "what runs"]);
    let mut seen: Vec<&str> = Vec::new();
    for row in report.cells.iter().flat_map(|c| &c.rows) {
        if !row.detail.is_empty() && !seen.contains(&row.kernel.as_str()) {
            seen.push(&row.kernel);
            table.row(vec![row.kernel.clone(), row.detail.clone()]);
        }
    }
    table
}

/// Failures, if any; else nothing.
pub fn failures_table(report: &Report) -> Table {
    let mut table = Table::new(&["kernel", "setting", "cases", "failure"]);
    for entry in report.conformance.iter().filter(|c| !c.failure.is_empty()) {
        let setting = format!("{} {}T", entry.dtype, entry.threads);
        table.row(vec![entry.kernel.clone(), setting, entry.cases.to_string(), entry.failure.clone()]);
    }
    table
}
