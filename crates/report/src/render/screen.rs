//! The first screen: a sentence, the classes, the doubts.

use super::numbers::number;
use super::table::Table;
use crate::class::Class;
use crate::schema::{Cell, Report};
use crate::screen::{ClassStanding, Place, Standing, class_standing, codes, doubts, standings, weight};

/// Products of a trace that are shown: what is behind them is little.
const TRACED: usize = 12;

/// What to link, in a sentence for the first setting and a line for each other, and what was asked for beside the usual;
/// nothing if nothing can be ranked.
fn sentences(report: &Report) -> Vec<String> {
    let standings = standings(report);
    let rest = standings.iter().skip(1).map(line);
    let cold =
        report.cold.then(|| "Every call began with cold caches: A, B and C were in memory.".to_owned());
    let cold = cold.filter(|_| !standings.is_empty());
    standings.first().map(sentence).into_iter().chain(rest).chain(cold).collect()
}

fn setting(standing: &Standing) -> String {
    let plural = if standing.threads == 1 { "" } else { "s" };
    format!("{}, {} thread{plural}", standing.dtype, standing.threads)
}

fn sentence(standing: &Standing) -> String {
    let Standing { cells, first, second, .. } = standing;
    let limit = first
        .of_limit
        .map_or_else(String::new, |share| format!(", at {:.0} % of what this machine allows", 100.0 * share));
    let next = second.as_ref().map_or_else(String::new, |second| {
        format!(" Next is {}, at {} of the fastest's speed.", second.kernel, percent(second.of_best))
    });
    let loses = first.worst.as_ref().map_or_else(
        || " It is behind nowhere.".to_owned(),
        |(shape, ahead, ratio)| {
            format!(" It is furthest behind in {shape}, where it has {} of {ahead}'s speed.", percent(*ratio))
        },
    );
    format!(
        "Link {}: in {} it is the fastest, or as fast, in {} of {cells} products{limit}.{next}{loses}",
        first.kernel,
        setting(standing),
        first.ahead
    )
}

