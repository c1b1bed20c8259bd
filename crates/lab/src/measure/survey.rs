//! A survey: settings, the cells of each, and the kernels of a cell.

use matmul::Real;
use std::path::Path;
use std::time::{Duration, Instant};

use matmul_mnist::Mnist;
use matmul_report::{Cell, Checked, Conformance, Outcome, Owner, Report, Row, Setting, Shape, render};

use crate::catalogue::dtype::dtype;
use crate::catalogue::registry::{self, Chosen, Entry, Libraries};
use crate::child::exchange;
use crate::child::worker::{self, Worker};
use crate::error::Error;
use crate::machine::pool::Pool;
use crate::machine::steal::StealClock;
use crate::measure::bandwidth;
use crate::measure::cell::{self, Candidate, Effort};
use crate::measure::conformance;
use crate::measure::gauge::Gauge;
use crate::measure::operands::{Images, Operands, Random};
use crate::measure::rates::Rates;
use crate::measure::runner::{Runner, Stage};
use crate::measure::sampling::Sampling;
use crate::measure::verify::Reference;
use crate::options::{Cases, Depth};
use crate::progress::Progress;

/// Readings of each level's bandwidth, before the cells of a setting and again after them.
const BANDWIDTHS: usize = 5;

/// A run while it goes on.
pub(crate) struct Survey {
    report: Report,
    libraries: Libraries,
    chosen: Chosen,
    shapes: Vec<Shape>,
    mnist: Option<Mnist>,
    blas_lib: Vec<String>,
    random: Random,
    rates: Rates,
    progress: Progress,
    effort: Effort,
    /// When the last cell is to be done, if that is fixed.
    deadline: Option<Instant>,
    /// Weights of the cells that are left.
    left: u32,
}

/// What a cell's time is shared out by: large operands take seconds to make, and long calls need more time for as
/// many rounds. 2048³ are 17 Gflop, 4096³ 137.
fn weight(shape: &Shape) -> u32 {
    match shape.flops() {
        100e9.. => 8,
        10e9.. => 4,
        _ if shape.footprint() > 1e7 => 2,
        _ => 1,
    }
}

/// An element type on a number of threads, while its cells are measured.
struct Bench<'a, T> {
    pool: &'a Pool,
    gauge: Gauge<'a>,
    entries: Vec<Entry<T>>,
    /// For each entry, its process if it has one.
    workers: Vec<Option<Worker>>,
}

impl Survey {
    /// `report` is filled in by the run.
    pub(crate) fn new(
        report: Report,
        libraries: Libraries,
        chosen: Chosen,
        shapes: Vec<Shape>,
        mnist: Option<Mnist>,
        blas_lib: Vec<String>,
    ) -> Self {
        Self {
            random: Random::new(report.seed),
            rates: Rates::default(),
            progress: Progress::new(0),
            effort: Effort { rounds: report.rounds, budget: Duration::ZERO },
            deadline: None,
            left: 0,
            report,
            libraries,
            chosen,
            shapes,
            mnist,
            blas_lib,
        }
    }

    /// The kernels of a setting that at least one shape wants.
    fn entries<T: Real>(&self, threads: usize) -> Vec<Entry<T>> {
        let mut entries = registry::entries::<T>(threads, &self.libraries);
        entries.retain(|e| {
            self.shapes.iter().any(|s| self.chosen.has(e.name(), &s.name, dtype::<T>(), threads))
        });
        entries
    }

    /// Whether a setting has a kernel that at least one shape wants.
    pub(crate) fn has_rows<T: Real>(&self, threads: usize) -> bool {
        !self.entries::<T>(threads).is_empty()
    }

