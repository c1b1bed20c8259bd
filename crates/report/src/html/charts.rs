use super::svg::{Axis, COLOURS, Chart, legend};
use super::text::{escape, table};
use crate::render::{Table, cell_table};
use crate::schema::{Cell, Row, Setting};
use crate::screen::codes;
use crate::stats;

/// What a row says of itself when it is touched.
pub(super) fn says(cell: &Cell, row: &Row) -> String {
    let Some(s) = row.summary else { return String::new() };
    format!(
        "{} on {}: best {:.1} GFLOP/s, {:.0} % of the limit; median {:.1} ({:.1} to {:.1}) of {} samples, {} of them quiet",
        row.label(),
        cell.shape,
        s.all.max,
        100.0 * s.of_limit,
        s.all.median,
        s.all.q1,
        s.all.q3,
        s.samples,
        s.quiet
    )
}

fn figure(caption: &str, picture: &str, rows: &Table) -> String {
    format!(
        "<figure>\n<figcaption>{0}</figcaption>\n{picture}<details><summary>The same as a table</summary>\n{1}</details>\n\
         </figure>\n",
        escape(caption),
        table(rows, caption)
    )
}

/// The code that can be linked, the fastest on the last of these cells first, as many as have a colour.
fn leaders<'a>(cells: &[&'a Cell]) -> Vec<&'a str> {
    let mut names: Vec<(&str, f64)> = Vec::new();
    for code in cells.iter().flat_map(|cell| codes(cell)) {
        match names.iter_mut().find(|(name, _)| *name == code.kernel) {
            Some((_, known)) => *known = code.best,
            None => names.push((code.kernel, code.best)),
        }
    }
    names.sort_by(|a, b| b.1.total_cmp(&a.1));
    names.into_iter().map(|(name, _)| name).take(COLOURS).collect()
}

/// The row of a code that can be linked.
fn code_of<'a>(cell: &'a Cell, name: &str) -> Option<(&'a Row, f64)> {
    codes(cell).into_iter().find(|code| code.kernel == name).map(|code| (code.row, code.best))
}

fn row_of<'a>(cell: &'a Cell, kernel: &str) -> Option<&'a Row> {
    cell.rows.iter().find(|row| row.kernel == kernel && row.best().is_some())
}

/// A chart with axes, and what belongs to it.
pub(super) struct Drawn {
    caption: String,
    alternative: String,
    chart: Chart,
    /// The kernels, in the order of their colours.
    names: Vec<String>,
    rows: Table,
}

impl Drawn {
    /// For the page.
    pub(super) fn figure(self) -> String {
        let picture = self.chart.picture(&self.alternative) + &legend(&self.names);
        figure(&self.caption, &picture, &self.rows)
    }

    /// For a file of its own.
    pub(super) fn file(self) -> String {
        self.chart.file(&self.caption, &self.alternative, &self.names)
    }
}

/// GFLOP/s over the size of plain squares, with the measured peak as the top.
pub(super) fn lines(cells: &[&Cell], peak: f64, setting: &str) -> Option<Drawn> {
    let is_plain = |cell: &&&Cell| {
        let s = &cell.shape;
        s.batch == 1 && s.m == s.k && s.k == s.n && !s.name.contains('/')
    };
    let mut cells: Vec<&Cell> = cells.iter().filter(is_plain).copied().collect();
    cells.sort_by_key(|cell| cell.shape.m);
    let (first, last) = (cells.first()?, cells.last()?);
    let (from, to) = (first.shape.m as f64, (last.shape.m as f64).max(first.shape.m as f64 * 2.0));
    let x = Axis { from, to, logarithmic: true };
    let y = Axis { from: 0.0, to: peak, logarithmic: false };
    let names = leaders(&cells);
    let mut chart = Chart::new((x, "size of the squares"), (y, "GFLOP/s"));
    chart.limit((from, peak), (to, peak), &format!("peak {peak:.0}"));
    let mut rows = Table::new(&[&["size"], names.as_slice()].concat());
    for (colour, name) in names.iter().enumerate() {
        let points = cells.iter().filter_map(|cell| Some((cell, code_of(cell, name)?)));
        let points: Vec<_> =
            points.map(|(cell, (row, best))| (cell, row, (cell.shape.m as f64, best))).collect();
        chart.line(&points.iter().map(|(.., at)| *at).collect::<Vec<_>>(), colour);
        points.iter().for_each(|(cell, row, at)| chart.mark(*at, colour, &says(cell, row)));
    }
    for cell in &cells {
        let best = |name: &&str| row_of(cell, name).and_then(Row::best);
        let texts =
            names.iter().map(|name| best(name).map_or_else(|| "-".into(), |best| format!("{best:.1}")));
        rows.row([cell.shape.m.to_string()].into_iter().chain(texts).collect());
    }
    let caption = format!("GFLOP/s over size, {setting}; the top is the measured peak");
    let alternative = format!("Lines of {}: {caption}, {peak:.0} GFLOP/s", names.join(", "));
    let names = names.into_iter().map(Into::into).collect();
    Some(Drawn { caption, alternative, chart, names, rows })
}

