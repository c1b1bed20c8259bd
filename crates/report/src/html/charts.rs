use super::svg::{Axis, COLOURS, Chart, legend};
use super::text::{escape, table};
use crate::render::{Table, cell_table};
use crate::schema::{Cell, Row, Setting};
use crate::screen::codes;
use crate::stats;

/// What a row says of itself when it is touched.
fn says(cell: &Cell, row: &Row) -> String {
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

/// GFLOP/s over the size of plain squares, with the measured peak as the top.
pub(super) fn lines(cells: &[&Cell], peak: f64, setting: &str) -> String {
    let is_plain = |cell: &&&Cell| {
        let s = &cell.shape;
        s.batch == 1 && s.m == s.k && s.k == s.n && !s.name.contains('/')
    };
    let mut cells: Vec<&Cell> = cells.iter().filter(is_plain).copied().collect();
    cells.sort_by_key(|cell| cell.shape.m);
    let (Some(first), Some(last)) = (cells.first(), cells.last()) else { return String::new() };
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
    figure(&caption, &(chart.picture(&alternative) + &legend(&names)), &rows)
}

/// Every product under the roofs that were measured: the fastest kernel of each.
pub(super) fn roofline(cells: &[&Cell], setting: &Setting, peak: f64, title: &str) -> String {
    let intensity = |cell: &Cell| cell.shape.flops() / cell.shape.bytes(cell.dtype);
    let fastest = |cell: &&Cell| -> Option<(f64, f64, String)> {
        let (row, best) = cell.fastest()?;
        Some((intensity(cell), best, says(cell, row)))
    };
    let points: Vec<(f64, f64, String)> = cells.iter().filter_map(fastest).collect();
    if points.is_empty() || peak <= 0.0 {
        return String::new();
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
    figure(&caption, &chart.picture(&alternative), &rows)
}

/// Each kernel on each product, as a share of the fastest. A table of coloured cells: its own text alternative.
pub(super) fn heat_map(cells: &[&Cell], title: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in cells.iter().flat_map(|cell| &cell.rows).filter(|row| row.best().is_some()) {
        if !names.contains(&row.kernel.as_str()) {
            names.push(&row.kernel);
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let head: String = names.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let mut body = String::new();
    for cell in cells {
        let best = cell.rows.iter().filter_map(Row::best).fold(0.0, f64::max);
        let entry = |name: &&str| match row_of(cell, name).and_then(|row| Some((row, row.best()?))) {
            Some((row, rate)) if best > 0.0 => {
                let share = rate / best;
                format!(
                    "<td class=\"cell\" style=\"background:rgba(var(--hot),{:.2})\" data-says=\"{1}\" title=\"{1}\">{2:.0}</td>",
                    0.6 * share * share,
                    escape(&says(cell, row)),
                    100.0 * share
                )
            }
            _ => "<td class=\"cell\">-</td>".into(),
        };
        let entries: String = names.iter().map(entry).collect();
        body += &format!("<tr><th scope=\"row\">{}</th>{entries}</tr>\n", escape(&cell.shape.name));
    }
    let caption = format!("Each kernel on each product, {title}: per cent of the fastest");
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{0}\">\n<table>\n<caption>{0}</caption>\n\
         <thead><tr><th scope=\"col\">m x k x n</th>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n",
        escape(&caption)
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
    let height = 24 * rows.len() + 8;
    let mut bars = String::new();
    for (index, (row, times)) in rows.iter().enumerate() {
        let y = 24 * index + 8;
        let width = 2.0 + 430.0 * times.max(1.0).ln() / longest.ln();
        let says = escape(&says(cell, row));
        bars += &format!(
            "<text x=\"150\" y=\"{}\" text-anchor=\"end\">{}</text><rect class=\"bar\" x=\"158\" y=\"{y}\" \
             width=\"{width:.1}\" height=\"16\" data-says=\"{says}\"><title>{says}</title></rect>\
             <text x=\"{:.1}\" y=\"{0}\">{times:.1}x</text>\n",
            y + 13,
            escape(&row.kernel),
            166.0 + width
        );
    }
    let caption = format!("Speed over three loops on {} {} (bars: logarithmic)", cell.shape, cell.dtype);
    let picture = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"chart\"><svg viewBox=\"0 0 680 {height}\" role=\"img\" \
         aria-label=\"{}\">\n{bars}</svg></div>\n",
        escape(&caption)
    );
    figure(&caption, &picture, &cell_table(cell))
}
