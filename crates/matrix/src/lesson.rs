//! `lesson`: the notebook's ladder on the notebook's product, five digits by a layer of weights, from three loops to
//! the BLAS; then the same on the whole validation set.

use std::hint::black_box;
use std::time::Instant;

use matmul::{Availability, Kernel, MatMut, MatRef};
use matmul_blas::Blas;
use matmul_mnist::PIXELS;

use crate::data;
use crate::error::Error;
use crate::machine::Machine;
use crate::operands::Random;
use crate::pin;
use crate::pool::Pool;
use crate::stats::median;
use crate::table::Table;

/// Columns of the weights.
const DIGITS: usize = 10;
/// Rows of `m1 = x_valid[:5]`.
const ROWS: usize = 5;
/// Seconds of samples for each rung: enough for a steady median, a few seconds for the whole ladder.
const SECONDS: f64 = 0.3;
/// A sample is at least this long, in seconds: the clock's 25 ns are then below 0.2% of it.
const SAMPLE: f64 = 20e-6;
/// A rung that is foretold to need more seconds for one call is left out.
const PATIENCE: f64 = 3.0;

/// Our rungs that are not a BLAS, lowest first.
const OURS: [&str; 6] =
    ["naive-loops", "naive-elementwise", "naive-broadcast", "blocked", "simd", "parallel"];

/// The notebook's ladder: our rung of the same kind ("" for a BLAS), its name, and the µs of three loops and of the
/// rung that the notebook divides to get its speed-up.
const NOTEBOOK: [(&str, &str, f64, f64); 4] = [
    ("naive-loops", "three loops in Python", 885_000.0, 885_000.0),
    ("naive-elementwise", "elementwise, two loops", 890_100.0, 5_000.0),
    ("naive-broadcast", "broadcasting, one loop", 885_000.0, 277.0),
    ("", "torch.matmul", 885_000.0, 18.0),
];

/// What to climb on.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: data::Options,
    /// Seed of the weights, a draw from the standard normal distribution
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// What became of a rung on one product.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Seconds per call (median), and the first element that is not near the first rung's.
    Ran { seconds: f64, far: Option<usize> },
    /// Why it could not or did not run.
    Skipped(String),
}

/// Prints the ladders. False if a rung is not near the first.
pub(crate) fn run(options: &Options) -> Result<bool, Error> {
    let mnist = data::load(&options.data)?;
    for note in &mnist.notes {
        eprintln!("note: {note}");
    }
    let machine = Machine::detect();
    let cpus = pin::cpus();
    println!("data:    {}", mnist.describe());
    println!("weights: {PIXELS}x{DIGITS}, standard normal, seed {}", options.seed);
    println!("machine: {}, {} CPUs, {}; {}", machine.cpu, cpus.len(), machine.os, machine.rustc);

    let (rungs, pool) = (rungs(), Pool::new(cpus.len(), &cpus)?);
    let weights = Random::new(options.seed).normal::<f32>(PIXELS * DIGITS);
    let b = MatRef::from_row_major(&weights, PIXELS, DIGITS)?;
    let valid = MatRef::from_row_major(&mnist.x_valid, mnist.x_valid.len() / PIXELS, PIXELS)?;

    let m1 = valid.submatrix(0..ROWS.min(valid.nrows()), 0..PIXELS)?;
    let five = pool.install(|| climb(&rungs, m1, b, &[]))?;
    println!(
        "\nm1 = x_valid[:5], m1 @ weights, beside the notebook's own ladder\n\n{}",
        table(&rungs, &five, true)
    );
    println!("The notebook has one rung more, torch.einsum: 55.0 us, 16091x.");

    let growth = valid.nrows() as f64 / m1.nrows() as f64;
    let whole = pool.install(|| climb(&rungs, valid, b, &foretell(&five, growth)))?;
    println!("\nx_valid @ weights, all {} rows\n\n{}", valid.nrows(), table(&rungs, &whole, false));

    Ok(!five.iter().chain(&whole).any(|step| matches!(step, Step::Ran { far: Some(_), .. })))
}

/// The ladder, lowest rung first, the BLAS last.
fn rungs() -> Vec<Box<dyn Kernel<f32>>> {
    let mut rungs = matmul::all::<f32>();
    rungs.retain(|kernel| OURS.contains(&kernel.name()));
    rungs.push(Box::new(Blas::linked()));
    rungs
}

