//! `conform`: the conformance kit on every kernel, as a table and as `conformance.json`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::ValueEnum;
use matmul::{Kernel, Promise};
use matmul_conformance::{Plan, Report, check, check_same_bits};
use serde::{Deserialize, Serialize};

use crate::apart::check_apart;
use crate::dtype::Dtype;
use crate::error::Error;
use crate::output;
use crate::progress::Progress;
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
}

/// The kit's report on one kernel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) family: Family,
    pub(crate) threads: usize,
    pub(crate) report: Report,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    schema: u32,
    plan: String,
    seed: u64,
    ran: usize,
    kernels: usize,
    checks: &'a [Checked],
}

impl Checked {
    /// Failures of others are findings; only ours are errors.
    pub(crate) fn is_own_failure(&self) -> bool {
        self.family == Family::Own && self.is_failure()
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.report.unavailable.is_none() && !self.report.passed()
    }

    /// The names of the families that failed, and `slope` if errors grow too fast.
    pub(crate) fn failed_families(&self) -> String {
        let failed = self.report.families.iter().filter(|family| !family.passed());
        let mut names: Vec<&str> = failed.map(|family| family.family.name()).collect();
        if self.report.slope.is_some_and(|slope| slope > 1.0) {
            names.push("slope");
        }
        names.join(", ")
    }

    /// The command that runs the smallest failing case again; nothing if there is none.
    fn again(&self) -> String {
        let Some(failure) = self.report.families.iter().flat_map(|family| &family.failures).next() else {
            return String::new();
        };
        let kernels = self.report.kernel.replace(" = ", ",");
        format!("  again: cargo xtask conform --kernels {kernels} --case \"{}\"\n", failure.case)
    }

    /// The first failure in one line; nothing if there is none.
    pub(crate) fn failure(&self) -> String {
        if !self.is_failure() {
            return String::new();
        }
        let failed = self.report.families.iter().find(|family| !family.passed());
        match failed.map(|family| (family.family, family.failures.first())) {
            Some((family, Some(failure))) => format!("{family}: {}: {}", failure.case, failure.detail),
            Some((family, None)) => format!("{family}: nothing ran"),
            None => format!("error grows as k^{:.2}", self.report.slope.unwrap_or(f64::NAN)),
        }
    }
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

/// Runs the command. `Ok(false)` if one of our kernels failed, or a required one did not run.
pub(crate) fn run(options: &Options) -> Result<bool, Error> {
    let Options { kernels, cases, .. } = options;
    let libraries = Libraries::load(&cases.blas_lib)?;
    let chosen = Chosen { names: kernels.clone(), filter: None };
    chosen.check(&registry::names(&libraries))?;
    let progress = Progress::new(count(&libraries, &chosen));
    let mut checks = check_type::<f32>(&libraries, &chosen, cases, &progress)?;
    checks.extend(check_type::<f64>(&libraries, &chosen, cases, &progress)?);
    progress.finish();
    let (ran, kernels) = ran_of(&checks);
    for failed in checks.iter().filter(|c| c.is_failure()) {
        println!("{}{}", failed.report, failed.again());
    }
    println!("{}", table(&checks).text());
    println!("{ran} of {kernels} kernels ran");
    let output =
        Output { schema: 1, plan: cases.plan.name(), seed: cases.seed, ran, kernels, checks: &checks };
    let path = options.out.join("conformance.json");
    output::write(&path, &serde_json::to_string_pretty(&output)?)?;
    println!("{}", path.display());
    let missing = missing(&checks, &std::env::var("MATMUL_REQUIRE").unwrap_or_default());
    for name in &missing {
        println!("MATMUL_REQUIRE: no kernel with {name} in its name ran");
    }
    Ok(missing.is_empty() && !checks.iter().any(Checked::is_own_failure))
}

/// Every kernel on one thread, and those with threads on two; ours on every count.
fn selected<T: Dtype>(libraries: &Libraries, chosen: &Chosen) -> Vec<Entry<T>> {
    let mut entries = registry::entries::<T>(1, libraries);
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
) -> Result<Vec<Checked>, Error> {
    let plan = cases.plan()?;
    if plan.case().is_some_and(|case| case.dtype != T::NAME) {
        return Ok(Vec::new());
    }
    let entries = selected::<T>(libraries, chosen);
    let mut checks = check_entries(&entries, cases, progress)?;
    let same: Vec<&dyn Kernel<T>> = entries
        .iter()
        .filter(|e| e.family == Family::Own && e.kernel.promise() == Promise::SameBits && e.needs().is_none())
        .map(|e| &*e.kernel)
        .collect();
    if same.len() > 1 {
        progress.begin(&format!("equal bits of {} kernels, {}", same.len(), T::NAME));
        let threads = same.iter().map(|k| k.threads()).max().unwrap_or(1);
        checks.push(Checked { family: Family::Own, threads, report: check_same_bits(&same, &plan) });
    }
    Ok(checks)
}

/// How many kernels ran, of how many. A kernel counts once, at whatever types and thread counts.
fn ran_of(checks: &[Checked]) -> (usize, usize) {
    let names = |keep: fn(&Checked) -> bool| {
        let mut names: Vec<&str> =
            checks.iter().filter(|c| keep(c)).map(|c| c.report.kernel.as_str()).collect();
        names.retain(|name| !name.contains(" = "));
        names.sort_unstable();
        names.dedup();
        names.len()
    };
    (names(|c| c.report.unavailable.is_none()), names(|_| true))
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
            (None, true, _) => format!("passed ({})", report.promise),
            (None, false, Family::Own) => "FAILED".into(),
            (None, false, _) => format!("finding: {}", checked.failed_families()),
        };
        // The comparison of many kernels is named after all of them.
        let many = report.kernel.matches(" = ").count();
        let kernel = if many > 0 { format!("equal bits of {}", many + 1) } else { report.kernel.clone() };
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

