use std::fmt;

use serde::Serialize;

use crate::stats::Quartiles;

/// What can be said of a row or a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The difference is within the noise.
    Same,
    /// It is faster.
    Faster,
    /// It is slower.
    Slower,
    /// It cannot be told.
    Ambiguous(Why),
}

/// Why it cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// One of the runs has too few quiet samples, or a class too few rows that have them.
    FewQuiet,
    /// They differ by more than the noise, and yet the samples overlap, or the rows of a class disagree.
    Overlap,
    /// It was slower once, and not when it was measured again.
    Once,
}

/// With fewer rows a class is not judged: its median would be any of them.
const FEW: usize = 4;

/// The share of a class's rows that must be on the side of its median.
const AGREEING: f64 = 0.75;

impl Verdict {
    /// By the samples of a row and the ratio of their rates.
    pub(super) fn of(old: Option<&Quartiles>, now: Option<&Quartiles>, ratio: f64, threshold: f64) -> Self {
        let Some((old, now)) = old.zip(now) else { return Self::Ambiguous(Why::FewQuiet) };
        match side(ratio, threshold) {
            // The slowest quarter is left out: what disturbs a sample can only make it slower.
            Self::Faster if now.q1 <= old.max => Self::Ambiguous(Why::Overlap),
            Self::Slower if now.max >= old.q1 => Self::Ambiguous(Why::Overlap),
            verdict => verdict,
        }
    }

    /// By the logarithms of the ratios in a class of `rows`, and the ratio of its median.
    pub(super) fn of_class(logs: &[f64], rows: usize, ratio: f64, threshold: f64) -> Self {
        if logs.len() < FEW.max(rows.div_ceil(2)) {
            return Self::Ambiguous(Why::FewQuiet);
        }
        let verdict = side(ratio, threshold);
        let agreeing = logs.iter().filter(|&&log| (log > 0.0) == (ratio > 1.0)).count();
        if verdict != Self::Same && (agreeing as f64) < AGREEING * logs.len() as f64 {
            return Self::Ambiguous(Why::Overlap);
        }
        verdict
    }
}

fn side(ratio: f64, threshold: f64) -> Verdict {
    match ratio.ln() {
        log if log > threshold.ln_1p() => Verdict::Faster,
        log if log < -threshold.ln_1p() => Verdict::Slower,
        _ => Verdict::Same,
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Same => "SAME",
            Self::Faster => "FASTER",
            Self::Slower => "SLOWER",
            Self::Ambiguous(Why::FewQuiet) => "AMBIGUOUS: too few quiet samples",
            Self::Ambiguous(Why::Overlap) => "AMBIGUOUS: above the noise, and yet they overlap",
            Self::Ambiguous(Why::Once) => "AMBIGUOUS: slower once, not when measured again",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(median: f64, half: f64) -> Quartiles {
        let (q1, q3) = (median - half, median + half);
        Quartiles { min: q1 - half, q1, median, q3, max: q3 + half }
    }

    #[test]
    fn four_verdicts() {
        let of = |now: Quartiles, threshold| {
            Verdict::of(Some(&around(100.0, 2.0)), Some(&now), now.median / 100.0, threshold)
        };
        assert_eq!(of(around(103.0, 0.1), 0.04), Verdict::Same);
        assert_eq!(of(around(110.0, 2.0), 0.04), Verdict::Faster);
        assert_eq!(of(around(90.0, 2.0), 0.04), Verdict::Slower);
        assert_eq!(of(around(94.0, 2.0), 0.04), Verdict::Ambiguous(Why::Overlap));
        assert_eq!(of(around(90.0, 9.0), 0.04), Verdict::Ambiguous(Why::Overlap));
        assert_eq!(of(around(110.0, 9.0), 0.04), Verdict::Ambiguous(Why::Overlap));
        assert_eq!(of(around(90.0, 2.0), 0.2), Verdict::Same);
        assert_eq!(Verdict::of(None, Some(&around(1.0, 0.1)), 0.0, 0.1), Verdict::Ambiguous(Why::FewQuiet));
    }

    #[test]
    fn a_class_is_slower_if_its_rows_agree() {
        let of = |logs: &[f64]| Verdict::of_class(logs, logs.len(), crate::stats::median(logs).exp(), 0.02);
        assert_eq!(of(&[-0.05, -0.03, -0.04, 0.001]), Verdict::Slower);
        assert_eq!(of(&[-0.2, -0.2, -0.2, 0.01, 0.01]), Verdict::Ambiguous(Why::Overlap));
        // One that is far off is one.
        assert_eq!(of(&[-0.2, 0.01, 0.01, 0.01]), Verdict::Same);
        assert_eq!(of(&[0.01, -0.01, 0.0, 0.0]), Verdict::Same);
        assert_eq!(of(&[-0.1, -0.1, -0.1]), Verdict::Ambiguous(Why::FewQuiet));
    }
}
