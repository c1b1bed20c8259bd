use matmul_core::{Kernel, Problem, Promise, Real};

use crate::oracle;

/// The oracle of the numeric contract as a kernel, `oracle`: what every kernel that promises
/// [`Promise::SameBits`] must agree with, bit for bit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oracle;

impl<T: Real> Kernel<T> for Oracle {
    fn name(&self) -> &str {
        "oracle"
    }

    fn promise(&self) -> Promise {
        Promise::SameBits
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        let shape @ (m, n, _) = (problem.m(), problem.n(), problem.k());
        let (a, b) = (problem.a().to_vec(), problem.b().to_vec());
        // At beta = 0 the old C is not read, so neither here.
        let mut c =
            if problem.beta() == T::ZERO { vec![T::ZERO; m * n] } else { problem.c().as_ref().to_vec() };
        oracle::contract(shape, problem.alpha(), &a, &b, problem.beta(), &mut c);
        for i in 0..m {
            for j in 0..n {
                problem.c().set(i, j, c[i * n + j]);
            }
        }
    }
}
