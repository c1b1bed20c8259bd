//! The command line of `cargo xtask bench`, `conform` and `lesson`.
//!
//! `cargo xtask` parses with these very types before it builds anything, and the program that it then starts parses the
//! same arguments again. What can be wrong without a kernel at hand is found by the first.

mod bench;
mod compare;
mod conform;
mod data;
mod error;
mod formats;
mod lesson;
mod out;
mod redraw;
mod values;

pub use bench::Bench;
pub use compare::{Against, Baseline, read};
pub use conform::{Cases, Conform, Depth};
pub use data::Data;
pub use error::OptionsError;
pub use formats::Formats;
pub use lesson::Lesson;
pub use out::claim;
pub use redraw::redraw;
