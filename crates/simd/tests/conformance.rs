//! Every instruction set that this CPU has, certified. One that it lacks is a SKIPPED line, and a failure if
//! `MATMUL_REQUIRE` names it.

use matmul_conformance::{Fingerprint, Plan, check, check_same_bits};
use matmul_core::{Error, Kernel, MatMut, MatRef, Real};
use matmul_simd::{Isa, Simd};

fn available() -> Vec<Isa> {
    let required = std::env::var("MATMUL_REQUIRE").unwrap_or_default();
    let (ran, missing): (Vec<Isa>, Vec<Isa>) = Isa::ALL.iter().partition(|isa| isa.is_available());
    for isa in missing {
        println!("SKIPPED: {isa} because this machine is not {}", isa.needs());
        assert!(
            !required.split(',').any(|name| name.trim() == isa.name()),
            "MATMUL_REQUIRE={required}, but {isa} needs {}",
            isa.needs()
        );
    }
    println!("{} of {} instruction sets run here", ran.len(), Isa::ALL.len());
    assert!(ran.contains(&Isa::Portable));
    ran
}

fn certify<T: Real>() {
    for isa in available() {
        // Without hardware FMA, every multiply-add of the portable tile is a call of the C library.
        let plan = if isa == Isa::Portable { Plan::quick() } else { plan() };
        let report = check::<T>(&Simd::with_isa(isa), &plan);
        println!("{report}");
        report.assert_passed();
        let fingerprint =
            Fingerprint::of::<T>(&Simd::with_isa(isa)).expect("an instruction set that runs here");
        assert!(fingerprint.passed(), "{fingerprint}");
        // Outside the contract: the bound, and all that every kernel keeps.
        check::<T>(&Simd::with_isa(isa).fast(), &Plan::quick()).assert_passed();
    }
}

#[test]
fn every_isa_f32() {
    certify::<f32>();
}

#[test]
fn every_isa_f64() {
    certify::<f64>();
}

fn same_bits<T: Real>() {
    let kernels: Vec<Simd> = available().into_iter().map(Simd::with_isa).collect();
    let kernels: Vec<&dyn Kernel<T>> = kernels.iter().map(|kernel| kernel as &dyn Kernel<T>).collect();
    check_same_bits::<T>(&kernels, &Plan::quick()).assert_passed();
}

#[test]
fn every_isa_gives_the_same_bits() {
    same_bits::<f32>();
    same_bits::<f64>();
}

#[test]
fn a_missing_isa_is_an_error_and_not_a_crash() {
    for &isa in Isa::ALL.iter().filter(|isa| !isa.is_available()) {
        let (a, mut c) = ([1.0f32], [2.0]);
        let a = MatRef::from_row_major(&a, 1, 1).unwrap();
        let result = Simd::with_isa(isa).gemm(1.0, a, a, 0.0, MatMut::from_row_major(&mut c, 1, 1).unwrap());
        assert!(matches!(result, Err(Error::Unavailable { needs, .. }) if needs == isa.needs()));
        assert_eq!(c, [2.0]);
    }
}

/// Standard, or what an emulated run asks for.
fn plan() -> Plan {
    Plan::from_env().expect("MATMUL_CONFORMANCE_PLAN names a plan")
}
