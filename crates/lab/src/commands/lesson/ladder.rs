//! Rungs: the chapters' functions on ndarray, our kernels, and a BLAS; timed on one product and compared.

use std::hint::black_box;
use std::time::Instant;

use matmul::kernel::{Availability, Kernel};
use matmul::{MatMut, MatRef};
use matmul_blas::Blas;
use matmul_lesson::ladder::{Matmul, RUNGS, close};
use matmul_report::render::Table;
use matmul_report::stats::median;
use ndarray::ArrayView2;

use crate::error::Error;

/// Columns of the weights.
pub(super) const DIGITS: usize = 10;

/// Seconds of samples for each rung: enough for a steady median, a few seconds for the whole ladder.
const SECONDS: f64 = 0.3;
/// A sample is at least this long, in seconds: the clock's 25 ns are then below 0.2% of it.
const SAMPLE: f64 = 20e-6;
/// A rung that is foretold to need more seconds for one call is left out.
const PATIENCE: f64 = 3.0;

/// Our kernels, lowest first.
const OURS: [&str; 6] =
    ["naive-loops", "naive-elementwise", "naive-broadcast", "blocked", "simd", "parallel"];

/// The notebook's ladder: the chapters' rung of the same kind ("" for a BLAS), its name, and the µs of three loops and
/// of the rung that the notebook divides to get its speed-up.
const NOTEBOOK: [(&str, &str, f64, f64); 5] = [
    ("loops", "three loops in Python", 885_000.0, 885_000.0),
    ("elementwise", "elementwise, two loops", 890_100.0, 5_000.0),
    ("broadcast", "broadcasting, one loop", 885_000.0, 277.0),
    ("einsum", "torch.einsum, no loop", 885_000.0, 55.0),
    ("", "torch.matmul", 885_000.0, 18.0),
];

/// A·B, both row after row; m is what the length of A gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product<'a> {
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) k: usize,
    pub(super) n: usize,
}

impl Product<'_> {
    pub(super) fn m(&self) -> usize {
        self.a.len() / self.k
    }
}

/// A way to multiply.
pub(super) enum Rung {
    /// As a chapter shows it.
    Chapter(&'static str, Matmul),
    Kernel(Box<dyn Kernel<f32>>),
}

impl Rung {
    fn name(&self) -> &str {
        match self {
            Rung::Chapter(name, _) => name,
            Rung::Kernel(kernel) => kernel.name(),
        }
    }

    /// What is missing, if it cannot run here.
    fn needs(&self) -> Option<String> {
        match self {
            Rung::Chapter(..) => None,
            Rung::Kernel(kernel) => match kernel.availability() {
                Availability::Available => None,
                Availability::Unavailable { needs } => Some(needs),
            },
        }
    }

    /// C ← A·B.
    fn run(&self, p: Product<'_>, c: &mut [f32]) -> Result<(), Error> {
        let (m, Product { k, n, .. }) = (p.m(), p);
        match self {
            Rung::Chapter(_, matmul) => {
                let view = |x, rows, columns| ArrayView2::from_shape((rows, columns), x);
                let product = matmul(view(p.a, m, k)?, view(p.b, k, n)?);
                c.iter_mut().zip(&product).for_each(|(c, &x)| *c = x);
            }
            Rung::Kernel(kernel) => {
                let (a, b) = (MatRef::from_row_major(p.a, m, k)?, MatRef::from_row_major(p.b, k, n)?);
                kernel.gemm(1.0, a, b, 0.0, MatMut::from_row_major(c, m, n)?)?;
            }
        }
        Ok(())
    }
}

/// The ladder, lowest rung first, the BLAS last.
pub(super) fn rungs() -> Vec<Rung> {
    let mut kernels = matmul::kernel::all::<f32>();
    kernels.retain(|kernel| OURS.contains(&kernel.name()));
    kernels.push(Box::new(Blas::linked()));
    let chapters = RUNGS.iter().map(|&(name, matmul)| Rung::Chapter(name, matmul));
    chapters.chain(kernels.into_iter().map(Rung::Kernel)).collect()
}

/// What became of a rung on one product.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// Seconds per call (median), and the first element that is not near the first rung's.
    Ran { seconds: f64, far: Option<usize> },
    /// Why it could not or did not run.
    Skipped(String),
}

#[derive(Clone, Debug)]
struct Step {
    name: String,
    outcome: Outcome,
}

/// The rungs on one product.
#[derive(Clone, Debug)]
pub(super) struct Climb {
    /// Rows of A.
    m: usize,
    /// Seconds of the first rung that ran.
    first: Option<f64>,
    /// Whether the notebook has figures for it.
    notebook: bool,
    steps: Vec<Step>,
}

