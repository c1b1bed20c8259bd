//! `conform`: the conformance kit on every kernel, as a table and as `conformance.json`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::ValueEnum;
use matmul::{Kernel, Promise};
use matmul_conformance::{Fingerprint, Plan, check, check_same_bits};

use crate::apart::check_apart;
use crate::dtype::Dtype;
use crate::error::Error;
use crate::output;
use crate::progress::Progress;
use crate::publish;
use crate::record::{Checked, Record};
use crate::registry::{self, Chosen, Entry, Family, Libraries};
use crate::table::Table;

/// The thread counts at which the parallel kernel must keep its bits.
const THREADS: std::ops::RangeInclusive<usize> = 1..=8;

/// How much of the kit runs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Depth {
    /// An eighth of quick
    Glance,
    /// About a second for a fast kernel
    Quick,
    /// Some seconds for a fast kernel
    Standard,
    /// Minutes
    Full,
}

impl Depth {
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn plan(self) -> Plan {
        match self {
            Depth::Glance => Plan::quick().with_family_limit(1 << 21),
            Depth::Quick => Plan::quick(),
            Depth::Standard => Plan::standard(),
            Depth::Full => Plan::full(),
        }
    }
}

/// Which cases run, on which libraries: what this process and those that it starts must know alike.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Cases {
    /// How much of the kit runs
    #[arg(long, value_enum, default_value = "standard")]
    plan: Depth,
    /// Seed of the inputs
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Only this case, a line of a report
    #[arg(long, value_name = "LINE")]
    case: Option<String>,
    /// A CBLAS library to load, as PATH or PATH:prefix; may be repeated
    #[arg(long, value_name = "PATH[:prefix]")]
    pub(crate) blas_lib: Vec<String>,
}

impl Cases {
    /// A plan with its usual seed.
    pub(crate) fn new(plan: Depth, blas_lib: Vec<String>) -> Self {
        Self { plan, seed: 42, case: None, blas_lib }
    }

    /// # Errors
    /// [`Error::Case`] if the only case is none.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        match &self.case {
            Some(line) => Plan::of_case(line).map_err(|source| Error::Case { line: line.clone(), source }),
            None => Ok(self.plan.plan().with_seed(self.seed)),
        }
    }

    /// The options that lead to the same cases.
    pub(crate) fn args(&self) -> Vec<String> {
        let mut args = vec!["--plan".into(), self.plan.name(), "--seed".into(), self.seed.to_string()];
        args.extend(self.case.iter().flat_map(|line| ["--case".into(), line.clone()]));
        args.extend(self.blas_lib.iter().flat_map(|path| ["--blas-lib".into(), path.clone()]));
        args
    }
}

/// Checks every kernel against the conformance kit.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these kernels
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    kernels: Vec<String>,
    #[command(flatten)]
    cases: Cases,
    /// Folder of conformance.json
    #[arg(long, value_name = "DIR", default_value = "target/matmul-bench")]
    out: PathBuf,
    /// Run nothing; write the table of all records below a folder into the document
    #[arg(long, value_name = "DIR")]
    publish: Option<PathBuf>,
    /// With --publish: only find out whether the document has these rows and columns
    #[arg(long, requires = "publish")]
    check: bool,
    /// Where --publish writes
    #[arg(long, value_name = "FILE", default_value = "docs/conformance.md")]
    document: PathBuf,
}

