//! What is right must pass.

use matmul_conformance::{Oracle, Plan, check};

#[test]
fn oracle_f32() {
    check::<f32>(&Oracle, &Plan::standard()).assert_passed();
}

#[test]
fn oracle_f64() {
    check::<f64>(&Oracle, &Plan::standard()).assert_passed();
}