/// Times every rung and compares its result with that of the first that ran. With a climb on a smaller product it
/// leaves out what would take too long.
pub(super) fn climb(rungs: &[Rung], product: Product<'_>, smaller: Option<&Climb>) -> Result<Climb, Error> {
    let mut climb = Climb { m: product.m(), first: None, notebook: smaller.is_none(), steps: Vec::new() };
    let mut t1: Option<Vec<f32>> = None;
    for (index, rung) in rungs.iter().enumerate() {
        let foretold = smaller.map_or(0.0, |smaller| smaller.foretell(index, climb.m));
        let outcome = if let Some(needs) = rung.needs() {
            Outcome::Skipped(format!("needs {needs}"))
        } else if foretold > PATIENCE {
            Outcome::Skipped(format!("left out: one call would take {}", time_text(foretold)))
        } else {
            let mut c = vec![f32::NAN; climb.m * product.n];
            let seconds = time(rung, product, &mut c)?;
            climb.first.get_or_insert(seconds);
            Outcome::Ran { seconds, far: first_far(t1.get_or_insert_with(|| c.clone()), &c) }
        };
        climb.steps.push(Step { name: rung.name().to_owned(), outcome });
    }
    Ok(climb)
}

/// Median seconds of C ← A·B.
fn time(rung: &Rung, product: Product<'_>, c: &mut [f32]) -> Result<f64, Error> {
    let mut sample = |calls: usize| -> Result<f64, Error> {
        let start = Instant::now();
        for _ in 0..calls {
            rung.run(product, black_box(&mut *c))?;
        }
        Ok(start.elapsed().as_secs_f64() / calls as f64)
    };
    // The first call fills caches and starts threads; the second says how many calls make a sample.
    sample(1)?;
    let once = sample(1)?.max(1e-9);
    let calls = (SAMPLE / once).ceil().max(1.0);
    let samples = (SECONDS / (calls * once)).clamp(3.0, 2001.0) as usize;
    Ok(median(&(0..samples).map(|_| sample(calls as usize)).collect::<Result<Vec<_>, _>>()?))
}

/// The first index at which two results are not near; that of the shorter's end if their lengths differ.
fn first_far(a: &[f32], b: &[f32]) -> Option<usize> {
    let far = a.iter().zip(b).position(|(&a, &b)| !close(a, b));
    far.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

impl Climb {
    fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| &*step.name).collect()
    }

    /// Whether all that ran agree.
    pub(super) fn is_near(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step.outcome, Outcome::Ran { far: Some(_), .. }))
    }

    /// The steps of a list of names with spaces between; `blas` is the BLAS, whatever its name.
    ///
    /// # Errors
    /// What was expected, if a name is not known.
    pub(super) fn of(&self, list: &str) -> Result<Self, String> {
        let known = |name: &&str| *name == "blas" || self.names().contains(name);
        if let Some(name) = list.split_whitespace().find(|name| !known(name)) {
            return Err(format!("blas or rungs out of {}, found {name:?}", self.names().join(", ")));
        }
        let is_blas = |step: &Step| is_blas(&step.name);
        let named = |step: &&Step| {
            list.split_whitespace().any(|name| name == step.name || (name == "blas" && is_blas(step)))
        };
        Ok(Self { steps: self.steps.iter().filter(named).cloned().collect(), ..*self })
    }

    /// Seconds that a rung will need for `m` rows.
    fn foretell(&self, index: usize, m: usize) -> f64 {
        match self.steps[index].outcome {
            Outcome::Ran { seconds, .. } => seconds * m as f64 / self.m as f64,
            Outcome::Skipped(_) => 0.0,
        }
    }

    /// A line for each rung; beside the notebook's figures, if it has any.
    pub(super) fn table(&self) -> Table {
        let mut head = vec!["rung", "time", "speed-up", "test_near"];
        head.extend(if self.notebook { &["its time", "its speed-up", "notebook"][..] } else { &["notes"] });
        let mut table = Table::new(&head);
        for Step { name, outcome } in &self.steps {
            let mut row = vec![name.clone()];
            let mut note = String::new();
            match outcome {
                Outcome::Ran { seconds, far } => {
                    let speed_up =
                        self.first.map_or(String::new(), |first| format!("{:.1}x", first / seconds));
                    let verdict =
                        far.map_or("ok".into(), |at| format!("FAILED at {},{}", at / DIGITS, at % DIGITS));
                    row.extend([time_text(*seconds), speed_up, verdict]);
                }
                Outcome::Skipped(why) => {
                    row.extend(["-".into(), "-".into(), "SKIPPED".into()]);
                    note = format!("{name} {why}");
                }
            }
            if self.notebook {
                let theirs = notebook(name).map(|(theirs, loops, us)| {
                    (time_text(us * 1e-6), format!("{:.0}x", loops / us), theirs.to_owned())
                });
                let (time, speed_up, theirs) = theirs.unwrap_or_default();
                row.extend([time, speed_up]);
                // In the last column, which is not set to a width; behind the notebook's name, if that is there.
                let notes = [theirs, note].into_iter().filter(|text| !text.is_empty());
                note = notes.collect::<Vec<_>>().join("; ");
            }
            row.push(note);
            table.row(row);
        }
        table
    }
}

/// Whether a rung is neither a kernel of ours nor a chapter's.
fn is_blas(name: &str) -> bool {
    !OURS.contains(&name) && !RUNGS.iter().any(|(rung, _)| *rung == name)
}

