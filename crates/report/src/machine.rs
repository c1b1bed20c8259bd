use serde::{Deserialize, Serialize};

use crate::counters::Counting;

/// Facts about the machine and the build that explain a measurement. What the system does not tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The CPU's name.
    pub cpu: String,
    /// The architecture, as Rust calls it.
    pub arch: String,
    /// The system and its version.
    pub os: String,
    /// Whether the CPU says that it is a virtual one.
    pub virtual_machine: bool,
    /// The CPUs that the process may use, one of each core first.
    pub affinity: Vec<usize>,
    /// Whether threads could be bound to CPUs.
    pub pinned: bool,
    /// Bytes of main memory; 0 if the system does not tell.
    pub memory_bytes: u64,
    /// The caches of the first CPU.
    pub caches: Vec<Cache>,
    /// The frequency governor of the first CPU.
    pub governor: String,
    /// Transparent huge pages, the active choice in brackets.
    pub huge_pages: String,
    /// Share of the CPUs' time that the hypervisor gave to others while the benchmark ran, 0 to 1.
    pub steal: Option<f64>,
    /// The compiler's version.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// The profile of the build and its optimisation level.
    pub profile: String,
    /// The flags of the build.
    pub rustflags: String,
    /// Variables that change what is measured, as NAME=value.
    pub environment: Vec<String>,
    /// Whether the hardware's events could be counted; absent if the run did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counting>,
}

/// A data or unified cache of the first CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// 1 for the one next to the core.
    pub level: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many CPUs share it.
    pub shared_by: usize,
}

/// Bytes assumed where the system does not tell: 32 KiB and 512 KiB private, 8 MiB shared.
pub const ASSUMED_CACHES: [u64; 3] = [32 << 10, 512 << 10, 8 << 20];

impl Machine {
    /// Bytes of a cache level, and whether the system told.
    pub fn cache_bytes(&self, level: u32) -> (u64, bool) {
        match self.caches.iter().find(|c| c.level == level && c.bytes > 0) {
            Some(cache) => (cache.bytes, true),
            None => (ASSUMED_CACHES[level.clamp(1, 3) as usize - 1], false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_caches_are_assumed() {
        let machine =
            Machine { caches: vec![Cache { level: 1, bytes: 1, shared_by: 1 }], ..Machine::default() };
        assert_eq!(machine.cache_bytes(1), (1, true));
        assert_eq!(machine.cache_bytes(2), (ASSUMED_CACHES[1], false));
        // Some virtual machines say so: as good as nothing.
        let zero = Machine { caches: vec![Cache { level: 1, bytes: 0, shared_by: 1 }], ..Machine::default() };
        assert_eq!(zero.cache_bytes(1), (ASSUMED_CACHES[0], false));
    }
}
