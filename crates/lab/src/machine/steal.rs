//! How much of the CPUs' time the hypervisor gave to others.

use std::fs;

/// A reading of the counters of CPU time; the difference of two is the share that was stolen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StealClock {
    stolen: u64,
    total: u64,
}

impl StealClock {
    /// Reads `/proc/stat`; `None` where there is none.
    pub(crate) fn now() -> Option<Self> {
        Self::parse(fs::read_to_string("/proc/stat").ok()?.lines().next()?)
    }

    /// The share since the machine was started.
    pub(crate) fn share(self) -> f64 {
        self.since(Self { stolen: 0, total: 0 })
    }

    /// `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guest time is part of user time.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<u64> =
            line.strip_prefix("cpu ")?.split_whitespace().take(8).map_while(|f| f.parse().ok()).collect();
        Some(Self { stolen: *fields.get(7)?, total: fields.iter().sum() })
    }

    /// The share of all CPUs' time that was stolen since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        if total == 0 { 0.0 } else { self.stolen.saturating_sub(earlier.stolen) as f64 / total as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_a_share_of_all_time() {
        let a = StealClock::parse("cpu  100 0 50 800 0 0 0 50 9 9").unwrap();
        let b = StealClock::parse("cpu  150 0 50 830 0 0 0 70 9 9").unwrap();
        assert_eq!(b.since(a), 0.2);
        assert_eq!((a.since(a), a.share()), (0.0, 0.05));
        assert!(StealClock::parse("cpu0 1 2 3").is_none());
    }
}