fn line(standing: &Standing) -> String {
    let Place { kernel, ahead, of_limit, .. } = &standing.first;
    let limit = of_limit.map_or_else(String::new, |share| format!(", {} of the limit", percent(share)));
    let next = standing.second.as_ref();
    let next =
        next.map_or_else(String::new, |next| format!("; next {} at {}", next.kernel, percent(next.of_best)));
    format!("In {}: {kernel}, ahead in {ahead} of {}{limit}{next}.", setting(standing), standing.cells)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A line for each class, and for each setting our share of the limit and our speed over the best peer's.
fn classes(report: &Report) -> Table {
    let mut head = vec!["ours on".to_owned()];
    head.extend(report.settings.iter().map(|s| format!("{} {}T", s.dtype, s.threads)));
    head.push(String::new());
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for class in Class::ALL {
        let found = report.settings.iter().map(|s| class_standing(report, class, s.dtype, s.threads));
        let found: Vec<Option<ClassStanding>> = found.collect();
        if found.iter().all(Option::is_none) {
            continue;
        }
        let cell = |standing: &Option<ClassStanding>| standing.as_ref().map_or_else(|| "-".into(), entry);
        let line = [class.name().to_owned()].into_iter().chain(found.iter().map(cell));
        table.row(line.collect());
    }
    table
}

/// `84 %, 1.12x openblas`.
fn entry(standing: &ClassStanding) -> String {
    let limit = standing.of_limit.map_or_else(|| "-".into(), percent);
    match &standing.peer {
        Some((ratio, peer)) => format!("{limit}, {}x {peer}", number(*ratio)),
        None => limit,
    }
}

/// What a traced program spends its time on, the most first, and what each setting does with it; empty without a trace.
pub(crate) fn traced(report: &Report) -> Table {
    let mut head = vec!["traced".to_owned(), "time".into(), "calls".into()];
    let mut threads: Vec<usize> = report.settings.iter().map(|s| s.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    head.extend(threads.iter().map(|count| format!("{count}T")));
    head.push(String::new());
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for asked in report.trace.iter().take(TRACED) {
        let of = |cell: &&Cell| (&cell.shape.name, cell.dtype) == (&asked.shape, asked.dtype);
        let cells: Vec<&Cell> = report.cells.iter().filter(of).collect();
        let Some(share) = cells.first().map(|cell| weight(report, cell)) else { continue };
        let ours = |&threads: &usize| {
            let cell = cells.iter().find(|cell| cell.threads == threads)?;
            let code = codes(cell).into_iter().find(|code| code.kernel == "matmul")?;
            let peer = code.row.summary?.times_peer?;
            Some(format!("{}x", number(peer)))
        };
        let shares = threads.iter().map(|count| ours(count).unwrap_or_else(|| "-".into()));
        let which = format!("{} {}", asked.shape, asked.dtype);
        table.row([which, percent(share), asked.calls.to_string()].into_iter().chain(shares).collect());
    }
    table
}

/// What the columns of the trace are.
const TRACE: &str = "share of the program's time in products, its calls, and our speed over the best peer; the figures \
                     above are weighted by these shares";

/// What the columns of the classes are.
const CLASSES: &str =
    "share of the measured limit, and speed over the best peer of each product (named: the usual one)";

/// What to link, the classes, and what is doubtful.
pub(crate) fn parts(report: &Report) -> (Vec<String>, Table, Vec<String>) {
    (sentences(report), classes(report), doubts(report))
}

/// For the terminal.
pub fn first_screen(report: &Report) -> String {
    let mut text = String::new();
    sentences(report).iter().for_each(|sentence| text += &format!("{sentence}\n"));
    let classes = classes(report);
    if !classes.is_empty() {
        text += &format!("\n{}{CLASSES}\n", classes.text());
    }
    let traced = traced(report);
    if !traced.is_empty() {
        text += &format!("\n{}{TRACE}\n", traced.text());
    }
    let doubts = doubts(report);
    if !doubts.is_empty() {
        text += "\nDoubtful:\n";
    }
    doubts.iter().for_each(|doubt| text += &format!("- {doubt}\n"));
    text
}

/// For `report.md`.
pub(crate) fn first_screen_markdown(report: &Report) -> String {
    let mut text = String::new();
    let sentences = sentences(report);
    if let Some((first, rest)) = sentences.split_first() {
        text += &format!("**{first}**\n\n");
        rest.iter().for_each(|line| text += &format!("- {line}\n"));
        text += if rest.is_empty() { "" } else { "\n" };
    }
    let classes = classes(report);
    if !classes.is_empty() {
        text += &format!("{}\n{CLASSES}\n\n", classes.markdown());
    }
    let traced = traced(report);
    if !traced.is_empty() {
        text += &format!("{}\n{TRACE}\n\n", traced.markdown());
    }
    let doubts = doubts(report);
    if !doubts.is_empty() {
        text += "Doubtful:\n\n";
        doubts.iter().for_each(|doubt| text += &format!("- {doubt}\n"));
        text.push('\n');
    }
    text
}

/// A cell in a line: `64x64x64 f32 on 1: simd 112.2 GFLOP/s (95%), 1.00x the best peer`.
pub fn cell_line(cell: &Cell) -> String {
    let title = format!("{} {} on {}", cell.shape, cell.dtype, cell.threads);
    let Some((row, summary)) = cell.fastest().and_then(|(row, _)| Some((row, row.summary?))) else {
        return format!("{title}: nothing to rank");
    };
    let share = super::cells::share(&summary, cell.limit.as_ref());
    let peer = summary.times_peer.filter(|_| row.owner == crate::Owner::Own);
    let peer = peer.map_or_else(String::new, |ratio| format!(", {}x the best peer", number(ratio)));
    let failed: Vec<&str> =
        cell.rows.iter().filter(|row| row.failed).map(|row| row.kernel.as_str()).collect();
    let failed = if failed.is_empty() { String::new() } else { format!("; FAILED: {}", failed.join(", ")) };
    format!("{title}: {} {} GFLOP/s ({share}){peer}{failed}", row.kernel, number(summary.all.max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;

    #[test]
    fn a_newcomer_reads_one_sentence() {
        let text = first_screen(&fixed());
        let sentence = "Link matmul: in f32, 1 thread it is the fastest, or as fast, in 1 of 1 products, at 80 % of \
                        what this machine allows. Next is faer, at 80 % of the fastest's speed. It is behind nowhere.";
        assert_eq!(text.lines().next(), Some(sentence));
        assert!(text.contains("squares to 64") && text.contains("80 %, 1.25x faer"), "{text}");
        assert!(text.contains("Doubtful:\n- the data are synthetic, not MNIST\n"), "{text}");
        assert!(!text.contains("cold"), "{text}");
        let cold = first_screen(&Report { cold: true, ..fixed() });
        assert!(cold.contains("\nEvery call began with cold caches"), "{cold}");
        let markdown = first_screen_markdown(&fixed());
        assert!(
            markdown.starts_with("**Link matmul: ") && markdown.contains("| squares to 64 |"),
            "{markdown}"
        );
    }

    /// The public call stands for what it dispatches to; a faster twin is chance, and no runner-up.
    #[test]
    fn what_is_the_same_code_counts_once() {
        let mut report = fixed();
        let simd = report.cells[0].rows[2].clone();
        let twin = |kernel: &str, factor: f64| {
            let mut row = crate::schema::Row { kernel: kernel.into(), ..simd.clone() };
            row.samples.iter_mut().for_each(|sample| sample.seconds *= factor);
            row
        };
        report.cells[0].rows.extend([twin("matmul", 1.0), twin("simd-avx2", 0.9), twin("parallel", 0.8)]);
        report.finish();
        let text = first_screen(&report);
        assert!(text.starts_with("Link matmul: ") && text.contains("Next is faer"), "{text}");
        assert!(text.contains("at 80 % of what"), "{text}");
        // Without it, each of ours is one of its own.
        report.cells[0].rows.retain(|row| !["matmul", "parallel", "simd"].contains(&row.kernel.as_str()));
        report.finish();
        assert!(first_screen(&report).starts_with("Link simd-avx2: "), "{}", first_screen(&report));
    }

    #[test]
    fn a_trace_gives_the_shapes_their_weights() {
        let mut report = fixed();
        // A second product, in which faer is twice as fast and the traced program spends a tenth of its time.
        let mut other = report.cells[0].clone();
        other.shape = crate::Shape::square(40);
        other.rows[3].samples.iter_mut().for_each(|sample| sample.seconds = 1.25e-6);
        report.cells.push(other);
        report.finish();
        assert!(first_screen(&report).starts_with("Link faer: "), "{}", first_screen(&report));
        let asked = |shape: &str, calls, seconds| crate::Asked {
            shape: shape.into(),
            dtype: crate::Dtype::F32,
            calls,
            seconds,
        };
        report.trace = vec![asked("50x50x50", 7, 0.9), asked("40x40x40", 8, 0.1)];
        let text = first_screen(&report);
        assert!(text.starts_with("Link matmul: "), "{text}");
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        for line in
            [["50x50x50", "f32", "90", "%", "7", "1.25x"], ["40x40x40", "f32", "10", "%", "8", "0.50x"]]
        {
            assert!(lines.contains(&line.to_vec()), "{line:?} is not in\n{text}");
        }
        assert!(first_screen_markdown(&report).contains("| 50x50x50 f32 | 90 % | 7 | 1.25x |"));
    }

    #[test]
    fn who_is_behind_learns_where() {
        let mut report = fixed();
        report.cells[0].rows[3].samples.iter_mut().for_each(|sample| sample.seconds = 2e-6);
        report.finish();
        let text = first_screen(&report);
        assert!(text.starts_with("Link faer: ") && text.contains("Next is matmul, at 80 %"), "{text}");
        // Within the noise both are ahead.
        report.cells[0].rows[3].samples.iter_mut().for_each(|sample| sample.seconds = 2.45e-6);
        report.finish();
        let standing = &standings(&report)[0];
        assert_eq!((standing.first.ahead, standing.second.as_ref().map(|s| s.ahead)), (1, Some(1)));
    }

    #[test]
    fn a_cell_is_a_line() {
        let cell = &fixed().cells[0];
        assert_eq!(
            cell_line(cell),
            "50x50x50 f32 on 1: simd 100.0 GFLOP/s (80%), 1.25x the best peer; FAILED: wrong"
        );
    }
}
