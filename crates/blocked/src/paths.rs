//! The ways to compute a product. None of them knows when it is chosen: that is the plan's business.
//!
//! `tile` is the micro-kernel and `tiles` the loops around it; `rows`, `strips` and `column` have rows of A in the lanes
//! of vectors, for few columns of C; `dot` has k there. What an instruction set compiles for itself are the inner
//! functions; the loops around them are compiled once for each element type, and call them through the engine's table.

pub mod column;
pub mod dot;
pub mod rows;
pub mod strips;
pub mod tile;
pub(crate) mod tiles;
pub mod update;
