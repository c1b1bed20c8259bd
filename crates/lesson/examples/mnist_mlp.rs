//! Where the lesson's matmul leads: a model of two layers that learns to read digits, on any kernel.
//!
//! ```sh
//! cargo run --release --example mnist_mlp
//! cargo run --release --example mnist_mlp -- --kernel blocked    # the same weights, bit for bit
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use matmul::MatRef;
use matmul_lesson::plot::{self, Digit};
use matmul_lesson::{Mlp, Score, Sgd, Timed, argmax, kernel, rng};
use matmul_mnist::{Mnist, Options, PIXELS, Split, prepare};
use sha2::{Digest, Sha256};

const HIDDEN: usize = 50;
const DIGITS: usize = 10;
/// Digits of each kind, read rightly and wrongly, in the plot.
const SHOWN: usize = 8;

/// Trains a model of 784, 50 and 10 values on MNIST: ReLU, softmax cross-entropy, stochastic gradient descent.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    data: Options,
    /// Which kernel multiplies; a wrong name lists them all. RAYON_NUM_THREADS sets the threads of parallel.
    #[arg(long, value_name = "NAME", default_value = "parallel")]
    kernel: String,
    /// How often to go through the training images.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Images of a step.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Step length at the start; it falls to nothing over the epochs.
    #[arg(long, default_value_t = 0.4)]
    rate: f64,
    /// Seed of the weights and of the order of batches.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder of the plots.
    #[arg(long, value_name = "DIR", default_value = "target/lesson")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output may close it early, as `head` does.
        Err(error) if is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let kernel = Timed::new(kernel::<f32>(&cli.kernel)?);
    let start = Instant::now();
    let mnist = prepare(&cli.data)?;
    let loading = start.elapsed();
    mnist.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let mut out = io::stdout();
    writeln!(out, "data:   {}", mnist.describe())?;
    writeln!(
        out,
        "model:  {PIXELS}-{HIDDEN}-{DIGITS}, {} a batch, rate {}, seed {}",
        cli.batch, cli.rate, cli.seed
    )?;
    writeln!(out, "kernel: {}\n", cli.kernel)?;

    let start = Instant::now();
    let trained = train(cli, &kernel, &mnist)?;
    let spent = where_time_went(&kernel, loading, start.elapsed());
    let (x, labels) = rows(&mnist, Split::Test)?;
    let test = trained.model.score(&kernel, x, labels)?;
    writeln!(out, "\ntest: {:.2} % of {} images right", 100.0 * test.accuracy, labels.len())?;
    writeln!(out, "weights and biases: sha256 {}\n", digest(&trained.model))?;
    write!(out, "{spent}")?;

    draw(&cli.out, &trained, &kernel, &mnist)
}

/// Images and labels of a split.
fn rows(mnist: &Mnist, split: Split) -> Result<(MatRef<'_, f32>, &[i64]), matmul::Error> {
    let (x, labels) = mnist.split(split);
    Ok((MatRef::from_row_major(x, labels.len(), PIXELS)?, labels))
}

/// A trained model and how it came about.
struct Trained {
    model: Mlp<f32>,
    /// Loss of every batch.
    batches: Vec<f64>,
    /// On the validation set, after every epoch.
    valid: Vec<Score>,
}

