//! Every peer against the conformance kit. What a peer gets wrong is a finding about the peer: it belongs here, by
//! name, as an exception to the assertion. On x86-64 with AVX-512 there is none.

use matmul_conformance::{Plan, check};
use matmul_core::Real;
use matmul_peers::all;

fn certify<T: Real>(threads: usize, plan: &Plan) {
    let peers = all::<T>(threads);
    let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
    assert_eq!(names, ["faer", "gemm", "matrixmultiply"][..if threads == 1 { 3 } else { 2 }]);
    for peer in peers {
        assert_eq!(peer.threads(), threads);
        let report = check::<T>(&*peer, plan);
        println!("{threads} threads, {report}");
        report.assert_passed();
    }
}

#[test]
fn on_one_thread() {
    certify::<f32>(1, &Plan::standard());
    certify::<f64>(1, &Plan::standard());
}

#[test]
fn on_two_threads() {
    certify::<f32>(2, &Plan::quick());
    certify::<f64>(2, &Plan::quick());
}
