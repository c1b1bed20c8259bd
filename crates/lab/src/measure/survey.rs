//! A survey: settings, the cells of each, and the kernels of a cell.

use matmul::Real;
use std::path::Path;
use std::time::{Duration, Instant};

use matmul_mnist::Mnist;
use matmul_report::{
    Called, Cell, Checked, Conformance, Counting, Dtype, Entry as Line, Level, Outcome, Owner, Report, Row,
    Setting, Shape, render,
};
use tempfile::TempDir;

use crate::catalogue::dtype::dtype;
use crate::catalogue::registry::{self, Chosen, Entry, Libraries};
use crate::child::exchange;
use crate::child::worker::{self, Worker};
use crate::error::Error;
use crate::interrupt;
use crate::journal::JournalFile;
use crate::machine::pool::Pool;
use crate::machine::steal::StealClock;
use crate::measure::bandwidth;
use crate::measure::cell::{self, Beside, Candidate, Effort};
use crate::measure::cold::Flush;
use crate::measure::conformance;
use crate::measure::gauge::Gauge;
use crate::measure::operands::{Images, Operands, Random};
use crate::measure::rates::Rates;
use crate::measure::runner::{Runner, Stage};
use crate::measure::sampling::Sampling;
use crate::measure::verify::Reference;
use crate::options::{Cases, Depth};
use crate::progress::Progress;
use crate::say;

/// Readings of each level's bandwidth, before the cells of a setting and again after them.
const BANDWIDTHS: usize = 5;

/// A run while it goes on.
pub(crate) struct Survey {
    report: Report,
    journal: JournalFile,
    libraries: Libraries,
    chosen: Chosen,
    shapes: Vec<Shape>,
    mnist: Option<Mnist>,
    blas_lib: Vec<String>,
    patience: Duration,
    verbose: bool,
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

/// What a survey begins with.
pub(crate) struct Request {
    pub(crate) report: Report,
    pub(crate) journal: JournalFile,
    pub(crate) libraries: Libraries,
    pub(crate) chosen: Chosen,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) mnist: Option<Mnist>,
    pub(crate) blas_lib: Vec<String>,
    pub(crate) patience: Duration,
    /// Whether the terminal gets the table of each cell, or a line.
    pub(crate) verbose: bool,
}

/// An element type on a number of threads, while its cells are measured.
struct Bench<'a, T> {
    pool: &'a Pool,
    gauge: Gauge<'a>,
    flush: Option<Flush>,
    entries: Vec<Entry<T>>,
    /// For each entry, its process if it has one.
    workers: Vec<Option<Worker>>,
}

impl Survey {
    /// What was found before is in `request.report`, and is not done again.
    pub(crate) fn new(request: Request) -> Self {
        let Request { report, journal, libraries, chosen, shapes, mnist, blas_lib, patience, verbose } =
            request;
        Self {
            random: Random::new(report.seed),
            rates: Rates::default(),
            progress: Progress::new(0),
            effort: Effort { rounds: report.rounds, budget: Duration::ZERO },
            deadline: None,
            left: 0,
            report,
            journal,
            libraries,
            chosen,
            shapes,
            mnist,
            blas_lib,
            patience,
            verbose,
        }
    }

    /// Takes a finding down, first in the journal.
    fn add(&mut self, line: Line) {
        self.journal.add(&line);
        self.report.add(line);
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
        let is_this = |c: &Conformance| c.dtype == dtype::<T>() && c.threads == threads;
        if self.report.conformance.iter().any(is_this) {
            return Ok(());
        }
        let depth = if quick { Depth::Glance } else { Depth::Quick };
        let cases = Cases::new(depth, self.blas_lib.clone(), self.patience.as_secs_f64());
        let entries = self.entries::<T>(threads);
        let progress = Progress::new(entries.len());
        let checks = conformance::check_entries(&entries, &cases, &progress)?;
        progress.finish();
        let found = checks.iter().map(conformance_entry).collect::<Result<_, _>>()?;
        self.add(Line::Conformance(found));
        Ok(())
    }

