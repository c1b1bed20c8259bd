//! What is right must pass.

use matmul_conformance::{Oracle, ParseError, Plan, check, check_same_bits};

#[test]
fn oracle_f32() -> Result<(), ParseError> {
    check::<f32>(&Oracle, &Plan::from_env()?).assert_passed();
    Ok(())
}

#[test]
fn oracle_f64() -> Result<(), ParseError> {
    check::<f64>(&Oracle, &Plan::from_env()?).assert_passed();
    Ok(())
}

#[test]
fn oracle_agrees_with_itself() {
    check_same_bits::<f32>(&[&Oracle, &Oracle], &Plan::quick()).assert_passed();
}

#[test]
fn limits_are_rows_of_the_report() {
    let report = check::<f32>(&Oracle, &Plan::quick().with_case_limit(2000).with_family_limit(50_000));
    let (ran, planned) = report.ran_of();
    let skips = || report.families.iter().flat_map(|family| &family.skipped);
    assert!(report.passed() && ran < planned, "{report}");
    assert_eq!(ran + skips().map(|skip| skip.cases).sum::<usize>(), planned, "{report}");
    assert!(skips().any(|skip| skip.reason.contains("2000 multiply-adds a case")), "{report}");
    assert!(skips().any(|skip| skip.reason.contains("50000 multiply-adds a family")), "{report}");
}

#[test]
fn a_family_of_which_nothing_ran_has_not_passed() {
    let report = check::<f32>(&Oracle, &Plan::quick().with_case_limit(0));
    assert!(!report.passed(), "{report}");
}

/// A line of a report is a plan of its own.
#[test]
fn one_case_runs_again() -> Result<(), ParseError> {
    let plan = Plan::of_case("memory f64 m=5 n=7 k=3 c=row-pad mem=right")?;
    let report = check::<f64>(&Oracle, &plan);
    assert!(report.passed() && report.ran_of() == (1, 1), "{report}");
    check_same_bits::<f64>(&[&Oracle, &Oracle], &plan).assert_passed();
    // The kernel of another type has nothing to run, and has not passed.
    assert!(!check::<f32>(&Oracle, &plan).passed());
    assert!(Plan::of_case("memory f64 m=5").is_err());
    Ok(())
}
