//! `bench`: data, conformance, the interleaved matrix, the report.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use matmul_conformance::Plan;
use matmul_mnist::Mnist;

use crate::bandwidth;
use crate::cell::{self, Candidate, Effort};
use crate::conform::{self, Checked};
use crate::data;
use crate::dtype::Dtype;
use crate::error::Error;
use crate::gauge::Gauge;
use crate::machine::{Machine, StealClock};
use crate::operands::{Images, Operands, Random};
use crate::output;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::rates::Rates;
use crate::registry::{self, Chosen, Entry, Family, Libraries};
use crate::render;
use crate::report::{Cell, Conformance, Outcome, Report, Row, SCHEMA, Setting};
use crate::runner::{Runner, Stage};
use crate::shapes::{self, Shape, Source};
use crate::verify::Reference;
use crate::worker::{self, Worker};

/// Seconds for each cell of a full run: some 100 rounds of ten kernels for short calls, ten of 40 ms calls.
const CELL: Duration = Duration::from_secs(4);

/// What `--quick` may take in all, with a reserve for the report.
const QUICK: Duration = Duration::from_secs(52);

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
    /// Only these shapes: names, groups, sizes, MxKxN, or all
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
    /// Seed of the operands and of the order of the kernels
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of report.json and report.md
    #[arg(long, value_name = "DIR", default_value = "target/matmul-bench")]
    out: PathBuf,
}

/// What the options select.
struct Run<'a> {
    options: &'a Options,
    libraries: Libraries,
    chosen: Chosen,
    shapes: Vec<Shape>,
    threads: Vec<usize>,
    machine: Machine,
    mnist: Option<Mnist>,
    started: Instant,
    random: Random,
    rates: Rates,
    progress: Progress,
    report: Report,
    cells_left: usize,
}