    /// Says what failed, and gets ready to measure so many settings.
    pub(crate) fn begin(&mut self, settings: usize, effort: Effort, deadline: Option<Instant>) {
        let failures = render::failures_table(&self.report);
        if !failures.is_empty() {
            say!("Conformance failures:\n{}", failures.text());
        }
        self.left = settings as u32 * self.shapes.iter().map(weight).sum::<u32>();
        self.progress = Progress::new(settings * self.shapes.len());
        (self.effort, self.deadline) = (effort, deadline);
        // The threads of libraries go on spinning for a while after their last call.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Measures all shapes at one element type and thread count.
    pub(crate) fn setting<T: Real>(&mut self, threads: usize) -> Result<(), Error> {
        let is_done = |shape: &Shape| self.is_done(shape, dtype::<T>(), threads);
        let (done, shapes): (Vec<_>, Vec<_>) = self.shapes.iter().cloned().partition(is_done);
        done.iter().for_each(|shape| self.step(shape));
        if shapes.is_empty() {
            return Ok(());
        }
        let pool = Pool::new(threads, &self.report.machine.affinity)?;
        self.progress.begin(&format!("read bandwidth on {threads}"));
        let mut levels = self.levels(dtype::<T>(), threads);
        bandwidth::sample(&mut levels, &pool, BANDWIDTHS);
        let setting = Setting { dtype: dtype::<T>(), threads, levels };
        self.add(Line::Setting(setting.clone()));
        let entries = self.entries::<T>(threads);
        self.rates.probe(&entries, &pool);
        let workers = self.workers(&entries, threads);
        let flush = self.report.cold.then(|| Flush::new(&self.report.machine, threads));
        let mut bench = Bench { pool: &pool, gauge: Gauge::new::<T>(&pool), flush, entries, workers };
        for shape in shapes {
            self.progress.begin(&format!("{shape} {} on {threads}", T::NAME));
            self.cell(&shape, &mut bench)?;
            self.step(&shape);
        }
        // Again at the end: the limit is the best of what was seen, and other guests come and go.
        let mut levels = setting.levels;
        bandwidth::sample(&mut levels, &pool, BANDWIDTHS);
        self.add(Line::Setting(Setting { dtype: dtype::<T>(), threads, levels }));
        Ok(())
    }

    fn is_done(&self, shape: &Shape, dtype: Dtype, threads: usize) -> bool {
        let mut cells = self.report.cells.iter().filter(|c| c.dtype == dtype && c.threads == threads);
        cells.any(|cell| cell.shape.name == shape.name)
    }

    /// One cell less to do.
    fn step(&mut self, shape: &Shape) {
        self.progress.step();
        self.left = self.left.saturating_sub(weight(shape));
    }

    /// The levels of memory with the samples that there are.
    fn levels(&self, dtype: Dtype, threads: usize) -> Vec<Level> {
        let known = self.report.settings.iter().find(|s| s.dtype == dtype && s.threads == threads);
        known.map_or_else(|| bandwidth::levels(&self.report.machine, threads), |known| known.levels.clone())
    }

    /// A process for each library; `None` for the others.
    fn workers<T: Real>(&self, entries: &[Entry<T>], threads: usize) -> Vec<Option<Worker>> {
        let worker = |entry: &Entry<T>| {
            let apart = entry.owner == Owner::Blas && entry.needs().is_none();
            let (kernel, blas_lib) = (entry.name().to_owned(), self.blas_lib.clone());
            apart.then(|| Worker::new(worker::Options { kernel, threads, blas_lib }, self.patience))
        };
        entries.iter().map(worker).collect()
    }

    /// Measures one cell and prints what was found.
    fn cell<T: Real>(&mut self, shape: &Shape, bench: &mut Bench<'_, T>) -> Result<(), Error> {
        interrupt::check()?;
        let (steal, began, threads) = (StealClock::now(), Instant::now(), bench.pool.threads());
        let chosen = self.chosen.clone();
        let wanted = |e: &Entry<T>| chosen.has(e.name(), &shape.name, dtype::<T>(), threads);
        if !bench.entries.iter().any(wanted) {
            return Ok(());
        }
        let mut stage = self.stage(shape, bench.pool)?;
        let pairs = bench.entries.iter().zip(&mut bench.workers).filter(|(entry, _)| wanted(entry));
        let pairs: Vec<_> = pairs.collect();
        let exchanged = pairs.iter().any(|(_, worker)| worker.is_some()).then(|| folder(&stage));
        let dir = exchanged.as_ref().map(|dir| dir.as_ref().map(TempDir::path).map_err(ToString::to_string));
        // Once more, from inside of the pool, what can be called from outside.
        let has_pool = |entry: &Entry<T>| bench.pool.is_global() && entry.owner != Owner::Blas;
        let inside: Vec<&Entry<T>> = pairs.iter().map(|(entry, _)| *entry).filter(|e| has_pool(e)).collect();
        let mut candidates: Vec<Candidate<'_, T>> = pairs
            .into_iter()
            .map(|(entry, worker)| {
                let called = if has_pool(entry) { Called::Outside } else { Called::Inside };
                self.candidate(shape, threads, entry, called, worker.as_mut().zip(dir.clone()))
            })
            .collect();
        candidates
            .extend(inside.into_iter().map(|e| self.candidate(shape, threads, e, Called::Inside, None)));
        let effort = Effort { budget: self.budget(weight(shape), began), ..self.effort };
        let beside = Beside { gauge: &bench.gauge, flush: bench.flush.as_ref(), counts: self.counts() };
        let fma = cell::measure(&mut stage, &mut candidates, beside, effort, &mut self.random)?;
        let uncounted: Vec<String> = candidates.iter_mut().filter_map(Candidate::uncounted).collect();
        let rows: Vec<Row> = candidates.into_iter().map(|c| c.row).collect();
        uncounted.into_iter().for_each(|why| self.note(why));
        self.rates.learn::<T>(shape, &rows);
        let steal = StealClock::now().zip(steal).map(|(now, then)| now.since(then));
        let (shape, dtype) = (shape.clone(), dtype::<T>());
        self.add(Line::Cell(Box::new(Cell { shape, dtype, threads, fma, steal, limit: None, rows })));
        self.report.finish_last();
        let cell = &self.report.cells[self.report.cells.len() - 1];
        let table = || format!("{}\n{}", render::cell_title(cell), render::cell_table(cell).text());
        self.progress.print(&if self.verbose { table() } else { render::cell_line(cell) });
        Ok(())
    }

    /// Whether rows have counters.
    fn counts(&self) -> bool {
        matches!(self.report.machine.counters, Some(Counting::Told(_)))
    }

    /// Takes a note down, if it is not there yet.
    fn note(&mut self, note: String) {
        if !self.report.notes.contains(&note) {
            self.add(Line::Note(note));
        }
    }

    /// The operands of a cell and their reference.
    fn stage<'p, T: Real>(&mut self, shape: &Shape, pool: &'p Pool) -> Result<Stage<'p, T>, Error> {
        let images = self.mnist.as_ref().map(|m| Images { train: &m.x_train, valid: &m.x_valid });
        let images = images.unwrap_or(Images { train: &[], valid: &[] });
        let operands = Operands::new(shape, images, self.report.seed);
        let reference = pool.install(|| Reference::new(&operands, &matmul::Gemm::new()))?;
        let own = reference.own_check();
        if !own.passed {
            self.add(Line::Note(format!("the reference of {shape} {} is wrong: {own:?}", T::NAME)));
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

    /// An entry on its way to becoming a row. A library comes with its process and the folder in which the factors lie.
    fn candidate<'e, T: Real>(
        &self,
        shape: &Shape,
        threads: usize,
        entry: &'e Entry<T>,
        called: Called,
        worker: Option<(&'e mut Worker, Result<&Path, String>)>,
    ) -> Candidate<'e, T> {
        let mut kit = self.report.conformance.iter().filter(|c| !c.failure.is_empty());
        let mut row = Row {
            kernel: entry.name().to_owned(),
            owner: entry.owner,
            detail: entry.detail.clone(),
            called: (threads > 1 && entry.owner != Owner::Blas).then_some(called),
            outcome: Outcome::Measured,
            failed: kit.any(|c| c.kernel == entry.name() && c.dtype == dtype::<T>() && c.threads == threads),
            check: None,
            calls: 0,
            samples: Vec::new(),
            counters: None,
            summary: None,
        };
        let runner = match (entry.needs(), worker) {
            (Some(needs), _) => Err(Outcome::Unavailable(needs)),
            (None, None) => Ok(Runner::Here(&*entry.kernel, called)),
            (None, Some((_, Err(why)))) => Err(Outcome::Failed(format!("no folder for its matrices: {why}"))),
            (None, Some((worker, Ok(dir)))) => match worker.cell(shape, dtype::<T>(), dir.to_owned()) {
                Ok(()) => Ok(Runner::Worker(worker)),
                Err(err) => Err(Outcome::Failed(err.to_string())),
            },
        };
        row.failed |= matches!(runner, Err(Outcome::Failed(_)));
        let runner = runner.map_err(|outcome| row.outcome = outcome).ok();
        Candidate {
            row,
            runner,
            expected: self.rates.expected::<T>(entry.name(), shape),
            sampling: Sampling::cold(),
            uncounted: None,
        }
    }

