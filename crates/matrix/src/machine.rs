//! Facts about the machine and the build that explain a measurement. What the system does not tell is empty.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::pin;

/// The machine and the build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) arch: String,
    pub(crate) os: String,
    /// Whether the CPU says that it is a virtual one.
    pub(crate) virtual_machine: bool,
    /// The CPUs that the process may use, one of each core first.
    pub(crate) affinity: Vec<usize>,
    /// Whether threads could be bound to CPUs.
    pub(crate) pinned: bool,
    pub(crate) memory_bytes: u64,
    pub(crate) caches: Vec<Cache>,
    /// The frequency governor of the first CPU.
    pub(crate) governor: String,
    /// Transparent huge pages, the active choice in brackets.
    pub(crate) huge_pages: String,
    /// Share of the CPUs' time that the hypervisor gave to others while the benchmark ran.
    pub(crate) steal: Option<f64>,
    pub(crate) rustc: String,
    pub(crate) target: String,
    pub(crate) profile: String,
    pub(crate) rustflags: String,
    /// Variables that change what is measured, as NAME=value.
    pub(crate) environment: Vec<String>,
}

/// A data or unified cache of the first CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cache {
    pub(crate) level: u32,
    pub(crate) bytes: u64,
    /// How many CPUs share it.
    pub(crate) shared_by: usize,
}

/// Assumed where the system does not tell: 32 KiB and 512 KiB private, 8 MiB shared.
pub(crate) const ASSUMED_CACHES: [u64; 3] = [32 << 10, 512 << 10, 8 << 20];

/// Variables that choose an instruction set, a thread count or a page size, or fill memory.
const VARIABLES: [&str; 9] = [
    "MATMUL_MAX_ISA",
    "MATMUL_REQUIRE",
    "RAYON_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "GLIBC_TUNABLES",
];

impl Machine {
    /// Asks the system.
    pub(crate) fn detect() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: cpu_name(&info),
            arch: std::env::consts::ARCH.into(),
            os: format!("{} {}", std::env::consts::OS, line("/proc/sys/kernel/osrelease")).trim().into(),
            virtual_machine: info.contains(" hypervisor"),
            affinity: pin::cpus(),
            pinned: cfg!(target_os = "linux"),
            memory_bytes: memory(),
            caches: caches(),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            huge_pages: line("/sys/kernel/mm/transparent_hugepage/enabled"),
            steal: None,
            rustc: env!("BUILD_RUSTC").into(),
            target: env!("BUILD_TARGET").into(),
            profile: format!("{}, opt-level {}", env!("BUILD_PROFILE"), env!("BUILD_OPT")),
            rustflags: env!("BUILD_FLAGS").into(),
            environment: VARIABLES
                .iter()
                .filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)))
                .collect(),
        }
    }

    /// Bytes of a cache level, and whether the system told.
    pub(crate) fn cache_bytes(&self, level: u32) -> (u64, bool) {
        match self.caches.iter().find(|c| c.level == level) {
            Some(cache) => (cache.bytes, true),
            None => (ASSUMED_CACHES[level.clamp(1, 3) as usize - 1], false),
        }
    }
}

/// The first line of a file, or nothing.
fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or_default().trim().into()
}

/// The output of `sysctl -n` for one name, on systems that have it.
fn sysctl(name: &str) -> Option<String> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let out = std::process::Command::new("sysctl").args(["-n", name]).output().ok()?;
    Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// From `/proc/cpuinfo`, else from the system: "AMD EPYC, family 25 model 17".
fn cpu_name(info: &str) -> String {
    let field = |key: &str| {
        info.lines().find_map(|l| {
            let (name, value) = l.split_once(':')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    if let (Some(name), Some(family), Some(model)) =
        (field("model name"), field("cpu family"), field("model"))
    {
        return format!("{name}, family {family} model {model}");
    }
    // ARM: numbers that only tables outside the kernel turn into names.
    if let (Some(implementer), Some(part)) = (field("CPU implementer"), field("CPU part")) {
        return format!("ARM implementer {implementer} part {part}");
    }
    sysctl("machdep.cpu.brand_string")
        .or_else(|| std::env::var("PROCESSOR_IDENTIFIER").ok())
        .unwrap_or_else(|| "unknown".into())
}

fn memory() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.map(|kib: u64| kib << 10).or_else(|| sysctl("hw.memsize")?.parse().ok()).unwrap_or(0)
}

fn caches() -> Vec<Cache> {
    let mut caches = Vec::new();
    for index in 0..8 {
        let dir = format!("/sys/devices/system/cpu/cpu0/cache/index{index}");
        let (Ok(level), Some(bytes)) =
            (line(&format!("{dir}/level")).parse(), size(&line(&format!("{dir}/size"))))
        else {
            continue;
        };
        if line(&format!("{dir}/type")) != "Instruction" {
            let shared_by = pin::cpu_list(&line(&format!("{dir}/shared_cpu_list"))).len().max(1);
            caches.push(Cache { level, bytes, shared_by });
        }
    }
    if caches.is_empty() {
        for (level, name) in [(1, "hw.l1dcachesize"), (2, "hw.l2cachesize"), (3, "hw.l3cachesize")] {
            if let Some(bytes) = sysctl(name).and_then(|s| s.parse().ok()) {
                caches.push(Cache { level, bytes, shared_by: 1 });
            }
        }
    }
    caches
}

/// `32K` or `1M` in bytes.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit {
        "" => 0,
        "K" => 10,
        "M" => 20,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_shl(shift)
}

/// A reading of the counters of CPU time; the difference of two is the share that was stolen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StealClock {
    stolen: u64,
    total: u64,
}

impl StealClock {
    /// Reads `/proc/stat`; `None` where there is none.
    pub(crate) fn now() -> Option<Self> {
        Self::parse(&line("/proc/stat"))
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
    fn cache_sizes() {
        assert_eq!(size("32K"), Some(32 << 10));
        assert_eq!(size("1M"), Some(1 << 20));
        assert_eq!(size("512"), Some(512));
        assert_eq!(size(""), None);
        assert_eq!(size("3G?"), None);
    }

    #[test]
    fn cpu_names() {
        let x86 = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n";
        assert_eq!(cpu_name(x86), "AMD EPYC, family 25 model 17");
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(cpu_name(arm), "ARM implementer 0x41 part 0xd0c");
    }

    #[test]
    fn steal_is_a_share_of_all_time() {
        let a = StealClock::parse("cpu  100 0 50 800 0 0 0 50 9 9").unwrap();
        let b = StealClock::parse("cpu  150 0 50 830 0 0 0 70 9 9").unwrap();
        assert_eq!(b.since(a), 0.2);
        assert_eq!(a.since(a), 0.0);
        assert!(StealClock::parse("cpu0 1 2 3").is_none());
    }

    #[test]
    fn unknown_caches_are_assumed() {
        let machine =
            Machine { caches: vec![Cache { level: 1, bytes: 1, shared_by: 1 }], ..Machine::default() };
        assert_eq!(machine.cache_bytes(1), (1, true));
        assert_eq!(machine.cache_bytes(2), (ASSUMED_CACHES[1], false));
    }
}
