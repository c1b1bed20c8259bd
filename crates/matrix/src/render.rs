//! A report as text: the table of each cell, and the whole as Markdown.

use crate::report::{Cell, Outcome, Report, Row, Summary};
use crate::stats;
use crate::table::Table;

/// What the columns mean; printed once, and at the head of `report.md`.
pub(crate) const LEGEND: &str = "\
best: fastest sample; quiet: median of the samples between two canaries within 3% of the run's best canary
(~ marks fewer than 5 of them); median and quartiles: of all samples; n quiet: how many were quiet, of how many. All in GFLOP/s = 2mnk / time,
for products with a vector in GB/s = bytes of A, B and C / time. call: time of a call in the fastest sample; over: what of it
exceeds flops / limit. % limit, x naive and x peer compare best samples. limit: the lower of the FMA peak and
intensity x read bandwidth of the level that holds A, B and C. x peer: against the best peer or BLAS in the same table.
error: worst error as a share of the bound gamma(k+3)|A||B|. Naive kernels run on one thread.";

fn number(x: f64) -> String {
    if x >= 1000.0 {
        format!("{x:.0}")
    } else if x >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}

fn times(x: Option<f64>) -> String {
    x.map_or_else(|| "-".into(), |x| format!("{}x", number(x)))
}

/// `44.1 ns`, `3.20 us`, `12.5 ms` or `1.30 s`; differences may be negative.
fn time(seconds: f64) -> String {
    let (scale, unit) = match seconds.abs() {
        ..1e-6 => (1e9, "ns"),
        ..1e-3 => (1e6, "us"),
        ..1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    format!("{} {unit}", number(seconds * scale))
}

/// What a cell's rates are shown in, and how many of it a GFLOP/s is.
fn unit(cell: &Cell) -> (&'static str, f64) {
    if cell.shape.is_gemv() {
        ("GB/s", cell.shape.bytes(&cell.dtype) / cell.shape.flops())
    } else {
        ("GFLOP/s", 1.0)
    }
}

/// `5x784x10 f32, 1 thread: limit 52.1 GFLOP/s (L2 bandwidth)`.
pub(crate) fn cell_title(cell: &Cell) -> String {
    let plural = if cell.threads == 1 { "" } else { "s" };
    let title = format!("{} {}, {} thread{plural}", cell.shape, cell.dtype, cell.threads);
    match &cell.limit {
        None => title,
        Some(limit) => {
            let reason =
                if limit.memory_bound { format!("{} bandwidth", limit.level) } else { "FMA peak".into() };
            let (unit, scale) = unit(cell);
            format!("{title}: limit {} {unit} ({reason})", number(limit.gflops * scale))
        }
    }
}

/// One row for each kernel, fastest first, then those without figures.
pub(crate) fn cell_table(cell: &Cell) -> Table {
    let mut table = Table::new(&[
        "kernel", "best", "quiet", "median", "q1..q3", "n quiet", "call", "over", "% limit", "x naive",
        "x peer", "error", "",
    ]);
    let mut rows: Vec<&Row> = cell.rows.iter().collect();
    let rate = |row: &Row| (row.best().unwrap_or(-1.0), row.summary.is_some());
    rows.sort_by(|a, b| rate(b).0.total_cmp(&rate(a).0).then(rate(b).1.cmp(&rate(a).1)));
    for row in rows {
        let mut line = vec![row.kernel.clone()];
        line.extend(row.summary.map_or_else(|| vec![String::new(); 10], |s| figures(cell, &s)));
        line.push(row.check.map_or_else(String::new, |c| format!("{:.3}", c.error_ratio)));
        line.push(remark(row));
        table.row(line);
    }
    table
}

fn figures(cell: &Cell, s: &Summary) -> Vec<String> {
    let (_, scale) = unit(cell);
    let rate = |gflops: f64| number(gflops * scale);
    let seconds = |gflops: f64| cell.shape.flops() / (gflops * 1e9);
    let best = seconds(s.all.max);
    let over = cell.limit.as_ref().map_or_else(|| "-".into(), |l| time(best - seconds(l.gflops)));
    let weak = if s.few_quiet { "~" } else { "" };
    vec![
        rate(s.all.max),
        s.quiet_median.map_or_else(|| "-".into(), |x| format!("{weak}{}", rate(x))),
        rate(s.all.median),
        format!("{}..{}", rate(s.all.q1), rate(s.all.q3)),
        format!("{}/{}", s.quiet, s.samples),
        time(best),
        over,
        format!("{:.0}%", 100.0 * s.of_limit),
        times(s.times_naive),
        times(s.times_peer),
    ]
}

fn remark(row: &Row) -> String {
    match &row.outcome {
        Outcome::Measured if row.failed => "FAILED conformance or check: not ranked".into(),
        Outcome::Measured => String::new(),
        Outcome::Skipped(why) => format!("skipped: {why}"),
        Outcome::Unavailable(needs) => format!("unavailable: needs {needs}"),
        Outcome::Failed(why) => format!("FAILED: {why}"),
    }
}

/// One line for each shape and one column for each setting: the fastest kernel and its share of the limit.
fn overview(report: &Report, own_only: bool) -> Table {
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
    let rows = cell.rows.iter().filter(|r| !own_only || r.family == crate::registry::Family::Own);
    let row = rows
        .filter(|r| r.best().is_some())
        .max_by(|a, b| a.best().unwrap_or(0.0).total_cmp(&b.best().unwrap_or(0.0)))?;
    let summary = row.summary?;
    let peer =
        summary.times_peer.filter(|_| own_only).map_or_else(String::new, |x| format!(", {}x", number(x)));
    Some(format!("{} {} ({:.0}%{peer})", row.kernel, number(summary.all.max), 100.0 * summary.of_limit))
}

/// FMA peak and canary of each setting.
pub(crate) fn limits_table(report: &Report) -> Table {
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
        let (best, median) = report.canary(&setting.dtype, setting.threads);
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

/// The kernels whose name does not say what runs.
fn details_table(report: &Report) -> Table {
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
pub(crate) fn conformance_table(report: &Report) -> Table {
    let mut table = Table::new(&["kernel", "setting", "cases", "failure"]);
    for entry in report.conformance.iter().filter(|c| !c.failure.is_empty()) {
        let setting = format!("{} {}T", entry.dtype, entry.threads);
        table.row(vec![entry.kernel.clone(), setting, entry.cases.to_string(), entry.failure.clone()]);
    }
    table
}

/// The facts of the machine, one to a line.
pub(crate) fn machine_lines(report: &Report) -> Vec<String> {
    let m = &report.machine;
    let cache =
        |c: &crate::machine::Cache| format!("L{} {} KiB shared by {}", c.level, c.bytes >> 10, c.shared_by);
    let known = |text: &str| if text.is_empty() { "not told".to_owned() } else { text.to_owned() };
    let caches = m.caches.iter().map(cache).collect::<Vec<_>>().join(", ");
    let vm = if m.virtual_machine { ", virtual machine" } else { "" };
    let mut lines = vec![
        format!("CPU: {} ({}{vm})", m.cpu, m.arch),
        format!("System: {}, {} MiB", m.os, m.memory_bytes >> 20),
        format!(
            "CPUs: {:?}, threads {}",
            m.affinity,
            if m.pinned { "pinned one to each" } else { "not pinned" }
        ),
        format!("Caches: {}", known(&caches)),
        format!("Governor: {}; transparent huge pages: {}", known(&m.governor), known(&m.huge_pages)),
        format!("Built by {} for {}, {}, RUSTFLAGS: {}", m.rustc, m.target, m.profile, known(&m.rustflags)),
        format!("Data: {}", report.data),
    ];
    if let Some(steal) = m.steal {
        lines.push(format!("Steal time: {:.1}%", 100.0 * steal));
    }
    if !m.environment.is_empty() {
        lines.push(format!("Environment: {}", m.environment.join(" ")));
    }
    lines
}

/// `report.md`.
pub(crate) fn markdown(report: &Report) -> String {
    let mut text = String::from("# Matrix multiplication: measured\n\n");
    for line in machine_lines(report) {
        text += &format!("- {line}\n");
    }
    let quick = if report.quick { ", quick run" } else { "" };
    text +=
        &format!("- Seed {}, up to {} rounds{quick}, {:.0} s\n", report.seed, report.rounds, report.seconds);
    for note in &report.notes {
        text += &format!("- Note: {note}\n");
    }
    text += &format!("\n{LEGEND}\n");
    let sections = [
        ("Conformance failures", conformance_table(report)),
        ("Limits measured, GFLOP/s", limits_table(report)),
        ("Fastest of all, GFLOP/s (% of limit)", overview(report, false)),
        ("Fastest of ours, GFLOP/s (% of limit, x best peer)", overview(report, true)),
        ("What runs", details_table(report)),
    ];
    for (title, table) in sections.iter().filter(|(_, table)| !table.is_empty()) {
        text += &format!("\n## {title}\n\n{}", table.markdown());
    }
    for cell in &report.cells {
        text += &format!("\n## {}\n\n{}", cell_title(cell), cell_table(cell).markdown());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::fixed;

    #[test]
    fn a_cell_as_text() {
        let report = fixed();
        let expected = "\
kernel       best  quiet  median  q1..q3      n quiet  call     over     % limit  x naive  x peer  error
simd         100.0 ~90.0  65.0    50.0..85.0  2/4      2.50 us  500.0 ns 80%      100.0x   1.25x   0.062
faer         80.0  80.0   80.0    80.0..80.0  6/12     3.12 us  1.13 us  64%      80.0x    1.00x   0.062
naive-loops  1.00  ~1.00  1.00    1.00..1.00  1/1      250.0 us 248.0 us 1%       1.00x    0.01x   0.062
wrong
";
        let text = cell_table(&report.cells[0]).text();
        let columns = |text: &str| -> Vec<Vec<String>> {
            text.lines().take(4).map(|l| l.split_whitespace().map(Into::into).collect()).collect()
        };
        assert_eq!(columns(&text), columns(expected), "{text}");
    }

    #[test]
    fn rows_without_figures_say_why() {
        let text = cell_table(&fixed().cells[0]).text();
        for words in [
            "skipped: would take 17 s",
            "unavailable: needs a linked BLAS",
            "FAILED conformance or check: not ranked",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_vector_is_measured_in_bytes() {
        let mut cell = fixed().cells[0].clone();
        cell.shape = crate::groups::select(&["50x50x1".into()]).unwrap().remove(0);
        // 2600 elements of 4 bytes for 5000 flops.
        assert_eq!(cell_title(&cell), "50x50x1 f32, 1 thread: limit 260.0 GB/s (FMA peak)");
        assert!(cell_table(&cell).text().contains(" 208.0 "));
    }

    #[test]
    fn times_have_units() {
        let texts = [44.1e-9, 3.2e-6, 12.5e-3, 1.3, -2e-9].map(time);
        assert_eq!(texts, ["44.1 ns", "3.20 us", "12.5 ms", "1.30 s", "-2.00 ns"]);
    }

    #[test]
    fn titles_name_the_limit() {
        assert_eq!(cell_title(&fixed().cells[0]), "50x50x50 f32, 1 thread: limit 125.0 GFLOP/s (FMA peak)");
    }

    #[test]
    fn markdown_has_every_part() {
        let text = markdown(&fixed());
        for part in [
            "CPU: a CPU",
            "Note: a note",
            "## Limits measured",
            "| f32 1T | 125.0 | 117.5 | 100.0 | 99.0 | L1 200.0 (175.0) |",
            "| 50x50x50 | simd 100.0 (80%) |",
            "| 50x50x50 | simd 100.0 (80%, 1.25x) |",
            "## 50x50x50 f32, 1 thread",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("Conformance failures"));
    }
}