/// Runs the command. `Ok(false)` if one of our kernels failed.
pub(crate) fn run(options: &Options) -> Result<bool, Error> {
    let libraries = Libraries::load(&options.blas_lib)?;
    let chosen = Chosen { names: options.kernels.clone(), filter: options.filter.clone() };
    chosen.check(&registry::names(&libraries))?;
    let shapes = match (options.shapes.is_empty(), options.quick) {
        (false, _) => shapes::select(&options.shapes)?,
        (true, true) => shapes::quick_set(),
        (true, false) => shapes::default_set(),
    };
    let machine = Machine::detect();
    let threads = thread_counts(&options.threads, machine.affinity.len())?;
    if options.list {
        list(&libraries, &threads);
        return Ok(true);
    }
    let mut run = Run::new(options, libraries, chosen, shapes, threads, machine)?;
    let own_passed = run.conformance()?;
    let steal = StealClock::now();
    for threads in run.threads.clone() {
        for dtype in &options.dtype {
            match dtype.as_str() {
                "f64" => run.setting::<f64>(threads)?,
                _ => run.setting::<f32>(threads)?,
            }
        }
    }
    run.report.machine.steal = StealClock::now().zip(steal).map(|(now, then)| now.since(then));
    run.finish(own_passed)
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

fn list(libraries: &Libraries, threads: &[usize]) {
    for &threads in threads {
        println!("kernels on {threads} thread{}:", if threads == 1 { "" } else { "s" });
        for entry in registry::entries::<f32>(threads, libraries) {
            let state =
                entry.needs().map_or(entry.detail.clone(), |needs| format!("unavailable: needs {needs}"));
            println!("  {:20} {state}", entry.name());
        }
    }
    let (default, quick) = (shapes::default_set(), shapes::quick_set());
    println!("shapes (m x k x n):");
    for shape in shapes::table() {
        let set = match (quick.contains(&shape), default.contains(&shape)) {
            (true, _) => "quick and default",
            (false, true) => "default",
            (false, false) => "by name, group or all",
        };
        println!("  {:20} {:12} {set}", shape.name, shape.group);
    }
}

impl<'a> Run<'a> {
    fn new(
        options: &'a Options,
        libraries: Libraries,
        chosen: Chosen,
        shapes: Vec<Shape>,
        threads: Vec<usize>,
        machine: Machine,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        let mnist = if shapes.iter().any(|s| s.source != Source::Normal) {
            eprintln!("preparing MNIST");
            Some(data::load(&options.data)?)
        } else {
            None
        };
        let data = mnist.as_ref().map_or_else(|| "seeded normal; no MNIST shape".into(), Mnist::describe);
        let report = Report {
            schema: SCHEMA,
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs()),
            seconds: 0.0,
            seed: options.seed,
            rounds: options.rounds,
            budget: CELL.as_secs_f64(),
            data,
            machine: machine.clone(),
            conformance: Vec::new(),
            settings: Vec::new(),
            cells: Vec::new(),
            notes: mnist.as_ref().map_or_else(Vec::new, |m| m.notes.clone()),
        };
        let cells_left = shapes.len() * threads.len() * options.dtype.len();
        let random = Random::new(options.seed);
        let (rates, progress) = (Rates::default(), Progress::new(cells_left));
        Ok(Self {
            options,
            libraries,
            chosen,
            shapes,
            threads,
            machine,
            mnist,
            started,
            random,
            rates,
            progress,
            report,
            cells_left,
        })
    }

    /// The kernels of a setting that at least one shape wants.
    fn entries<T: Dtype>(&self, threads: usize) -> Vec<Entry<T>> {
        let mut entries = registry::entries::<T>(threads, &self.libraries);
        entries.retain(|e| self.shapes.iter().any(|s| self.chosen.has(e.name(), &s.name, T::NAME, threads)));
        entries
    }

    /// Checks everything that will be measured; `false` if one of ours failed.
    fn conformance(&mut self) -> Result<bool, Error> {
        // Before a full run the kit's quick plan; in a quick run an eighth of it.
        let plan = if self.options.quick { Plan::quick().with_family_limit(1 << 21) } else { Plan::quick() };
        let pool = Pool::new(self.threads.iter().copied().max().unwrap_or(1), &self.machine.affinity)?;
        for &threads in &self.threads {
            for dtype in &self.options.dtype {
                let checks = match dtype.as_str() {
                    "f64" => self.check_setting::<f64>(threads, &plan, &pool),
                    _ => self.check_setting::<f32>(threads, &plan, &pool),
                };
                self.report.conformance.extend(checks.iter().map(conformance_entry));
            }
        }
        if self.report.conformance.is_empty() {
            return Err(Error::NothingSelected);
        }
        // Libraries' threads spin for a while after their last call.
        std::thread::sleep(Duration::from_millis(200));
        let failures = render::conformance_table(&self.report);
        if !failures.is_empty() {
            println!("Conformance failures:\n{}", failures.text());
        }
        let own = self.report.conformance.iter().filter(|c| c.family == Family::Own);
        Ok(own.into_iter().all(|c| c.failure.is_empty()))
    }

    fn check_setting<T: Dtype>(&self, threads: usize, plan: &Plan, pool: &Pool) -> Vec<Checked> {
        let entries = self.entries::<T>(threads);
        let progress = Progress::new(entries.len());
        let checks = pool.install(|| conform::check_entries(&entries, plan, &progress));
        progress.finish();
        checks
    }

    /// All shapes at one element type and thread count.
    fn setting<T: Dtype>(&mut self, threads: usize) -> Result<(), Error> {
        let entries = self.entries::<T>(threads);
        let pool = Pool::new(threads, &self.machine.affinity)?;
        let gauge = Gauge::new::<T>(&pool);
        self.progress.begin(&format!("read bandwidth on {threads}"));
        let mut levels = bandwidth::levels(&self.machine, threads);
        bandwidth::sample(&mut levels, &pool, 5);
        self.rates.probe(&entries, &pool);
        let mut workers = self.start_workers(&entries, threads)?;
        self.report.settings.push(Setting { dtype: T::NAME.into(), threads, levels: levels.clone() });
        for shape in self.shapes.clone() {
            self.progress.begin(&format!("{shape} {} on {threads}", T::NAME));
            self.cell(&shape, &entries, &mut workers, &pool, &gauge)?;
            self.progress.step();
            self.cells_left -= 1;
        }
        // Again at the end: the limit is the best of what was seen, and other guests come and go.
        bandwidth::sample(&mut levels, &pool, 5);
        if let Some(setting) = self.report.settings.last_mut() {
            setting.levels = levels;
        }
        Ok(())
    }

    /// A process for each library that brings threads; `None` for the others.
    fn start_workers<T: Dtype>(
        &self,
        entries: &[Entry<T>],
        threads: usize,
    ) -> Result<Vec<Option<Worker>>, Error> {
        let start = |entry: &Entry<T>| {
            let apart = threads > 1 && entry.family == Family::Blas && entry.needs().is_none();
            let options = worker::Options {
                kernel: entry.name().to_owned(),
                threads,
                blas_lib: self.options.blas_lib.clone(),
                data: self.options.data.data.clone(),
            };
            apart.then(|| Worker::start(&options)).transpose()
        };
        entries.iter().map(start).collect()
    }

    /// Measures one cell and prints its table.
    fn cell<T: Dtype>(
        &mut self,
        shape: &Shape,
        entries: &[Entry<T>],
        workers: &mut [Option<Worker>],
        pool: &Pool,
        gauge: &Gauge<'_>,
    ) -> Result<(), Error> {
        let (steal, began) = (StealClock::now(), Instant::now());
        let wanted = |e: &Entry<T>| self.chosen.has(e.name(), &shape.name, T::NAME, pool.threads());
        if !entries.iter().any(wanted) {
            return Ok(());
        }
        let images = self.mnist.as_ref();
        let images = images
            .map_or(Images { train: &[], valid: &[] }, |m| Images { train: &m.x_train, valid: &m.x_valid });
        let operands = Operands::<T>::new(shape, images, self.options.seed);
        let reference = pool.install(|| Reference::new(&operands, matmul::best()))?;
        if !reference.own_check().passed {
            self.report.notes.push(format!(
                "the reference of {shape} {} is wrong: {:?}",
                T::NAME,
                reference.own_check()
            ));
        }
        let mut stage = Stage { pool, operands, reference };
        let pairs = entries.iter().zip(workers.iter_mut()).filter(|(entry, _)| wanted(entry));
        let mut candidates: Vec<Candidate<'_, T>> = pairs
            .map(|(entry, worker)| self.candidate(shape, entry, worker.as_mut(), pool.threads()))
            .collect();
        let effort = Effort { rounds: self.options.rounds, budget: self.cell_budget(began) };
        let mut random = self.random.clone();
        let fma = cell::measure(&mut stage, &mut candidates, gauge, effort, &mut random);
        let rows: Vec<Row> = candidates.into_iter().map(|c| c.row).collect();
        self.random = random;
        self.rates.learn::<T>(shape, &rows);
        self.report.cells.push(Cell {
            shape: shape.clone(),
            dtype: T::NAME.into(),
            threads: pool.threads(),
            fma,
            steal: StealClock::now().zip(steal).map(|(now, then)| now.since(then)),
            limit: None,
            rows,
        });
        self.report.finish();
        if let Some(cell) = self.report.cells.last() {
            self.progress.print(&format!(
                "{}\n{}",
                render::cell_title(cell),
                render::cell_table(cell).text()
            ));
        }
        Ok(())
    }

    /// What is left for measuring after a cell was prepared.
    fn cell_budget(&self, began: Instant) -> Duration {
        if !self.options.quick {
            return CELL;
        }
        let left = QUICK.saturating_sub(self.started.elapsed() - began.elapsed());
        let share = left / self.cells_left.max(1) as u32;
        share.saturating_sub(began.elapsed()).max(Duration::from_millis(100))
    }

    fn candidate<'e, T: Dtype>(
        &self,
        shape: &Shape,
        entry: &'e Entry<T>,
        worker: Option<&'e mut Worker>,
        threads: usize,
    ) -> Candidate<'e, T> {
        let failed = self.report.conformance.iter().any(|c| {
            c.kernel == entry.name() && c.dtype == T::NAME && c.threads == threads && !c.failure.is_empty()
        });
        let mut row = Row {
            kernel: entry.name().to_owned(),
            family: entry.family,
            detail: entry.detail.clone(),
            outcome: Outcome::Measured,
            failed,
            check: None,
            calls: 0,
            samples: Vec::new(),
            summary: None,
        };
        let mut runner = None;
        match (entry.needs(), worker) {
            (Some(needs), _) => row.outcome = Outcome::Unavailable(needs),
            (None, None) => runner = Some(Runner::Here(&*entry.kernel)),
            (None, Some(worker)) => match worker.cell(shape, T::NAME, self.options.seed) {
                Ok(()) => runner = Some(Runner::Worker(worker)),
                Err(err) => row.outcome = Outcome::Failed(err.to_string()),
            },
        }
        let expected = self.rates.expected::<T>(entry.name(), shape);
        Candidate { row, runner, expected }
    }

    /// Writes the report. A wrong result of ours in the matrix counts like a failure of conformance.
    fn finish(mut self, own_passed: bool) -> Result<bool, Error> {
        self.progress.finish();
        self.report.seconds = self.started.elapsed().as_secs_f64();
        if !self.machine.pinned {
            self.report.notes.push("this system does not let threads be bound to CPUs".into());
        }
        for level in 1..=2 {
            if !self.machine.cache_bytes(level).1 {
                self.report.notes.push(format!("the size of the L{level} cache is assumed"));
            }
        }
        self.report.finish();
        let report = &self.report;
        for line in render::machine_lines(report) {
            println!("{line}");
        }
        for note in &report.notes {
            println!("Note: {note}");
        }
        println!(
            "\nLimits measured, GFLOP/s:\n{}\n{}\n",
            render::limits_table(report).text(),
            render::LEGEND
        );
        let out = &self.options.out;
        output::write(&out.join("report.json"), &serde_json::to_string(report)?)?;
        output::write(&out.join("report.md"), &render::markdown(report))?;
        println!("{} and report.md, {:.0} s", out.join("report.json").display(), report.seconds);
        let rows = report.cells.iter().flat_map(|c| &c.rows);
        Ok(own_passed && !rows.into_iter().any(|r| r.family == Family::Own && r.failed))
    }
}

fn conformance_entry(checked: &Checked) -> Conformance {
    Conformance {
        kernel: checked.report.kernel.clone(),
        family: checked.family,
        dtype: checked.report.dtype.into(),
        threads: checked.threads,
        cases: checked.report.ran_of().0,
        failure: checked.failure(),
    }
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
