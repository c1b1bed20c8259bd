use std::fmt;

use matmul_core::Promise;

use crate::{Case, Family, underflow};

/// Failures kept with their text; the others are counted.
pub(crate) const KEPT: usize = 5;

/// A case that did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Failure {
    /// The case, to give to [`replay`](crate::replay).
    pub case: String,
    /// What was expected and what was found.
    pub detail: String,
}

/// Cases that were not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Skip {
    /// Why.
    pub reason: String,
    /// How many.
    pub cases: usize,
}

/// What became of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FamilyReport {
    /// The family.
    pub family: Family,
    /// Cases that it has for this kernel.
    pub planned: usize,
    /// Cases that ran; `planned` less the skipped ones.
    pub ran: usize,
    /// Cases that ran and failed.
    pub failed: usize,
    /// The first of them, cheapest first: the smallest case leads.
    pub failures: Vec<Failure>,
    /// Cases that did not run.
    pub skipped: Vec<Skip>,
    /// Whether the family need not run: the kernel makes no such promise, or the plan leaves it out.
    pub waived: bool,
}

impl FamilyReport {
    /// It ran and nothing failed, or it need not run; and every case is accounted for.
    pub fn passed(&self) -> bool {
        let skipped: usize = self.skipped.iter().map(|skip| skip.cases).sum();
        self.ran + skipped == self.planned && self.failed == 0 && (self.waived || self.ran > 0)
    }
}

/// What [`check`](crate::check) found out about a kernel.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Report {
    /// The kernel's name.
    pub kernel: String,
    /// `f32` or `f64`.
    pub dtype: String,
    /// `same-bits` or `error-bound`.
    pub promise: String,
    /// What is missing, if the kernel cannot run here, or if the kit cannot judge here; then nothing ran.
    pub unavailable: Option<String>,
    /// One for each family.
    pub families: Vec<FamilyReport>,
    /// The largest error as a part of the componentwise bound; at most 1, or the family `bound` failed.
    pub worst_ratio: Option<f64>,
    /// The exponent s with which the worst error grows, as k^s; at most 1 for a "Grade A" BLAS.
    pub slope: Option<f64>,
}

impl Report {
    pub(crate) fn promise_name(promise: Promise) -> &'static str {
        match promise {
            Promise::SameBits => "same-bits",
            Promise::ErrorBound => "error-bound",
        }
    }

    /// The report of one family, if it is in this report.
    pub fn family(&self, family: Family) -> Option<&FamilyReport> {
        self.families.iter().find(|report| report.family == family)
    }

    /// Cases that ran, and cases that there are.
    pub fn ran_of(&self) -> (usize, usize) {
        let sum = |count: fn(&FamilyReport) -> usize| self.families.iter().map(count).sum();
        (sum(|family| family.ran), sum(|family| family.planned))
    }

    /// Every family passed, and errors grow at most linearly. A kernel that cannot run here has not passed.
    pub fn passed(&self) -> bool {
        self.unavailable.is_none()
            && self.families.iter().all(FamilyReport::passed)
            && self.slope.is_none_or(|slope| slope <= 1.0)
    }

    /// For tests. A kernel that cannot run here prints its row and is let through, unless the environment variable
    /// `MATMUL_REQUIRE`, a list with commas, has a word that is in the kernel's name or in what it needs.
    ///
    /// # Panics
    /// With the report as the message, if the kernel did not pass, or if the kit refused to judge.
    #[track_caller]
    pub fn assert_passed(&self) {
        let Some(needs) = &self.unavailable else {
            assert!(self.passed(), "\n{self}");
            return;
        };
        // It is not the kernel that cannot run.
        assert!(needs != underflow::NEEDED, "{self}");
        let required = std::env::var("MATMUL_REQUIRE").unwrap_or_default().to_ascii_lowercase();
        let (kernel, lower) = (self.kernel.to_ascii_lowercase(), needs.to_ascii_lowercase());
        let is_meant = |word: &str| !word.is_empty() && (kernel.contains(word) || lower.contains(word));
        assert!(!required.split(',').any(|word| is_meant(word.trim())), "MATMUL_REQUIRE={required}: {self}");
        println!("{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { kernel, dtype, promise, .. } = self;
        if let Some(needs) = &self.unavailable {
            return writeln!(f, "{kernel} {dtype}: SKIPPED, needs {needs}");
        }
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        let (ran, planned) = self.ran_of();
        writeln!(f, "{kernel} {dtype} ({promise}): {verdict}, {ran} of {planned} cases ran")?;
        for family in &self.families {
            let verdict = match (family.passed(), family.ran) {
                (false, _) => "FAILED",
                (true, 0) => "-",
                (true, _) => "ok",
            };
            let FamilyReport { family: name, planned, ran, failed, .. } = family;
            writeln!(f, "  {name:<15}{verdict:<7}{ran:>6} of {planned:<6} {}", name.claim())?;
            for Failure { case, detail } in &family.failures {
                writeln!(f, "    {case}\n      {detail}")?;
                if let Ok(case) = case.parse::<Case>() {
                    let [a, b, c] = case.strides();
                    writeln!(f, "      strides (rs, cs): A {a:?}, B {b:?}, C {c:?}")?;
                }
            }
            if *failed > family.failures.len() {
                writeln!(f, "    and {} more", failed - family.failures.len())?;
            }
            for Skip { reason, cases } in &family.skipped {
                writeln!(f, "    {cases} skipped: {reason}")?;
            }
        }
        if let Some(ratio) = self.worst_ratio {
            writeln!(f, "  worst error / bound: {ratio:.3}")?;
        }
        if let Some(slope) = self.slope {
            let verdict = if slope > 1.0 { ": FAILED" } else { "" };
            writeln!(f, "  error grows as k^{slope:.2} (Grade A: at most k^1){verdict}")?;
        }
        Ok(())
    }
}
