//! A report in the JSON of other tools: google-benchmark's, and the metric format of bencher.

use serde_json::{Map, Value, json};

use crate::schema::{Cell, Report, Row};

/// `kernel/shape/dtype/threads`, as `--filter` sees it.
fn name(cell: &Cell, row: &Row) -> String {
    format!("{}/{}/{}/{}", row.label(), cell.shape, cell.dtype, cell.threads)
}

/// Every row that was measured and is right.
fn rows(report: &Report) -> impl Iterator<Item = (&Cell, &Row)> {
    let rows = report.cells.iter().flat_map(|cell| cell.rows.iter().map(move |row| (cell, row)));
    rows.filter(|(_, row)| row.best().is_some())
}

/// What google-benchmark writes with `--benchmark_format=json`, for its `compare.py` and the dashboards that read it: each
/// sample is a repetition, and the median is an aggregate of them. Times are in nanoseconds a call.
pub fn google_benchmark(report: &Report) -> String {
    let m = &report.machine;
    let cache = |c: &crate::Cache| json!({ "type": "Unified", "level": c.level, "size": c.bytes, "num_sharing": c.shared_by });
    let context = json!({
        "date": date(report.started),
        "executable": "matmul-lab",
        "num_cpus": m.affinity.len(),
        "cpu": m.cpu,
        "cpu_scaling_enabled": !matches!(m.governor.as_str(), "" | "performance"),
        "caches": m.caches.iter().map(cache).collect::<Vec<_>>(),
        "library_build_type": "release",
    });
    let mut benchmarks = Vec::new();
    for (family, (cell, row)) in rows(report).enumerate() {
        let entry = |run_type: &str, seconds: f64| {
            let entry = json!({
                "name": name(cell, row), "run_name": name(cell, row), "run_type": run_type,
                "family_index": family, "per_family_instance_index": 0, "repetitions": row.samples.len(),
                "threads": cell.threads, "iterations": row.calls,
                "real_time": seconds * 1e9, "cpu_time": seconds * 1e9, "time_unit": "ns",
                "flops_per_second": cell.shape.flops() / seconds,
            });
            if let Value::Object(entry) = entry { entry } else { Map::new() }
        };
        for (index, sample) in row.samples.iter().enumerate() {
            let mut entry = entry("iteration", sample.seconds);
            entry.insert("repetition_index".into(), index.into());
            benchmarks.push(entry);
        }
        if let Some(summary) = &row.summary {
            let mut entry = entry("aggregate", cell.shape.flops() / (summary.all.median * 1e9));
            entry.insert("name".into(), format!("{}_median", name(cell, row)).into());
            entry.insert("aggregate_name".into(), "median".into());
            entry.insert("aggregate_unit".into(), "time".into());
            benchmarks.push(entry);
        }
    }
    // In one line: a run has some ten thousand repetitions.
    format!("{}\n", json!({ "context": context, "benchmarks": benchmarks }))
}

/// Bencher's metric format: of each row the latency in nanoseconds and GFLOP/s, medians between their quartiles.
pub fn bencher(report: &Report) -> String {
    let mut metrics = Map::new();
    for (cell, row) in rows(report) {
        let Some(all) = row.summary.map(|summary| summary.all) else { continue };
        let nanoseconds = |gflops: f64| cell.shape.flops() / gflops;
        let metric = |value: f64, lower: f64, upper: f64| json!({ "value": value, "lower_value": lower, "upper_value": upper });
        let row_metrics = json!({
            "latency": metric(nanoseconds(all.median), nanoseconds(all.q3), nanoseconds(all.q1)),
            "gflops": metric(all.median, all.q1, all.q3),
        });
        metrics.insert(name(cell, row), row_metrics);
    }
    format!("{:#}\n", Value::Object(metrics))
}

/// Seconds since 1970 as `2023-11-14T22:13:20+00:00`, by the civil calendar (Hinnant, days_from_civil and back).
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}+00:00", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    /// By google-benchmark's docs/user_guide.md and what its `compare.py` reads.
    #[test]
    fn google_benchmark_has_every_repetition_and_the_median() {
        let json = parsed(&google_benchmark(&fixed()));
        assert_eq!(json["context"]["date"], "2023-11-14T22:13:20+00:00");
        assert_eq!(
            (&json["context"]["library_build_type"], &json["context"]["caches"]),
            (&json!("release"), &json!([]))
        );
        let benchmarks = json["benchmarks"].as_array().unwrap();
        // One, four and twelve samples; the one that failed is left out.
        assert_eq!(benchmarks.len(), 1 + 4 + 12 + 3);
        let simd: Vec<&Value> =
            benchmarks.iter().filter(|b| b["run_name"] == "simd/50x50x50/f32/1").collect();
        assert_eq!(
            simd[1],
            &json!({
                "name": "simd/50x50x50/f32/1", "run_name": "simd/50x50x50/f32/1", "run_type": "iteration",
                "family_index": 1, "per_family_instance_index": 0, "repetitions": 4, "repetition_index": 1,
                "threads": 1, "iterations": 1, "real_time": 5000.0, "cpu_time": 5000.0, "time_unit": "ns",
                "flops_per_second": 250e3 / 5e-6,
            })
        );
        let median = simd[4];
        assert_eq!(
            (&median["name"], &median["aggregate_name"]),
            (&json!("simd/50x50x50/f32/1_median"), &json!("median"))
        );
        assert_eq!(median["run_type"], "aggregate");
        assert!((median["real_time"].as_f64().unwrap() - 250e3 / 65.0).abs() < 1e-6, "{median}");
    }

    #[test]
    fn bencher_has_latency_and_rate() {
        let json = parsed(&bencher(&fixed()));
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(names, ["faer/50x50x50/f32/1", "naive-loops/50x50x50/f32/1", "simd/50x50x50/f32/1"]);
        let simd = &json["simd/50x50x50/f32/1"];
        let close = |metric: &str, field: &str, expected: f64| {
            let found = simd[metric][field].as_f64().unwrap();
            assert!((found / expected - 1.0).abs() < 1e-9, "{metric} {field}: {found}, expected {expected}");
        };
        for (field, gflops) in [("value", 65.0), ("lower_value", 50.0), ("upper_value", 85.0)] {
            close("gflops", field, gflops);
        }
        // 250 kflop; what is above the upper quartile of the rate is below the lower one of the time.
        for (field, gflops) in [("value", 65.0), ("lower_value", 85.0), ("upper_value", 50.0)] {
            close("latency", field, 250e3 / gflops);
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (951_782_399, "2000-02-28T23:59:59+00:00"),
            (951_782_400, "2000-02-29T00:00:00+00:00"),
            (1_735_689_599, "2024-12-31T23:59:59+00:00"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
