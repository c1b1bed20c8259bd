//! Which CPUs this process may use.

/// The CPUs this process may run on, one of each core before the second hyperthread of any.
#[cfg(target_os = "linux")]
pub(crate) fn cpus() -> Vec<usize> {
    let mut allowed = linux::affinity();
    // Position among the siblings of its core: 0 for the first hyperthread, 1 for the second.
    allowed.sort_by_key(|&cpu| (linux::siblings(cpu).iter().filter(|&&s| s < cpu).count(), cpu));
    allowed
}

/// As many CPUs as the system grants; their numbers mean nothing, because no thread can be bound to them.
#[cfg(not(target_os = "linux"))]
pub(crate) fn cpus() -> Vec<usize> {
    (0..std::thread::available_parallelism().map_or(1, usize::from)).collect()
}

#[cfg(target_os = "linux")]
pub(super) mod linux {
    /// The CPUs in this thread's affinity mask.
    pub(crate) fn affinity() -> Vec<usize> {
        // SAFETY: cpu_set_t is an array of integers, for which zero is a value.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer and the size are those of `set`; 0 names the calling thread.
        let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) } != 0;
        if failed {
            return (0..std::thread::available_parallelism().map_or(1, usize::from)).collect();
        }
        // SAFETY: CPU_ISSET reads bit `cpu` of `set`, which has CPU_SETSIZE bits.
        (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
    }

    /// The hyperthreads of the core of `cpu`, itself included.
    pub(super) fn siblings(cpu: usize) -> Vec<usize> {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        std::fs::read_to_string(path).map_or_else(|_| vec![cpu], |list| super::cpu_list(&list))
    }
}

/// Linux's list format: `0-3,8,10-11`. Anything else in it is passed over.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn cpu_list(list: &str) -> Vec<usize> {
    let range = |part: &str| -> Option<Vec<usize>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.trim().parse().ok()?..=last.trim().parse().ok()?).collect())
    };
    list.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists() {
        assert_eq!(cpu_list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(cpu_list("5"), [5]);
        assert_eq!(cpu_list(""), [0usize; 0]);
    }
}