/// Seconds that each rung will need on a product `growth` times larger.
fn foretell(steps: &[Step], growth: f64) -> Vec<f64> {
    let seconds = |step: &Step| match step {
        Step::Ran { seconds, .. } => seconds * growth,
        Step::Skipped(_) => 0.0,
    };
    steps.iter().map(seconds).collect()
}

/// Times every rung on A·B and compares its result with that of the first that ran.
fn climb(
    rungs: &[Box<dyn Kernel<f32>>],
    a: MatRef<'_, f32>,
    b: MatRef<'_, f32>,
    foretold: &[f64],
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut first: Option<Vec<f32>> = None;
    for (index, kernel) in rungs.iter().enumerate() {
        let expected = foretold.get(index).copied().unwrap_or(0.0);
        steps.push(if let Availability::Unavailable { needs } = kernel.availability() {
            Step::Skipped(format!("needs {needs}"))
        } else if expected > PATIENCE {
            Step::Skipped(format!("left out: one call would take {}", time_text(expected)))
        } else {
            let mut c = vec![f32::NAN; a.nrows() * b.ncols()];
            let seconds = time(kernel.as_ref(), a, b, &mut c)?;
            let t1 = first.get_or_insert_with(|| c.clone());
            Step::Ran { seconds, far: first_far(t1, &c) }
        });
    }
    Ok(steps)
}

