//! The conformance kit on many kernels at a time.

use matmul::Real;
use std::sync::atomic::{AtomicUsize, Ordering};

use matmul_conformance::check;
use matmul_report::{Checked, Owner};

use crate::catalogue::dtype::dtype;
use crate::catalogue::registry::Entry;
use crate::child::apart::check_apart;
use crate::error::Error;
use crate::interrupt;
use crate::options::Cases;
use crate::progress::Progress;

/// Checks entries side by side, one to a CPU, and returns the outcomes in their order.
///
/// Ours run in this process, where a crash is as fatal as a failure; the others in processes of their own.
///
/// Not on rayon's workers: the kit waits for threads of its own that call the kernel, and a threaded kernel would wait
/// for the very workers that wait for it.
pub(crate) fn check_entries<T: Real>(
    entries: &[Entry<T>],
    cases: &Cases,
    progress: &Progress,
) -> Result<Vec<Checked>, Error> {
    let plan = cases.plan()?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Checked)>, Error> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = entries.get(index) else { break Ok(done) };
            interrupt::check()?;
            let threads = entry.kernel.threads();
            progress.begin(&format!("conformance of {} {} on {threads}", entry.name(), dtype::<T>()));
            let report = match entry.owner {
                Owner::Own => check(&*entry.kernel, &plan),
                Owner::Peer | Owner::Blas => check_apart(entry, cases)?,
            };
            progress.step();
            done.push((index, Checked { owner: entry.owner, threads, report }));
        }
    };
    let helpers = std::thread::available_parallelism().map_or(1, usize::from).min(entries.len());
    let mut all = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..helpers).map(|_| scope.spawn(work)).collect();
        let mut all = work()?;
        for helper in helpers {
            all.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, Error>(all)
    })?;
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, checked)| checked).collect())
}