    /// Checks what will be measured in a setting.
    pub(crate) fn conformance<T: Real>(&mut self, threads: usize, quick: bool) -> Result<(), Error> {
        let depth = if quick { Depth::Glance } else { Depth::Quick };
        let cases = Cases::new(depth, self.blas_lib.clone());
        let entries = self.entries::<T>(threads);
        let progress = Progress::new(entries.len());
        let checks = conformance::check_entries(&entries, &cases, &progress)?;
        progress.finish();
        for checked in &checks {
            self.report.conformance.push(conformance_entry(checked)?);
        }
        Ok(())
    }

    /// Says what failed, and gets ready to measure so many settings.
    pub(crate) fn begin(&mut self, settings: usize, effort: Effort, deadline: Option<Instant>) {
        let failures = render::failures_table(&self.report);
        if !failures.is_empty() {
            println!("Conformance failures:\n{}", failures.text());
        }
        self.left = settings as u32 * self.shapes.iter().map(weight).sum::<u32>();
        self.progress = Progress::new(settings * self.shapes.len());
        (self.effort, self.deadline) = (effort, deadline);
        // The threads of libraries go on spinning for a while after their last call.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Measures all shapes at one element type and thread count.
    pub(crate) fn setting<T: Real>(&mut self, threads: usize) -> Result<(), Error> {
        let pool = Pool::new(threads, &self.report.machine.affinity)?;
        self.progress.begin(&format!("read bandwidth on {threads}"));
        let mut levels = bandwidth::levels(&self.report.machine, threads);
        bandwidth::sample(&mut levels, &pool, BANDWIDTHS);
        let index = self.report.settings.len();
        self.report.settings.push(Setting { dtype: dtype::<T>(), threads, levels: levels.clone() });
        let entries = self.entries::<T>(threads);
        self.rates.probe(&entries, &pool);
        let workers = self.start_workers(&entries, threads)?;
        let mut bench = Bench { pool: &pool, gauge: Gauge::new::<T>(&pool), entries, workers };
        for shape in self.shapes.clone() {
            self.progress.begin(&format!("{shape} {} on {threads}", T::NAME));
            self.cell(&shape, &mut bench)?;
            self.progress.step();
            self.left -= weight(&shape);
        }
        // Again at the end: the limit is the best of what was seen, and other guests come and go.
        bandwidth::sample(&mut levels, &pool, BANDWIDTHS);
        self.report.settings[index].levels = levels;
        Ok(())
    }

    /// A process for each library that brings threads; `None` for the others.
    fn start_workers<T: Real>(
        &self,
        entries: &[Entry<T>],
        threads: usize,
    ) -> Result<Vec<Option<Worker>>, Error> {
        let start = |entry: &Entry<T>| {
            let apart = threads > 1 && entry.owner == Owner::Blas && entry.needs().is_none();
            let (kernel, blas_lib) = (entry.name().to_owned(), self.blas_lib.clone());
            apart.then(|| Worker::start(&worker::Options { kernel, threads, blas_lib })).transpose()
        };
        entries.iter().map(start).collect()
    }

    /// Measures one cell and prints its table.
    fn cell<T: Real>(&mut self, shape: &Shape, bench: &mut Bench<'_, T>) -> Result<(), Error> {
        let (steal, began, threads) = (StealClock::now(), Instant::now(), bench.pool.threads());
        let chosen = self.chosen.clone();
        let wanted = |e: &Entry<T>| chosen.has(e.name(), &shape.name, dtype::<T>(), threads);
        if !bench.entries.iter().any(wanted) {
            return Ok(());
        }
        let mut stage = self.stage(shape, bench.pool)?;
        let dir = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
        if bench.workers.iter().any(Option::is_some) {
            exchange::store(&stage.operands, dir.path())?;
        }
        let pairs = bench.entries.iter().zip(&mut bench.workers).filter(|(entry, _)| wanted(entry));
        let mut candidates: Vec<Candidate<'_, T>> = pairs
            .map(|(entry, worker)| self.candidate(shape, threads, entry, worker.as_mut(), dir.path()))
            .collect();
        let effort = Effort { budget: self.budget(weight(shape), began), ..self.effort };
        let fma = cell::measure(&mut stage, &mut candidates, &bench.gauge, effort, &mut self.random);
        let rows: Vec<Row> = candidates.into_iter().map(|c| c.row).collect();
        self.rates.learn::<T>(shape, &rows);
        let steal = StealClock::now().zip(steal).map(|(now, then)| now.since(then));
        let (shape, dtype) = (shape.clone(), dtype::<T>());
        self.report.cells.push(Cell { shape, dtype, threads, fma, steal, limit: None, rows });
        self.report.finish();
        let cell = &self.report.cells[self.report.cells.len() - 1];
        self.progress.print(&format!("{}\n{}", render::cell_title(cell), render::cell_table(cell).text()));
        Ok(())
    }

    /// The operands of a cell and their reference.
    fn stage<'p, T: Real>(&mut self, shape: &Shape, pool: &'p Pool) -> Result<Stage<'p, T>, Error> {
        let images = self.mnist.as_ref().map(|m| Images { train: &m.x_train, valid: &m.x_valid });
        let images = images.unwrap_or(Images { train: &[], valid: &[] });
        let operands = Operands::new(shape, images, self.report.seed);
        let reference = pool.install(|| Reference::new(&operands, matmul::best()))?;
        let own = reference.own_check();
        if !own.passed {
            self.report.notes.push(format!("the reference of {shape} {} is wrong: {own:?}", T::NAME));
        }
        Ok(Stage { pool, operands, reference })
    }

    /// What is left of a cell's time after it was prepared: a share of what is left until the deadline, if there is
    /// one.
    fn budget(&self, weight: u32, began: Instant) -> Duration {
        let Some(deadline) = self.deadline else { return self.effort.budget * weight };
        let share = deadline.saturating_duration_since(began) * weight / self.left.max(weight);
        share.saturating_sub(began.elapsed()).min(self.effort.budget * weight)
    }

    /// An entry on its way to becoming a row of the cell whose factors lie in `dir`.
    fn candidate<'e, T: Real>(
        &self,
        shape: &Shape,
        threads: usize,
        entry: &'e Entry<T>,
        worker: Option<&'e mut Worker>,
        dir: &Path,
    ) -> Candidate<'e, T> {
        let mut kit = self.report.conformance.iter().filter(|c| !c.failure.is_empty());
        let mut row = Row {
            kernel: entry.name().to_owned(),
            owner: entry.owner,
            detail: entry.detail.clone(),
            outcome: Outcome::Measured,
            failed: kit.any(|c| c.kernel == entry.name() && c.dtype == dtype::<T>() && c.threads == threads),
            check: None,
            calls: 0,
            samples: Vec::new(),
            summary: None,
        };
        let runner = match (entry.needs(), worker) {
            (Some(needs), _) => Err(Outcome::Unavailable(needs)),
            (None, None) => Ok(Runner::Here(&*entry.kernel)),
            (None, Some(worker)) => match worker.cell(shape, dtype::<T>(), dir.to_owned()) {
                Ok(()) => Ok(Runner::Worker(worker)),
                Err(err) => Err(Outcome::Failed(err.to_string())),
            },
        };
        let runner = runner.map_err(|outcome| row.outcome = outcome).ok();
        Candidate {
            row,
            runner,
            expected: self.rates.expected::<T>(entry.name(), shape),
            sampling: Sampling::cold(),
        }
    }

    /// The finished report.
    pub(crate) fn finish(mut self) -> Report {
        self.progress.finish();
        self.report.finish();
        self.report
    }
}

fn conformance_entry(checked: &Checked) -> Result<Conformance, Error> {
    Ok(Conformance {
        kernel: checked.report.kernel.clone(),
        owner: checked.owner,
        dtype: checked.report.dtype.parse()?,
        threads: checked.threads,
        cases: checked.report.ran_of().0,
        failure: checked.failures().join("; "),
    })
}
