//! Order statistics of samples, and which samples were taken in a quiet moment.

use serde::{Deserialize, Serialize};

/// A sample is quiet if the canaries just before and just after it reached this share of a free core's: 3% is above the
/// canary's own scatter on an idle core and well below the 7 to 20% that a busy sibling costs.
pub const QUIET_SHARE: f64 = 0.97;

/// With fewer quiet samples than this their median is marked as weak.
pub const MIN_QUIET: usize = 5;

/// Minimum, quartiles and maximum, in the unit of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// The smallest.
    pub min: f64,
    /// A quarter of the samples are below.
    pub q1: f64,
    /// Half of the samples are below.
    pub median: f64,
    /// Three quarters of the samples are below.
    pub q3: f64,
    /// The largest.
    pub max: f64,
}

impl Quartiles {
    /// Of any samples that are not NaN; `None` if there are none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.iter().copied().filter(|x| !x.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |q| quantile(&sorted, q);
        Some(Self { min: at(0.0)?, q1: at(0.25)?, median: at(0.5)?, q3: at(0.75)?, max: at(1.0)? })
    }
}

/// The `q` quantile of sorted samples, interpolated linearly between neighbours (type 7, as in R and NumPy).
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let position = q * sorted.len().checked_sub(1)? as f64;
    let below = position as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let share = position - below as f64;
    Some(sorted[below] + share * (sorted[above] - sorted[below]))
}

/// The median, 0 if there are no samples.
pub fn median(samples: &[f64]) -> f64 {
    Quartiles::of(samples).map_or(0.0, |q| q.median)
}

/// The largest sample, 0 if there are none.
pub fn best(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(0.0, f64::max)
}

/// The canary of a free core, from all readings of a run until then: what one in twenty reached, and at least two, so
/// that one reading that is too high for whatever reason does not call all others disturbed. 0 if there are none.
pub fn free_canary(readings: &[f64]) -> f64 {
    let Some(last) = readings.len().checked_sub(1) else { return 0.0 };
    let rank = (1 + readings.len() / 20).min(last);
    *readings.to_vec().select_nth_unstable_by(rank, |a, b| b.total_cmp(a)).1
}

/// Whether a sample between two canaries was taken in a quiet moment.
pub fn is_quiet(before: f64, after: f64, free_canary: f64) -> bool {
    before.min(after) >= QUIET_SHARE * free_canary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_interpolate() {
        let q = Quartiles::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(q, Quartiles { min: 1.0, q1: 1.75, median: 2.5, q3: 3.25, max: 4.0 });
        let one = Quartiles::of(&[7.0]).unwrap();
        assert_eq!((one.min, one.q1, one.median, one.q3, one.max), (7.0, 7.0, 7.0, 7.0, 7.0));
    }

    #[test]
    fn no_samples_have_no_quartiles() {
        assert_eq!(Quartiles::of(&[]), None);
        assert_eq!(Quartiles::of(&[f64::NAN]), None);
        assert_eq!((median(&[]), best(&[])), (0.0, 0.0));
    }

    #[test]
    fn odd_and_even_medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[3.0, 1.0]), 2.0);
        assert_eq!(best(&[3.0, 1.0]), 3.0);
    }

    #[test]
    fn one_high_canary_is_nobodys_measure() {
        let mut readings = vec![100.0; 40];
        assert_eq!((free_canary(&readings), free_canary(&[]), free_canary(&[7.0])), (100.0, 0.0, 7.0));
        readings.extend([130.0, 160.0]);
        assert_eq!(free_canary(&readings), 100.0);
        // A busy machine: what is seen now and then is what a free core does.
        readings.extend(vec![80.0; 300]);
        assert_eq!(free_canary(&readings), 100.0);
    }

    #[test]
    fn quiet_needs_both_canaries() {
        assert!(is_quiet(98.0, 97.0, 100.0));
        assert!(!is_quiet(96.9, 100.0, 100.0));
        assert!(!is_quiet(100.0, 96.9, 100.0));
    }
}
