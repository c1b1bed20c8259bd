//! `conform`: the conformance kit on every kernel, as a table and as `conformance.json`.

use matmul::Real;
use matmul::kernel::{Kernel, Promise};
use matmul_conformance::{Fingerprint, check_same_bits};
use matmul_report::render::checks_table;
use matmul_report::{Checked, Owner, Record};

use crate::catalogue::dtype::dtype;
use crate::catalogue::registry::{self, Chosen, Entry, Libraries};
use crate::child::trial;
use crate::commands::publish;
use crate::error::Error;
use crate::measure::conformance::check_entries;
use crate::options::{Cases, Conform, claim};
use crate::output;
use crate::progress::Progress;
use crate::say;

/// The thread counts at which the parallel kernel must keep its bits.
const THREADS: std::ops::RangeInclusive<usize> = 1..=8;

/// Runs the command. `Ok(false)` if one of our kernels failed, a required one did not run, or a checked document is
/// stale.
pub(crate) fn run(options: &Conform) -> Result<bool, Error> {
    let Conform { kernels, cases, .. } = options;
    if let Some(dir) = &options.publish {
        return publish::run(dir, &options.document, options.check);
    }
    claim(options.out())?;
    let libraries = trial::libraries(&cases.blas_lib, cases.patience())?;
    let chosen = Chosen { names: kernels.clone(), ..Chosen::default() };
    let mut known = registry::names(&libraries);
    known.extend(registry::own_portable::<f32>().map(|entry| entry.name().to_owned()));
    chosen.check(&known)?;
    let progress = Progress::new(count(&libraries, &chosen));
    let mut record = Record::new(env!("BUILD_TARGET"), "native", cases.plan.name());
    record.case.clone_from(&cases.case);
    check_type::<f32>(&libraries, &chosen, cases, &progress, &mut record)?;
    check_type::<f64>(&libraries, &chosen, cases, &progress, &mut record)?;
    progress.finish();
    record.finish();
    for failed in record.checks.iter().filter(|c| c.is_failure()) {
        say!("on {} threads, {}", failed.threads, failed.report);
        failed.again().iter().for_each(|command| say!("again: {command}"));
    }
    say!("{}", checks_table(&record.checks).text());
    record.fingerprints.iter().filter(|f| !f.passed()).for_each(|f| say!("{f}"));
    say!("{} of {} kernels ran", record.ran, record.kernels);
    let path = options.out().join("conformance.json");
    output::write(&path, &serde_json::to_string_pretty(&record)?)?;
    say!("{}", path.display());
    let missing = record.missing(&std::env::var("MATMUL_REQUIRE").unwrap_or_default());
    for name in &missing {
        say!("MATMUL_REQUIRE: no kernel with {name} in its name ran");
    }
    Ok(missing.is_empty() && record.passed)
}

/// Every kernel on one thread, and those with threads on two; ours on every count.
fn selected<T: Real>(libraries: &Libraries, chosen: &Chosen) -> Vec<Entry<T>> {
    let mut entries = registry::entries::<T>(1, libraries);
    entries.extend(registry::own_portable());
    entries.extend(THREADS.map(registry::own_parallel));
    // What cannot run is listed already.
    let others = registry::entries::<T>(2, libraries).into_iter();
    entries.extend(others.filter(|e| e.owner != Owner::Own && e.needs().is_none()));
    entries.retain(|e| chosen.has(e.name(), "", dtype::<T>(), e.kernel.threads()));
    entries
}

fn count(libraries: &Libraries, chosen: &Chosen) -> usize {
    selected::<f32>(libraries, chosen).len() + selected::<f64>(libraries, chosen).len()
}

fn check_type<T: Real>(
    libraries: &Libraries,
    chosen: &Chosen,
    cases: &Cases,
    progress: &Progress,
    record: &mut Record,
) -> Result<(), Error> {
    let plan = cases.plan()?;
    if plan.case().is_some_and(|case| case.dtype != dtype::<T>().name()) {
        return Ok(());
    }
    let entries = selected::<T>(libraries, chosen);
    record.checks.extend(check_entries(&entries, cases, progress)?);
    let same: Vec<&dyn Kernel<T>> = entries
        .iter()
        .filter(|e| e.owner == Owner::Own && e.kernel.promise() == Promise::SameBits && e.needs().is_none())
        .map(|e| &*e.kernel)
        .collect();
    if same.len() > 1 {
        progress.begin(&format!("equal bits of {} kernels, {}", same.len(), dtype::<T>()));
        let threads = same.iter().map(|k| k.threads()).max().unwrap_or(1);
        let report = check_same_bits(&same, &plan);
        record.checks.push(Checked { owner: Owner::Own, threads, report });
    }
    if plan.case().is_none() {
        for kernel in same {
            record.fingerprints.push(Fingerprint::of(kernel)?);
        }
    }
    Ok(())
}
