//! The table of a conformance run.

use super::table::Table;
use crate::owner::Owner;
use crate::record::Checked;

/// One row for each check.
pub fn checks_table(checks: &[Checked]) -> Table {
    let mut table = Table::new(&["kernel", "type", "threads", "cases", "error", "slope", "verdict"]);
    for checked @ Checked { owner, threads, report } in checks {
        let (ran, planned) = report.ran_of();
        let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| format!("{x:.3}"));
        let verdict = match (&report.unavailable, report.passed(), owner) {
            (Some(needs), _, _) => format!("SKIPPED: needs {needs}"),
            (None, true, _) if ran == 0 => "SKIPPED: the kernel does not promise it".into(),
            (None, true, _) => format!("passed ({})", report.promise),
            (None, false, Owner::Own) => "FAILED".into(),
            (None, false, _) => format!("finding: {}", checked.failed_families().join(", ")),
        };
        let kernel = if checked.is_comparison() {
            format!("equal bits of {}", report.kernel.matches(" = ").count() + 1)
        } else {
            report.kernel.clone()
        };
        table.row(vec![
            kernel,
            report.dtype.clone(),
            threads.to_string(),
            format!("{ran}/{planned}"),
            number(report.worst_ratio),
            number(report.slope),
            verdict,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::some;

    #[test]
    fn verdicts_tell_ours_from_others() {
        let mut record = some();
        record.checks[0].report.slope = Some(2.0);
        let text = checks_table(&record.checks).text();
        for words in ["FAILED", "finding: slope", "SKIPPED: needs a BLAS", "equal bits of 2"] {
            assert!(text.contains(words), "{text}");
        }
    }
}
