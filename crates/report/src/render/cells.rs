//! The table of one cell.

use super::numbers::{number, time, times};
use super::table::Table;
use crate::roofline::Limit;
use crate::schema::{Cell, Outcome, Row, Summary};

/// What the columns mean; printed once, and at the head of `report.md`.
pub const LEGEND: &str = "\
best: fastest sample; quiet: median of the samples between two canaries within 3% of a free core's and in which the
thread was not switched out (~ marks fewer than 5 of them); median and quartiles: of all samples; n quiet: how many were quiet, of how many. All in GFLOP/s = 2mnk / time,
for products with a vector in GB/s = bytes of A, B and C / time. call: time of a call in the fastest sample; over: what of it
exceeds flops / limit. % limit, x naive and x peer compare best samples. limit: the lower of the FMA peak and
intensity x read bandwidth of the level that holds A, B and C. x peer: against the best peer or BLAS in the same table.
error: worst error as a share of the bound gamma(k+3)|A||B|. Naive kernels run on one thread.
On several threads kernels are called from outside of the pool, as a program's main thread does; (inside): from one of its
threads, where nobody has to be woken.";

/// What the columns of counters mean; with the machine's facts of a run that has them.
pub(crate) const COUNTED: &str = "In user space, of all threads of the process that ran the kernel, waiting ones too, in calls \
                                  beside the timed ones. IPC: instructions per cycle; cycles/FMA: cycles over mnk; misses: of a \
                                  call";

/// The heads of those columns.
pub(crate) const COUNTERS: [&str; 4] = ["IPC", "cycles/FMA", "L1D misses", "cache misses"];

/// What a cell's rates are shown in, and how many of it a GFLOP/s is.
fn unit(cell: &Cell) -> (&'static str, f64) {
    if cell.shape.is_gemv() {
        ("GB/s", cell.shape.bytes(cell.dtype) / cell.shape.flops())
    } else {
        ("GFLOP/s", 1.0)
    }
}

/// `5x784x10 f32, 1 thread: limit 52.1 GFLOP/s (L2 bandwidth)`.
pub fn cell_title(cell: &Cell) -> String {
    let plural = if cell.threads == 1 { "" } else { "s" };
    let title = format!("{} {}, {} thread{plural}", cell.shape, cell.dtype, cell.threads);
    match &cell.limit {
        None => title,
        Some(limit) => {
            let reason =
                if limit.memory_bound { format!("{} bandwidth", limit.level) } else { "FMA peak".into() };
            let (unit, scale) = unit(cell);
            let beaten = if limit.exceeded { ", which a kernel beat: no limit" } else { "" };
            format!("{title}: limit {} {unit} ({reason}{beaten})", number(limit.gflops * scale))
        }
    }
}

/// One row for each kernel, fastest first, then those without figures.
pub fn cell_table(cell: &Cell) -> Table {
    let counted = cell.rows.iter().any(|row| row.counters.is_some());
    let mut head = vec![
        "kernel", "best", "quiet", "median", "q1..q3", "n quiet", "call", "over", "% limit", "x naive",
        "x peer", "error",
    ];
    head.extend(COUNTERS.iter().filter(|_| counted));
    head.push("");
    let mut table = Table::new(&head);
    let mut rows: Vec<&Row> = cell.rows.iter().collect();
    let rate = |row: &Row| (row.best().unwrap_or(-1.0), row.summary.is_some());
    rows.sort_by(|a, b| rate(b).0.total_cmp(&rate(a).0).then(rate(b).1.cmp(&rate(a).1)));
    for row in rows {
        let mut line = vec![row.label()];
        line.extend(row.summary.map_or_else(|| vec![String::new(); 10], |s| figures(cell, &s)));
        line.push(row.check.map_or_else(String::new, |c| format!("{:.3}", c.error_ratio)));
        if counted {
            line.extend(counters(cell, row));
        }
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
    let limit = cell.limit.as_ref().filter(|limit| !limit.exceeded);
    let over = limit.map_or_else(|| "-".into(), |l| time(best - seconds(l.gflops)));
    let weak = if s.few_quiet { "~" } else { "" };
    vec![
        rate(s.all.max),
        s.quiet_median.map_or_else(|| "-".into(), |x| format!("{weak}{}", rate(x))),
        rate(s.all.median),
        format!("{}..{}", rate(s.all.q1), rate(s.all.q3)),
        format!("{}/{}", s.quiet, s.samples),
        time(best),
        over,
        share(s, cell.limit.as_ref()),
        times(s.times_naive),
        times(s.times_peer),
    ]
}

/// What was counted, as [`COUNTERS`] heads it; empty where nothing was.
pub(crate) fn counters(cell: &Cell, row: &Row) -> [String; 4] {
    let Some(counters) = &row.counters else { return Default::default() };
    let told = |x: Option<f64>| x.map_or_else(|| "-".into(), number);
    [
        told(counters.per_cycle()),
        counters.cycles_per_fma(&cell.shape).map_or_else(|| "-".into(), |x| format!("{x:.3}")),
        told(counters.of_a_call(counters.l1d_misses)),
        told(counters.of_a_call(counters.cache_misses)),
    ]
}

/// The share of the limit. Of one that is none there is no share.
pub(crate) fn share(s: &Summary, limit: Option<&Limit>) -> String {
    match limit {
        Some(limit) if limit.exceeded => "-".into(),
        _ => format!("{:.0}%", 100.0 * s.of_limit),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;
    use crate::shape::Shape;

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
        cell.shape = Shape::parse("50x50x1").unwrap();
        // 2600 elements of 4 bytes for 5000 flops.
        assert_eq!(cell_title(&cell), "50x50x1 f32, 1 thread: limit 260.0 GB/s (FMA peak)");
        assert!(cell_table(&cell).text().contains(" 208.0 "));
    }

    #[test]
    fn of_a_limit_that_is_none_there_is_no_share() {
        let mut report = fixed();
        report.cells[0].fma = vec![0.02];
        report.finish();
        let text = cell_table(&report.cells[0]).text();
        let simd: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(simd[6..11], ["2.50", "us", "-", "-", "100.0x"], "{text}");
        assert!(cell_title(&report.cells[0]).ends_with("(FMA peak, which a kernel beat: no limit)"));
    }

    #[test]
    fn counters_are_columns_of_cells_that_have_them() {
        let mut cell = fixed().cells[0].clone();
        assert!(!cell_table(&cell).text().contains("IPC"));
        cell.rows[2].counters = Some(crate::Counters {
            calls: 2,
            cycles: Some(31_250),
            instructions: Some(93_750),
            l1d_misses: Some(25),
            cache_misses: None,
        });
        let text = cell_table(&cell).text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("cycles/FMA  L1D misses  cache misses"), "{text}");
        let simd: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(simd[simd.len() - 4..], ["3.00", "0.125", "12.5", "-"], "{text}");
        // A row beside it that was not counted has nothing there, and its remark behind.
        assert!(text.contains("skipped: would take 17 s"), "{text}");
        assert_eq!(counters(&cell, &cell.rows[3]), [""; 4]);
    }

    #[test]
    fn titles_name_the_limit() {
        assert_eq!(cell_title(&fixed().cells[0]), "50x50x50 f32, 1 thread: limit 125.0 GFLOP/s (FMA peak)");
    }
}
