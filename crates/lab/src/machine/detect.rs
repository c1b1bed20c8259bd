//! Facts about the machine and the build that explain a measurement. What the system does not tell is empty.

use std::fs;

use matmul_report::{Cache, Machine};

use crate::machine::affinity;

/// Variables that choose an instruction set, a thread count or a page size, or fill memory.
const VARIABLES: [&str; 14] = [
    "MATMUL_KERNEL",
    "MATMUL_MAX_ISA",
    "MATMUL_REQUIRE",
    "RAYON_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "BLIS_ARCH_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "GLIBC_TUNABLES",
];

/// Asks the system.
pub(crate) fn detect() -> Machine {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    Machine {
        cpu: cpu_name(&info),
        arch: std::env::consts::ARCH.into(),
        os: format!("{} {}", std::env::consts::OS, line("/proc/sys/kernel/osrelease")).trim().into(),
        virtual_machine: info.contains(" hypervisor"),
        affinity: affinity::cpus(),
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
        counters: None,
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
            let shared_by = affinity::cpu_list(&line(&format!("{dir}/shared_cpu_list"))).len().max(1);
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

/// `32K` or `1M` in bytes. Some virtual machines say `0K`, which tells nothing.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit {
        "" => 0,
        "K" => 10,
        "M" => 20,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|&bytes| bytes > 0)
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
        assert_eq!((size("0K"), size("0")), (None, None));
        assert_eq!(size("18446744073709551615K"), None);
    }

    #[test]
    fn cpu_names() {
        let x86 = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n";
        assert_eq!(cpu_name(x86), "AMD EPYC, family 25 model 17");
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(cpu_name(arm), "ARM implementer 0x41 part 0xd0c");
    }
}
