//! Two runs compared, as text.

use super::table::Table;
use crate::compare::{Compared, ComparedClass, Comparison, Verdict};

/// The counts, the doubts, and the classes and rows that differ; with `all` also those that do not.
pub fn comparison(comparison: &Comparison, all: bool) -> String {
    let Comparison { rows, classes, doubts } = comparison;
    let mut text = format!(
        "classes: {}\nrows: {}\n",
        counts(classes.iter().map(|class| class.verdict)),
        counts(rows.iter().map(|row| row.verdict))
    );
    doubts.iter().for_each(|doubt| text += &format!("doubtful: {doubt}\n"));
    let is_shown = |verdict: Verdict| all || matches!(verdict, Verdict::Faster | Verdict::Slower);
    let head = ["kernel", "", "type", "threads", "speed", "noise", "verdict"];
    let mut by_class = Table::new(&head);
    classes.iter().filter(|class| is_shown(class.verdict)).for_each(|class| by_class.row(class_line(class)));
    let mut by_row = Table::new(&head);
    rows.iter().filter(|row| is_shown(row.verdict)).for_each(|row| by_row.row(row_line(row)));
    for table in [by_class, by_row].iter().filter(|table| !table.is_empty()) {
        text += &format!("\n{}", table.text());
    }
    text
}

fn counts(verdicts: impl Iterator<Item = Verdict>) -> String {
    let mut counts = [0; 4];
    for verdict in verdicts {
        counts[match verdict {
            Verdict::Slower => 0,
            Verdict::Faster => 1,
            Verdict::Same => 2,
            Verdict::Ambiguous(_) => 3,
        }] += 1;
    }
    let [slower, faster, same, ambiguous] = counts;
    format!("{slower} SLOWER, {faster} FASTER, {same} SAME, {ambiguous} AMBIGUOUS")
}

fn class_line(class: &ComparedClass) -> Vec<String> {
    let ComparedClass { kernel, class, dtype, threads, ratio, threshold, verdict, .. } = class;
    line(kernel, class.name(), [dtype.to_string(), threads.to_string()], *ratio, *threshold, *verdict)
}

fn row_line(row: &Compared) -> Vec<String> {
    let Compared { kernel, shape, dtype, threads, ratio, threshold, verdict, .. } = row;
    line(kernel, shape, [dtype.to_string(), threads.to_string()], *ratio, *threshold, *verdict)
}

fn line(
    kernel: &str,
    what: &str,
    [dtype, threads]: [String; 2],
    ratio: f64,
    threshold: f64,
    verdict: Verdict,
) -> Vec<String> {
    let speed = if ratio > 0.0 { format!("{:+.1} %", 100.0 * (ratio - 1.0)) } else { "-".into() };
    let noise = format!("{:.1} %", 100.0 * threshold);
    vec![kernel.into(), what.into(), dtype, threads, speed, noise, verdict.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Noise, compare};
    use crate::fixtures::fixed;

    /// Eleven quiet samples of one rate.
    fn run(seconds: f64) -> crate::schema::Report {
        let mut report = fixed();
        let row = &mut report.cells[0].rows[2];
        let sample = crate::schema::Sample { seconds, canary: (100.0, 100.0), ..row.samples[0] };
        row.samples = vec![sample; 11];
        report.finish();
        report
    }

    #[test]
    fn what_differs_is_shown() {
        let (old, new) = (run(2.5e-6), run(3e-6));
        let found = compare(&old, &new, &Noise::of(&[&old]));
        assert!(found.has_regression());
        assert_eq!(found.slower_cells(), [("50x50x50", crate::Dtype::F32, 1)]);
        let text = comparison(&found, false);
        assert!(text.contains("rows: 1 SLOWER, 0 FASTER, 1 SAME, 1 AMBIGUOUS"), "{text}");
        assert!(text.contains("-16.7 %") && !text.contains("faer"), "{text}");
        assert!(comparison(&found, true).contains("faer"));
    }

    #[test]
    fn slower_once_is_not_slower() {
        let (old, new) = (run(2.5e-6), run(3e-6));
        let noise = Noise::of(&[&old]);
        let mut found = compare(&old, &new, &noise);
        found.confirm(&compare(&old, &new, &noise));
        assert!(found.has_regression());
        found.confirm(&compare(&old, &old, &noise));
        assert!(!found.has_regression());
        assert!(comparison(&found, true).contains("slower once"), "{}", comparison(&found, true));
    }

    #[test]
    fn another_machine_is_doubtful() {
        let (old, mut new) = (run(2.5e-6), run(2.5e-6));
        new.machine.cpu = "another CPU".into();
        new.partial = Some("ended by SIGTERM".into());
        let text = comparison(&compare(&old, &new, &Noise::of(&[])), false);
        assert!(text.contains("CPU: \"a CPU\" in the baseline, \"another CPU\" now"), "{text}");
        assert!(text.contains("the new run is partial: ended by SIGTERM"), "{text}");
    }
}
