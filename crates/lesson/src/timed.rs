use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use matmul::Real;
use matmul::kernel::{Availability, Kernel, Problem, Promise, Sizes};

/// m, k and n of a product.
pub type Shape = (usize, usize, usize);

/// Calls of a shape and the time spent in them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Products computed.
    pub calls: u32,
    /// Wall time of all of them.
    pub time: Duration,
}

/// A kernel with a stopwatch: it keeps the time of every shape, and changes nothing else. The clock costs some
/// 50 ns a product.
pub struct Timed<T> {
    kernel: Box<dyn Kernel<T>>,
    spent: Mutex<BTreeMap<Shape, Spent>>,
}

impl<T: Real> Timed<T> {
    /// Starts at zero.
    pub fn new(kernel: Box<dyn Kernel<T>>) -> Self {
        Self { kernel, spent: Mutex::default() }
    }

    /// What each shape took so far, those that took longest first.
    pub fn spent(&self) -> Vec<(Shape, Spent)> {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spent: Vec<_> = spent.iter().map(|(&shape, &spent)| (shape, spent)).collect();
        spent.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.time));
        spent
    }
}

impl<T: Real> Kernel<T> for Timed<T> {
    fn name(&self) -> &str {
        self.kernel.name()
    }

    fn availability(&self) -> Availability {
        self.kernel.availability()
    }

    fn promise(&self) -> Promise {
        self.kernel.promise()
    }

    fn sizes(&self) -> Option<Sizes> {
        self.kernel.sizes()
    }

    fn threads(&self) -> usize {
        self.kernel.threads()
    }

    fn run(&self, problem: Problem<'_, T>) {
        let shape = (problem.m(), problem.k(), problem.n());
        let start = Instant::now();
        self.kernel.run(problem);
        let time = start.elapsed();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = spent.entry(shape).or_default();
        spent.calls += 1;
        spent.time += time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use matmul::Matrix;

    #[test]
    fn counts_each_shape_and_passes_the_product_on() {
        let timed = Timed::new(crate::kernel::<f64>("blocked").unwrap());
        let a = Matrix::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3).unwrap();
        let mut c = Matrix::zeros(2, 2);
        for _ in 0..3 {
            timed.gemm(1.0, a.as_ref(), a.as_ref().t(), 0.0, c.as_mut()).unwrap();
        }
        timed.gemm(1.0, a.as_ref().t(), a.as_ref(), 0.0, Matrix::zeros(3, 3).as_mut()).unwrap();
        assert_eq!(c.as_slice(), [14.0, 32.0, 32.0, 77.0]);
        let mut calls: Vec<_> = timed.spent().iter().map(|(shape, spent)| (*shape, spent.calls)).collect();
        calls.sort();
        assert_eq!(calls, [((2, 3, 2), 3), ((3, 2, 3), 1)]);
        assert_eq!((timed.name(), timed.promise()), ("blocked", Promise::SameBits));
    }
}
