//! A report as one page, `report.html`: the first screen, charts with a table under each, conformance, facts.
//!
//! The page stands alone (no network) and its charts are written here, not drawn by a library: their colours are the
//! page's own and change with its theme, each mark says what it is when it is touched, and this crate stays small
//! enough for the architectures that it is built for.

mod charts;
mod heat;
mod style;
mod svg;
mod text;

use crate::render::{counters_table, first_screen_parts, limits_table, machine_lines, traced_table};
use crate::schema::{Cell, Report, Setting};
use heat::{Heat, Of};
use text::{escape, table};

/// `report.html`.
pub fn html(report: &Report) -> String {
    let mut body = String::from("<h1>Matrix multiplication: measured</h1>\n");
    body += &first(report);
    for setting in &report.settings {
        body += &section(report, setting);
    }
    body += &ladder(report);
    body += &conformance(report);
    body += &facts(report);
    style::page("Matrix multiplication: measured", &body)
}

fn first(report: &Report) -> String {
    let (sentences, classes, doubts) = first_screen_parts(report);
    let mut html = String::new();
    if let Some((first, rest)) = sentences.split_first() {
        html += &format!("<p class=\"lead\">{}</p>\n{}", escape(first), list(rest));
    }
    html += &table(&classes, "Ours on each class of shapes");
    html += &table(&traced_table(report), "What the traced program multiplies");
    if !doubts.is_empty() {
        html += &format!("<h2>Doubtful</h2>\n{}", list(&doubts));
    }
    html
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<ul>\n{items}</ul>\n")
}

/// The charts of a setting.
fn section(report: &Report, setting: &Setting) -> String {
    let (cells, title) = (cells_of(report, setting), title(setting));
    let peak = report.peak(setting.dtype, setting.threads);
    let drawn = [charts::lines(&cells, peak, &title), charts::roofline(&cells, setting, peak, &title)];
    let heat = [Of::Fastest, Of::Limit].map(|of| Heat::new(&cells, of, &title));
    let mut html: String = drawn.into_iter().flatten().map(charts::Drawn::figure).collect();
    html += &heat.iter().flatten().map(Heat::table).collect::<String>();
    html += &charts::accuracy(&cells, &title);
    html += &table(&counters_table(&cells), &format!("What the hardware counted, {title}"));
    format!("<section>\n<h2>{title}</h2>\n{html}</section>\n")
}

/// The charts of the first setting as files of their own: names and contents of those that there are.
pub(crate) fn pictures(report: &Report) -> Vec<(&'static str, String)> {
    let Some(setting) = report.settings.first() else { return Vec::new() };
    let (cells, title) = (cells_of(report, setting), title(setting));
    let peak = report.peak(setting.dtype, setting.threads);
    let pictures = [
        ("lines.svg", charts::lines(&cells, peak, &title).map(charts::Drawn::file)),
        ("roofline.svg", charts::roofline(&cells, setting, peak, &title).map(charts::Drawn::file)),
        ("heatmap.svg", Heat::new(&cells, Of::Fastest, &title).map(|heat| heat.file())),
    ];
    pictures.into_iter().filter_map(|(name, picture)| Some((name, picture?))).collect()
}

fn cells_of<'a>(report: &'a Report, setting: &Setting) -> Vec<&'a Cell> {
    let is_of = |cell: &&Cell| (cell.dtype, cell.threads) == (setting.dtype, setting.threads);
    report.cells.iter().filter(is_of).collect()
}

fn title(setting: &Setting) -> String {
    let plural = if setting.threads == 1 { "" } else { "s" };
    format!("{}, {} thread{plural}", setting.dtype, setting.threads)
}

/// From three loops upwards, on the first product of the lesson that was measured.
fn ladder(report: &Report) -> String {
    let has_loops =
        |cell: &&Cell| cell.rows.iter().any(|row| row.kernel == "naive-loops" && row.best().is_some());
    let Some(cell) = report.cells.iter().find(has_loops) else { return String::new() };
    format!("<section>\n<h2>The ladder</h2>\n{}</section>\n", charts::ladder(cell))
}

