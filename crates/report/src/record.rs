use std::collections::{BTreeMap, BTreeSet};

use matmul_conformance::{Fingerprint, Report};
use serde::{Deserialize, Serialize};

use crate::dtype::{Dtype, UnknownDtype};
use crate::owner::Owner;

/// The version of the JSON.
const SCHEMA: u32 = 1;

/// How the kit calls the promise to keep the numeric contract.
const SAME_BITS: &str = "same-bits";

/// The record of a conformance run: `conformance.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the JSON; it grows when a field changes its meaning or goes.
    pub schema: u32,
    /// The target triple of the program that ran.
    pub target: String,
    /// `native`, or the emulator that it ran in.
    pub how: String,
    /// `glance`, `emulated`, `quick`, `standard` or `full`.
    pub plan: String,
    /// The only case, in a run of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Kernels that ran; one counts once, at whatever types and thread counts.
    pub ran: usize,
    /// All kernels there are.
    pub kernels: usize,
    /// The verdict of [`Record::finish`].
    pub passed: bool,
    /// Other tests that ran beside, such as those of .npy files, and whether they passed.
    #[serde(default)]
    pub tests: BTreeMap<String, bool>,
    /// Hashes of what our kernels compute, beside the committed ones.
    pub fingerprints: Vec<Fingerprint>,
    /// What the kit said of each kernel, and of all of ours compared.
    pub checks: Vec<Checked>,
}

/// The kit's report on one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// Whose kernel it is. The JSON has had it as `family` from the start.
    #[serde(rename = "family")]
    pub owner: Owner,
    /// Threads of the kernel.
    pub threads: usize,
    /// What the kit found.
    pub report: Report,
}

/// Why a text is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is no JSON, or lacks a field.
    #[error("no conformance.json: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("a conformance.json of version {found}, expected {expected}", expected = SCHEMA)]
    Schema {
        /// Its version.
        found: u32,
    },
    /// A check or fingerprint is of no type that there is.
    #[error("{kernel}: {source}")]
    Dtype {
        /// The kernel that was checked.
        kernel: String,
        /// The name that was found.
        source: UnknownDtype,
    },
}

