//! Every rung through the conformance kit.

use matmul_conformance::{ParseError, Plan, check};
use matmul_core::{Kernel, Real};
use matmul_naive::{Broadcast, Elementwise, Loops};

fn certify<T: Real>() -> Result<(), ParseError> {
    // A rung does about 0.5 multiply-adds a nanosecond: the limit keeps a family below a second.
    let plan = Plan::from_env()?.with_family_limit(1 << 25);
    for kernel in [&Loops as &dyn Kernel<T>, &Elementwise, &Broadcast] {
        check(kernel, &plan).assert_passed();
    }
    Ok(())
}

#[test]
fn rungs_conform_in_f32() -> Result<(), ParseError> {
    certify::<f32>()
}

#[test]
fn rungs_conform_in_f64() -> Result<(), ParseError> {
    certify::<f64>()
}