fn conformance(report: &Report) -> String {
    if report.conformance.is_empty() {
        return "<section>\n<h2>Conformance</h2>\n<p>The kit did not run.</p>\n</section>\n".into();
    }
    let mut rows = crate::render::Table::new(&["kernel", "type", "threads", "cases", "verdict"]);
    for entry in &report.conformance {
        let verdict = if entry.failure.is_empty() { "passed" } else { &entry.failure };
        let numbers = [entry.dtype.to_string(), entry.threads.to_string(), entry.cases.to_string()];
        let line = [entry.kernel.clone()].into_iter().chain(numbers).chain([verdict.to_owned()]);
        rows.row(line.collect());
    }
    format!("<section>\n<h2>Conformance</h2>\n{}</section>\n", table(&rows, "The kit on each kernel"))
}

fn facts(report: &Report) -> String {
    let mut lines = machine_lines(report);
    lines.extend(report.notes.iter().map(|note| format!("Note: {note}")));
    let limits = table(&limits_table(report), "Limits measured, GFLOP/s");
    format!("<section>\n<h2>Machine and build</h2>\n{}{limits}</section>\n", list(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;

    #[test]
    fn every_part_is_there() {
        let page = html(&fixed());
        for part in [
            "<!doctype html>",
            "Link matmul: ",
            "<h2>f32, 1 thread</h2>",
            "<h2>The ladder</h2>",
            "The kit did not run",
            "CPU: a CPU",
            "prefers-color-scheme: dark",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        // Alone: nothing is fetched.
        assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    }

    /// The two answers to `--counters`: figures of each row, or why there are none, once.
    #[test]
    fn counters_are_a_table_or_a_reason() {
        let mut report = fixed();
        report.machine.counters = Some(crate::Counting::NotTold("the system sees no <PMU>".into()));
        for (text, words) in [
            (html(&report), "<li>Counters: not told: the system sees no &lt;PMU&gt;</li>"),
            (crate::render::markdown(&report), "- Counters: not told: the system sees no <PMU>\n"),
        ] {
            assert_eq!(text.matches(words).count(), 1, "{text}");
            assert!(!text.contains("cycles/FMA"), "{text}");
        }
        report.machine.counters = Some(crate::Counting::Told(vec!["cycles".into(), "instructions".into()]));
        let (cycles, instructions) = (Some(31_250), Some(93_750));
        report.cells[0].rows[2].counters =
            Some(crate::Counters { calls: 2, cycles, instructions, ..crate::Counters::default() });
        let page = html(&report);
        for part in [
            "<caption>What the hardware counted, f32, 1 thread</caption>",
            "<tr><th scope=\"row\">50x50x50</th><td>simd</td><td>3.00</td><td>0.125</td><td>-</td><td>-</td></tr>",
            "<li>Counters: cycles, instructions. In user space, of all threads",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        let text = crate::render::markdown(&report);
        assert!(
            text.contains("| error | IPC | cycles/FMA |") && text.contains("| 3.00 | 0.125 | - | - |"),
            "{text}"
        );
    }

    #[test]
    fn every_chart_has_marks_a_text_and_a_table() {
        let page = html(&fixed());
        let charts: Vec<&str> = page.split("<figure").skip(1).collect();
        assert_eq!(charts.len(), 4);
        for chart in charts {
            assert!(
                chart.contains("role=\"img\" aria-label=\"") && chart.contains("data-says=\""),
                "{chart}"
            );
            assert!(chart.contains("<table>"), "{chart}");
        }
    }

    #[test]
    fn pictures_stand_alone_and_have_the_same_marks() {
        let report = fixed();
        let (page, pictures) = (html(&report), pictures(&report));
        let names: Vec<&str> = pictures.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["lines.svg", "roofline.svg", "heatmap.svg"]);
        for (name, picture) in &pictures {
            assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox="), "{picture}");
            assert!(
                picture.contains("prefers-color-scheme: dark") && picture.contains("role=\"img\""),
                "{name}"
            );
            let marks = picture.lines().filter(|line| line.contains("class=\"mark"));
            assert!(marks.clone().all(|mark| page.contains(mark)), "{name}");
            assert_eq!(marks.count() > 0, *name != "heatmap.svg");
        }
        assert!(
            pictures[2].1.contains(">80</text>") && page.contains("what the machine allows"),
            "{}",
            pictures[2].1
        );
        assert_eq!(super::pictures(&Report { settings: Vec::new(), ..report }), []);
    }

    #[test]
    fn what_others_wrote_is_text() {
        let mut report = fixed();
        report.machine.cpu = "<script>alert(1)</script> & \"x\"".into();
        report.cells[0].rows[3].kernel = "<b>".into();
        let page = html(&report);
        assert!(!page.contains("<script>alert") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;"), "{page}");
    }
}
