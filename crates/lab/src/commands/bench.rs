//! `bench`: data, conformance, the interleaved survey, the report.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use matmul_mnist::Mnist;
use matmul_report::{Dtype, Machine, Owner, Report, SCHEMA, Shape, Source, render};

use crate::catalogue::names;
use crate::catalogue::registry::{self, Chosen, Entry, Libraries};
use crate::data;
use crate::error::Error;
use crate::machine::detect::detect;
use crate::machine::steal::StealClock;
use crate::measure::cell::Effort;
use crate::measure::survey::Survey;
use crate::options::Bench;
use crate::output;

/// What `--quick` may take until its last cell is done.
const QUICK: Duration = Duration::from_secs(50);

/// Runs the command. `Ok(false)` if one of our kernels failed.
pub(crate) fn run(options: &Bench) -> Result<bool, Error> {
    let started = Instant::now();
    let libraries = Libraries::load(&options.blas_lib)?;
    let chosen = Chosen { names: options.kernels.clone(), filter: options.filter.clone() };
    chosen.check(&registry::names(&libraries))?;
    let (shapes, threads) = (options.shapes()?, options.thread_counts()?);
    if options.list {
        print!("{}", names::list(&threads, |threads| listed(&libraries, threads)));
        return Ok(true);
    }
    let mnist = images(options, &shapes)?;
    let report = empty_report(options, detect(), mnist.as_ref());
    let deadline = options.quick.then(|| started + QUICK);
    let survey = Survey::new(report, libraries, chosen, shapes, mnist, options.blas_lib.clone());
    let settings: Vec<(usize, Dtype)> =
        threads.iter().flat_map(|&t| options.dtype.iter().map(move |&d| (t, d))).collect();
    let mut report = measure(survey, &settings, options, deadline)?;
    report.seconds = started.elapsed().as_secs_f64();
    write(&report, options)?;
    Ok(!own_failed(&report))
}

/// Checks every kernel, then measures every cell.
fn measure(
    mut survey: Survey,
    settings: &[(usize, Dtype)],
    options: &Bench,
    deadline: Option<Instant>,
) -> Result<Report, Error> {
    let has_rows = |&(threads, dtype): &(usize, Dtype)| match dtype {
        Dtype::F32 => survey.has_rows::<f32>(threads),
        Dtype::F64 => survey.has_rows::<f64>(threads),
    };
    if !settings.iter().any(has_rows) {
        return Err(Error::NothingSelected);
    }
    for &(threads, dtype) in settings.iter().filter(|_| !options.skip_conform) {
        match dtype {
            Dtype::F32 => survey.conformance::<f32>(threads, options.quick)?,
            Dtype::F64 => survey.conformance::<f64>(threads, options.quick)?,
        }
    }
    let effort = Effort { rounds: options.rounds, budget: Duration::from_secs_f64(options.cell) };
    survey.begin(settings.len(), effort, deadline);
    let steal = StealClock::now();
    for &(threads, dtype) in settings {
        match dtype {
            Dtype::F32 => survey.setting::<f32>(threads)?,
            Dtype::F64 => survey.setting::<f64>(threads)?,
        }
    }
    let mut report = survey.finish();
    report.machine.steal = StealClock::now().zip(steal).map(|(now, then)| now.since(then));
    Ok(report)
}

/// The BLAS libraries on so many threads, and what each says of itself.
fn listed(libraries: &Libraries, threads: usize) -> Vec<(String, String)> {
    let entries = registry::entries::<f32>(threads, libraries);
    let libraries = entries.into_iter().filter(|entry| entry.owner == Owner::Blas);
    let state = |entry: &Entry<f32>| {
        entry.needs().map_or_else(|| entry.detail.clone(), |needs| format!("unavailable: needs {needs}"))
    };
    libraries.map(|entry| (entry.name().to_owned(), state(&entry))).collect()
}

/// The images, if a shape wants them.
fn images(options: &Bench, shapes: &[Shape]) -> Result<Option<Mnist>, Error> {
    if shapes.iter().all(|shape| shape.source == Source::Normal) {
        return Ok(None);
    }
    eprintln!("preparing MNIST");
    let mnist = data::load(&options.data)?;
    eprintln!("{}", mnist.describe());
    Ok(Some(mnist))
}

fn empty_report(options: &Bench, machine: Machine, mnist: Option<&Mnist>) -> Report {
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

/// Prints what is not printed yet, and writes the files.
fn write(report: &Report, options: &Bench) -> Result<(), Error> {
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

/// Whether a kernel of ours failed the kit, or gave a wrong result in the survey.
fn own_failed(report: &Report) -> bool {
    let mut kit = report.conformance.iter().filter(|c| c.owner == Owner::Own);
    let mut rows = report.cells.iter().flat_map(|c| &c.rows).filter(|r| r.owner == Owner::Own);
    kit.any(|c| !c.failure.is_empty()) || rows.any(|r| r.failed)
}
