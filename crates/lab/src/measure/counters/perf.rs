//! `perf_event_open` of Linux.
//!
//! Counted is user space alone, and every thread of the process: those that there are, each by its id, and those that
//! they start meanwhile, by inheritance. A pool's workers are older than the counters, and are inherited from nobody.

use std::{fs, io};

use perf_event::events::{Cache, CacheOp, CacheResult, Event, Hardware, WhichCache};
use perf_event::{Builder, Counter};

/// The highest `perf_event_paranoid` with which a process may count itself in user space.
const MOST_PARANOID: i32 = 2;

/// Why nothing is counted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Uncounted {
    #[error("the system sees no performance counters (no PMU), as in most virtual machines")]
    NoPmu,
    #[error(
        "kernel.perf_event_paranoid is {found}, expected at most {MOST_PARANOID}: \
         `sysctl kernel.perf_event_paranoid={MOST_PARANOID}`"
    )]
    Paranoid { found: i32 },
    #[error("perf_event_open is forbidden, by a container mostly: {0}")]
    Forbidden(io::Error),
    #[error("perf_event_open: {0}")]
    Io(#[from] io::Error),
}

impl Uncounted {
    /// Why an event could not be opened, where perf_event_paranoid is so.
    fn new(error: io::Error, paranoid: Option<i32>) -> Self {
        match (error.raw_os_error(), paranoid) {
            (Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP), _) => Self::NoPmu,
            (Some(libc::EACCES | libc::EPERM), Some(found)) if found > MOST_PARANOID => {
                Self::Paranoid { found }
            }
            (Some(libc::EACCES | libc::EPERM), _) => Self::Forbidden(error),
            _ => Self::Io(error),
        }
    }
}

fn paranoid() -> Option<i32> {
    fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok()?.trim().parse().ok()
}

/// What is counted, by names for people; without the first there is nothing.
fn events() -> [(&'static str, Event); 4] {
    let l1d = Cache { which: WhichCache::L1D, operation: CacheOp::READ, result: CacheResult::MISS };
    [
        ("cycles", Hardware::CPU_CYCLES.into()),
        ("instructions", Hardware::INSTRUCTIONS.into()),
        ("L1D misses", l1d.into()),
        ("cache misses", Hardware::CACHE_MISSES.into()),
    ]
}

/// The names of the events that this machine has.
pub(super) fn told() -> Result<Vec<&'static str>, Uncounted> {
    let own = [own_thread()];
    let mut names = Vec::new();
    for (name, event) in events() {
        match open(&event, &own) {
            Ok(_) => names.push(name),
            Err(Uncounted::NoPmu) if !names.is_empty() => {}
            Err(why) => return Err(why),
        }
    }
    Ok(names)
}

/// Runs `f` and returns what was counted, in the order of the events.
pub(super) fn count<R>(f: impl FnOnce() -> R) -> Result<(R, [Option<u64>; 4]), Uncounted> {
    let (result, counts) = count_events(&events().map(|(_, event)| event), f)?;
    Ok((result, std::array::from_fn(|index| counts[index])))
}

/// The same for any events; without the first of them there is nothing.
fn count_events<R>(events: &[Event], f: impl FnOnce() -> R) -> Result<(R, Vec<Option<u64>>), Uncounted> {
    let threads = threads()?;
    let mut counters: Vec<Vec<Counter>> = Vec::new();
    for event in events {
        counters.push(match open(event, &threads) {
            Err(Uncounted::NoPmu) if !counters.is_empty() => Vec::new(),
            opened => opened?,
        });
    }
    // The calling thread's come last and go first: it is the one that pays for the others.
    let mut all: Vec<&mut Counter> = counters.iter_mut().flatten().collect();
    all.iter_mut().try_for_each(|counter| counter.enable())?;
    let result = f();
    all.iter_mut().rev().try_for_each(|counter| counter.disable())?;
    let counts = counters.iter_mut().map(|counters| sum(counters)).collect::<Result<_, _>>()?;
    Ok((result, counts))
}

/// The threads of this process, the calling one last.
fn threads() -> io::Result<Vec<libc::pid_t>> {
    let own = own_thread();
    let mut threads = Vec::new();
    for entry in fs::read_dir("/proc/self/task")? {
        threads.extend(entry?.file_name().to_str().and_then(|name| name.parse::<libc::pid_t>().ok()));
    }
    threads.retain(|&thread| thread != own);
    threads.push(own);
    Ok(threads)
}

