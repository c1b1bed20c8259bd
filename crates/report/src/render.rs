//! A report and a record as text: for the terminal and as Markdown.

mod cells;
mod checks;
mod markdown;
mod numbers;
mod table;
mod tables;

pub use cells::{LEGEND, cell_table, cell_title};
pub use checks::checks_table;
pub use markdown::{machine_lines, markdown};
pub use table::Table;
pub use tables::{failures_table, limits_table};
