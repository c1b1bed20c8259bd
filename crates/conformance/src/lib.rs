//! A conformance kit that certifies any GEMM kernel.
#![deny(unsafe_op_in_unsafe_fn)]

mod case;
mod cases;
mod check;
mod family;
mod judge;
mod layout;
mod memory;
mod oracle;
mod plan;
mod report;
mod rng;
mod scalar_oracle;

pub use case::{Case, Fill, Operand, ParseError, Place, Put};
pub use check::{ReplayError, check, check_same_bits, replay, replay_same_bits};
pub use family::Family;
pub use layout::Layout;
pub use plan::Plan;
pub use report::{Failure, FamilyReport, Report, Skip};
pub use scalar_oracle::Oracle;
