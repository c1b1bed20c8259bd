//! The linked BLAS, and those that `MATMUL_BLAS_LIBS` names (`PATH[:prefix]`, several separated by `;`), against the
//! conformance kit.

use matmul_blas::Blas;
use matmul_conformance::{Failure, Family, Plan, Report, check};
use matmul_core::Kernel;

/// Whether it is BLIS, whose kernels for AVX2 (used with AVX-512 too, for small products) have two bugs that this
/// kit finds:
/// - They read past operands: 0.9 four elements of a C that has two left (flame/blis#635), 1.0 one row of A too many
///   (flame/blis#821). Beside a guard page that ends the process, so the family with guard pages is left out.
/// - They take β = NaN for 0: they compare with `vucomiss` and jump on "equal", which "unordered" sets too.
fn is_blis(blas: &Blas) -> bool {
    blas.describe().is_some_and(|about| about.starts_with("BLIS"))
}

fn certify(blas: &Blas, plan: &Plan) {
    let blis = is_blis(blas);
    let families: Vec<Family> =
        Family::ALL.into_iter().filter(|&family| !(blis && family == Family::Memory)).collect();
    let plan = plan.clone().only(&families);
    for threads in [1, 2] {
        let blas = blas.clone().with_threads(threads);
        for report in [check::<f32>(&blas, &plan), check::<f64>(&blas, &plan)] {
            println!("{} threads, {report}", Kernel::<f32>::threads(&blas));
            if blis {
                assert_only_nan_beta_fails(&report);
            } else {
                report.assert_passed();
            }
        }
    }
}

/// Nothing fails but β = NaN, as far as the report shows failures one by one.
fn assert_only_nan_beta_fails(report: &Report) {
    for family in report.families.iter().filter(|family| !family.passed()) {
        let excused = |failure: &Failure| failure.case.contains("beta=NaN");
        assert!(family.family == Family::Scalars && family.failures.iter().all(excused), "{report}");
    }
}

#[test]
fn the_linked_blas_conforms() {
    certify(&Blas::linked(), &Plan::standard());
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
        certify(&blas, &Plan::quick());
    }
}
