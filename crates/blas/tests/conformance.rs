//! The linked BLAS, and those that `MATMUL_BLAS_LIBS` names (`PATH[:prefix]`, several separated by `;`), against the
//! conformance kit.

use matmul_blas::Blas;
use matmul_conformance::{Family, Plan, check};
use matmul_core::Kernel;

fn certify(blas: &Blas, plan: &Plan) {
    for report in [check::<f32>(blas, plan), check::<f64>(blas, plan)] {
        println!("{} threads, {report}", Kernel::<f32>::threads(blas));
        report.assert_passed();
    }
}

/// All families but the one with guard pages. A library that reads past an operand does not fail there, it ends the
/// process, and BLIS does: 0.9 reads four elements of a C that has two left (flame/blis#635), 1.0 one row of A too
/// many (flame/blis#821), both in the kernels for AVX2.
fn in_bounds_apart(plan: Plan) -> Plan {
    let families: Vec<Family> = Family::ALL.into_iter().filter(|&family| family != Family::Memory).collect();
    plan.only(&families)
}

#[test]
fn the_linked_blas_conforms() {
    let blas = Blas::linked();
    let openblas = Kernel::<f32>::name(&blas) == "openblas";
    let plan = if openblas { Plan::standard() } else { in_bounds_apart(Plan::standard()) };
    for threads in [1, 2] {
        certify(&blas.clone().with_threads(threads), &plan);
    }
}

#[test]
fn loaded_libraries_conform() {
    let specs = std::env::var("MATMUL_BLAS_LIBS").unwrap_or_default();
    if specs.is_empty() {
        println!("SKIPPED: MATMUL_BLAS_LIBS names no library");
    }
    for spec in specs.split(';').filter(|spec| !spec.is_empty()) {
        // SAFETY: who names a library vouches for it.
        let blas = unsafe { Blas::open(spec) }.unwrap();
        println!("{spec}: {}", blas.describe().unwrap_or_default());
        for threads in [1, 2] {
            certify(&blas.clone().with_threads(threads), &in_bounds_apart(Plan::quick()));
        }
    }
}