    /// What was found, with its figures.
    pub(crate) fn report(&mut self) -> &Report {
        self.report.finish();
        &self.report
    }

    /// The same with these cells measured once more instead, which leaves no trace but their lines in the terminal.
    pub(crate) fn again(&mut self, cells: &[(&str, Dtype, usize)]) -> Result<Report, Error> {
        let before = self.report.clone();
        let settings: Vec<(Dtype, usize)> =
            self.report.settings.iter().map(|s| (s.dtype, s.threads)).collect();
        let (shapes, deadline) = (self.shapes.clone(), self.deadline.take());
        self.journal.pause();
        self.report.cells.retain(|cell| !cells.contains(&(&cell.shape.name, cell.dtype, cell.threads)));
        let mut result = Ok(());
        for (dtype, threads) in settings {
            let is_one = |shape: &&Shape| cells.contains(&(&shape.name, dtype, threads));
            self.shapes = shapes.iter().filter(is_one).cloned().collect();
            result = result.and_then(|()| match dtype {
                Dtype::F32 => self.setting::<f32>(threads),
                Dtype::F64 => self.setting::<f64>(threads),
            });
        }
        (self.shapes, self.deadline) = (shapes, deadline);
        let mut again = std::mem::replace(&mut self.report, before);
        again.finish();
        result.map(|()| again)
    }

    /// The finished report, and the journal, which is of use until the report is written.
    pub(crate) fn finish(mut self) -> (Report, JournalFile) {
        self.progress.finish();
        self.report.finish();
        (self.report, self.journal)
    }
}

/// The factors of a cell as files, for processes of their own. Where temporary files have no place, the rows of those
/// fail, and no others.
fn folder<T: Real>(stage: &Stage<'_, T>) -> Result<TempDir, Error> {
    let dir = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
    exchange::store(&stage.operands, dir.path())?;
    Ok(dir)
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
