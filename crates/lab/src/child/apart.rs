//! A kernel that is not ours, checked in a process of its own, so that a crash there is a finding here.
//!
//! The child prints one report per family. It also traces every case before it runs, so when it dies, or is silent for
//! too long and is ended, the last line is the case that did it; the families that are left go to another child.

use matmul::Real;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use matmul_conformance::{Case, Failure, Family, FamilyReport, Report, Skip, check, this_program};
use matmul_report::Dtype;

use crate::catalogue::dtype::dtype;
use crate::catalogue::registry::{self, Entry, Libraries};
use crate::child::line::Line;
use crate::child::parent::{die_with_parent, own_group};
use crate::error::Error;
use crate::interrupt;
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
    let mut line = Line::take().map_err(Error::io("standard output"))?;
    match options.dtype {
        Dtype::F32 => serve_type::<f32>(options, &mut line),
        Dtype::F64 => serve_type::<f64>(options, &mut line),
    }
}

fn serve_type<T: Real>(options: &Options, line: &mut Line) -> Result<(), Error> {
    let Options { cases, kernel, threads, families, .. } = options;
    let libraries = Libraries::load(&cases.blas_lib)?;
    let entries = registry::entries::<T>(*threads, &libraries);
    let missing = || Error::Worker { kernel: kernel.clone(), reason: "does not know it".into() };
    let entry = entries.into_iter().find(|entry| entry.name() == kernel).ok_or_else(missing)?;
    for &family in families {
        let report = check(&*entry.kernel, &cases.plan()?.only(&[family]));
        line.send(&report).map_err(Error::io("the parent"))?;
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
            match run.trace.died(family, planned, &run.end) {
                Some(died) => merge(&mut report, died),
                // It cannot even be set up. What else there is to measure does not suffer from it.
                None => {
                    report.unavailable =
                        Some(format!("a process in which it can be called: the one that it had {}", run.end));
                    return Ok(report);
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
    /// How it ended, in words.
    end: String,
}

fn run_child<T: Real>(entry: &Entry<T>, cases: &Cases, families: &[Family]) -> Result<Run, Error> {
    let io =
        |source: std::io::Error| Error::Worker { kernel: entry.name().into(), reason: source.to_string() };
    let mut child = command(entry, cases, families).and_then(|mut command| command.spawn()).map_err(io)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let prefix = format!("{}: ", entry.name());
    let heard = Heard::now();
    let (text, trace, end) = std::thread::scope(|scope| {
        let trace = scope.spawn(|| {
            stderr.map_or_else(Trace::default, |stderr| Trace::read(stderr, &prefix, &|| heard.again()))
        });
        let text = scope.spawn(|| {
            let mut text = Vec::new();
            stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut text)).map(|_| text)
        });
        let end = watch(&mut child, &heard, cases.patience());
        let trace = trace.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let text = text.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (text, trace, end)
    });
    let (text, end) = (text.map_err(io)?, end.map_err(io)?);
    interrupt::check()?;
    // What a library prints by itself is no report, nor is a line that a crash cut off.
    let text = String::from_utf8_lossy(&text);
    let reports = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(Run { reports, trace, end })
}

fn command<T: Real>(entry: &Entry<T>, cases: &Cases, families: &[Family]) -> std::io::Result<Command> {
    let mut command = this_program()?;
    let families: Vec<&str> = families.iter().map(|family| family.name()).collect();
    command.args(["apart", "--kernel", entry.name(), "--dtype", dtype::<T>().name()]);
    command.args(["--families", &families.join(",")]);
    command.args(["--threads", &entry.kernel.threads().to_string()]).args(cases.args());
    command.env("MATMUL_CONFORMANCE_TRACE", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    own_group(&mut command);
    Ok(command)
}

/// When a child was heard last, in milliseconds from the start.
struct Heard(Instant, AtomicU64);

impl Heard {
    fn now() -> Self {
        Self(Instant::now(), AtomicU64::new(0))
    }

    fn again(&self) {
        self.1.store(self.0.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn silence(&self) -> Duration {
        self.0.elapsed().saturating_sub(Duration::from_millis(self.1.load(Ordering::Relaxed)))
    }
}

/// How often a child is looked after.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until a child has ended, and ends one that is silent for too long or no longer wanted. Says how it ended.
fn watch(child: &mut Child, heard: &Heard, patience: Duration) -> std::io::Result<String> {
    let mut hung = false;
    loop {
        if let Some(status) = child.try_wait()? {
            let end = if hung {
                format!("was silent for more than {patience:?}")
            } else {
                format!("ended the process: {status}")
            };
            return Ok(end);
        }
        hung |= heard.silence() > patience;
        if hung || interrupt::check().is_err() {
            child.kill()?;
        }
        std::thread::sleep(LOOK);
    }
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
    fn read(stderr: impl Read, prefix: &str, heard: &dyn Fn()) -> Self {
        let mut trace = Self::default();
        let mut stderr = BufReader::new(stderr);
        // Bytes, not lines: what a library prints need not be UTF-8.
        let mut bytes = Vec::new();
        while stderr.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            if let Some(line) = String::from_utf8_lossy(&bytes).trim_end().strip_prefix(prefix) {
                trace.line(line);
                heard();
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
    fn died(mut self, family: Family, planned: usize, end: &str) -> Option<FamilyReport> {
        if self.family != Some(family) {
            return None;
        }
        self.failures.truncate(KEPT - 1);
        self.fail(end.to_owned());
        let Self { ran, failed, failures, .. } = self;
        let skipped = match planned.saturating_sub(ran) {
            0 => Vec::new(),
            cases => vec![Skip { reason: "the process had ended".into(), cases }],
        };
        Some(FamilyReport { family, planned, ran, failed, failures, skipped, waived: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "k: scalars f32 m=1 n=1 k=1\nk: failed: wrong\n\
        noise\nk: memory f32 m=1 n=1 k=1\nk: failed: C[0,0] is 1\nk: memory f32 m=1 n=1 k=2\nother: memory f32 m=1 n=1 k=3\n";

    #[test]
    fn the_last_case_ended_the_process() {
        let trace = Trace::read(TRACE.as_bytes(), "k: ", &|| {});
        let died = trace.died(Family::Memory, 10, "was silent").unwrap();
        assert_eq!((died.ran, died.failed, died.planned), (2, 2, 10));
        assert_eq!(died.failures[0].detail, "C[0,0] is 1");
        assert_eq!(died.failures[1].case, "memory f32 m=1 n=1 k=2");
        assert_eq!(died.failures[1].detail, "was silent");
        assert_eq!(died.skipped[0].cases, 8);
        assert!(!died.passed());
    }

    #[test]
    fn a_child_that_ran_nothing_is_no_finding() {
        let trace = Trace::read(TRACE.as_bytes(), "k: ", &|| {});
        assert!(trace.died(Family::Threads, 10, "ended").is_none());
    }
}
