use matmul_core::{Availability, Kernel, Promise, Real};

use crate::case::{Case, Fill, Place};
use crate::cases::{cases, measures_growth, same_bits_cases};
use crate::judge::{Judge, answer, compare, gamma};
use crate::memory::HAS_GUARD_PAGES;
use crate::report::{Failure, FamilyReport, KEPT, Report, Skip};
use crate::{Family, ParseError, Plan, underflow};

/// Runs every family of the plan on a kernel.
///
/// Nothing is judged, and the report says so, on a thread whose results are flushed to zero where they are subnormal: the
/// oracle's would be too. A call that leaves its thread so fails its case.
///
/// A kernel that reads outside its matrices dies at a guard page. With the environment variable
/// `MATMUL_CONFORMANCE_TRACE=1` each case is written to standard error before it runs, so the last line is the case.
pub fn check<T: Real>(kernel: &dyn Kernel<T>, plan: &Plan) -> Report {
    let mut report = empty_report::<T>(kernel.name().into(), kernel.promise());
    if let Some(needs) = missing(kernel) {
        report.unavailable = Some(needs);
        return report;
    }
    let mut judge = Judge::new(kernel);
    let mut growth = Vec::new();
    for family in Family::ALL {
        let cases = match plan.case() {
            Some(case) => only(case, |case| case.family == family && case.dtype == T::NAME),
            None => cases(family, kernel, plan),
        };
        let family = run_family(family, cases, kernel.promise(), plan, |case| {
            let ratio = judge.run(case)?;
            if let (Some(ratio), Family::Bound) = (ratio, case.family) {
                report.worst_ratio = Some(report.worst_ratio.unwrap_or(0.0).max(ratio));
                if measures_growth(case) {
                    // Back from a part of the bound to units of roundoff.
                    growth.push((case.k as f64, ratio * gamma::<T>(case.k + 3) / T::UNIT_ROUNDOFF));
                }
            }
            Ok(())
        });
        report.families.push(family);
    }
    report.slope = slope(&growth);
    report
}

/// Whether kernels give the same bits as the first of them: one kernel at several thread counts, or several
/// kernels that promise [`Promise::SameBits`]. The report has one family, [`Family::Threads`].
pub fn check_same_bits<T: Real>(kernels: &[&dyn Kernel<T>], plan: &Plan) -> Report {
    let names: Vec<&str> = kernels.iter().map(|kernel| kernel.name()).collect();
    let mut report = empty_report::<T>(names.join(" = "), Promise::SameBits);
    let Some((first, others)) = kernels.split_first() else { return report };
    for kernel in kernels {
        if let Some(needs) = missing(*kernel) {
            report.unavailable = Some(needs);
            return report;
        }
    }
    let cases = match plan.case() {
        Some(case) => only(case, |case| case.dtype == T::NAME),
        None => same_bits_cases(*first, plan),
    };
    report.families.push(run_family(Family::Threads, cases, Promise::SameBits, plan, |case| {
        same_bits(*first, others, case)
    }));
    report
}

/// What a judgement of the kernel needs and has not.
fn missing<T: Real>(kernel: &dyn Kernel<T>) -> Option<String> {
    match kernel.availability() {
        Availability::Unavailable { needs } => Some(needs),
        Availability::Available => (!underflow::is_gradual::<T>()).then(|| underflow::NEEDED.into()),
    }
}

/// The case of a plan of one, if it belongs here.
fn only(case: &Case, belongs: impl Fn(&Case) -> bool) -> Vec<Case> {
    if belongs(case) { vec![case.clone()] } else { Vec::new() }
}

fn same_bits<T: Real>(first: &dyn Kernel<T>, others: &[&dyn Kernel<T>], case: &Case) -> Result<(), String> {
    let describe = |kernel: &dyn Kernel<T>, detail| {
        format!("{} on {} threads: {detail}", kernel.name(), kernel.threads())
    };
    let want = answer(first, case).map_err(|detail| describe(first, detail))?;
    for &kernel in others {
        let same = |found: Vec<T>| compare(case, &found, &want, |x, y| x.bits() == y.bits());
        answer(kernel, case).and_then(same).map_err(|detail| describe(kernel, detail))?;
    }
    Ok(())
}

/// Why a case could not be replayed, or failed again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The line is no case.
    #[error("{line:?} is no case: {source}")]
    Parse {
        /// The line.
        line: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The case has another dtype than the kernel.
    #[error("the case is of {found}, the kernel of {expected}")]
    Dtype {
        /// The kernel's.
        expected: &'static str,
        /// The case's.
        found: String,
    },
    /// The kit cannot judge here.
    #[error("the case needs {0}")]
    Unjudged(String),
    /// The case fails.
    #[error("{0}")]
    Failed(String),
}

