//! Two runs of `bench`: what is faster, what is slower, and what cannot be told.
//!
//! Between two runs the machine differs: other guests, another frequency. So each row is compared by the samples of its
//! quiet rounds, as shares of the peak that the same run measured, and a difference counts only if it is above what runs
//! of one build differ by ([`Noise`]) and if the middle halves of the samples do not overlap. Between processes a few
//! rows differ by a tenth, by where memory happened to lie, and most by less than a hundredth. So a class of shapes is
//! compared as a whole too: its median row is steadier than any that is looked at for being far off.

mod noise;
mod rates;
mod verdict;

use serde::Serialize;

use crate::class::Class;
use crate::dtype::Dtype;
use crate::schema::Report;
use crate::stats;
pub use noise::Noise;
use rates::{Rates, rates};
pub use verdict::{Verdict, Why};

/// A row that both runs have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The kernel's name.
    pub kernel: String,
    /// The product's name.
    pub shape: String,
    /// Its class.
    pub class: Class,
    /// The element type.
    pub dtype: Dtype,
    /// Threads of the kernel.
    pub threads: usize,
    /// Speed over the baseline's; 0 where there are too few quiet samples.
    pub ratio: f64,
    /// How far from 1 the ratio may be by noise.
    pub threshold: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// A kernel on a class of shapes, in a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedClass {
    /// The kernel's name.
    pub kernel: String,
    /// The class.
    pub class: Class,
    /// The element type.
    pub dtype: Dtype,
    /// Threads of the kernel.
    pub threads: usize,
    /// Rows that have enough quiet samples in both runs.
    pub rows: usize,
    /// The median of their ratios.
    pub ratio: f64,
    /// How far from 1 it may be by noise.
    pub threshold: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// Two runs, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Row by row, in the order of the new run.
    pub rows: Vec<Compared>,
    /// Class by class.
    pub classes: Vec<ComparedClass>,
    /// What makes the two hard to compare.
    pub doubts: Vec<String>,
}

/// Compares a run with a baseline.
pub fn compare(baseline: &Report, new: &Report, noise: &Noise) -> Comparison {
    let (before, after) = (rates(baseline), rates(new));
    let pair = |now: &Rates| Some((before.iter().find(|old| old.key == now.key)?.clone(), now.clone()));
    let pairs: Vec<(Rates, Rates)> = after.iter().filter_map(pair).collect();
    let rows: Vec<Compared> = pairs.iter().map(|(old, now)| row(old, now, noise)).collect();
    let mut doubts = doubts(baseline, new);
    let alone = after.len() - rows.len();
    if alone > 0 {
        doubts.push(format!("{alone} of {} measured rows are not in the baseline", after.len()));
    }
    Comparison { classes: classes(&pairs, noise), rows, doubts }
}

impl Comparison {
    /// Whether anything is slower.
    pub fn has_regression(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Verdict::Slower)
            || self.classes.iter().any(|class| class.verdict == Verdict::Slower)
    }

    /// The cells with a row that is slower, alone or with its class.
    pub fn slower_cells(&self) -> Vec<(&str, Dtype, usize)> {
        let in_class = |row: &Compared| {
            let mut slower = self.classes.iter().filter(|class| class.verdict == Verdict::Slower);
            slower.any(|c| {
                (&c.kernel, c.class, c.dtype, c.threads) == (&row.kernel, row.class, row.dtype, row.threads)
            })
        };
        let slower = self.rows.iter().filter(|row| row.verdict == Verdict::Slower || in_class(row));
        let mut cells: Vec<_> = slower.map(|row| (row.shape.as_str(), row.dtype, row.threads)).collect();
        cells.dedup();
        cells
    }

    /// Keeps as slower what `again`, the same comparison with those cells measured once more, finds slower too.
    pub fn confirm(&mut self, again: &Self) {
        for row in self.rows.iter_mut().filter(|row| row.verdict == Verdict::Slower) {
            let is_same = |other: &&Compared| {
                (&other.kernel, &other.shape, other.dtype, other.threads)
                    == (&row.kernel, &row.shape, row.dtype, row.threads)
            };
            if again.rows.iter().find(is_same).is_none_or(|other| other.verdict != Verdict::Slower) {
                row.verdict = Verdict::Ambiguous(Why::Once);
            }
        }
        for class in self.classes.iter_mut().filter(|class| class.verdict == Verdict::Slower) {
            let is_same = |other: &&ComparedClass| {
                (&other.kernel, other.class, other.dtype, other.threads)
                    == (&class.kernel, class.class, class.dtype, class.threads)
            };
            if again.classes.iter().find(is_same).is_none_or(|other| other.verdict != Verdict::Slower) {
                class.verdict = Verdict::Ambiguous(Why::Once);
            }
        }
    }
}

fn row(old: &Rates, now: &Rates, noise: &Noise) -> Compared {
    let key = &now.key;
    let threshold = noise.of_row(key);
    let ratio = noise::log(&(old.clone(), now.clone())).map_or(0.0, f64::exp);
    Compared {
        kernel: key.kernel.clone(),
        shape: key.shape.clone(),
        class: key.class,
        dtype: key.dtype,
        threads: key.threads,
        ratio,
        threshold,
        verdict: Verdict::of(old.quiet.as_ref(), now.quiet.as_ref(), ratio, threshold),
    }
}

/// Every class of a kernel and setting that has a row to go by.
fn classes(pairs: &[(Rates, Rates)], noise: &Noise) -> Vec<ComparedClass> {
    let mut classes: Vec<ComparedClass> = Vec::new();
    for ((kernel, class, dtype, threads), logs) in noise::by_class(pairs) {
        let threshold = noise.of_class(class, threads);
        let ratio = stats::median(&logs).exp();
        let is_of = |key: &rates::Key| {
            (&key.kernel, key.class, key.dtype, key.threads) == (&kernel, class, dtype, threads)
        };
        let all = pairs.iter().filter(|(_, now)| is_of(&now.key)).count();
        let verdict = Verdict::of_class(&logs, all, ratio, threshold);
        let rows = logs.len();
        classes.push(ComparedClass { kernel, class, dtype, threads, rows, ratio, threshold, verdict });
    }
    classes
}

/// Differences that no figure can be corrected for.
fn doubts(baseline: &Report, new: &Report) -> Vec<String> {
    let facts = |report: &Report| {
        let m = &report.machine;
        [
            ("CPU", m.cpu.clone()),
            ("compiler", m.rustc.clone()),
            ("flags", m.rustflags.clone()),
            ("environment", m.environment.join(" ")),
            ("data", report.data.clone()),
            ("caches", if report.cold { "cold" } else { "warm" }.into()),
        ]
    };
    let pairs = facts(baseline).into_iter().zip(facts(new)).filter(|(was, is)| was != is);
    let mut doubts: Vec<String> =
        pairs.map(|((name, was), (_, is))| format!("{name}: {was:?} in the baseline, {is:?} now")).collect();
    for (report, name) in [(baseline, "the baseline"), (new, "the new run")] {
        if let Some(why) = &report.partial {
            doubts.push(format!("{name} is partial: {why}"));
        }
    }
    doubts
}