fn own_thread() -> libc::pid_t {
    // SAFETY: it takes nothing and changes nothing.
    unsafe { libc::gettid() }
}

/// A counter of the event for each thread.
fn open(event: &Event, threads: &[libc::pid_t]) -> Result<Vec<Counter>, Uncounted> {
    let mut counters = Vec::with_capacity(threads.len());
    for &thread in threads {
        let mut builder = Builder::new().kind(event.clone()).observe_pid(thread);
        builder.inherit(true);
        match builder.build() {
            Ok(counter) => counters.push(counter),
            // It has ended since it was listed.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(error) => return Err(Uncounted::new(error, paranoid())),
        }
    }
    Ok(counters)
}

/// What the counters of one event have together. One that had to share its place in the hardware is scaled to the whole
/// time; if one never got a place, nobody knows.
fn sum(counters: &mut [Counter]) -> io::Result<Option<u64>> {
    let mut sum = None;
    for counter in counters {
        let read = counter.read_count_and_time()?;
        match scaled(read.count, read.time_enabled, read.time_running) {
            Some(count) => *sum.get_or_insert(0) += count,
            None => return Ok(None),
        }
    }
    Ok(sum)
}

/// A count of `running` out of `enabled` ns.
fn scaled(count: u64, enabled: u64, running: u64) -> Option<u64> {
    match running {
        0 if enabled == 0 => Some(0),
        0 => None,
        _ if running == enabled => Some(count),
        _ => u64::try_from(u128::from(count) * u128::from(enabled) / u128::from(running)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tell;
    use perf_event::events::Software;
    use std::sync::mpsc::channel;

    #[test]
    fn what_shared_its_place_is_scaled() {
        assert_eq!(scaled(7, 10, 10), Some(7));
        assert_eq!(scaled(7, 30, 10), Some(21));
        assert_eq!(scaled(u64::MAX / 2, 4, 2), Some(u64::MAX - 1));
        // A thread that slept has nothing; of one that ran and was never counted, nobody knows.
        assert_eq!((scaled(0, 0, 0), scaled(0, 5, 0)), (Some(0), None));
    }

    #[test]
    fn reasons_name_what_mends_them() {
        let why = |code, paranoid| Uncounted::new(io::Error::from_raw_os_error(code), paranoid).to_string();
        assert!(why(libc::ENOENT, Some(4)).contains("no PMU"));
        assert_eq!(
            why(libc::EACCES, Some(3)),
            "kernel.perf_event_paranoid is 3, expected at most 2: `sysctl kernel.perf_event_paranoid=2`"
        );
        assert!(
            why(libc::EPERM, Some(2)).starts_with("perf_event_open is forbidden, by a container mostly: ")
        );
        assert!(why(libc::EACCES, None).starts_with("perf_event_open is forbidden"));
        assert!(why(libc::EMFILE, Some(2)).starts_with("perf_event_open: Too many open files"));
    }

    /// Nanoseconds of CPU time that this thread has had.
    fn cpu_time() -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is that of `time`, which the call fills.
        assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }

    fn spin(nanoseconds: u64) {
        let start = cpu_time();
        while cpu_time() - start < nanoseconds {}
    }

    /// With an event of the kernel's own, which needs no PMU: CPU time.
    #[test]
    fn every_thread_is_counted() {
        const EACH: u64 = 20_000_000;
        let (to_worker, tasks) = channel::<()>();
        let (to_us, done) = channel();
        let worker = std::thread::spawn(move || {
            for () in tasks {
                spin(EACH);
                to_us.send(()).unwrap();
            }
        });
        let counted = count_events(&[Software::TASK_CLOCK.into()], || {
            to_worker.send(()).unwrap();
            let late = std::thread::spawn(|| spin(EACH));
            spin(EACH);
            late.join().unwrap();
            done.recv().unwrap();
        });
        drop(to_worker);
        worker.join().unwrap();
        match counted {
            // Other tests of this process may have added theirs.
            Ok(((), counts)) => assert!(counts[0].unwrap() >= 3 * EACH, "{counts:?}"),
            Err(why @ (Uncounted::Forbidden(_) | Uncounted::Paranoid { .. })) => tell!("SKIPPED: {why}"),
            Err(why) => panic!("{why}"),
        }
    }
}
