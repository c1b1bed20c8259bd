//! The generated part of docs/conformance.md: a table of many conformance runs.

use std::collections::BTreeSet;

use crate::owner::Owner;
use crate::record::{Checked, Record};
use crate::render::Table;

/// Between these lines of the document everything is generated.
const BEGIN: &str = "<!-- generated: cargo xtask conform --publish DIR -->";
const END: &str = "<!-- /generated -->";

/// The row of the comparison of all our kernels.
const EQUAL_BITS: &str = "all of ours, compared";

/// A document with a generated part.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    before: &'a str,
    generated: &'a str,
    after: &'a str,
}

impl<'a> Document<'a> {
    /// Finds the part; `None` if the marks are not there.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (before, rest) = text.split_once(BEGIN)?;
        let (generated, after) = rest.split_once(END)?;
        Some(Self { before, generated, after })
    }

    /// The whole document with another generated part.
    pub fn with(&self, generated: &str) -> String {
        format!("{}{BEGIN}\n{generated}{END}{}", self.before, self.after)
    }

    /// The rows and columns in which the part here differs from `generated`, in a line each. Figures may differ: they
    /// are the machine's.
    pub fn stale(&self, generated: &str) -> Vec<String> {
        stale(&Structure::of(self.generated), &Structure::of(generated))
    }
}

/// Native runs first, then by target.
pub fn sort(records: &mut [Record]) {
    records.sort_by_key(|record| (record.how != "native", record.target.clone(), record.how.clone()));
}

/// The table, then what the failures are.
pub fn generated(records: &[Record]) -> String {
    let heads: Vec<String> = records.iter().map(head).collect();
    let columns = ["kernel", "of"].into_iter().chain(heads.iter().map(String::as_str));
    let mut table = Table::new(&columns.collect::<Vec<_>>());
    for (name, whose) in rows(records) {
        let mut cells = vec![name.into(), label(whose).into()];
        cells.extend(records.iter().map(|record| cell(record, name)));
        table.row(cells);
    }
    let mut prints = vec!["fingerprints".into(), label(Owner::Own).into()];
    prints.extend(records.iter().map(fingerprints));
    table.row(prints);
    for name in records.iter().flat_map(|record| record.tests.keys()).collect::<BTreeSet<_>>() {
        let verdict = |record: &Record| match record.tests.get(name) {
            None => "-",
            Some(true) => "passed",
            Some(false) => "**FAILED**",
        };
        let mut cells = vec![format!("tests of {name}"), "tests".into()];
        cells.extend(records.iter().map(|record| verdict(record).into()));
        table.row(cells);
    }
    let mut text = table.markdown() + "\nThe runs:\n\n";
    for Record { target, how, plan, ran, kernels, .. } in records {
        text += &format!("- {target}, {how}: {ran} of {kernels} kernels ran, plan {plan}\n");
    }
    let findings = findings(records, &heads);
    if !findings.is_empty() {
        text += &format!("\nFindings, the smallest failing case of each family:\n\n{}", findings.join(""));
    }
    text
}

/// A column's name: the target and where it ran, without versions, so that it stays when they change.
fn head(record: &Record) -> String {
    let is_version = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    let how: Vec<&str> = record.how.split(' ').take_while(|word| !is_version(word)).collect();
    format!("{}, {}", record.target, how.join(" "))
}

fn label(owner: Owner) -> &'static str {
    match owner {
        Owner::Own => "ours",
        Owner::Peer => "peer",
        Owner::Blas => "BLAS",
    }
}

/// What a check's row is called.
fn row_name(check: &Checked) -> &str {
    if check.is_comparison() { EQUAL_BITS } else { &check.report.kernel }
}

