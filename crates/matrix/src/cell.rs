//! The interleaved measurement of one cell: rounds over its kernels in random order, a canary between every two.

use std::time::{Duration, Instant};

use matmul::Scalar;

use crate::error::Error;
use crate::gauge::Gauge;
use crate::operands::Random;
use crate::report::{Outcome, Row, Sample};
use crate::runner::{Runner, Stage};

/// Shortest sample, in seconds; shorter calls are repeated. The clock's own cost is some 30 ns.
const MIN_SAMPLE: f64 = 50e-6;

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) budget: Duration,
}

/// A row and what runs it; `None` if nothing does.
pub(crate) struct Candidate<'a, T> {
    pub(crate) row: Row,
    pub(crate) runner: Option<Runner<'a, T>>,
    /// Seconds that a call is expected to take.
    pub(crate) expected: f64,
}

/// Fills in the rows and returns the readings of the FMA loop, one for each round.
pub(crate) fn measure<T: Scalar>(
    stage: &mut Stage<'_, T>,
    candidates: &mut [Candidate<'_, T>],
    gauge: &Gauge<'_>,
    effort: Effort,
    random: &mut Random,
) -> Vec<f64> {
    for candidate in candidates.iter_mut() {
        prepare(stage, candidate, effort.budget.as_secs_f64());
    }
    let mut active: Vec<usize> = (0..candidates.len()).filter(|&i| candidates[i].runner.is_some()).collect();
    let share = effort.budget.as_secs_f64() / active.len().max(1) as f64;
    let (start, mut fma) = (Instant::now(), Vec::new());
    for round in 0..effort.rounds {
        if active.is_empty() || (round > 0 && start.elapsed() >= effort.budget) {
            break;
        }
        fma.push(gauge.fma());
        random.shuffle(&mut active);
        let mut before = gauge.canary();
        // A kernel that has had its share of the budget leaves the rest of it to the others.
        active.retain(|&index| {
            let candidate = &mut candidates[index];
            let sampled = sample(stage, candidate);
            let after = gauge.canary();
            if let Some(seconds) = sampled {
                candidate.row.samples.push(Sample { round, seconds, canary: (before, after) });
            }
            before = after;
            let spent: f64 = candidate.row.samples.iter().map(|s| s.seconds).sum();
            sampled.is_some() && spent * (candidate.row.calls as f64) < share
        });
    }
    fma
}

/// Decides whether the kernel is worth its time, checks its result, and finds how many calls make a sample.
fn prepare<T: Scalar>(stage: &mut Stage<'_, T>, candidate: &mut Candidate<'_, T>, budget: f64) {
    let Some(runner) = &mut candidate.runner else { return };
    // One call to check the result and one to time it must fit, and others want their turn.
    if candidate.expected > budget / 3.0 {
        let expected = candidate.expected;
        let digits = if expected < 10.0 { 1 } else { 0 };
        candidate.row.outcome = Outcome::Skipped(format!("would take {expected:.digits$} s a call"));
        candidate.runner = None;
        return;
    }
    let result = runner.verify(stage).and_then(|check| Ok((check, calls_per_sample(stage, runner)?)));
    match result {
        Ok((check, calls)) => {
            candidate.row.check = Some(check);
            candidate.row.failed |= !check.passed;
            candidate.row.calls = calls;
        }
        Err(err) => fail(candidate, &err),
    }
}

fn fail<T>(candidate: &mut Candidate<'_, T>, err: &Error) {
    candidate.row.outcome = Outcome::Failed(err.to_string());
    candidate.row.failed = true;
    candidate.runner = None;
}

/// Doubles the calls until they take long enough.
fn calls_per_sample<T: Scalar>(stage: &mut Stage<'_, T>, runner: &mut Runner<'_, T>) -> Result<u64, Error> {
    let mut calls = 1;
    loop {
        let seconds = runner.time(stage, calls)?;
        if seconds * calls as f64 >= MIN_SAMPLE || calls >= 1 << 20 {
            return Ok(calls);
        }
        calls *= 2;
    }
}

fn sample<T: Scalar>(stage: &mut Stage<'_, T>, candidate: &mut Candidate<'_, T>) -> Option<f64> {
    let runner = candidate.runner.as_mut()?;
    let result = runner.time(stage, candidate.row.calls);
    result.map_err(|err| fail(candidate, &err)).ok()
}
