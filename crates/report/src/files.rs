use crate::html::html;
use crate::render::{csv, markdown};
use crate::schema::Report;

/// What is written of a report for people, beside its JSON: names and contents.
pub fn files(report: &Report) -> [(&'static str, String); 3] {
    [("report.md", markdown(report)), ("report.html", html(report)), ("report.csv", csv(report))]
}