/// Checks entries side by side, one to a CPU, and returns the outcomes in their order.
///
/// Ours run in this process, where a crash is as fatal as a failure; the others in processes of their own.
///
/// Not on rayon's workers: the kit waits for threads of its own that call the kernel, and a threaded kernel would wait
/// for the very workers that wait for it.
pub(crate) fn check_entries<T: Dtype>(
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
            let threads = entry.kernel.threads();
            progress.begin(&format!("conformance of {} {} on {threads}", entry.name(), T::NAME));
            let report = match entry.family {
                Family::Own => check(&*entry.kernel, &plan),
                Family::Peer | Family::Blas => check_apart(entry, cases)?,
            };
            progress.step();
            done.push((index, Checked { family: entry.family, threads, report }));
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

/// Runs the command. `Ok(false)` if one of our kernels failed, a required one did not run, or a checked document is
/// stale.
pub(crate) fn run(options: &Options) -> Result<bool, Error> {
    let Options { kernels, cases, .. } = options;
    if let Some(dir) = &options.publish {
        return publish::run(dir, &options.document, options.check);
    }
    let libraries = Libraries::load(&cases.blas_lib)?;
    let chosen = Chosen { names: kernels.clone(), filter: None };
    let mut known = registry::names(&libraries);
    known.extend(registry::own_portable::<f32>().map(|entry| entry.name().to_owned()));
    chosen.check(&known)?;
    let progress = Progress::new(count(&libraries, &chosen));
    let mut record = Record::new(cases.plan.name());
    check_type::<f32>(&libraries, &chosen, cases, &progress, &mut record)?;
    check_type::<f64>(&libraries, &chosen, cases, &progress, &mut record)?;
    progress.finish();
    record.finish();
    for failed in record.checks.iter().filter(|c| c.is_failure()) {
        println!("on {} threads, {}", failed.threads, failed.report);
        failed.again().iter().for_each(|command| println!("again: {command}"));
    }
    println!("{}", table(&record.checks).text());
    record.fingerprints.iter().filter(|f| !f.passed()).for_each(|f| println!("{f}"));
    println!("{} of {} kernels ran", record.ran, record.kernels);
    let path = options.out.join("conformance.json");
    output::write(&path, &serde_json::to_string_pretty(&record)?)?;
    println!("{}", path.display());
    let missing = missing(&record.checks, &std::env::var("MATMUL_REQUIRE").unwrap_or_default());
    for name in &missing {
        println!("MATMUL_REQUIRE: no kernel with {name} in its name ran");
    }
    Ok(missing.is_empty() && record.passed)
}

/// Every kernel on one thread, and those with threads on two; ours on every count.
fn selected<T: Dtype>(libraries: &Libraries, chosen: &Chosen) -> Vec<Entry<T>> {
    let mut entries = registry::entries::<T>(1, libraries);
    entries.extend(registry::own_portable());
    entries.extend(THREADS.map(registry::own_parallel));
    // What cannot run is listed already.
    let others = registry::entries::<T>(2, libraries).into_iter();
    entries.extend(others.filter(|e| e.family != Family::Own && e.needs().is_none()));
    entries.retain(|e| chosen.has(e.name(), "", T::NAME, e.kernel.threads()));
    entries
}

fn count(libraries: &Libraries, chosen: &Chosen) -> usize {
    selected::<f32>(libraries, chosen).len() + selected::<f64>(libraries, chosen).len()
}

fn check_type<T: Dtype>(
    libraries: &Libraries,
    chosen: &Chosen,
    cases: &Cases,
    progress: &Progress,
    record: &mut Record,
) -> Result<(), Error> {
    let plan = cases.plan()?;
    if plan.case().is_some_and(|case| case.dtype != T::NAME) {
        return Ok(());
    }
    let entries = selected::<T>(libraries, chosen);
    record.checks.extend(check_entries(&entries, cases, progress)?);
    let same: Vec<&dyn Kernel<T>> = entries
        .iter()
        .filter(|e| e.family == Family::Own && e.kernel.promise() == Promise::SameBits && e.needs().is_none())
        .map(|e| &*e.kernel)
        .collect();
    if same.len() > 1 {
        progress.begin(&format!("equal bits of {} kernels, {}", same.len(), T::NAME));
        let threads = same.iter().map(|k| k.threads()).max().unwrap_or(1);
        let report = check_same_bits(&same, &plan);
        record.checks.push(Checked { family: Family::Own, threads, report });
    }
    if plan.case().is_none() {
        for kernel in same {
            record.fingerprints.push(Fingerprint::of(kernel)?);
        }
    }
    Ok(())
}

/// The words of `MATMUL_REQUIRE` for which nothing ran. A BLAS of any name satisfies `blas`.
fn missing(checks: &[Checked], required: &str) -> Vec<String> {
    let ran = |word: &str| {
        checks
            .iter()
            .filter(|c| c.report.unavailable.is_none())
            .any(|c| c.report.kernel.contains(word) || (word == "blas" && c.family == Family::Blas))
    };
    let words = required.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.filter(|word| !ran(word)).map(Into::into).collect()
}

fn table(checks: &[Checked]) -> Table {
    let mut table = Table::new(&["kernel", "type", "threads", "cases", "error", "slope", "verdict"]);
    for checked @ Checked { family, threads, report } in checks {
        let (ran, planned) = report.ran_of();
        let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| format!("{x:.3}"));
        let verdict = match (&report.unavailable, report.passed(), family) {
            (Some(needs), _, _) => format!("SKIPPED: needs {needs}"),
            (None, true, _) if ran == 0 => "SKIPPED: the kernel does not promise it".into(),
            (None, true, _) => format!("passed ({})", report.promise),
            (None, false, Family::Own) => "FAILED".into(),
            (None, false, _) => format!("finding: {}", checked.failed_families().join(", ")),
        };
        let kernel = if checked.is_comparison() {
            format!("equal bits of {}", report.kernel.matches(" = ").count() + 1)
        } else {
            report.kernel.clone()
        };
        table.row(vec![
            kernel,
            report.dtype.clone(),
            threads.to_string(),
            format!("{ran}/{planned}"),
            number(report.worst_ratio),
            number(report.slope),
            verdict,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{checked, some};

    #[test]
    fn a_required_kernel_must_run() {
        assert_eq!(missing(&some().checks, "avx2, faer"), [""; 0]);
        assert_eq!(missing(&some().checks, "avx512,blas,avx2"), ["avx512", "blas"]);
        let linked = [checked("openblas", Family::Blas, None)];
        assert_eq!(missing(&linked, "blas"), [""; 0]);
        assert_eq!(missing(&linked, ""), [""; 0]);
    }

    #[test]
    fn verdicts_tell_ours_from_others() {
        let mut record = some();
        record.checks[0].report.slope = Some(2.0);
        let text = table(&record.checks).text();
        for words in ["FAILED", "finding: slope", "SKIPPED: needs a BLAS", "equal bits of 2"] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn children_are_told_the_same_cases() {
        let line = "edges f32 m=1 n=2 k=3";
        let cases = Cases { case: Some(line.into()), ..Cases::new(Depth::Quick, vec!["x.so".into()]) };
        assert_eq!(cases.args(), ["--plan", "quick", "--seed", "42", "--case", line, "--blas-lib", "x.so"]);
        assert_eq!(cases.plan().unwrap().case().map(|case| case.n), Some(2));
    }
}
