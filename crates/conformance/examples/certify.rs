//! Certifies a kernel of fifteen lines. Exits with 1 if it does not conform.

use matmul_conformance::{Plan, check};
use matmul_core::{Kernel, Problem};

struct Mine;

impl Kernel<f64> for Mine {
    fn name(&self) -> &str {
        "mine"
    }

    fn run(&self, mut p: Problem<'_, f64>) {
        for i in 0..p.m() {
            for j in 0..p.n() {
                let sum = (0..p.k()).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
                p.store(i, j, sum);
            }
        }
    }
}

fn main() {
    let report = check(&Mine, &Plan::quick());
    print!("{report}");
    std::process::exit(i32::from(!report.passed()));
}
