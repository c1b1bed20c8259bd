//! The portable engines, and the loops on an engine of an odd shape, certified.

mod odd;
mod widening;

use matmul_blocked::plan::Limits;
use matmul_blocked::{Blocked, Engines, portable};
use matmul_conformance::{Plan, check, check_same_bits};
use matmul_core::Real;

#[test]
fn portable_f32() {
    check::<f32>(&Blocked::new(), &plan()).assert_passed();
}

#[test]
fn portable_f64() {
    check::<f64>(&Blocked::new(), &plan()).assert_passed();
}

/// The build for any CPU of the target, where a fused multiply-add may be a call of the C library.
#[test]
fn baseline_has_the_same_bits() {
    let plan = Plan::quick();
    check_same_bits::<f32>(&[&Blocked::new(), &Blocked::baseline()], &plan).assert_passed();
    check_same_bits::<f64>(&[&Blocked::new(), &Blocked::baseline()], &plan).assert_passed();
}

/// Thresholds at which every path is taken, or none, and every operand copied, or none: the same bits.
#[test]
fn limits_do_not_change_bits() {
    fn with_limits<T: Real>(engines: &Engines) {
        let extremes = [0, 1, 3, usize::MAX];
        for x in extremes {
            let limits = Limits {
                pack_a_panels: x,
                aliasing_bytes: x.min(64),
                aliased_rows: x,
                copy_aliased: x == 0,
                pack_near_b_panels: x,
                pack_far_b_panels: x,
                near_halves_of_l2: x,
                edge_columns: x,
                edge_rows: x,
                edge_vectors: 1,
                strip_vectors: x,
                sums_halves_of_l1: x,
                dot_side: x,
                block_depth: x.min(1 << 20),
                block_of_l3: x,
                least_block: x.min(1 << 20),
                most_block: x.min(1 << 24),
                piece_work: x,
                piece_work_outside: x,
                piece_panels: x,
                piece_panels_copied: x,
                chunks_below_units: x,
                piece_chunks: x,
            };
            let engine = engines.of::<T>().expect("an engine for each real type").with_limits(limits);
            check(&engine, &Plan::quick()).assert_passed();
        }
    }
    #[cfg(target_arch = "x86_64")]
    let engines = matmul_blocked::portable_fma().unwrap_or_else(portable);
    #[cfg(not(target_arch = "x86_64"))]
    let engines = portable();
    with_limits::<f32>(engines);
    with_limits::<f64>(engines);
}

/// Standard, or what an emulated run asks for.
fn plan() -> Plan {
    Plan::from_env().expect("MATMUL_CONFORMANCE_PLAN names a plan")
}
