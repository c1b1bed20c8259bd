//! Binding threads to a CPU.
//!
//! A kernel may otherwise pack the threads of a short burst on one core: an FMA loop on two threads once read
//! 5 GFLOP/s instead of 195. Only Linux lets a thread be bound; elsewhere [`pin_current`] does nothing and says so.

use std::marker::PhantomData;

#[cfg(target_os = "linux")]
use crate::machine::affinity;

/// Binds the calling thread to one CPU. `false` where the system does not allow it.
#[cfg(target_os = "linux")]
pub(crate) fn pin_current(cpu: usize) -> bool {
    set_affinity(0, &[cpu])
}

/// Does nothing: this system has no call that binds a thread to a CPU.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_current(_cpu: usize) -> bool {
    false
}

/// The calling thread while it is bound to a CPU; where it was before may run it again afterwards.
pub(crate) struct Bound {
    #[cfg(target_os = "linux")]
    before: Vec<usize>,
    /// Only the thread that was bound can be let go.
    here: PhantomData<*const ()>,
}

impl Bound {
    /// `None` where the system does not allow it.
    #[cfg(target_os = "linux")]
    pub(crate) fn to(cpu: usize) -> Option<Self> {
        let before = affinity::linux::affinity();
        pin_current(cpu).then_some(Self { before, here: PhantomData })
    }

    /// Does nothing: this system has no call that binds a thread to a CPU.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn to(_cpu: usize) -> Option<Self> {
        None
    }
}

#[cfg(target_os = "linux")]
impl Drop for Bound {
    fn drop(&mut self) {
        set_affinity(0, &self.before);
    }
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
    tids.iter().zip(cpus.iter().cycle()).filter(|&(&tid, &cpu)| set_affinity(tid, &[cpu])).count()
}

/// Does nothing: this system has no call that binds a thread to a CPU.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_others(_cpus: &[usize]) -> usize {
    0
}

#[cfg(target_os = "linux")]
fn set_affinity(tid: libc::pid_t, cpus: &[usize]) -> bool {
    if cpus.iter().any(|&cpu| cpu >= libc::CPU_SETSIZE as usize) {
        return false;
    }
    // SAFETY: cpu_set_t is an array of integers, for which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: every CPU is below CPU_SETSIZE, so CPU_SET stays inside `set`; the call gets `set` with its size.
    unsafe {
        cpus.iter().for_each(|&cpu| libc::CPU_SET(cpu, &mut set));
        libc::sched_setaffinity(tid, size_of_val(&set), &set) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::affinity;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_bound_thread_is_let_go() {
        std::thread::spawn(|| {
            let before = affinity::linux::affinity();
            let cpu = before[before.len() - 1];
            let bound = Bound::to(cpu).unwrap();
            assert_eq!(affinity::linux::affinity(), [cpu]);
            drop(bound);
            assert_eq!(affinity::linux::affinity(), before);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_can_be_bound_to_each_cpu_it_may_use() {
        let cpus = affinity::cpus();
        assert!(!cpus.is_empty());
        std::thread::spawn(move || {
            for cpu in cpus {
                assert_eq!(pin_current(cpu), cfg!(target_os = "linux"));
                #[cfg(target_os = "linux")]
                assert_eq!(affinity::linux::affinity(), [cpu]);
            }
        })
        .join()
        .unwrap();
    }
}
