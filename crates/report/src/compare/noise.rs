use super::rates::{Key, Rates, rates};
use crate::class::Class;
use crate::dtype::Dtype;
use crate::schema::Report;
use crate::stats;

/// Which differences between runs of one build are to be expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noise {
    /// What runs of one build differed by: each row, and each class of a kernel, as logarithms without their sign.
    rows: Vec<(Key, f64)>,
    classes: Vec<(ClassKey, f64)>,
    /// How many runs there were.
    runs: usize,
}

/// Thresholds, as shares: of a row, and of a class.
type Level = (f64, f64);

/// What runs of one build were seen to differ by on a shared machine, on one thread and on several: where there are none
/// to go by.
const ASSUMED: [Level; 2] = [(0.04, 0.02), (0.10, 0.05)];

/// The share of the differences between runs of one build that stay below a threshold.
const BELOW: f64 = 0.99;

/// Room above what was seen, as the runs are few; and where there are only two, so that all differences come from what
/// the machine did in one pair of hours.
const ROOM: [f64; 2] = [1.5, 3.0];

/// Below these, on one thread and on several, the clock, the layout of a program and the wake-up of its threads are all
/// that is seen.
const LEAST: [f64; 2] = [0.01, 0.03];

/// Fewer differences of rows than this say nothing of their tail.
const ENOUGH: usize = 20;

impl Noise {
    /// Of runs of one build, the baseline among them. Of a single one nothing follows, and thresholds are assumed.
    pub fn of(runs: &[&Report]) -> Self {
        let runs: Vec<Vec<Rates>> = runs.iter().map(|run| rates(run)).collect();
        let mut noise = Self { runs: runs.len(), ..Self::default() };
        for (index, first) in runs.iter().enumerate() {
            for second in &runs[index + 1..] {
                let pair =
                    |old: &Rates| Some((old.clone(), second.iter().find(|new| new.key == old.key)?.clone()));
                noise.add(&first.iter().filter_map(pair).collect::<Vec<_>>());
            }
        }
        noise
    }

    fn add(&mut self, pairs: &[(Rates, Rates)]) {
        self.rows.extend(pairs.iter().filter_map(|pair| Some((pair.0.key.clone(), log(pair)?.abs()))));
        self.classes.extend(by_class(pairs).into_iter().map(|(key, logs)| (key, stats::median(&logs).abs())));
    }

    /// Of all rows of the same class on as many threads, and of this row itself.
    pub(super) fn of_row(&self, key: &Key) -> f64 {
        let alike = |other: &Key| (other.class, other.threads) == (key.class, key.threads);
        let of_class = self.rows.iter().filter(|(other, _)| alike(other)).map(|(_, log)| *log);
        let own = self.rows.iter().filter(|(other, _)| other == key).map(|(_, log)| *log);
        let tail = tail(of_class.collect()).map(|log| self.above(log)).unwrap_or(assumed(key.threads).0);
        tail.max(least(key.threads)).max(self.above(own.fold(0.0, f64::max)))
    }

    /// Of all kernels on this class on as many threads.
    pub(super) fn of_class(&self, class: Class, threads: usize) -> f64 {
        let alike = self.classes.iter().filter(|(key, _)| (key.1, key.3) == (class, threads));
        let largest =
            alike.map(|(_, log)| *log).fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))));
        largest.map_or(assumed(threads).1, |log| self.above(log).max(least(threads)))
    }

    /// The threshold, as a share, above a difference that was seen, as a logarithm.
    fn above(&self, log: f64) -> f64 {
        ROOM[usize::from(self.runs < 3)] * log.exp_m1()
    }
}

fn assumed(threads: usize) -> Level {
    ASSUMED[usize::from(threads > 1)]
}

fn least(threads: usize) -> f64 {
    LEAST[usize::from(threads > 1)]
}

/// The difference that almost all of a sample are below, if it is large enough.
fn tail(mut logs: Vec<f64>) -> Option<f64> {
    if logs.len() < ENOUGH {
        return None;
    }
    logs.sort_by(f64::total_cmp);
    let index = (BELOW * (logs.len() - 1) as f64).ceil() as usize;
    Some(logs[index])
}

/// The logarithm of new over old.
pub(super) fn log((old, new): &(Rates, Rates)) -> Option<f64> {
    Some((new.rate()? / old.rate()?).ln())
}

type ClassKey = (String, Class, Dtype, usize);

/// The logarithms of the ratios of each kernel, class and setting.
pub(super) fn by_class(pairs: &[(Rates, Rates)]) -> Vec<(ClassKey, Vec<f64>)> {
    let mut classes: Vec<(ClassKey, Vec<f64>)> = Vec::new();
    for (key, log) in pairs.iter().filter_map(|pair| Some((&pair.1.key, log(pair)?))) {
        let class = (key.kernel.clone(), key.class, key.dtype, key.threads);
        match classes.iter_mut().find(|(known, _)| *known == class) {
            Some((_, logs)) => logs.push(log),
            None => classes.push((class, vec![log])),
        }
    }
    classes
}