    fn checked(kernel: &str, family: Family, unavailable: Option<&str>) -> Checked {
        let report = Report {
            kernel: kernel.into(),
            dtype: "f32".into(),
            promise: "same-bits".into(),
            unavailable: unavailable.map(Into::into),
            families: Vec::new(),
            worst_ratio: Some(0.25),
            slope: None,
        };
        Checked { family, threads: 1, report }
    }

    fn some() -> Vec<Checked> {
        let mut steep = checked("faer", Family::Peer, None);
        steep.report.slope = Some(1.5);
        vec![
            checked("simd-avx2", Family::Own, None),
            checked("simd-avx2", Family::Own, None),
            checked("blas", Family::Blas, Some("a BLAS")),
            steep,
        ]
    }

    #[test]
    fn kernels_count_once() {
        assert_eq!(ran_of(&some()), (2, 3));
    }

    #[test]
    fn a_required_kernel_must_run() {
        assert_eq!(missing(&some(), "avx2, faer"), [""; 0]);
        assert_eq!(missing(&some(), "avx512,blas,avx2"), ["avx512", "blas"]);
        let linked = [checked("openblas", Family::Blas, None)];
        assert_eq!(missing(&linked, "blas"), [""; 0]);
        assert_eq!(missing(&linked, ""), [""; 0]);
    }

    #[test]
    fn only_our_failures_are_errors() {
        let mut checks = some();
        assert!(!checks.iter().any(Checked::is_own_failure));
        assert!(checks[3].is_failure() && checks[3].failure().contains("k^1.50"));
        checks[0].report.slope = Some(2.0);
        assert!(checks[0].is_own_failure());
        let text = table(&checks).text();
        for words in ["FAILED", "finding: slope", "SKIPPED: needs a BLAS", "passed (same-bits)"] {
            assert!(text.contains(words), "{text}");
        }
    }
}
