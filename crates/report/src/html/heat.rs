//! The heat maps: each kernel on each product, as a table of the page and as a picture.

use super::charts::says;
use super::style;
use super::text::escape;
use crate::schema::{Cell, Row};

/// What a cell of the map is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The fastest kernel on the product.
    Fastest,
    /// What the machine allows the product.
    Limit,
}

/// A share, and what the row says of itself.
type Entry = Option<(f64, String)>;

/// A heat map of a setting.
pub(super) struct Heat {
    caption: String,
    kernels: Vec<String>,
    products: Vec<(String, Vec<Entry>)>,
}

/// Sizes in the picture: of a field, and the room for the names.
const FIELD: (usize, usize) = (56, 20);
const LEFT: usize = 170;
const TOP: usize = 130;

impl Heat {
    /// `None` if nothing may be ranked.
    pub(super) fn new(cells: &[&Cell], of: Of, title: &str) -> Option<Self> {
        let mut kernels: Vec<String> = Vec::new();
        for row in cells.iter().flat_map(|cell| &cell.rows).filter(|row| row.best().is_some()) {
            if !kernels.contains(&row.label()) {
                kernels.push(row.label());
            }
        }
        let products: Vec<_> =
            cells.iter().map(|cell| (cell.shape.name.clone(), entries(cell, &kernels, of))).collect();
        let of = match of {
            Of::Fastest => "the fastest",
            Of::Limit => "what the machine allows",
        };
        let caption = format!("Each kernel on each product, {title}: per cent of {of}");
        (!kernels.is_empty()).then_some(Self { caption, kernels, products })
    }

    /// For the page. A table of coloured cells: its own text alternative.
    pub(super) fn table(&self) -> String {
        let names = self.kernels.iter();
        let head: String = names.map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
        let entry = |entry: &Entry| match entry {
            Some((share, says)) => format!(
                "<td class=\"cell\" style=\"background:rgba(var(--hot),{:.2})\" data-says=\"{1}\" title=\"{1}\">{2:.0}</td>",
                heat(*share),
                escape(says),
                100.0 * share
            ),
            None => "<td class=\"cell\">-</td>".into(),
        };
        let mut body = String::new();
        for (product, entries) in &self.products {
            let entries: String = entries.iter().map(entry).collect();
            body += &format!("<tr><th scope=\"row\">{}</th>{entries}</tr>\n", escape(product));
        }
        format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{0}\">\n<table>\n<caption>{0}</caption>\n\
             <thead><tr><th scope=\"col\">m x k x n</th>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n",
            escape(&self.caption)
        )
    }

    /// For a file of its own.
    pub(super) fn file(&self) -> String {
        let mut marks = format!("<text x=\"8\" y=\"18\">{}</text>\n", escape(&self.caption));
        for (column, kernel) in self.kernels.iter().enumerate() {
            let x = LEFT + column * FIELD.0 + FIELD.0 / 2;
            let y = TOP - 8;
            marks +=
                &format!("<text transform=\"translate({x} {y}) rotate(-35)\">{}</text>\n", escape(kernel));
        }
        for (line, (product, entries)) in self.products.iter().enumerate() {
            let y = TOP + line * FIELD.1;
            let base = y + 14;
            marks += &format!(
                "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>\n",
                LEFT - 8,
                escape(product)
            );
            for (column, (share, _)) in
                entries.iter().enumerate().filter_map(|(at, e)| Some((at, e.as_ref()?)))
            {
                let x = LEFT + column * FIELD.0;
                marks += &format!(
                    "<rect class=\"hot\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill-opacity=\"{:.2}\"/>\
                     <text x=\"{}\" y=\"{base}\" text-anchor=\"middle\">{:.0}</text>\n",
                    FIELD.0 - 1,
                    FIELD.1 - 1,
                    heat(*share),
                    x + FIELD.0 / 2,
                    100.0 * share
                );
            }
        }
        // The last name hangs over.
        let width = LEFT + self.kernels.len() * FIELD.0 + 110;
        let height = TOP + self.products.len() * FIELD.1 + 8;
        style::file(&marks, (width as f64, height as f64), &self.caption)
    }
}

/// How much of the colour: the ink stays readable on all of it.
fn heat(share: f64) -> f64 {
    0.6 * share.min(1.0) * share.min(1.0)
}

fn entries(cell: &Cell, kernels: &[String], of: Of) -> Vec<Entry> {
    let whole = match of {
        Of::Fastest => cell.rows.iter().filter_map(Row::best).reduce(f64::max),
        Of::Limit => cell.limit.as_ref().filter(|limit| !limit.exceeded).map(|limit| limit.gflops),
    };
    let entry = |kernel: &String| {
        let row = cell.rows.iter().find(|row| row.best().is_some() && row.label() == *kernel)?;
        Some((row.best()? / whole.filter(|&whole| whole > 0.0)?, says(cell, row)))
    };
    kernels.iter().map(entry).collect()
}
