//! The lesson's three rungs: [`Loops`], [`Elementwise`] and [`Broadcast`].
//!
//! Plain multiplications and additions, so they keep the error bound and not the numeric contract. They are what
//! every other kernel is measured against.
//!
//! ```
//! use matmul_core::{Kernel, MatMut, MatRef};
//! use matmul_naive::{Broadcast, Elementwise, Loops};
//!
//! let a = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
//! let b = [1.0f32, 0.0, -1.0, 2.0, 1.0, 0.0];
//! for kernel in [&Loops as &dyn Kernel<f32>, &Elementwise, &Broadcast] {
//!     let mut c = [f32::NAN; 4]; // beta = 0: never read
//!     let (a, b) = (MatRef::from_row_major(&a, 2, 3)?, MatRef::from_row_major(&b, 3, 2)?);
//!     kernel.gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
//!     assert_eq!(c, [2.0, 4.0, 5.0, 10.0], "{}", kernel.name());
//! }
//! # Ok::<(), matmul_core::Error>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec;

use matmul_core::{Kernel, Problem, Real};

/// `naive-loops`: for i, for j, for l: `c[i,j] += a[i,l] * b[l,j]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loops;

impl<T: Real> Kernel<T> for Loops {
    fn name(&self) -> &str {
        "naive-loops"
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        let (a, b) = (problem.a(), problem.b());
        for i in 0..problem.m() {
            for j in 0..problem.n() {
                // Summed beside C, which at beta = 0 may hold anything.
                let mut sum = T::ZERO;
                for l in 0..problem.k() {
                    sum += a.at(i, l) * b.at(l, j);
                }
                problem.store(i, j, sum);
            }
        }
    }
}

/// `naive-elementwise`: `c[i,j] = (a[i,:] * b[:,j]).sum()`, a row times a column.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elementwise;

impl<T: Real> Kernel<T> for Elementwise {
    fn name(&self) -> &str {
        "naive-elementwise"
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        let (a, b, k) = (problem.a(), problem.b(), problem.k());
        for i in 0..problem.m() {
            for j in 0..problem.n() {
                let row = (0..k).map(|l| a.at(i, l));
                let col = (0..k).map(|l| b.at(l, j));
                problem.store(i, j, row.zip(col).map(|(x, y)| x * y).sum());
            }
        }
    }
}

/// `naive-broadcast`: `c[i] = (a[i,:,None] * b).sum(axis=0)`, row i of A against all rows of B at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Broadcast;

impl<T: Real> Kernel<T> for Broadcast {
    fn name(&self) -> &str {
        "naive-broadcast"
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        let (a, b) = (problem.a(), problem.b());
        let mut row = vec![T::ZERO; problem.n()];
        for i in 0..problem.m() {
            row.fill(T::ZERO);
            for l in 0..problem.k() {
                let x = a.at(i, l);
                row.iter_mut().enumerate().for_each(|(j, sum)| *sum += x * b.at(l, j));
            }
            for (j, &sum) in row.iter().enumerate() {
                problem.store(i, j, sum);
            }
        }
    }
}
