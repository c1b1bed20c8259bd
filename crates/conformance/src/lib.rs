//! A conformance kit that certifies any GEMM kernel.
//!
//! [`check`] runs nine families of cases on anything that implements [`Kernel`](matmul_core::Kernel): shapes aimed
//! at the kernel's own tiles and blocks, every layout, every kind of alpha and beta, NaN and infinity at every place
//! of a tile, canaries and guard pages around all three matrices. The verdict comes from an integer product, from a
//! scalar oracle of the numeric contract, or from a product in twice the precision of f64 and the componentwise
//! bound, as the inputs and the kernel's promise allow.
//!
//! ```
//! use matmul_conformance::{Plan, check, from_fn, replay};
//! use matmul_core::Problem;
//!
//! let mine = from_fn("mine", |mut p: Problem<'_, f32>| {
//!     for i in 0..p.m() {
//!         for j in 0..p.n() {
//!             let sum = (0..p.k()).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
//!             p.store(i, j, sum);
//!         }
//!     }
//! });
//! let report = check(&mine, &Plan::quick());
//! println!("{report}");
//! report.assert_passed();
//!
//! // Every failure in a report is a line that runs again.
//! replay(&mine, "edges f32 m=7 n=33 k=257 a=row b=col c=neg alpha=1 beta=0 seed=42")?;
//! # Ok::<(), matmul_conformance::ReplayError>(())
//! ```
//!
//! A function of a [`Problem`](matmul_core::Problem) is the shortest kernel; one that implements
//! [`Kernel`](matmul_core::Kernel) can say more: that it keeps the numeric contract, and the sizes of its tiles and
//! blocks, at which the cases then aim.
//!
//! A kernel that panics or returns an error fails the case. A kernel that reads or writes past a guard page dies:
//! set `MATMUL_CONFORMANCE_TRACE=1`, and the last line on standard error is the case. [`this_program`] helps to check
//! such a kernel in a process of its own.
//!
//! The kit watches for reads outside the matrices by guard pages alone: a stray read that stays within the page, or
//! in the gap between two rows, is seen only if it changes a result.
//!
//! With the feature `serde`, [`Report`] can be serialized and deserialized.
#![deny(unsafe_op_in_unsafe_fn)]

mod again;
mod case;
mod cases;
mod check;
mod family;
mod fingerprint;
mod function;
mod judge;
mod layout;
mod memory;
mod oracle;
mod parse_error;
mod plan;
mod report;
mod rng;
mod scalar_oracle;
mod underflow;

pub use again::this_program;
pub use case::{Case, Fill, Operand, Place, Put};
pub use check::{ReplayError, check, check_same_bits, replay, replay_same_bits};
pub use family::Family;
pub use fingerprint::{FINGERPRINT_F32, FINGERPRINT_F64, Fingerprint, fingerprint};
pub use function::{FromFn, from_fn};
pub use layout::Layout;
pub use parse_error::ParseError;
pub use plan::Plan;
pub use report::{Failure, FamilyReport, Report, Skip};
pub use scalar_oracle::Oracle;
