//! Which way a product goes, decided once, from its shape and strides, the engine's facts and the machine's caches.
//!
//! Nothing here computes, reads memory or asks the CPU, so the plan of any instruction set can be made and tested on
//! any machine: `cargo xtask plan 33x33x33` prints one.

mod caches;
mod cut;
mod decide;
mod explain;
mod facts;
mod limits;
mod query;
mod way;

pub use caches::Caches;
pub use cut::{Cut, Halves, Order, most_pieces};
pub use decide::sizes;
pub use explain::Reason;
pub use facts::{DOT_ROWS, DOT_VECTORS, Facts, GROUPS, STAGE, Strips};
pub use limits::Limits;
pub use matmul_core::Summation;
pub use query::Query;
pub use way::{Blocks, Path, Plan, Source, Tiles};
