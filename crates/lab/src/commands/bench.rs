//! `bench`: data, conformance, the interleaved survey, the report.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use matmul_mnist::Mnist;
use matmul_report::compare::Comparison;
use matmul_report::{Counting, Dtype, Machine, Owner, Report, SCHEMA, Shape, Source, files, render};

use crate::catalogue::names;
use crate::catalogue::registry::{self, Chosen, Entry, Libraries};
use crate::child::trial;
use crate::data;
use crate::error::Error;
use crate::interrupt;
use crate::journal::JournalFile;
use crate::machine::detect::detect;
use crate::machine::steal::StealClock;
use crate::machine::{affinity, pool};
use crate::measure::cell::Effort;
use crate::measure::counters;
use crate::measure::memory;
use crate::measure::survey::{Request, Survey};
use crate::options::{Baseline, Bench, claim, redraw};
use crate::output;
use crate::{say, tell, terminal};

/// What `--quick` may take until its last cell is done.
const QUICK: Duration = Duration::from_secs(50);

/// Runs the command. `Ok(false)` if one of our kernels failed, or if anything is slower and that is to be a failure.
pub(crate) fn run(options: &Bench) -> Result<bool, Error> {
    let started = Instant::now();
    if let Some(path) = &options.render {
        terminal::out(format_args!("{}", terminal::fitted(&redraw(path, None, &options.formats)?)));
        return Ok(true);
    }
    if !options.list {
        claim(&options.out)?;
    }
    let libraries = trial::libraries(&options.blas_lib, patience(options))?;
    let chosen = Chosen {
        names: options.kernels.clone(),
        filter: options.filter.clone(),
        cells: options.trace()?.0.into_iter().map(|asked| (asked.shape, asked.dtype)).collect(),
    };
    chosen.check(&registry::names(&libraries))?;
    let (threads, baseline) = (options.thread_counts()?, options.baseline()?);
    if options.list {
        let list = names::list(&threads, |threads| listed(&libraries, threads));
        terminal::out(format_args!("{list}"));
        return Ok(true);
    }
    if let Some(&most) = threads.last().filter(|&&most| most > 1) {
        pool::start_global(most, &affinity::cpus())?;
    }
    let mut survey = Survey::new(request(options, libraries, chosen, &threads)?);
    let settings: Vec<(usize, Dtype)> =
        threads.iter().flat_map(|&t| options.dtype.iter().map(move |&d| (t, d))).collect();
    let deadline = options.quick.then(|| started + QUICK);
    let steal = StealClock::now();
    let result = measure(&mut survey, &settings, options, deadline)
        .and_then(|()| baseline.as_ref().map(|baseline| against(baseline, &mut survey)).transpose());
    let (mut report, journal) = survey.finish();
    report.machine.steal = StealClock::now().zip(steal).map(|(now, then)| now.since(then));
    report.seconds += started.elapsed().as_secs_f64();
    report.partial = result.as_ref().err().map(ToString::to_string);
    let compared = finish(&report, journal, options, result)?;
    if let (Some(path), Some(compared)) = (&options.baseline, &compared) {
        say!("\nAgainst {}:\n{}", path.display(), render::comparison(compared, options.verbose));
    }
    let regression = compared.is_some_and(|compared| compared.has_regression());
    let fails = own_failed(&report) || (regression && options.against.fail_on_regression);
    Ok(!fails)
}

fn patience(options: &Bench) -> Duration {
    Duration::from_secs_f64(options.patience)
}

/// Gets all that a survey needs; from then on there is something to save, and a signal ends nothing by itself.
fn request(
    options: &Bench,
    libraries: Libraries,
    chosen: Chosen,
    threads: &[usize],
) -> Result<Request, Error> {
    let (shapes, too_large) = that_fit(options, options.shapes()?)?;
    let mnist = images(options, &shapes)?;
    let machine = Machine { counters: options.counters.then(counters::probe), ..detect() };
    let mut report = empty_report(options, machine, mnist.as_ref());
    let (trace, untraced) = options.trace()?;
    report.trace = trace;
    report.notes.extend(too_large.into_iter().chain(untraced));
    report.notes.extend(one_cpu(options, &report.machine));
    report.notes.extend(several_pools(threads));
    report.notes.iter().for_each(|note| tell!("note: {note}"));
    if let Some(Counting::NotTold(why)) = &report.machine.counters {
        tell!("counters: not told: {why}");
    }
    let journal = JournalFile::open(&options.out, &mut report, &asked(options, threads), options.resume)?;
    interrupt::listen().map_err(Error::io("signals"))?;
    Ok(Request {
        report,
        journal,
        libraries,
        chosen,
        shapes,
        mnist,
        blas_lib: options.blas_lib.clone(),
        patience: patience(options),
        verbose: options.verbose,
    })
}

/// Holds the run against a baseline. What is slower is measured once more before it is called so.
fn against(baseline: &Baseline, survey: &mut Survey) -> Result<Comparison, Error> {
    let mut compared = baseline.compare(survey.report());
    let cells = compared.slower_cells();
    if !cells.is_empty() {
        let again = survey.again(&cells)?;
        compared.confirm(&baseline.compare(&again));
    }
    Ok(compared)
}

/// Writes what there is, whatever ended the run.
fn finish<T>(
    report: &Report,
    journal: JournalFile,
    options: &Bench,
    result: Result<T, Error>,
) -> Result<T, Error> {
    if report.cells.is_empty() {
        journal.remove();
        return result;
    }
    write(report, options)?;
    match result {
        Ok(_) => journal.remove(),
        Err(_) => tell!("the report is of what was done until then; the same command with --resume goes on"),
    }
    result
}