fn train(cli: &Cli, kernel: &Timed<f32>, mnist: &Mnist) -> Result<Trained, Box<dyn Error>> {
    let batch = usize::from(cli.batch);
    let mut rng = rng(cli.seed);
    let model = Mlp::random(PIXELS, HIDDEN, DIGITS, &mut rng);
    let mut trained = Trained { model, batches: Vec::new(), valid: Vec::new() };
    let (train, (x, labels)) = (rows(mnist, Split::Train)?, rows(mnist, Split::Valid)?);

    let steps = u64::from(cli.epochs) * train.1.len().div_ceil(batch) as u64;
    let bar = ProgressBar::new(steps);
    bar.set_style(ProgressStyle::with_template(
        "[{elapsed}] {bar:40} {pos}/{len} batches, {eta} left {msg}",
    )?);
    for epoch in 1..=cli.epochs {
        // Long steps first; short ones at the end settle what the noise of single batches left.
        let rate = cli.rate * f64::from(cli.epochs + 1 - epoch) / f64::from(cli.epochs);
        let mean = Sgd { batch, rate }.epoch(&mut trained.model, kernel, train, &mut rng, |loss| {
            trained.batches.push(loss);
            bar.inc(1);
        })?;
        let score = trained.model.score(kernel, x, labels)?;
        let right = format!("{:.2} %", 100.0 * score.accuracy);
        bar.set_message(format!("{right} right"));
        bar.suspend(|| {
            writeln!(
                io::stdout(),
                "epoch {epoch}: loss {mean:.4}, validation {right} right, loss {:.4}",
                score.loss
            )
        })?;
        trained.valid.push(score);
    }
    bar.finish_and_clear();
    Ok(trained)
}

/// One name for all the bits of a model: equal on every kernel that keeps the numeric contract.
fn digest(model: &Mlp<f32>) -> String {
    let mut sha = Sha256::new();
    model.parameters().for_each(|p| sha.update(p.to_le_bytes()));
    format!("{:x}", sha.finalize())
}

/// The products of training and validation by shape, then what is not a product.
fn where_time_went(kernel: &Timed<f32>, loading: Duration, training: Duration) -> String {
    let spent = kernel.spent();
    let products: Duration = spent.iter().map(|(_, spent)| spent.time).sum();
    let line = |what: &str, calls: String, time: Duration, rate: String| {
        let (ms, share) = (1e3 * time.as_secs_f64(), 100.0 * time.as_secs_f64() / training.as_secs_f64());
        format!("{what:<24} {calls:>7} {ms:>9.1} ms {share:>5.1} % {rate:>9}\n")
    };
    let mut text = format!(
        "{:<24} {:>7} {:>12} {:>7} {:>9}\n",
        "training, m x k x n", "calls", "time", "share", "GFLOP/s"
    );
    for ((m, k, n), spent) in spent {
        let flops = 2.0 * (m * k * n) as f64 * f64::from(spent.calls);
        let rate = format!("{:.1}", flops / spent.time.as_secs_f64() / 1e9);
        text += &line(&format!("{m} x {k} x {n}"), spent.calls.to_string(), spent.time, rate);
    }
    text += &line("matmul", String::new(), products, String::new());
    text += &line("everything else", String::new(), training.saturating_sub(products), String::new());
    text + &format!("loading the data took {:.1} s before that\n", loading.as_secs_f64())
}

/// The loss, and the first test digits that were read rightly and wrongly.
fn draw(out: &Path, trained: &Trained, kernel: &Timed<f32>, mnist: &Mnist) -> Result<(), Box<dyn Error>> {
    let (loss, digits) = (out.join("mnist_mlp-loss.svg"), out.join("mnist_mlp-digits.svg"));
    let (x, labels) = rows(mnist, Split::Test)?;
    let predicted = argmax(&trained.model.logits(kernel, x)?);
    let images = mnist.x_test.chunks_exact(PIXELS).zip(labels).zip(&predicted);
    let images = images.map(|((pixels, &label), &predicted)| Digit { pixels, label, predicted });
    let (right, wrong): (Vec<_>, Vec<_>) = images.partition(|digit| digit.label == digit.predicted as i64);
    let shown: Vec<_> = right.into_iter().take(SHOWN).chain(wrong.into_iter().take(SHOWN)).collect();

    let title = format!("{PIXELS}-{HIDDEN}-{DIGITS} on {}", mnist.describe());
    plot::loss(&loss, &title, &trained.batches, &trained.valid)?;
    plot::digits(&digits, "Test digits and what the model reads, some rightly and some wrongly", &shown)?;
    writeln!(io::stdout(), "\nplots: {}, {}", loss.display(), digits.display())?;
    Ok(())
}