impl Record {
    /// Of a run that begins: a program for `target`, running `how`, on so much of the kit.
    pub fn new(target: impl Into<String>, how: impl Into<String>, plan: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA,
            target: target.into(),
            how: how.into(),
            plan: plan.into(),
            case: None,
            ran: 0,
            kernels: 0,
            passed: false,
            tests: BTreeMap::new(),
            fingerprints: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`RecordError`] if the text is none of this version.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(text)?;
        if record.schema != SCHEMA {
            return Err(RecordError::Schema { found: record.schema });
        }
        let checks = record.checks.iter().map(|check| (&check.report.kernel, &check.report.dtype));
        let prints = record.fingerprints.iter().map(|print| (&print.kernel, &print.dtype));
        for (kernel, dtype) in checks.chain(prints) {
            let known = dtype.parse::<Dtype>();
            known.map_err(|source| RecordError::Dtype { kernel: kernel.clone(), source })?;
        }
        Ok(record)
    }

    /// Adds up, and returns the verdict, by the only rule there is: something ran, every fingerprint is the committed
    /// one and those that the run asks for were taken, no kernel of ours failed, and neither did the tests beside. To
    /// be called again when something was added. What fails in other people's kernels is a finding and no failure.
    pub fn finish(&mut self) -> bool {
        self.ran = self.names(Checked::is_available);
        self.kernels = self.names(|_| true);
        self.passed = self.ran > 0
            && self.fingerprints.iter().all(Fingerprint::passed)
            && (!self.asks_for_fingerprints() || !self.fingerprints.is_empty())
            && self.tests.values().all(|passed| *passed)
            && !self.checks.iter().any(Checked::is_own_failure);
        self.passed
    }

    /// Whether a kernel that promises the bits ran more than one case.
    fn asks_for_fingerprints(&self) -> bool {
        let promises = |check: &Checked| {
            check.owner == Owner::Own && check.is_available() && check.report.promise == SAME_BITS
        };
        self.case.is_none() && self.checks.iter().any(promises)
    }

    /// Kernels with such a check. One counts once, at whatever types and thread counts.
    fn names(&self, keep: fn(&Checked) -> bool) -> usize {
        let kept = self.checks.iter().filter(|c| keep(c) && !c.is_comparison());
        kept.map(|c| c.report.kernel.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// The words of `MATMUL_REQUIRE`, a list with commas, for which nothing ran. A BLAS of any name satisfies `blas`.
    pub fn missing(&self, required: &str) -> Vec<String> {
        let ran = |word: &str| {
            let mut ran = self.checks.iter().filter(|c| c.is_available());
            ran.any(|c| c.report.kernel.contains(word) || (word == "blas" && c.owner == Owner::Blas))
        };
        let words = required.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.filter(|word| !ran(word)).map(Into::into).collect()
    }
}

impl Checked {
    /// Whether the kernel could run there.
    pub fn is_available(&self) -> bool {
        self.report.unavailable.is_none()
    }

    /// Whether it compares several kernels; it is named after all of them.
    pub fn is_comparison(&self) -> bool {
        self.report.kernel.contains(" = ")
    }

    /// Failures of others are findings; only ours are errors.
    pub fn is_own_failure(&self) -> bool {
        self.owner == Owner::Own && self.is_failure()
    }

    /// Whether it ran and did not pass.
    pub fn is_failure(&self) -> bool {
        self.is_available() && !self.report.passed()
    }

    /// The names of the families that failed, and `slope` if errors grow too fast.
    pub fn failed_families(&self) -> Vec<&'static str> {
        let failed = self.report.families.iter().filter(|family| !family.passed());
        let mut names: Vec<&'static str> = failed.map(|family| family.family.name()).collect();
        if self.report.slope.is_some_and(|slope| slope > 1.0) {
            names.push("slope");
        }
        names
    }

    /// The smallest failing case of each family that failed, in a line each; nothing if there is none.
    pub fn failures(&self) -> Vec<String> {
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
    pub fn again(&self) -> Vec<String> {
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

    pub(crate) fn checked(kernel: &str, owner: Owner, unavailable: Option<&str>) -> Checked {
        let report = Report {
            kernel: kernel.into(),
            dtype: "f32".into(),
            promise: SAME_BITS.into(),
            unavailable: unavailable.map(Into::into),
            families: Vec::new(),
            worst_ratio: Some(0.25),
            slope: None,
        };
        Checked { owner, threads: 1, report }
    }

    fn fingerprint(found: &str) -> Fingerprint {
        Fingerprint {
            kernel: "simd-avx2".into(),
            threads: 1,
            dtype: "f32".into(),
            found: found.into(),
            expected: "0x01".into(),
        }
    }

    /// Five checks of four kernels, one of which needs something and one of which errs too much.
    pub(crate) fn some() -> Record {
        let mut record = Record::new("x86_64-unknown-linux-gnu", "native", "quick");
        let mut steep = checked("faer", Owner::Peer, None);
        steep.report.slope = Some(1.5);
        record.checks = vec![
            checked("simd-avx2", Owner::Own, None),
            checked("simd-avx2", Owner::Own, None),
            checked("blas", Owner::Blas, Some("a BLAS")),
            steep,
            checked("blocked = simd-avx2", Owner::Own, None),
        ];
        record.fingerprints = vec![fingerprint("0x01")];
        record.finish();
        record
    }

    /// The same with a change.
    fn passes(change: impl FnOnce(&mut Record)) -> bool {
        let mut record = some();
        change(&mut record);
        record.finish()
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
        assert!(!passes(|record| record.fingerprints.push(fingerprint("0x02"))));
    }

    #[test]
    fn fingerprints_are_asked_for_where_a_kernel_promises_the_bits() {
        assert!(!passes(|record| record.fingerprints.clear()));
        // One case says nothing of the others, and kernels without the promise have no fingerprint.
        let case = |record: &mut Record| {
            record.fingerprints.clear();
            record.case = Some("edges f32 m=1 n=2 k=3".into());
        };
        assert!(passes(case));
        let others = |record: &mut Record| {
            record.fingerprints.clear();
            record.checks.drain(..2);
            record.checks.pop();
        };
        assert!(passes(others));
    }

    /// The kit's own word; if it changed, no run would ask for fingerprints.
    #[test]
    fn the_promise_is_called_as_the_kit_calls_it() {
        let line = "edges f32 m=1 n=2 k=3";
        let plan = matmul_conformance::Plan::of_case(line).unwrap();
        let report = matmul_conformance::check::<f32>(&matmul_conformance::Oracle, &plan);
        assert_eq!(report.promise, SAME_BITS);
    }

    #[test]
    fn a_run_of_nothing_has_not_passed() {
        assert!(!passes(|record| record.checks.clear()));
        assert!(!passes(|record| record.checks.retain(|check| !check.is_available())));
    }

    #[test]
    fn the_tests_beside_count() {
        assert!(passes(|record| _ = record.tests.insert("npy".into(), true)));
        assert!(!passes(|record| _ = record.tests.insert("npy".into(), false)));
    }

    #[test]
    fn a_required_kernel_must_run() {
        assert_eq!(some().missing("avx2, faer"), [""; 0]);
        assert_eq!(some().missing("avx512,blas,avx2"), ["avx512", "blas"]);
        let linked = Record { checks: vec![checked("openblas", Owner::Blas, None)], ..some() };
        assert_eq!(linked.missing("blas"), [""; 0]);
        assert_eq!(linked.missing(""), [""; 0]);
    }

    #[test]
    fn json_round_trips() {
        let json = serde_json::to_string(&some()).unwrap();
        assert_eq!(Record::from_json(&json).unwrap(), some());
        assert!(json.starts_with("{\"schema\":1,") && json.contains("{\"family\":\"own\",\"threads\":1,"));
    }

    #[test]
    fn what_is_no_record_says_why() {
        let error = |change: fn(&mut Record)| {
            let mut record = some();
            change(&mut record);
            Record::from_json(&serde_json::to_string(&record).unwrap()).unwrap_err().to_string()
        };
        let message = error(|record| record.checks[3].report.dtype = "f16".into());
        assert!(message.contains("faer") && message.contains("\"f16\""), "{message}");
        let message = error(|record| record.fingerprints[0].dtype = "F64".into());
        assert!(message.contains("simd-avx2") && message.contains("\"F64\""), "{message}");
        assert!(error(|record| record.schema = 2).contains("version 2, expected 1"));
        assert!(Record::from_json("{\"schema\":1}").unwrap_err().to_string().contains("target"));
    }
}