/// The notebook's rung of the same kind, and its µs of three loops and of the rung.
fn notebook(name: &str) -> Option<(&'static str, f64, f64)> {
    let kind = if is_blas(name) { "" } else { name };
    let row = NOTEBOOK.iter().find(|(rung, ..)| *rung == kind)?;
    Some((row.1, row.2, row.3))
}

/// Three digits and a unit: `885 ms`, `1.98 us`.
fn time_text(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "us"),
        s => (s * 1e9, "ns"),
    };
    let digits = if value >= 100.0 { 0 } else { 1 + usize::from(value < 10.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::operands::Random;
    use matmul::kernel::Problem;

    /// Right but for the last element, which it leaves alone.
    struct DropsLast;

    impl Kernel<f32> for DropsLast {
        fn name(&self) -> &str {
            "drops-last"
        }
        fn run(&self, mut p: Problem<'_, f32>) {
            for at in 0..p.m() * p.n() - 1 {
                let (i, j) = (at / p.n(), at % p.n());
                let sum = (0..p.k()).map(|l| p.a().at(i, l) * p.b().at(l, j)).sum();
                p.store(i, j, sum);
            }
        }
    }

    /// Climbs on m x 20 by 20 x 10 random numbers.
    fn climb_on(rungs: &[Rung], m: usize, smaller: Option<&Climb>) -> Climb {
        let mut random = Random::new(1);
        let (a, b) = (random.normal(m * 20), random.normal(20 * DIGITS));
        climb(rungs, Product { a: &a, b: &b, k: 20, n: DIGITS }, smaller).unwrap()
    }

    #[test]
    fn results_of_other_lengths_are_far() {
        assert_eq!(first_far(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(first_far(&[1.0, 2.0], &[1.0, 3.0]), Some(1));
        assert_eq!(first_far(&[1.0], &[1.0, 2.0]), Some(1));
    }

    #[test]
    fn every_rung_is_there_and_near() {
        let climb = climb_on(&rungs(), 3, None);
        let expected: Vec<&str> = RUNGS.iter().map(|(name, _)| *name).chain(OURS).collect();
        assert_eq!(climb.names()[..expected.len()], expected);
        assert_eq!(climb.names().len(), expected.len() + 1);
        for Step { name, outcome } in &climb.steps {
            match outcome {
                Outcome::Ran { seconds, far } => assert!(*seconds > 0.0 && far.is_none(), "{name} {far:?}"),
                Outcome::Skipped(why) => assert!(name == "blas" && why.contains("apt-get"), "{name} {why}"),
            }
        }
        assert!(climb.is_near());
        assert_eq!(climb.of("simd loops").unwrap().names(), ["loops", "simd"]);
        assert_eq!(climb.of("blas").unwrap().names(), climb.names()[expected.len()..]);
        assert!(climb.of("simd no-such").unwrap_err().contains("simd, parallel"));
    }

    #[test]
    fn a_wrong_rung_is_caught_and_shown() {
        let mut rungs = rungs();
        rungs.truncate(1);
        rungs.push(Rung::Kernel(Box::new(DropsLast)));
        let climb = climb_on(&rungs, 2, None);
        assert!(matches!(climb.steps[0].outcome, Outcome::Ran { far: None, .. }));
        assert!(matches!(climb.steps[1].outcome, Outcome::Ran { far: Some(19), .. }), "{climb:?}");
        assert!(climb.table().text().contains("FAILED at 1,9") && !climb.is_near());
    }

    #[test]
    fn slow_rungs_are_left_out() {
        let step = |name: &str, outcome| Step { name: name.into(), outcome };
        let ran = step("loops", Outcome::Ran { seconds: 2e-3, far: None });
        let skipped = step("elementwise", Outcome::Skipped("needs a BLAS".into()));
        let five = Climb { m: 5, first: Some(2e-3), notebook: true, steps: vec![ran, skipped] };
        assert_eq!([five.foretell(0, 10_000), five.foretell(1, 10_000)], [4.0, 0.0]);
        let mut rungs = rungs();
        rungs.truncate(2);
        let climb = climb_on(&rungs, 7501, Some(&five));
        assert_eq!(climb.steps[0].outcome, Outcome::Skipped("left out: one call would take 3.00 s".into()));
        // The next one that runs is the reference then.
        assert!(matches!(climb.steps[1].outcome, Outcome::Ran { far: None, .. }));
        assert!(climb.table().markdown().contains("| elementwise |") && climb.first.is_some());
    }

    #[test]
    fn times_have_three_digits() {
        assert_eq!(
            [0.885, 277e-6, 1.984e-6, 5e-3, 3e-8].map(time_text),
            ["885 ms", "277 us", "1.98 us", "5.00 ms", "30.0 ns"]
        );
    }

    #[test]
    fn the_notebooks_figures_are_its_own() {
        let figures: Vec<_> = NOTEBOOK.iter().map(|(_, _, loops, us)| (loops / us).round()).collect();
        assert_eq!(figures, [1.0, 178.0, 3195.0, 16091.0, 49167.0]);
        assert_eq!(notebook("openblas").map(|row| row.0), Some("torch.matmul"));
        assert_eq!(notebook("simd"), None);
    }
}
