//! A kernel that is not ours, checked in a process of its own, so that a crash there is a finding here.
//!
//! The child prints one report per family. It also traces every case before it runs, so when it dies, the last line
//! is the case that killed it; the families that are left go to another child.

use matmul::Real;
use std::io::{BufRead, BufReader, Read};
use std::process::{ExitStatus, Stdio};

use matmul_conformance::{Case, Failure, Family, FamilyReport, Report, Skip, check, this_program};
use matmul_report::Dtype;

use crate::catalogue::dtype::dtype;
use crate::catalogue::registry::{self, Entry, Libraries};
use crate::child::parent::die_with_parent;
use crate::error::Error;
use crate::options::Cases;

/// Failures of a family that are kept, the crash included.
const KEPT: usize = 5;

/// What a child needs to know.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    cases: Cases,
    /// Name of the kernel
    #[arg(long)]
    kernel: String,
    /// Threads of the kernel
    #[arg(long)]
    threads: usize,
    /// f32 or f64
    #[arg(long)]
    dtype: Dtype,
    /// Families of the kit, in their order
    #[arg(long, value_delimiter = ',')]
    families: Vec<Family>,
}

/// The child's end: a report on each family, one to a line.
pub(crate) fn serve(options: &Options) -> Result<(), Error> {
    die_with_parent();
    match options.dtype {
        Dtype::F32 => serve_type::<f32>(options),
        Dtype::F64 => serve_type::<f64>(options),
    }
}