/// Median seconds of C ← A·B.
fn time(
    kernel: &dyn Kernel<f32>,
    a: MatRef<'_, f32>,
    b: MatRef<'_, f32>,
    c: &mut [f32],
) -> Result<f64, Error> {
    let mut sample = |calls: usize| -> Result<f64, Error> {
        let start = Instant::now();
        for _ in 0..calls {
            kernel.gemm(1.0, a, b, 0.0, MatMut::from_row_major(black_box(&mut *c), a.nrows(), b.ncols())?)?;
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

/// The notebook's `near`, torch.allclose(a, b, rtol=1e-3, atol=1e-5): |a - b| ≤ atol + rtol·|b|. NaN is near
/// nothing, an infinity only itself.
fn near(a: f32, b: f32) -> bool {
    let allowed = 1e-5 + 1e-3 * b.abs();
    // |a - b| is not finite where either is infinite, and no infinity is within an infinite tolerance.
    a == b || ((a - b).is_finite() && (a - b).abs() <= allowed)
}

/// The first index at which two results are not near; that of the shorter's end if their lengths differ.
fn first_far(a: &[f32], b: &[f32]) -> Option<usize> {
    let far = a.iter().zip(b).position(|(&a, &b)| !near(a, b));
    far.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

fn table(rungs: &[Box<dyn Kernel<f32>>], steps: &[Step], notebook: bool) -> String {
    let mut head = vec!["rung", "time", "speed-up", "test_near"];
    head.extend(if notebook { &["its time", "its speed-up", "notebook"][..] } else { &["notes"] });
    let mut table = Table::new(&head);
    let loops = steps.iter().find_map(|step| match step {
        Step::Ran { seconds, .. } => Some(*seconds),
        Step::Skipped(_) => None,
    });
    for (kernel, step) in rungs.iter().zip(steps) {
        let name = kernel.name();
        let mut row = vec![name.to_owned()];
        match step {
            Step::Ran { seconds, far } => {
                let speed_up = loops.map_or(String::new(), |loops| format!("{:.1}x", loops / seconds));
                let verdict =
                    far.map_or("ok".to_owned(), |at| format!("FAILED at {},{}", at / DIGITS, at % DIGITS));
                row.extend([time_text(*seconds), speed_up, verdict]);
            }
            Step::Skipped(_) => row.extend(["-".into(), "-".into(), "SKIPPED".into()]),
        }
        let ours = if OURS.contains(&name) { name } else { "" };
        if notebook {
            match NOTEBOOK.iter().find(|(rung, ..)| *rung == ours) {
                Some((_, theirs, loops, us)) => {
                    row.extend([time_text(us * 1e-6), format!("{:.0}x", loops / us), theirs.to_string()])
                }
                None => row.extend(["".into(), "".into(), "".into()]),
            }
        }
        if let Step::Skipped(why) = step {
            // In the last column, which is not set to a width; behind the notebook's name, if that is there.
            if !notebook {
                row.push(why.clone());
            } else if let Some(last) = row.last_mut() {
                *last = if last.is_empty() { why.clone() } else { format!("{last}; {name} {why}") };
            }
        }
        table.row(row);
    }
    table.text()
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
    use matmul::Problem;

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

    fn factors(m: usize) -> (Vec<f32>, Vec<f32>) {
        let mut random = Random::new(1);
        (random.normal(m * 20), random.normal(20 * DIGITS))
    }

    #[test]
    fn near_is_torch_allclose() {
        assert!(near(1.0, 1.0009) && !near(1.0, 1.0012));
        assert!(near(0.0, 9e-6) && !near(0.0, 2e-5));
        // Relative to b, not to a.
        assert!(near(1.0 + 1.001e-3, 1.0) && !near(1.0, 1.0 - 1.012e-3));
        assert!(near(f32::INFINITY, f32::INFINITY) && near(-0.0, 0.0));
        assert!(!near(1.0, f32::INFINITY) && !near(f32::INFINITY, 1.0));
        assert!(!near(f32::INFINITY, f32::NEG_INFINITY));
        assert!(!near(f32::NAN, f32::NAN) && !near(0.0, f32::NAN) && !near(f32::NAN, 0.0));
    }

    #[test]
    fn results_of_other_lengths_are_far() {
        assert_eq!(first_far(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(first_far(&[1.0, 2.0], &[1.0, 3.0]), Some(1));
        assert_eq!(first_far(&[1.0], &[1.0, 2.0]), Some(1));
    }

    #[test]
    fn every_rung_is_there_and_near() {
        let rungs = rungs();
        let names: Vec<_> = rungs.iter().map(|kernel| kernel.name()).collect();
        assert_eq!(names[..OURS.len()], OURS);
        assert_eq!(names.len(), OURS.len() + 1);
        let (a, b) = factors(3);
        let (a, b) =
            (MatRef::from_row_major(&a, 3, 20).unwrap(), MatRef::from_row_major(&b, 20, DIGITS).unwrap());
        for (name, step) in names.iter().zip(climb(&rungs, a, b, &[]).unwrap()) {
            match step {
                Step::Ran { seconds, far } => assert!(seconds > 0.0 && far.is_none(), "{name} {far:?}"),
                Step::Skipped(why) => assert!(*name == "blas" && why.contains("apt-get"), "{name} {why}"),
            }
        }
    }

    #[test]
    fn a_wrong_rung_is_caught_and_shown() {
        let mut rungs = rungs();
        rungs.truncate(1);
        rungs.push(Box::new(DropsLast));
        let (a, b) = factors(2);
        let (a, b) =
            (MatRef::from_row_major(&a, 2, 20).unwrap(), MatRef::from_row_major(&b, 20, DIGITS).unwrap());
        let steps = climb(&rungs, a, b, &[]).unwrap();
        assert!(matches!(steps[0], Step::Ran { far: None, .. }));
        assert!(matches!(steps[1], Step::Ran { far: Some(19), .. }), "{steps:?}");
        assert!(table(&rungs, &steps, true).contains("FAILED at 1,9"));
    }

    #[test]
    fn slow_rungs_are_left_out() {
        let five = [Step::Ran { seconds: 2e-3, far: None }, Step::Skipped("needs a BLAS".into())];
        assert_eq!(foretell(&five, 2000.0), [4.0, 0.0]);
        let mut rungs = rungs();
        rungs.truncate(2);
        let (a, b) = factors(1);
        let (a, b) =
            (MatRef::from_row_major(&a, 1, 20).unwrap(), MatRef::from_row_major(&b, 20, DIGITS).unwrap());
        let steps = climb(&rungs, a, b, &foretell(&five, 2000.0)).unwrap();
        assert_eq!(steps[0], Step::Skipped("left out: one call would take 4.00 s".into()));
        // The next one that runs is the reference then.
        assert!(matches!(steps[1], Step::Ran { far: None, .. }));
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
        assert_eq!(figures, [1.0, 178.0, 3195.0, 49167.0]);
    }
}
