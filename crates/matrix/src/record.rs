//! What a conformance run writes down: conformance.json.

use std::collections::{BTreeMap, BTreeSet};

use matmul_conformance::{Fingerprint, Report};
use serde::{Deserialize, Serialize};

use crate::registry::Family;

/// The record of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) schema: u32,
    /// The target triple of the program.
    pub(crate) target: String,
    /// `native`, or the emulator that it ran in.
    pub(crate) how: String,
    /// `glance`, `quick`, `standard` or `full`.
    pub(crate) plan: String,
    /// Kernels that ran, and all there are.
    pub(crate) ran: usize,
    pub(crate) kernels: usize,
    /// Whether nothing of ours failed.
    pub(crate) passed: bool,
    /// Other tests that ran beside, such as those of .npy files, and whether they passed.
    #[serde(default)]
    pub(crate) tests: BTreeMap<String, bool>,
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) checks: Vec<Checked>,
}

/// The kit's report on one kernel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) family: Family,
    pub(crate) threads: usize,
    pub(crate) report: Report,
}

impl Record {
    /// Of a run here, as a program for this target.
    pub(crate) fn new(plan: String) -> Self {
        Self {
            schema: 1,
            target: env!("BUILD_TARGET").into(),
            how: "native".into(),
            plan,
            ran: 0,
            kernels: 0,
            passed: false,
            tests: BTreeMap::new(),
            fingerprints: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Adds up.
    pub(crate) fn finish(&mut self) {
        (self.ran, self.kernels) = (self.names(|c| c.report.unavailable.is_none()), self.names(|_| true));
        self.passed = self.fingerprints.iter().all(Fingerprint::passed)
            && self.tests.values().all(|passed| *passed)
            && !self.checks.iter().any(Checked::is_own_failure);
    }

    /// Kernels with such a check. One counts once, at whatever types and thread counts.
    fn names(&self, keep: fn(&Checked) -> bool) -> usize {
        let kept = self.checks.iter().filter(|c| keep(c) && !c.is_comparison());
        kept.map(|c| c.report.kernel.as_str()).collect::<BTreeSet<_>>().len()
    }
}

impl Checked {
    /// Whether it compares several kernels; it is named after all of them.
    pub(crate) fn is_comparison(&self) -> bool {
        self.report.kernel.contains(" = ")
    }

    /// Failures of others are findings; only ours are errors.
    pub(crate) fn is_own_failure(&self) -> bool {
        self.family == Family::Own && self.is_failure()
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.report.unavailable.is_none() && !self.report.passed()
    }

    /// The names of the families that failed, and `slope` if errors grow too fast.
    pub(crate) fn failed_families(&self) -> Vec<&'static str> {
        let failed = self.report.families.iter().filter(|family| !family.passed());
        let mut names: Vec<&'static str> = failed.map(|family| family.family.name()).collect();
        if self.report.slope.is_some_and(|slope| slope > 1.0) {
            names.push("slope");
        }
        names
    }

    /// The smallest failing case of each family that failed, in a line each; nothing if there is none.
    pub(crate) fn failures(&self) -> Vec<String> {
        if !self.is_failure() {
            return Vec::new();
        }
        let failed = self.report.families.iter().filter(|family| !family.passed());
        let mut lines: Vec<String> = failed
            .map(|family| match family.failures.first() {
                Some(failure) => format!("{}: {}", failure.case, failure.detail),
                None => format!("{}: nothing ran", family.family),
            })
            .collect();
        if let Some(slope) = self.report.slope.filter(|slope| *slope > 1.0) {
            lines.push(format!("error grows as k^{slope:.2}"));
        }
        lines
    }

    /// The commands that run the smallest failing case of each family again.
    pub(crate) fn again(&self) -> Vec<String> {
        let kernels: BTreeSet<&str> = self.report.kernel.split(" = ").collect();
        let kernels: Vec<&str> = kernels.into_iter().collect();
        let smallest = self.report.families.iter().filter_map(|family| family.failures.first());
        smallest
            .map(|failure| {
                format!("cargo xtask conform --kernels {} --case \"{}\"", kernels.join(","), failure.case)
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn checked(kernel: &str, family: Family, unavailable: Option<&str>) -> Checked {
        let report = Report {
            kernel: kernel.into(),
            dtype: "f32".into(),
            promise: "same-bits".into(),
            unavailable: unavailable.map(Into::into),
            families: Vec::new(),
            worst_ratio: Some(0.25),
            slope: None,
        };
        Checked { family, threads: 1, report }
    }

    /// Five checks of four kernels, one of which needs something and one of which errs too much.
    pub(crate) fn some() -> Record {
        let mut record = Record::new("quick".into());
        let mut steep = checked("faer", Family::Peer, None);
        steep.report.slope = Some(1.5);
        record.checks = vec![
            checked("simd-avx2", Family::Own, None),
            checked("simd-avx2", Family::Own, None),
            checked("blas", Family::Blas, Some("a BLAS")),
            steep,
            checked("blocked = simd-avx2", Family::Own, None),
        ];
        record.finish();
        record
    }

    #[test]
    fn kernels_count_once() {
        assert_eq!((some().ran, some().kernels), (2, 3));
    }

    #[test]
    fn only_our_failures_are_errors() {
        let mut record = some();
        assert!(record.passed);
        let steep = &record.checks[3];
        assert!(steep.is_failure() && steep.failures() == ["error grows as k^1.50"]);
        assert_eq!(steep.failed_families(), ["slope"]);
        record.checks[0].report.slope = Some(2.0);
        record.finish();
        assert!(!record.passed && record.checks[0].is_own_failure());
    }

    #[test]
    fn another_fingerprint_is_an_error() {
        let mut record = some();
        let fingerprint = |found: &str| Fingerprint {
            kernel: "simd-avx2".into(),
            threads: 1,
            dtype: "f32".into(),
            found: found.into(),
            expected: "0x01".into(),
        };
        record.fingerprints = vec![fingerprint("0x01"), fingerprint("0x02")];
        record.finish();
        assert!(!record.passed);
    }
}
