//! `mnist data` gets MNIST and checks it; `mnist show N` draws a digit.

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use matmul_mnist::{Error, Manifest, Mnist, Options, PIXELS, Split, Step, draw, prepare_with};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// MNIST: fetch, verify, convert to .npy, draw.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Get the data set, verify it, and write its .npy files.
    Data(Options),
    /// Draw a digit in the terminal and as a PNG.
    Show {
        /// Index of the image in its split, from 0.
        n: usize,
        /// The split.
        #[arg(long, value_enum, default_value_t = Split::Train)]
        split: Split,
        /// Where to write the PNG [default: target/mnist-SPLIT-N.png]
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
        #[command(flatten)]
        source: Options,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output may close it early, as `head` does.
        Err(e) if e.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        Command::Data(source) => {
            let (dir, mnist) = (source.dir.clone(), load(source)?);
            report(&mut io::stdout().lock(), &dir.join(mnist.origin.name()), &mnist)?;
        }
        Command::Show { n, split, png, source } => {
            let mnist = load(source)?;
            let path = png.unwrap_or_else(|| PathBuf::from(format!("target/mnist-{split}-{n}.png")));
            show(&mnist, split, n, &path)?;
        }
    }
    Ok(())
}

/// Prepares the data with a progress bar, which hides itself where the output is not a terminal.
fn load(options: Options) -> Result<Mnist, Error> {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{wide_msg} {bar:24} {percent:>3}% {eta:>4}") {
        bar.set_style(style);
    }
    let result = prepare_with(&Manifest::builtin()?, &options.or_environment(), &mut |step: Step<'_>| {
        if bar.message() != step.what {
            bar.reset_eta();
            bar.set_message(step.what.to_owned());
        }
        bar.set_length(step.total);
        bar.set_position(step.done);
    });
    bar.finish_and_clear();
    let mnist = result?;
    for note in &mnist.notes {
        eprintln!("note: {note}");
    }
    Ok(mnist)
}

fn report(out: &mut impl Write, folder: &Path, mnist: &Mnist) -> io::Result<()> {
    writeln!(out, "{}", mnist.describe())?;
    for split in Split::ALL {
        let rows = mnist.split(split).1.len();
        for (array, kind) in [("x", format!("f32 ({rows}, {PIXELS})")), ("y", format!("i64 ({rows},)"))] {
            let path = folder.join(format!("{array}_{split}.npy"));
            // A note has said why.
            let stored = if path.is_file() { "" } else { ", not stored" };
            writeln!(out, "{}  {kind}{stored}", path.display())?;
        }
    }
    writeln!(
        out,
        "checked: rows, {PIXELS} columns, labels 0 to 9, values 0 to 255/256, sha256 of all six arrays"
    )
}

fn show(mnist: &Mnist, split: Split, n: usize, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let rows = mnist.split(split).1.len();
    let (pixels, label) = mnist
        .digit(split, n)
        .ok_or_else(|| format!("there is no image {n} in {split}, expected 0 to {}", rows - 1))?;
    let mut out = io::stdout().lock();
    write!(out, "{}", draw::text(pixels))?;
    writeln!(out, "{split}[{n}] is a {label}, from {}", mnist.describe())?;
    draw::png_file(path, pixels, 10)?;
    writeln!(out, "written to {}", path.display())?;
    Ok(())
}
