//! The lesson's first model, before any training: weights from the standard normal distribution, biases zero, and
//! the forward pass on the validation set.
//!
//! ```sh
//! cargo run --release --example mnist_linear
//! ```

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use matmul::{MatRef, Matrix};
use matmul_lesson::{Linear, accuracy, argmax, kernel, normal};
use matmul_mnist::{Options, PIXELS, prepare};

const DIGITS: usize = 10;

/// A linear model of random weights on MNIST's validation set.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    data: Options,
    /// Which kernel multiplies; a wrong name lists them all.
    #[arg(long, value_name = "NAME", default_value = "parallel")]
    kernel: String,
    /// Seed of the weights.
    #[arg(long, default_value_t = 0)]
    seed: u64,
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

fn is_closed(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: &Cli) -> Result<(), Box<dyn std::error::Error>> {
    let kernel = kernel::<f32>(&cli.kernel)?;
    let mnist = prepare(&cli.data)?;
    mnist.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let mut out = io::stdout();
    writeln!(out, "data:    {}", mnist.describe())?;

    let weights = normal(PIXELS, DIGITS, cli.seed).into_iter().collect();
    let weights = Matrix::from_vec(weights, PIXELS, DIGITS)?;
    let model = Linear { weights, bias: vec![0.0; DIGITS] };
    writeln!(out, "weights: {PIXELS}x{DIGITS}, standard normal, seed {}; bias: {DIGITS} zeros", cli.seed)?;

    let x = MatRef::from_row_major(&mnist.x_valid, mnist.y_valid.len(), PIXELS)?;
    let mut y = Matrix::zeros(x.nrows(), DIGITS);
    let start = Instant::now();
    model.forward(&*kernel, x, y.as_mut())?;
    let time = start.elapsed();

    writeln!(
        out,
        "output:  {}x{} in {:.2} ms by {}",
        y.nrows(),
        y.ncols(),
        time.as_secs_f64() * 1e3,
        kernel.name()
    )?;
    writeln!(out, "first:   {:.2?}", &y.as_slice()[..DIGITS])?;
    let accuracy = 100.0 * accuracy(&argmax(&y), &mnist.y_valid);
    writeln!(out, "right:   {accuracy:.2} %, where guessing gives 10 %: it has learned nothing yet")?;
    Ok(())
}