fn serve_type<T: Real>(options: &Options) -> Result<(), Error> {
    let Options { cases, kernel, threads, families, .. } = options;
    let libraries = Libraries::load(&cases.blas_lib)?;
    let entries = registry::entries::<T>(*threads, &libraries);
    let missing = || Error::Worker { kernel: kernel.clone(), reason: "does not know it".into() };
    let entry = entries.into_iter().find(|entry| entry.name() == kernel).ok_or_else(missing)?;
    for &family in families {
        let report = check(&*entry.kernel, &cases.plan()?.only(&[family]));
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

/// Checks a kernel in as many processes as it takes.
pub(crate) fn check_apart<T: Real>(entry: &Entry<T>, cases: &Cases) -> Result<Report, Error> {
    let plan = cases.plan()?;
    let mut families = plan.case().map_or_else(|| Family::ALL.to_vec(), |case| vec![case.family]);
    // What there is to do: no case runs here.
    let mut report = check(&*entry.kernel, &plan.only(&[]));
    if report.unavailable.is_some() {
        return Ok(report);
    }
    while !families.is_empty() {
        let run = run_child(entry, cases, &families)?;
        let finished = run.reports.len().min(families.len());
        for (family, done) in families.drain(..finished).zip(run.reports) {
            report.worst_ratio = report.worst_ratio.or(done.worst_ratio);
            report.slope = report.slope.or(done.slope);
            done.families
                .into_iter()
                .filter(|done| done.family == family)
                .for_each(|done| merge(&mut report, done));
        }
        if !families.is_empty() {
            let family = families.remove(0);
            let planned = report.family(family).map_or(0, |family| family.planned);
            match run.trace.died(family, planned, run.status) {
                Some(died) => merge(&mut report, died),
                None => {
                    let reason = format!("ended without a report: {}", run.status);
                    return Err(Error::Worker { kernel: entry.name().into(), reason });
                }
            }
        }
    }
    Ok(report)
}

/// Puts what a child found in place of what was planned.
fn merge(report: &mut Report, found: FamilyReport) {
    if let Some(planned) = report.families.iter_mut().find(|planned| planned.family == found.family) {
        *planned = found;
    }
}

/// One child, from start to end.
struct Run {
    /// Of the families that it finished.
    reports: Vec<Report>,
    trace: Trace,
    status: ExitStatus,
}

fn run_child<T: Real>(entry: &Entry<T>, cases: &Cases, families: &[Family]) -> Result<Run, Error> {
    let io =
        |source: std::io::Error| Error::Worker { kernel: entry.name().into(), reason: source.to_string() };
    let mut command = this_program().map_err(io)?;
    let families: Vec<&str> = families.iter().map(|family| family.name()).collect();
    command.args([
        "apart",
        "--kernel",
        entry.name(),
        "--dtype",
        dtype::<T>().name(),
        "--families",
        &families.join(","),
    ]);
    command.args(["--threads", &entry.kernel.threads().to_string()]).args(cases.args());
    command.env("MATMUL_CONFORMANCE_TRACE", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(io)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let prefix = format!("{}: ", entry.name());
    let (text, trace) = std::thread::scope(|scope| {
        let trace = scope.spawn(|| stderr.map_or_else(Trace::default, |stderr| Trace::read(stderr, &prefix)));
        let mut text = String::new();
        let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut text));
        let trace = trace.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.map(|_| (text, trace))
    })
    .map_err(io)?;
    let status = child.wait().map_err(io)?;
    // What a library prints by itself is no report, nor is a line that a crash cut off.
    let reports = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(Run { reports, trace, status })
}

/// What a child was doing: the family that it was in.
#[derive(Debug, Default)]
struct Trace {
    family: Option<Family>,
    ran: usize,
    failed: usize,
    failures: Vec<Failure>,
    /// The case that began last.
    last: String,
}

impl Trace {
    fn read(stderr: impl Read, prefix: &str) -> Self {
        let mut trace = Self::default();
        let mut stderr = BufReader::new(stderr);
        // Bytes, not lines: what a library prints need not be UTF-8.
        let mut bytes = Vec::new();
        while stderr.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            if let Some(line) = String::from_utf8_lossy(&bytes).trim_end().strip_prefix(prefix) {
                trace.line(line);
            }
            bytes.clear();
        }
        trace
    }

    fn line(&mut self, line: &str) {
        if let Some(detail) = line.strip_prefix("failed: ") {
            self.fail(detail.into());
        } else if let Ok(case) = line.parse::<Case>() {
            if self.family != Some(case.family) {
                *self = Self { family: Some(case.family), ..Self::default() };
            }
            self.ran += 1;
            line.clone_into(&mut self.last);
        }
    }

    fn fail(&mut self, detail: String) {
        self.failed += 1;
        self.failures.push(Failure { case: self.last.clone(), detail });
    }

    /// The report on the family in which the child died; nothing if it never began it.
    fn died(mut self, family: Family, planned: usize, status: ExitStatus) -> Option<FamilyReport> {
        if self.family != Some(family) {
            return None;
        }
        self.failures.truncate(KEPT - 1);
        self.fail(format!("ended the process: {status}"));
        let Self { ran, failed, failures, .. } = self;
        let skipped = match planned.saturating_sub(ran) {
            0 => Vec::new(),
            cases => vec![Skip { reason: "the process had ended".into(), cases }],
        };
        Some(FamilyReport { family, planned, ran, failed, failures, skipped, waived: false })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const TRACE: &str = "k: scalars f32 m=1 n=1 k=1\nk: failed: wrong\n\
        noise\nk: memory f32 m=1 n=1 k=1\nk: failed: C[0,0] is 1\nk: memory f32 m=1 n=1 k=2\nother: memory f32 m=1 n=1 k=3\n";

    #[test]
    fn the_last_case_ended_the_process() {
        let trace = Trace::read(TRACE.as_bytes(), "k: ");
        let died = trace.died(Family::Memory, 10, ExitStatus::from_raw(11)).unwrap();
        assert_eq!((died.ran, died.failed, died.planned), (2, 2, 10));
        assert_eq!(died.failures[0].detail, "C[0,0] is 1");
        assert_eq!(died.failures[1].case, "memory f32 m=1 n=1 k=2");
        assert!(died.failures[1].detail.contains("SIGSEGV"), "{died:?}");
        assert_eq!(died.skipped[0].cases, 8);
        assert!(!died.passed());
    }

    #[test]
    fn a_child_that_ran_nothing_is_no_finding() {
        let trace = Trace::read(TRACE.as_bytes(), "k: ");
        assert!(trace.died(Family::Threads, 10, ExitStatus::from_raw(256)).is_none());
    }
}