/// Every row of any record, in the order in which they come.
fn rows(records: &[Record]) -> Vec<(&str, Owner)> {
    let mut rows: Vec<(&str, Owner)> = Vec::new();
    for owner in [Owner::Own, Owner::Peer, Owner::Blas] {
        for check in records.iter().flat_map(|record| &record.checks).filter(|check| check.owner == owner) {
            let row = (row_name(check), owner);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    // The comparison after the kernels that it compares.
    rows.sort_by_key(|(name, owner)| (*owner != Owner::Own, *name == EQUAL_BITS));
    rows
}

/// One kernel on one machine, at every type and thread count.
fn cell(record: &Record, name: &str) -> String {
    let checks: Vec<&Checked> = record.checks.iter().filter(|check| row_name(check) == name).collect();
    if checks.is_empty() {
        return "-".into();
    }
    if let Some(needs) = checks.iter().find_map(|check| check.report.unavailable.as_ref()) {
        return format!("skipped: needs {needs}");
    }
    let failed: BTreeSet<&str> =
        checks.iter().filter(|check| check.is_failure()).flat_map(|check| check.failed_families()).collect();
    let verdict = if failed.is_empty() {
        "passed".into()
    } else if checks[0].owner == Owner::Own {
        "**FAILED**".into()
    } else {
        format!("finding ({})", failed.into_iter().collect::<Vec<_>>().join(", "))
    };
    let cases: usize = checks.iter().map(|check| check.report.ran_of().0).sum();
    let worst = checks.iter().filter_map(|check| check.report.worst_ratio).reduce(f64::max);
    let worst = worst.map_or_else(String::new, |worst| format!(", {worst:.2}"));
    format!("{verdict}, {cases}{worst}")
}

/// How many fingerprints were compared with the committed ones.
fn fingerprints(record: &Record) -> String {
    let failed = record.fingerprints.iter().filter(|print| !print.passed()).count();
    match (record.fingerprints.len(), failed) {
        (0, _) => "-".into(),
        (all, 0) => format!("passed, {all}"),
        (all, failed) => format!("**FAILED**, {failed} of {all}"),
    }
}

/// What failed, once for all thread counts at which it did.
fn findings(records: &[Record], heads: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (record, head) in records.iter().zip(heads) {
        for check in &record.checks {
            for failure in check.failures() {
                let line = format!("- {}, {head}: `{failure}`\n", row_name(check));
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
    }
    lines
}

/// The rows and columns of a generated table.
#[derive(Debug, Default, PartialEq)]
struct Structure {
    columns: Vec<String>,
    /// Kernel, and whose it is.
    rows: Vec<(String, String)>,
}

impl Structure {
    fn of(markdown: &str) -> Self {
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches(['|', ' ']).split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let mut lines = markdown.lines().filter(|line| line.starts_with('|')).map(cells);
        let columns = lines.next().unwrap_or_default().into_iter().skip(2).collect();
        let rows = lines.skip(1).filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone())));
        Self { columns, rows: rows.collect() }
    }
}

/// Rows and columns that the document lacks, and rows that it has for kernels that are gone. Columns of machines that
/// are not at hand may stay, and so may what depends on the machine: the row of a BLAS, and other tests.
fn stale(old: &Structure, new: &Structure) -> Vec<String> {
    let is_fixed = |row: &&(String, String)| row.1 != label(Owner::Blas) && row.1 != "tests";
    let columns = new.columns.iter().filter(|column| !old.columns.contains(column));
    let missing = new.rows.iter().filter(is_fixed).filter(|row| !old.rows.contains(row));
    let gone = old.rows.iter().filter(is_fixed).filter(|row| !new.rows.contains(row));
    let columns = columns.map(|column| format!("no column for {column}"));
    let rows = missing.map(|(name, _)| format!("no row for {name}"));
    columns.chain(rows).chain(gone.map(|(name, _)| format!("a row for {name}, which is no kernel"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{checked, some};

    #[test]
    fn cells_say_what_happened() {
        let mut record = some();
        (record.target, record.how) = ("s390x-unknown-linux-gnu".into(), "qemu-user 7.2.22".into());
        let text = generated(&[some(), record]);
        let line = |start: &str| {
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"))
        };
        assert!(line("| kernel").contains("| s390x-unknown-linux-gnu, qemu-user |"), "{text}");
        assert!(line("| simd-avx2").contains("passed, 0, 0.25"), "{text}");
        assert!(line("| faer").contains("finding (slope), 0, 0.25"), "{text}");
        assert!(line("| blas").contains("skipped: needs a BLAS"), "{text}");
        assert!(line("| all of ours").contains("passed"), "{text}");
        assert!(
            text.contains("- s390x-unknown-linux-gnu, qemu-user 7.2.22: 2 of 3 kernels ran, plan quick"),
            "{text}"
        );
        assert_eq!(text.matches("error grows as k^1.50").count(), 2, "{text}");
    }

    #[test]
    fn ours_fail_and_what_is_missing_is_a_dash() {
        let mut record = some();
        record.checks[0].report.slope = Some(2.0);
        let other = Record { checks: vec![checked("faer", Owner::Peer, None)], ..some() };
        let text = generated(&[record, other]);
        assert!(text.contains("| simd-avx2 | ours | **FAILED**, 0, 0.25 | - |"), "{text}");
    }

    #[test]
    fn structure_is_rows_and_columns() {
        let old = Structure::of(&generated(&[some()]));
        assert_eq!(old.columns, [format!("{}, native", some().target)]);
        assert!(stale(&old, &old).is_empty());
        let mut record = some();
        record.how = "an emulator".into();
        record.checks.push(checked("simd-sve", Owner::Own, None));
        record.checks.push(checked("mkl", Owner::Blas, None));
        let new = Structure::of(&generated(&[record]));
        let missing = stale(&old, &new);
        assert!(missing[0].contains("an emulator") && missing[1] == "no row for simd-sve", "{missing:?}");
        assert_eq!(missing.len(), 2);
        assert_eq!(stale(&new, &old).last().unwrap(), "a row for simd-sve, which is no kernel");
    }
}
