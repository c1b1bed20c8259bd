//! A kernel of one's own, certified by the kit; and what the kit says of one with a bug.

use matmul_conformance::{Plan, check, from_fn};
use matmul_core::{Kernel, Problem};

/// The loop over rows of B innermost, so that all that is read and written is contiguous in row-major matrices.
struct RowByRow;

impl Kernel<f64> for RowByRow {
    fn name(&self) -> &str {
        "row-by-row"
    }

    fn run(&self, mut p: Problem<'_, f64>) {
        let mut row = vec![0.0; p.n()];
        for i in 0..p.m() {
            row.fill(0.0);
            for l in 0..p.k() {
                let x = p.a().at(i, l);
                row.iter_mut().enumerate().for_each(|(j, sum)| *sum += x * p.b().at(l, j));
            }
            // alpha, beta and the old C are `store`'s business.
            row.iter().enumerate().for_each(|(j, &sum)| p.store(i, j, sum));
        }
    }
}

fn main() {
    let report = check(&RowByRow, &Plan::quick());
    report.assert_passed();
    println!("row-by-row: passed");

    // The last term of every sum is forgotten where k is odd.
    let forgetful = from_fn("forgetful", |mut p: Problem<'_, f64>| {
        for i in 0..p.m() {
            for j in 0..p.n() {
                let sum = (0..p.k() / 2 * 2).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
                p.store(i, j, sum);
            }
        }
    });
    let report = check(&forgetful, &Plan::quick());
    assert!(!report.passed());
    println!("forgetful: FAILED, as it must");
}
