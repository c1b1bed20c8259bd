//! Every rung through the conformance kit.

use matmul_conformance::{Plan, check};
use matmul_core::Kernel;
use matmul_naive::{Broadcast, Elementwise, Loops};

#[test]
fn rungs_conform() {
    for kernel in [&Loops as &dyn Kernel<f32>, &Elementwise, &Broadcast] {
        check(kernel, &Plan::standard()).assert_passed();
    }
    for kernel in [&Loops as &dyn Kernel<f64>, &Elementwise, &Broadcast] {
        check(kernel, &Plan::quick()).assert_passed();
    }
}
