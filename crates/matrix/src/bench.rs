//! `bench`: data, conformance, the interleaved matrix, the report.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use matmul_mnist::Mnist;

use crate::cell::Effort;
use crate::data;
use crate::error::Error;
use crate::groups;
use crate::machine::{Machine, StealClock};
use crate::matrix::Matrix;
use crate::output;
use crate::registry::{self, Chosen, Family, Libraries};
use crate::render;
use crate::report::{Report, SCHEMA};
use crate::shapes::{Shape, Source};

/// What `--quick` may take until its last cell is done.
const QUICK: Duration = Duration::from_secs(50);

/// Measures every kernel, after checking it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: data::Options,
    /// Few shapes, and done within a minute
    #[arg(long)]
    quick: bool,
    /// Only these kernels
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    kernels: Vec<String>,
    /// Only these shapes: groups (see --list), names, sizes, MxKxN or MxKxN/LAYOUT, or all
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    shapes: Vec<String>,
    /// Only these element types
    #[arg(long, value_delimiter = ',', value_parser = ["f32", "f64"], default_value = "f32,f64")]
    dtype: Vec<String>,
    /// Thread counts; else one and all
    #[arg(long, value_delimiter = ',', value_name = "COUNTS")]
    threads: Vec<usize>,
    /// Only rows with this in their kernel/shape/dtype/threads, as in faer/64x64x64/f32/1
    #[arg(long, value_name = "PART")]
    filter: Option<String>,
    /// List kernels and shapes, and measure nothing
    #[arg(long)]
    list: bool,
    /// A CBLAS library to load, as PATH or PATH:prefix; may be repeated
    #[arg(long, value_name = "PATH[:prefix]")]
    blas_lib: Vec<String>,
    /// Most rounds of a cell
    #[arg(long, default_value_t = 100)]
    rounds: usize,
    /// Most seconds of a cell; large ones get two to eight times as many
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS", value_parser = seconds)]
    cell: f64,
    /// Do not run the conformance kit first; each timed result is checked all the same
    #[arg(long)]
    skip_conform: bool,
    /// Seed of the operands and of the order of the kernels
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of report.json and report.md
    #[arg(long, value_name = "DIR", default_value = "target/matmul-bench")]
    out: PathBuf,
}

/// Runs the command. `Ok(false)` if one of our kernels failed.
pub(crate) fn run(options: &Options) -> Result<bool, Error> {
    let started = Instant::now();
    let libraries = Libraries::load(&options.blas_lib)?;
    let chosen = Chosen { names: options.kernels.clone(), filter: options.filter.clone() };
    chosen.check(&registry::names(&libraries))?;
    let shapes = match (options.shapes.is_empty(), options.quick) {
        (false, _) => groups::select(&options.shapes)?,
        (true, true) => groups::quick_set(),
        (true, false) => groups::table(),
    };
    let machine = Machine::detect();
    let threads = thread_counts(&options.threads, machine.affinity.len())?;
    if options.list {
        list(&libraries, &threads);
        return Ok(true);
    }
    let mnist = images(options, &shapes)?;
    let report = empty_report(options, machine, mnist.as_ref());
    let deadline = options.quick.then(|| started + QUICK);
    let effort = Effort { rounds: options.rounds, budget: Duration::from_secs_f64(options.cell) };
    let mut matrix = Matrix::new(report, libraries, chosen, shapes, mnist, options.blas_lib.clone());
    let settings: Vec<(usize, &str)> =
        threads.iter().flat_map(|&t| options.dtype.iter().map(move |d| (t, d.as_str()))).collect();
    let has_rows = |&(threads, dtype): &(usize, &str)| match dtype {
        "f64" => matrix.has_rows::<f64>(threads),
        _ => matrix.has_rows::<f32>(threads),
    };
    if !settings.iter().any(has_rows) {
        return Err(Error::NothingSelected);
    }
    for &(threads, dtype) in settings.iter().filter(|_| !options.skip_conform) {
        match dtype {
            "f64" => matrix.conformance::<f64>(threads, options.quick),
            _ => matrix.conformance::<f32>(threads, options.quick),
        }
    }
    matrix.begin(settings.len(), effort, deadline);
    let steal = StealClock::now();
    for &(threads, dtype) in &settings {
        match dtype {
            "f64" => matrix.setting::<f64>(threads)?,
            _ => matrix.setting::<f32>(threads)?,
        }
    }
    let mut report = matrix.finish();
    report.machine.steal = StealClock::now().zip(steal).map(|(now, then)| now.since(then));
    report.seconds = started.elapsed().as_secs_f64();
    write(&report, options)?;
    Ok(!own_failed(&report))
}