fn refuse_flushing<T: Real>() -> Result<(), ReplayError> {
    if underflow::is_gradual::<T>() { Ok(()) } else { Err(ReplayError::Unjudged(underflow::NEEDED.into())) }
}

/// Runs the case of one line of a report again.
///
/// # Errors
/// [`ReplayError::Failed`] says what was expected and what was found; the others, what is wrong with the line.
pub fn replay<T: Real>(kernel: &dyn Kernel<T>, line: &str) -> Result<(), ReplayError> {
    let case = parse::<T>(line)?;
    refuse_flushing::<T>()?;
    Judge::new(kernel).run(&case).map(|_| ()).map_err(ReplayError::Failed)
}

/// Runs one case of a [`check_same_bits`] report again.
///
/// # Errors
/// As [`replay`].
pub fn replay_same_bits<T: Real>(kernels: &[&dyn Kernel<T>], line: &str) -> Result<(), ReplayError> {
    let case = parse::<T>(line)?;
    refuse_flushing::<T>()?;
    let Some((first, others)) = kernels.split_first() else { return Ok(()) };
    same_bits(*first, others, &case).map_err(ReplayError::Failed)
}

fn parse<T: Real>(line: &str) -> Result<Case, ReplayError> {
    let case: Case = line.parse().map_err(|source| ReplayError::Parse { line: line.into(), source })?;
    if case.dtype != T::NAME {
        return Err(ReplayError::Dtype { expected: T::NAME, found: case.dtype });
    }
    Ok(case)
}

fn empty_report<T: Real>(kernel: String, promise: Promise) -> Report {
    Report {
        kernel,
        dtype: T::NAME.into(),
        promise: Report::promise_name(promise).into(),
        unavailable: None,
        families: Vec::new(),
        worst_ratio: None,
        slope: None,
    }
}

/// Why a case is not run, if it is not.
fn skip_reason(case: &Case, promise: Promise, plan: &Plan, spent: u64) -> Option<String> {
    if !plan.families.contains(&case.family) {
        return Some("the plan leaves this family out".into());
    }
    let of_contract = case.family == Family::Contract
        || (case.family == Family::Exceptional
            && matches!(case.fill, Fill::Tiny | Fill::Huge | Fill::SignedZero));
    if of_contract && promise != Promise::SameBits {
        return Some("the kernel promises only the error bound".into());
    }
    if case.mem != Place::Heap && !HAS_GUARD_PAGES {
        return Some("no guard pages on this target".into());
    }
    let (case_limit, family_limit) = plan.limits();
    if case.cost() > case_limit {
        return Some(format!("over the plan's {case_limit} multiply-adds a case"));
    }
    (spent.saturating_add(case.cost()) > family_limit)
        .then(|| format!("over the plan's {family_limit} multiply-adds a family"))
}

fn run_family(
    family: Family,
    cases: Vec<Case>,
    promise: Promise,
    plan: &Plan,
    mut run: impl FnMut(&Case) -> Result<(), String>,
) -> FamilyReport {
    let waived =
        !plan.families.contains(&family) || (family == Family::Contract && promise != Promise::SameBits);
    let planned = cases.len();
    let mut report = FamilyReport {
        family,
        planned,
        ran: 0,
        failed: 0,
        failures: Vec::new(),
        skipped: Vec::new(),
        waived,
    };
    let mut spent = 0;
    for case in cases {
        if let Some(reason) = skip_reason(&case, promise, plan, spent) {
            match report.skipped.iter_mut().find(|skip| skip.reason == reason) {
                Some(skip) => skip.cases += 1,
                None => report.skipped.push(Skip { reason, cases: 1 }),
            }
            continue;
        }
        spent += case.cost();
        report.ran += 1;
        if let Err(detail) = run(&case) {
            report.failed += 1;
            if report.failures.len() < KEPT {
                report.failures.push(Failure { case: case.to_string(), detail });
            }
        }
    }
    report
}

/// The exponent of the power of k that fits the worst errors best, by least squares of the logarithms. None
/// without three errors other than 0.
fn slope(growth: &[(f64, f64)]) -> Option<f64> {
    let points: Vec<(f64, f64)> =
        growth.iter().filter(|(_, error)| *error > 0.0).map(|(k, error)| (k.ln(), error.ln())).collect();
    if points.len() < 3 {
        return None;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let covariance: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let variance: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    Some(covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_of_a_power() {
        let points: Vec<(f64, f64)> = [1.0, 2.0, 4.0, 8.0f64].map(|k| (k, 3.0 * k.powf(0.5))).to_vec();
        assert!((slope(&points).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(slope(&points[..2]), None);
        assert_eq!(slope(&[(1.0, 0.0); 5]), None);
    }
}
