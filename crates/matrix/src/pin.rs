//! Which CPUs this process may use, and binding threads to one of them.
//!
//! A kernel may otherwise pack the threads of a short burst on one core: an FMA loop on two threads once read
//! 5 GFLOP/s instead of 195. Only Linux lets a thread be bound; elsewhere [`pin_current`] does nothing and says so.

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

/// Binds the calling thread to one CPU. `false` where the system does not allow it.
#[cfg(target_os = "linux")]
pub(crate) fn pin_current(cpu: usize) -> bool {
    linux::pin(0, cpu)
}

/// Does nothing: this system has no call that binds a thread to a CPU.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_current(_cpu: usize) -> bool {
    false
}

/// Binds every thread of this process but the calling one to `cpus` in turn: the threads of a library that
/// started its own. Returns how many were bound.
#[cfg(target_os = "linux")]
pub(crate) fn pin_others(cpus: &[usize]) -> usize {
    // SAFETY: gettid has no arguments and cannot fail.
    let me = unsafe { libc::syscall(libc::SYS_gettid) } as libc::pid_t;
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let mut tids: Vec<libc::pid_t> =
        tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
    tids.retain(|&tid| tid != me);
    tids.sort_unstable();
    tids.iter().zip(cpus.iter().cycle()).filter(|&(&tid, &cpu)| linux::pin(tid, cpu)).count()
}

/// Does nothing: this system has no call that binds a thread to a CPU.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_others(_cpus: &[usize]) -> usize {
    0
}

#[cfg(target_os = "linux")]
mod linux {
    /// The CPUs in this thread's affinity mask.
    pub(super) fn affinity() -> Vec<usize> {
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

    pub(super) fn pin(tid: libc::pid_t, cpu: usize) -> bool {
        if cpu >= libc::CPU_SETSIZE as usize {
            return false;
        }
        // SAFETY: as in `affinity`.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `cpu` is below CPU_SETSIZE, so CPU_SET stays inside `set`; the call gets `set` with its size.
        unsafe {
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(tid, size_of_val(&set), &set) == 0
        }
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

    #[test]
    fn a_thread_can_be_bound_to_each_cpu_it_may_use() {
        let cpus = cpus();
        assert!(!cpus.is_empty());
        std::thread::spawn(move || {
            for cpu in cpus {
                assert_eq!(pin_current(cpu), cfg!(target_os = "linux"));
                #[cfg(target_os = "linux")]
                assert_eq!(linux::affinity(), [cpu]);
            }
        })
        .join()
        .unwrap();
    }
}
