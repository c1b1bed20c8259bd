//! The interleaved measurement of one cell: rounds over its kernels in random order, a canary between every two.

use std::time::{Duration, Instant};

use matmul::Real;
use matmul_report::{Outcome, Row, Sample, stats};

use crate::error::Error;
use crate::interrupt;
use crate::measure::cold::Flush;
use crate::measure::gauge::Gauge;
use crate::measure::operands::Random;
use crate::measure::runner::{Runner, Stage};
use crate::measure::sampling::{Sampling, Timed};

/// Shortest sample, in seconds; shorter calls are repeated. The clock's own cost is some 30 ns.
const MIN_SAMPLE: f64 = 50e-6;

/// From so many seconds a cold start is less than 1% of a call.
const WARM_CALL: f64 = 0.01;

/// A call of so many seconds counts as a sample when it is made to check the result.
const LONG_CALL: f64 = 0.1;

/// A kernel sits rounds out while it has had this many times the mean time of the kernels of its cell.
const PATIENCE: f64 = 2.0;

/// What is too slow is judged by at least this budget, in seconds, so that a quick run that is late leaves out rounds
/// and not kernels.
const MIN_BUDGET: f64 = 1.0;

/// Seconds of the calls that are counted, if they are so short: what switches the counters on and off is counted too.
const COUNTED: f64 = 2e-3;

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) budget: Duration,
}

/// What is beside the kernels in a cell.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) gauge: &'a Gauge<'a>,
    /// What empties the caches before a call, if that is asked for.
    pub(crate) flush: Option<&'a Flush>,
    /// Whether the hardware's counters are read, in calls behind the timed ones.
    pub(crate) counts: bool,
}

impl Beside<'_> {
    /// Ready for a call.
    fn evict<T: Real>(&self, stage: &Stage<'_, T>) {
        if let Some(flush) = self.flush {
            flush.evict(stage.pool);
        }
    }
}

/// A row and what runs it; `None` if nothing does.
pub(crate) struct Candidate<'a, T> {
    pub(crate) row: Row,
    pub(crate) runner: Option<Runner<'a, T>>,
    /// Seconds that a call is expected to take.
    pub(crate) expected: f64,
    /// Found when the cell begins.
    pub(crate) sampling: Sampling,
    /// Why nothing was counted, where something should have been.
    pub(crate) uncounted: Option<String>,
}

impl<T> Candidate<'_, T> {
    /// What to say of counters that are missing.
    pub(crate) fn uncounted(&mut self) -> Option<String> {
        Some(format!("counters of {} are not told: {}", self.row.kernel, self.uncounted.take()?))
    }

    /// Seconds of all samples.
    fn spent(&self) -> f64 {
        self.row.samples.iter().map(|s| s.seconds * self.row.calls as f64).sum()
    }
}

/// Most readings of a limit that a kernel was faster than, and most seconds of them.
const AGAIN: (usize, Duration) = (200, Duration::from_secs(1));