/// Checks every kernel, then measures every cell.
fn measure(
    survey: &mut Survey,
    settings: &[(usize, Dtype)],
    options: &Bench,
    deadline: Option<Instant>,
) -> Result<(), Error> {
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
    for &(threads, dtype) in settings {
        match dtype {
            Dtype::F32 => survey.setting::<f32>(threads)?,
            Dtype::F64 => survey.setting::<f64>(threads)?,
        }
    }
    Ok(())
}

/// The request in words, for a run that goes on with another.
fn asked(options: &Bench, threads: &[usize]) -> String {
    let list = |name: &str, items: &[String]| match items {
        [] => format!("all {name}"),
        items => format!("{name} {}", items.join(",")),
    };
    let words =
        |items: &[&dyn ToString]| items.iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",");
    let quick = if options.quick { ", quick" } else { "" };
    let cold = if options.cold { ", cold" } else { "" };
    let counters = if options.counters { ", counters" } else { "" };
    let files = [&options.shapes_file, &options.trace].into_iter().flatten();
    let files: String = files.map(|path| format!(", of {}", path.display())).collect();
    let filter = options.filter.as_ref().map_or_else(String::new, |regex| format!(", filter {regex}"));
    format!(
        "{}, {}, {} on {} threads, libraries {:?}, {} s a cell{files}{filter}{quick}{cold}{counters}",
        list("kernels", &options.kernels),
        list("shapes", &options.shapes),
        words(&options.dtype.iter().map(|dtype| dtype as &dyn ToString).collect::<Vec<_>>()),
        words(&threads.iter().map(|count| count as &dyn ToString).collect::<Vec<_>>()),
        options.blas_lib,
        options.cell,
    )
}

/// The shapes that fit into memory, and a note on those that do not. One that was asked for by name is an error.
fn that_fit(options: &Bench, shapes: Vec<Shape>) -> Result<(Vec<Shape>, Vec<String>), Error> {
    let Some(free) = memory::free() else { return Ok((shapes, Vec::new())) };
    let libraries = 1 + options.blas_lib.len();
    let excess = |shape: &Shape| {
        let needed = options.dtype.iter().map(|&dtype| (memory::needed(shape, dtype, libraries), dtype));
        let (needed, dtype) = needed.max_by_key(|&(needed, _)| needed)?;
        (needed > free).then(|| Error::Memory { shape: shape.name.clone(), dtype, needed, free })
    };
    let (large, fit): (Vec<_>, Vec<_>) = shapes.into_iter().partition(|shape| excess(shape).is_some());
    match large.iter().find_map(excess) {
        Some(error) if options.names_shapes() => Err(error),
        _ => Ok((fit, large.iter().filter_map(excess).map(|error| error.to_string()).collect())),
    }
}

/// Why there are no rows on several threads, where nobody asked for that.
fn one_cpu(options: &Bench, machine: &Machine) -> Option<String> {
    let granted = std::thread::available_parallelism().map_or(1, usize::from);
    let usable = machine.affinity.len().min(granted);
    (usable == 1 && options.threads.is_empty()).then(|| {
        format!(
            "this process may use one CPU ({} by its affinity, {granted} by its quota): no kernel is measured on several \
             threads, and parallel not at all",
            machine.affinity.len()
        )
    })
}

/// Which thread counts were measured from inside of the pool alone.
fn several_pools(threads: &[usize]) -> Option<String> {
    let (most, rest) = threads.split_last()?;
    let rest: Vec<String> = rest.iter().filter(|&&count| count > 1).map(ToString::to_string).collect();
    (!rest.is_empty()).then(|| {
        format!(
            "on {} threads kernels are called from inside of a pool alone: a process has one pool for calls from outside, \
             here with {most} threads",
            rest.join(" and ")
        )
    })
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
    tell!("preparing MNIST");
    let mnist = data::load(&options.data)?;
    tell!("{}", mnist.describe());
    Ok(Some(mnist))
}

fn empty_report(options: &Bench, machine: Machine, mnist: Option<&Mnist>) -> Report {
    let mut notes = mnist.map_or_else(Vec::new, |m| m.notes.clone());
    if options.skip_conform {
        notes.push("the conformance kit did not run (--skip-conform)".into());
    }
    Report {
        schema: SCHEMA,
        started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs()),
        seconds: 0.0,
        quick: options.quick,
        seed: options.seed,
        rounds: options.rounds,
        cold: options.cold,
        trace: Vec::new(),
        partial: None,
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
    if options.verbose {
        render::machine_lines(report).iter().for_each(|line| say!("{line}"));
        report.notes.iter().for_each(|note| say!("Note: {note}"));
        say!("\nLimits measured, GFLOP/s:\n{}\n{}\n", render::limits_table(report).text(), render::LEGEND);
    }
    for (name, text) in files(report) {
        output::write(&options.out.join(name), &text)?;
    }
    for (path, text) in options.formats.files(report) {
        output::write(path, &text)?;
    }
    let json = options.out.join("report.json");
    output::write(&json, &serde_json::to_string(report)?)?;
    say!(
        "\n{}\n{} and beside it report.md, report.html and report.csv, {:.0} s",
        terminal::fitted(&render::first_screen(report)),
        json.display(),
        report.seconds
    );
    Ok(())
}

/// Whether a kernel of ours failed the kit, or gave a wrong result in the survey.
fn own_failed(report: &Report) -> bool {
    let mut kit = report.conformance.iter().filter(|c| c.owner == Owner::Own);
    let mut rows = report.cells.iter().flat_map(|c| &c.rows).filter(|r| r.owner == Owner::Own);
    kit.any(|c| !c.failure.is_empty()) || rows.any(|r| r.failed)
}
