//! Certifies a multiplication in fifteen lines of code. Exits with 1 if it does not conform.

use matmul_conformance::{Plan, check, from_fn};
use matmul_core::Problem;

fn main() {
    let mine = from_fn("mine", |mut p: Problem<'_, f64>| {
        for i in 0..p.m() {
            for j in 0..p.n() {
                let sum = (0..p.k()).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
                p.store(i, j, sum);
            }
        }
    });
    let report = check(&mine, &Plan::quick());
    print!("{report}");
    std::process::exit(i32::from(!report.passed()));
}
