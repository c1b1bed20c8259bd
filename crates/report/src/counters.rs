//! What the hardware counted while a kernel ran.

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// Whether anything could be counted, in a run that asked for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "what")]
pub enum Counting {
    /// The events that this machine counts, in words.
    Told(Vec<String>),
    /// Why it counts nothing.
    NotTold(String),
}

/// Events of some calls beside the timed ones: in user space, of all threads of the process that ran the kernel. What
/// the machine does not count is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// The calls; the counts are of all of them together.
    pub calls: u64,
    /// Cycles of the cores, at whatever frequency they ran.
    pub cycles: Option<u64>,
    /// Instructions that were retired.
    pub instructions: Option<u64>,
    /// Loads that missed the first-level data cache.
    pub l1d_misses: Option<u64>,
    /// What the kernel calls cache-misses: those of the last level on Intel's cores, of the second on AMD's.
    pub cache_misses: Option<u64>,
}

impl Counters {
    /// Instructions per cycle.
    pub fn per_cycle(&self) -> Option<f64> {
        let cycles = self.cycles.filter(|&cycles| cycles > 0)?;
        Some(self.instructions? as f64 / cycles as f64)
    }

    /// Cycles for each multiply-add of two numbers; those of all threads are added up.
    pub fn cycles_per_fma(&self, shape: &Shape) -> Option<f64> {
        Some(self.of_a_call(self.cycles)? / (shape.flops() / 2.0))
    }

    /// The share of one call in a count.
    pub fn of_a_call(&self, count: Option<u64>) -> Option<f64> {
        Some(count? as f64 / self.calls as f64).filter(|_| self.calls > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_what_was_counted() {
        let counters =
            Counters { calls: 4, cycles: Some(2_000), instructions: Some(5_000), ..Counters::default() };
        assert_eq!(counters.per_cycle(), Some(2.5));
        // 500 cycles a call, of 1000 multiply-adds.
        assert_eq!(counters.cycles_per_fma(&Shape::square(10)), Some(0.5));
        assert_eq!(counters.of_a_call(counters.l1d_misses), None);
        let none = Counters { calls: 0, cycles: Some(0), ..counters };
        assert_eq!((none.per_cycle(), none.cycles_per_fma(&Shape::square(10))), (None, None));
    }

    #[test]
    fn both_answers_are_read_as_they_are_written() {
        for (counting, text) in [
            (Counting::Told(vec!["cycles".into()]), r#"{"state":"told","what":["cycles"]}"#),
            (Counting::NotTold("no PMU".into()), r#"{"state":"not-told","what":"no PMU"}"#),
        ] {
            assert_eq!(serde_json::to_string(&counting).unwrap(), text);
            assert_eq!(serde_json::from_str::<Counting>(text).unwrap(), counting);
        }
    }
}
