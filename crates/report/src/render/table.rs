//! A table of text: aligned columns for the terminal, pipes for Markdown.

/// Columns of text; all but the first are set to the right, save a last one that holds words.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns.
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing columns are empty.
    pub fn row(&mut self, mut cells: Vec<String>) {
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The head, then the rows.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &Vec<String>> {
        self.lines()
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.head).chain(&self.rows)
    }

    /// Two spaces between columns, each as wide as its widest text.
    pub fn text(&self) -> String {
        let width = |column: usize| self.lines().map(|l| l[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for line in self.lines() {
            let mut out = String::new();
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                if column == 0 {
                    out += &format!("{cell:<width$}");
                } else if column + 1 == line.len() {
                    out += &format!("  {cell}");
                } else {
                    out += &format!("  {cell:>width$}");
                }
            }
            text += out.trim_end();
            text.push('\n');
        }
        text
    }

    /// A Markdown table; a `|` inside a cell is escaped.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for (index, line) in self.lines().enumerate() {
            for cell in line {
                text += &format!("| {} ", cell.replace('|', "\\|"));
            }
            text += "|\n";
            if index == 0 {
                let last = self.head.len() - 1;
                for column in 0..self.head.len() {
                    text += if column == 0 || column == last { "|:--" } else { "|--:" };
                }
                text += "|\n";
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["kernel", "GFLOP/s", "notes"]);
        table.row(vec!["a".into(), "1.0".into(), "x|y".into()]);
        table.row(vec!["longer-name".into(), "100.0".into()]);
        table
    }

    #[test]
    fn text_is_aligned() {
        let expected = "kernel       GFLOP/s  notes\na                1.0  x|y\nlonger-name    100.0\n";
        assert_eq!(table().text(), expected);
    }

    #[test]
    fn markdown_escapes_pipes() {
        let expected =
            "| kernel | GFLOP/s | notes |\n|:--|--:|:--|\n| a | 1.0 | x\\|y |\n| longer-name | 100.0 |  |\n";
        assert_eq!(table().markdown(), expected);
    }
}
