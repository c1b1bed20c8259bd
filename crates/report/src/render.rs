//! A report and a record as text: for the terminal and as Markdown.

mod cells;
mod checks;
mod comparison;
mod csv;
mod formats;
mod markdown;
mod numbers;
mod screen;
mod table;
mod tables;

pub use cells::{LEGEND, cell_table, cell_title};
pub use checks::checks_table;
pub use comparison::comparison;
pub(crate) use csv::csv;
pub use formats::{bencher, google_benchmark};
pub use markdown::{machine_lines, markdown};
pub use screen::{cell_line, first_screen};
pub(crate) use screen::{parts as first_screen_parts, traced as traced_table};
pub use table::Table;
pub(crate) use tables::counters_table;
pub use tables::{failures_table, limits_table};