/// Fills in the rows and returns the readings of the FMA loop, one for each round.
///
/// # Errors
/// [`Error::Interrupted`] alone: what goes wrong with a kernel is told by its row.
pub(crate) fn measure<T: Real>(
    stage: &mut Stage<'_, T>,
    candidates: &mut [Candidate<'_, T>],
    beside: Beside<'_>,
    effort: Effort,
    random: &mut Random,
) -> Result<Vec<f64>, Error> {
    let gauge = beside.gauge;
    for candidate in candidates.iter_mut() {
        interrupt::check()?;
        prepare(stage, candidate, beside, effort.budget.as_secs_f64());
    }
    let mut order: Vec<usize> = (0..candidates.len()).filter(|&i| candidates[i].runner.is_some()).collect();
    let (start, mut fma) = (Instant::now(), vec![gauge.fma()]);
    for round in 0..effort.rounds {
        if order.is_empty() || (round > 0 && start.elapsed() >= effort.budget) {
            break;
        }
        interrupt::check()?;
        fma.push(gauge.fma());
        random.shuffle(&mut order);
        let patience =
            PATIENCE * order.iter().map(|&i| candidates[i].spent()).sum::<f64>() / order.len() as f64;
        let mut before = gauge.canary();
        order.retain(|&index| {
            let candidate = &mut candidates[index];
            if !candidate.row.samples.is_empty() && candidate.spent() > patience {
                return true;
            }
            let sampled = sample(stage, candidate, beside);
            let after = gauge.canary();
            if let Some(Timed { seconds, switched }) = sampled {
                candidate.row.samples.push(Sample { round, seconds, canary: (before, after), switched });
            }
            before = after;
            sampled.is_some()
        });
    }
    if beside.counts {
        count(stage, candidates, beside)?;
    }
    read_again(gauge, &mut fma, fastest(candidates, stage.operands.shape.flops()));
    interrupt::check()?;
    Ok(fma)
}

/// A pass of its own with the counters on: in a sample they would cost time.
fn count<T: Real>(
    stage: &mut Stage<'_, T>,
    candidates: &mut [Candidate<'_, T>],
    beside: Beside<'_>,
) -> Result<(), Error> {
    for candidate in candidates {
        interrupt::check()?;
        let Some(runner) = &mut candidate.runner else { continue };
        let mut sampling = candidate.sampling;
        let seconds = candidate.row.samples.iter().map(|sample| sample.seconds).fold(COUNTED, f64::min);
        if beside.flush.is_none() {
            sampling.calls = sampling.calls.max((COUNTED / seconds).ceil() as u64);
        }
        beside.evict(stage);
        match runner.count(stage, sampling) {
            Ok(Ok(counters)) => candidate.row.counters = Some(counters),
            Ok(Err(why)) => candidate.uncounted = Some(why),
            Err(err) => fail(candidate, &err),
        }
    }
    interrupt::check()
}

/// GFLOP/s of the fastest sample of a kernel that is right.
fn fastest<T>(candidates: &[Candidate<'_, T>], flops: f64) -> f64 {
    let right = candidates.iter().filter(|candidate| !candidate.row.failed);
    let seconds = right.flat_map(|candidate| &candidate.row.samples).map(|sample| sample.seconds);
    seconds.fold(0.0, |best, seconds| (flops / seconds / 1e9).max(best))
}

/// A peak below what a kernel reached is none: its readings fell into moments when others had the CPU. Takes more until
/// one does not.
fn read_again(gauge: &Gauge<'_>, fma: &mut Vec<f64>, fastest: f64) {
    let (start, (readings, time)) = (Instant::now(), AGAIN);
    for _ in 0..readings {
        if stats::best(fma) >= fastest || start.elapsed() >= time {
            break;
        }
        fma.push(gauge.fma());
    }
}

/// Decides whether the kernel is worth its time, checks its result, and finds how many calls make a sample.
fn prepare<T: Real>(
    stage: &mut Stage<'_, T>,
    candidate: &mut Candidate<'_, T>,
    beside: Beside<'_>,
    budget: f64,
) {
    let Some(runner) = &mut candidate.runner else { return };
    // Others want their turn.
    if candidate.expected > budget.max(MIN_BUDGET) / 3.0 {
        let expected = candidate.expected;
        let digits = if expected < 10.0 { 2 } else { 0 };
        candidate.row.outcome = Outcome::Skipped(format!("would take {expected:.digits$} s a call"));
        candidate.runner = None;
        return;
    }
    let before = beside.gauge.canary();
    beside.evict(stage);
    let result = runner.verify(stage);
    let after = beside.gauge.canary();
    let mut sampling = |first: Timed| match beside.flush {
        // One call: the next would find what this one has left in the caches.
        Some(_) => Ok(Sampling::cold()),
        None => sampling_of(stage, runner, first.seconds),
    };
    let result = result.and_then(|(check, first)| sampling(first).map(|sampling| (check, first, sampling)));
    match result {
        Ok((check, first, sampling)) => {
            candidate.row.check = Some(check);
            candidate.row.failed |= !check.passed;
            candidate.row.calls = sampling.calls;
            candidate.sampling = sampling;
            // After so long the cold start does not matter, and the call need not be made twice.
            let Timed { seconds, switched } = first;
            if seconds > LONG_CALL {
                let canary = (before, after);
                candidate.row.samples.push(Sample { round: 0, seconds, canary, switched });
            }
        }
        Err(err) => fail(candidate, &err),
    }
}

fn fail<T>(candidate: &mut Candidate<'_, T>, err: &Error) {
    candidate.row.outcome = Outcome::Failed(err.to_string());
    candidate.row.failed = true;
    candidate.runner = None;
}

/// Doubles the calls until they take long enough. `first` is the time of a cold call, which may be some times that of
/// a warm one.
fn sampling_of<T: Real>(
    stage: &mut Stage<'_, T>,
    runner: &mut Runner<'_, T>,
    first: f64,
) -> Result<Sampling, Error> {
    let mut sampling = Sampling { calls: 1, warm_up: first < WARM_CALL };
    let mut seconds = if first < 10.0 * MIN_SAMPLE { runner.time(stage, sampling)?.seconds } else { first };
    while seconds * (sampling.calls as f64) < MIN_SAMPLE && sampling.calls < 1 << 20 {
        sampling.calls *= 2;
        seconds = runner.time(stage, sampling)?.seconds;
    }
    Ok(sampling)
}

fn sample<T: Real>(
    stage: &mut Stage<'_, T>,
    candidate: &mut Candidate<'_, T>,
    beside: Beside<'_>,
) -> Option<Timed> {
    let runner = candidate.runner.as_mut()?;
    beside.evict(stage);
    let result = runner.time(stage, candidate.sampling);
    result.map_err(|err| fail(candidate, &err)).ok()
}