/// One and all, or what was asked for: each from 1 to the CPUs there are, in order, so that the naive kernels are
/// measured first.
fn thread_counts(asked: &[usize], cpus: usize) -> Result<Vec<usize>, Error> {
    let granted = std::thread::available_parallelism().map_or(1, usize::from).min(cpus);
    let mut counts = if asked.is_empty() { vec![1, granted] } else { asked.to_vec() };
    counts.sort_unstable();
    counts.dedup();
    match counts.iter().find(|&&count| count == 0 || count > cpus) {
        Some(&found) => Err(Error::Threads { found, max: cpus }),
        None => Ok(counts),
    }
}

/// A positive number of seconds that a [`Duration`] can hold.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if seconds > 0.0 && seconds < 1e6 { Ok(seconds) } else { Err("expected 0 to 1e6 seconds".into()) }
}

/// The images, if a shape wants them.
fn images(options: &Options, shapes: &[Shape]) -> Result<Option<Mnist>, Error> {
    if shapes.iter().all(|shape| shape.source == Source::Normal) {
        return Ok(None);
    }
    eprintln!("preparing MNIST");
    let mnist = data::load(&options.data)?;
    eprintln!("{}", mnist.describe());
    Ok(Some(mnist))
}

fn empty_report(options: &Options, machine: Machine, mnist: Option<&Mnist>) -> Report {
    let mut notes = mnist.map_or_else(Vec::new, |m| m.notes.clone());
    if options.skip_conform {
        notes.push("the conformance kit did not run (--skip-conform)".into());
    }
    if !machine.pinned {
        notes.push("this system does not let threads be bound to CPUs".into());
    }
    for level in 1..=2 {
        if !machine.cache_bytes(level).1 {
            notes.push(format!("the size of the L{level} cache is assumed"));
        }
    }
    Report {
        schema: SCHEMA,
        started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs()),
        seconds: 0.0,
        quick: options.quick,
        seed: options.seed,
        rounds: options.rounds,
        data: mnist.map_or_else(|| "seeded normal, no MNIST shape".into(), Mnist::describe),
        machine,
        conformance: Vec::new(),
        settings: Vec::new(),
        cells: Vec::new(),
        notes,
    }
}

fn list(libraries: &Libraries, threads: &[usize]) {
    for &threads in threads {
        println!("kernels on {threads} thread{}:", if threads == 1 { "" } else { "s" });
        for entry in registry::entries::<f32>(threads, libraries) {
            let state =
                entry.needs().map_or(entry.detail.clone(), |needs| format!("unavailable: needs {needs}"));
            println!("  {:20} {state}", entry.name());
        }
    }
    let quick = groups::quick_set();
    println!("shapes (m x k x n):");
    for shape in groups::table() {
        let quick = if quick.contains(&shape) { "also in a quick run" } else { "" };
        println!("  {:24} {:8} {quick}", shape.name, shape.group);
    }
}

/// Prints what is not printed yet, and writes the files.
fn write(report: &Report, options: &Options) -> Result<(), Error> {
    for line in render::machine_lines(report) {
        println!("{line}");
    }
    for note in &report.notes {
        println!("Note: {note}");
    }
    println!("\nLimits measured, GFLOP/s:\n{}\n{}\n", render::limits_table(report).text(), render::LEGEND);
    let json = options.out.join("report.json");
    output::write(&json, &serde_json::to_string(report)?)?;
    output::write(&options.out.join("report.md"), &render::markdown(report))?;
    println!("{} and report.md, {:.0} s", json.display(), report.seconds);
    Ok(())
}

/// Whether a kernel of ours failed the kit, or gave a wrong result in the matrix.
fn own_failed(report: &Report) -> bool {
    let mut kit = report.conformance.iter().filter(|c| c.family == Family::Own);
    let mut rows = report.cells.iter().flat_map(|c| &c.rows).filter(|r| r.family == Family::Own);
    kit.any(|c| !c.failure.is_empty()) || rows.any(|r| r.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_counts_are_one_and_all_in_order() {
        assert_eq!(thread_counts(&[2, 1, 2], 4).unwrap(), [1, 2]);
        assert_eq!(thread_counts(&[], 1).unwrap(), [1]);
        assert!(matches!(thread_counts(&[5], 4), Err(Error::Threads { found: 5, max: 4 })));
        assert!(matches!(thread_counts(&[0], 4), Err(Error::Threads { found: 0, max: 4 })));
    }
}
