use crate::html::{html, pictures};
use crate::render::{csv, markdown};
use crate::schema::Report;

/// What is written of a report for people, beside its JSON: names and contents.
pub fn files(report: &Report) -> Vec<(&'static str, String)> {
    let texts = [("report.md", markdown(report)), ("report.html", html(report)), ("report.csv", csv(report))];
    texts.into_iter().chain(pictures(report)).collect()
}
