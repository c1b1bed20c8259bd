//! What `cargo xtask bench` and `conform` find out, as data and as text.
//!
//! [`Report`] is a run of `bench`: settings (an element type on a number of threads), cells (a shape in a setting),
//! rows (a kernel in a cell), samples. Every figure follows from the samples ([`Report::finish`]), and [`render`]
//! writes them down. [`compare`] holds two runs against each other. [`Record`] is a run of `conform`, and [`publish`] the table of many of them. [`groups`] is the
//! catalogue of shapes.
//!
//! Nothing here measures, starts a process or touches a file.
#![forbid(unsafe_code)]

mod asked;
mod class;
pub mod compare;
mod counters;
mod dtype;
mod figures;
mod files;
#[cfg(test)]
mod fixtures;
pub mod groups;
mod html;
mod journal;
mod machine;
mod nearest;
mod owner;
pub mod publish;
mod record;
pub mod render;
mod roofline;
mod samples;
mod schema;
mod screen;
mod shape;
pub mod stats;

pub use asked::{Asked, LineError, LineFault, from_list, from_trace};
pub use class::Class;
pub use counters::{Counters, Counting};
pub use dtype::{Dtype, UnknownDtype};
pub use files::files;
pub use groups::ShapeError;
pub use html::html;
pub use journal::{Entry, Journal, JournalError};
pub use machine::{ASSUMED_CACHES, Cache, Machine};
pub use nearest::nearest;
pub use owner::Owner;
pub use record::{Checked, Record, RecordError};
pub use roofline::{Level, Limit, limit};
pub use schema::{
    Called, Cell, Check, Conformance, Outcome, Report, ReportError, Row, SCHEMA, Sample, Setting, Summary,
};
pub use screen::{Doubt, machine_doubts};
pub use shape::{Layout, Shape, Source};
