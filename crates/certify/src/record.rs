//! What a run writes down: conformance.json.

use matmul_conformance::{Fingerprint, Report};
use serde::Serialize;

/// The record of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    schema: u32,
    plan: String,
    /// Kernels that ran, and all there are.
    ran: usize,
    kernels: usize,
    passed: bool,
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) checks: Vec<Checked>,
}

/// The kit's report on one kernel.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    family: &'static str,
    threads: usize,
    report: Report,
}

impl Checked {
    /// Of a kernel of this workspace.
    pub(crate) fn own(threads: usize, report: Report) -> Self {
        Checked { family: "own", threads, report }
    }

    fn is_available(&self) -> bool {
        self.report.unavailable.is_none()
    }
}

impl Record {
    pub(crate) fn new(plan: String) -> Self {
        Record {
            schema: 1,
            plan,
            ran: 0,
            kernels: 0,
            passed: false,
            fingerprints: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Adds up. A run in which nothing ran has not passed.
    pub(crate) fn finish(&mut self) -> bool {
        self.kernels = self.names(|_| true);
        self.ran = self.names(Checked::is_available);
        self.passed = self.ran > 0
            && !self.fingerprints.is_empty()
            && self.fingerprints.iter().all(Fingerprint::passed)
            && self.checks.iter().filter(|check| check.is_available()).all(|check| check.report.passed());
        self.passed
    }

    /// Kernels with such a check, each counted once; comparisons of several are none.
    fn names(&self, keep: fn(&Checked) -> bool) -> usize {
        let kept = self.checks.iter().filter(|check| keep(check)).map(|check| check.report.kernel.as_str());
        kept.filter(|name| !name.contains(" = ")).collect::<std::collections::BTreeSet<_>>().len()
    }
}