/// Every product under the roofs that were measured: the fastest kernel of each.
pub(super) fn roofline(cells: &[&Cell], setting: &Setting, peak: f64, title: &str) -> Option<Drawn> {
    let intensity = |cell: &Cell| cell.shape.flops() / cell.shape.bytes(cell.dtype);
    let fastest = |cell: &&Cell| -> Option<(f64, f64, String)> {
        let (row, best) = cell.fastest()?;
        Some((intensity(cell), best, says(cell, row)))
    };
    let points: Vec<(f64, f64, String)> = cells.iter().filter_map(fastest).collect();
    if points.is_empty() || peak <= 0.0 {
        return None;
    }
    let low = points.iter().map(|point| point.0).fold(f64::MAX, f64::min) / 2.0;
    let high = points.iter().map(|point| point.0).fold(0.0, f64::max) * 2.0;
    let slowest = points.iter().map(|point| point.1).fold(peak, f64::min) / 2.0;
    let x = Axis { from: low, to: high, logarithmic: true };
    let y = Axis { from: slowest, to: 1.3 * peak, logarithmic: true };
    let mut chart = Chart::new((x, "flops per byte of A, B and C"), (y, "GFLOP/s"));
    chart.limit((low, peak), (high, peak), &format!("peak {peak:.0}"));
    for level in &setting.levels {
        let bandwidth = stats::best(&level.samples);
        if bandwidth > 0.0 {
            let edge = (peak / bandwidth).clamp(low, high);
            chart.limit((low, low * bandwidth), (edge, edge * bandwidth), &level.name);
        }
    }
    let mut rows = Table::new(&["flops per byte", "GFLOP/s", "which"]);
    for (x, y, says) in &points {
        chart.mark((*x, *y), 0, says);
        rows.row(vec![format!("{x:.1}"), format!("{y:.1}"), says.clone()]);
    }
    let caption = format!("Roofline, {title}: the fastest kernel on each product, under the measured limits");
    let alternative = format!("{caption}. {} points; the peak is {peak:.0} GFLOP/s", points.len());
    Some(Drawn { caption, alternative, chart, names: Vec::new(), rows })
}

/// A line of a chart of bars: its name, a length from 0 to 1, what stands behind it, and what it says when it is touched.
struct Bar {
    name: String,
    length: f64,
    text: String,
    says: String,
}

fn bars(caption: &str, bars: &[Bar]) -> String {
    let height = 24 * bars.len() + 8;
    let mut marks = String::new();
    for (index, Bar { name, length, text, says }) in bars.iter().enumerate() {
        let y = 24 * index + 8;
        let width = 2.0 + 430.0 * length;
        let says = escape(says);
        marks += &format!(
            "<text x=\"150\" y=\"{}\" text-anchor=\"end\">{}</text><rect class=\"bar\" x=\"158\" y=\"{y}\" \
             width=\"{width:.1}\" height=\"16\" data-says=\"{says}\"><title>{says}</title></rect>\
             <text x=\"{:.1}\" y=\"{0}\">{text}</text>\n",
            y + 13,
            escape(name),
            166.0 + width
        );
    }
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"chart\"><svg viewBox=\"0 0 680 {height}\" role=\"img\" \
         aria-label=\"{}\">\n{marks}</svg></div>\n",
        escape(caption)
    )
}

/// The kernels of a cell from the slowest to the fastest, each a bar as long as its speed over the loops' on a
/// logarithmic scale.
pub(super) fn ladder(cell: &Cell) -> String {
    let mut rows: Vec<(&Row, f64)> = cell
        .rows
        .iter()
        .filter_map(|row| Some((row, row.summary?.times_naive.filter(|_| !row.failed)?)))
        .collect();
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    let longest = rows.last().map_or(1.0, |last| last.1).max(2.0);
    let bar = |(row, times): &(&Row, f64)| Bar {
        name: row.label(),
        length: times.max(1.0).ln() / longest.ln(),
        text: format!("{times:.1}x"),
        says: says(cell, row),
    };
    let caption = format!("Speed over three loops on {} {} (bars: logarithmic)", cell.shape, cell.dtype);
    figure(&caption, &bars(&caption, &rows.iter().map(bar).collect::<Vec<_>>()), &cell_table(cell))
}

/// How wrong each kernel is at worst, beside how fast it is: its largest error in these cells as a share of the bound.
pub(super) fn accuracy(cells: &[&Cell], title: &str) -> String {
    // The kernel, its worst error, and where that was.
    let mut worst: Vec<(&str, f64, &str)> = Vec::new();
    for (cell, row) in cells.iter().flat_map(|cell| cell.rows.iter().map(move |row| (cell, row))) {
        let Some(check) = row.check.filter(|check| check.passed) else { continue };
        let found = (row.kernel.as_str(), check.error_ratio, cell.shape.name.as_str());
        match worst.iter_mut().find(|known| known.0 == found.0) {
            Some(known) if known.1 >= found.1 => {}
            Some(known) => *known = found,
            None => worst.push(found),
        }
    }
    worst.sort_by(|a, b| a.1.total_cmp(&b.1));
    let Some(longest) = worst.last().map(|last| last.1).filter(|&longest| longest > 0.0) else {
        return String::new();
    };
    let bar = |(kernel, error, shape): &(&str, f64, &str)| Bar {
        name: (*kernel).into(),
        length: error / longest,
        text: format!("{error:.4}"),
        says: format!("{kernel}: at worst {error:.4} of the bound, on {shape}"),
    };
    let mut rows = Table::new(&["kernel", "worst error", "product"]);
    worst.iter().for_each(|(kernel, error, shape)| {
        rows.row(vec![(*kernel).into(), format!("{error:.4}"), (*shape).into()])
    });
    let caption = format!("Worst error as a share of the bound gamma(k+3)|A||B|, {title}");
    figure(&caption, &bars(&caption, &worst.iter().map(bar).collect::<Vec<_>>()), &rows)
}
