//! The vocabulary that every matmul kernel shares: [`MatRef`] and [`MatMut`] views with arbitrary strides, the
//! [`Real`] types, the [`Kernel`] trait, and [`Fold`], the one place that knows when C may be read.
//!
//! Features: `std` (the default) finds the CPU's fused multiply-add; `faer`, `nalgebra` and `ndarray` turn those libraries'
//! matrices into views, without a copy.
//!
//! A product is always C ← α·A·B + β·C in the meaning of the BLAS: A is m × k, B is k × n, C is m × n.
//!
//! ```
//! use matmul_core::{Kernel, MatMut, MatRef, Problem};
//!
//! /// Three loops, no contract.
//! struct Loops;
//!
//! impl Kernel<f32> for Loops {
//!     fn name(&self) -> &str {
//!         "loops"
//!     }
//!     fn run(&self, mut p: Problem<'_, f32>) {
//!         for i in 0..p.m() {
//!             for j in 0..p.n() {
//!                 let sum = (0..p.k()).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
//!                 p.store(i, j, sum);
//!             }
//!         }
//!     }
//! }
//!
//! let a = [1.0, 2.0, 3.0, 4.0];
//! let b = [1.0, 0.0, 0.0, 1.0];
//! let mut c = [f32::NAN; 4]; // beta = 0: never read
//! Loops.gemm(
//!     1.0,
//!     MatRef::from_row_major(&a, 2, 2)?,
//!     MatRef::from_row_major(&b, 2, 2)?,
//!     0.0,
//!     MatMut::from_row_major(&mut c, 2, 2)?,
//! )?;
//! assert_eq!(c, a);
//! # Ok::<(), matmul_core::Error>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod adapters;
mod batch;
mod display;
mod element;
mod error;
mod extent;
mod fma;
mod fold;
mod index;
mod kernel;
mod matrix;
mod operand;
mod problem;
mod scale;
mod view;

pub use batch::{BatchMut, BatchProblem, BatchRef};
pub use element::{Element, Real};
pub use error::Error;
pub use extent::elements;
pub use fold::Fold;
pub use kernel::{Availability, Kernel, Promise, Sizes, Summation};
pub use matrix::Matrix;
pub use operand::{AsMat, AsMatMut};
pub use problem::Problem;
pub use view::{MatMut, MatRef};

/// Products are summed in chunks of this many terms; a chunk is one chain of fused multiply-adds in the order of
/// k, and chunks fold into C in order. It fixes the bits of a result, so it is a constant of the numeric contract
/// and not a tuning parameter.
///
/// 256 because a cache block of that depth suits every CPU we know (an f32 panel of 16 columns is
/// 256 · 16 · 4 B = 16 KiB, half of a 32 KiB L1d) and because chunking is more accurate than one long chain: the
/// simulated RMS error at k = 4096 is 5.1 ulp against 18.5.
pub const K_CHUNK: usize = 256;
