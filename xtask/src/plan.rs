//! `cargo xtask plan SHAPE`: which way a product goes, what decided it, and what limits the shape on this machine.

use std::num::NonZeroUsize;
use std::process::Stdio;

use clap::Args;
use matmul_blocked::plan::{Caches, Facts, Plan, Query};
use matmul_report::{Dtype, Level, Limit, Shape, ShapeError, groups};
use matmul_simd::Isa;

use crate::cargo;
use matmul_lab::{say, terminal};

/// Which plans are printed.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// MxKxN, a size, or what else bench takes: 512/tn, 64x(32x32x32), the name of a group
    #[arg(required_unless_present = "all")]
    shape: Option<String>,
    /// The element type
    #[arg(long, default_value = "f32")]
    dtype: Dtype,
    /// The instruction set, whether or not this CPU has it; else the best that it has
    #[arg(long)]
    isa: Option<Isa>,
    /// Threads that there are
    #[arg(long, default_value = "1")]
    threads: NonZeroUsize,
    /// Instead, a line for each shape of the benchmark
    #[arg(long, conflicts_with = "shape")]
    all: bool,
}

/// Why there is no plan to print.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("no instruction set to plan for: this machine needs {needs}")]
    NoIsa { needs: &'static str },
    #[error("cannot start {program}: {source}")]
    Spawn { program: String, source: std::io::Error },
    #[error("the limits of this machine could not be measured, expected two numbers, found {found:?}")]
    Measure { found: String },
}

/// Prints the plan of a shape, or a table of several.
pub(crate) fn run(options: &Options) -> Result<u8, Error> {
    let isa = options.isa.map_or_else(|| Isa::best().map_err(|needs| Error::NoIsa { needs }), Ok)?;
    let facts = match options.dtype {
        Dtype::F32 => isa.facts::<f32>(),
        Dtype::F64 => isa.facts::<f64>(),
    };
    let (caches, threads) = (Caches::get(), options.threads.get());
    let shapes = groups::select(&[options.shape.as_deref().unwrap_or("all")])?;
    say!("{isa}, {}, threads: {threads}", options.dtype);
    say!("{}\n", of_machine(caches));
    match shapes.as_slice() {
        [shape] => {
            terminal::out(format_args!("{}", one(shape, &facts, caches, threads)));
            let measure = |level: &Level| measured(isa, options.dtype, level);
            terminal::out(format_args!("\n{}", limits(shape, options.dtype, isa, caches, measure)?));
        }
        _ => terminal::out(format_args!("{}", table(&shapes, &facts, caches, threads))),
    }
    Ok(0)
}

fn of_machine(caches: &Caches) -> String {
    let Caches { l1d, l2, l3, detected } = *caches;
    let whence = if detected { "as the system says" } else { "assumed, as the system does not say" };
    format!("Caches: L1d {} KiB, L2 {} KiB, L3 {} KiB, {whence}", l1d >> 10, l2 >> 10, l3 >> 10)
}

/// What the kernel asks for a shape, and what it does with a batch before that.
fn query(shape: &Shape, threads: usize) -> (Query, Option<String>) {
    let &Shape { m, k, n, batch, .. } = shape;
    let strides = (shape.a.strides((m, k)).1, shape.b.strides((k, n)).1, shape.c.strides((m, n)).1);
    let (a, b, c) = strides;
    let one = Query { a, b, c, threads, ..Query::row_major(m, k, n) };
    let (query, note) = match batch {
        1 => (one, None),
        _ if shape.shared_b => {
            let note = format!("{batch} products with one B are one product of {} rows.", m * batch);
            (Query { m: m * batch, ..one }, Some(note))
        }
        _ if batch >= threads => {
            let note = format!("{batch} products are shared out over the threads, none is cut. Each:");
            (Query { threads: 1, ..one }, Some(note))
        }
        _ => (one, Some(format!("{batch} products, one after the other. Each:"))),
    };
    (query.canonical(), note)
}

/// The plan of one shape in words, and its reasons.
fn one(shape: &Shape, facts: &Facts, caches: &Caches, threads: usize) -> String {
    let (query, note) = query(shape, threads);
    let plan = Plan::new(&query, facts, caches);
    let mut text = format!("{shape}\n");
    if let Some(line) = note {
        text += &format!("{line}\n");
    }
    text += &format!("{plan}\n\n");
    for reason in plan.reasons(&query, facts, caches) {
        text += &format!("  {reason}\n");
    }
    text
}

/// A line for each shape.
fn table(shapes: &[Shape], facts: &Facts, caches: &Caches, threads: usize) -> String {
    let width = shapes.iter().map(|shape| shape.name.len()).max().unwrap_or(0);
    let line = |shape: &Shape| {
        let plan = Plan::new(&query(shape, threads).0, facts, caches);
        format!("{:width$}  {plan:#}\n", shape.name)
    };
    shapes.iter().map(line).collect()
}

/// What a thread of this machine allows the shape: by arithmetic, and by the memory that its operands fit.
fn limits(
    shape: &Shape,
    dtype: Dtype,
    isa: Isa,
    caches: &Caches,
    measure: impl FnOnce(&Level) -> Result<(f64, f64), Error>,
) -> Result<String, Error> {
    let (flops, bytes) = (shape.flops(), shape.bytes(dtype));
    let levels = levels(caches);
    let name = matmul_report::limit(flops, bytes, 0.0, &levels).level;
    let mut level = levels.into_iter().find(|level| level.name == name).expect("memory holds anything");
    let intensity = flops / bytes;
    let mut text = format!(
        "{flops} flops on {bytes} bytes of A, B and C, each once: {intensity:.2} flops per byte. They fit {name}.\n"
    );
    if !isa.is_available() {
        return Ok(text + &format!("The limit cannot be measured here: {isa} needs {}.\n", isa.needs()));
    }
    let (peak, bandwidth) = measure(&level)?;
    level.samples.push(bandwidth);
    let Limit { memory_bound, .. } = matmul_report::limit(flops, bytes, peak, &[level]);
    text += &format!(
        "On one thread {} at the FMA peak of {peak:.1} GFLOP/s, {} at the {bandwidth:.1} GB/s that {name} gives: ",
        time(flops / peak / 1e9),
        time(bytes / bandwidth / 1e9)
    );
    Ok(text + if memory_bound { "memory is the limit.\n" } else { "arithmetic is the limit.\n" })
}

/// The levels that one thread reads from, and of each a buffer that lies in it: half of a private cache, a quarter of
/// one that others use too, and of memory more than the caches hold.
fn levels(caches: &Caches) -> Vec<Level> {
    let level =
        |name: &str, capacity, buffer| Level { name: name.into(), capacity, buffer, samples: Vec::new() };
    let [l1, l2, l3] = [caches.l1d, caches.l2, caches.l3].map(|bytes| bytes as u64);
    let mut levels = vec![level("L1", l1, l1 / 2), level("L2", l2, l2 / 2)];
    if l3 > l2 {
        levels.push(level("L3", l3, (l3 / 4).max(l2 + (l3 - l2) / 2)));
    }
    levels.push(level("DRAM", 0, 4 * l2.max(l3)));
    levels
}

/// GFLOP/s and GB/s, by a program with optimisation: without it, as this one is built, an intrinsic is a call.
fn measured(isa: Isa, dtype: Dtype, level: &Level) -> Result<(f64, f64), Error> {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "matmul-simd", "--example", "limits", "--"]);
    cargo.args([isa.name(), dtype.name(), &level.buffer.to_string()]).stderr(Stdio::inherit());
    let program = cargo.get_program().to_string_lossy().into_owned();
    let output = cargo.output().map_err(|source| Error::Spawn { program, source })?;
    figures(&String::from_utf8_lossy(&output.stdout))
}

/// The two numbers that the program prints.
fn figures(text: &str) -> Result<(f64, f64), Error> {
    let numbers: Option<Vec<f64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[peak, bandwidth]) if peak > 0.0 && bandwidth > 0.0 => Ok((peak, bandwidth)),
        _ => Err(Error::Measure { found: text.into() }),
    }
}

/// Seconds, in the unit that has few digits.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.2} us", s * 1e6),
        s => format!("{:.2} ms", s * 1e3),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    const CACHES: Caches = Caches { l1d: 32 << 10, l2: 1 << 20, l3: 32 << 20, detected: true };

    fn shape(name: &str) -> Shape {
        Shape::parse(name).expect("a shape")
    }

    fn error(args: &[&str]) -> String {
        match Cli::try_parse_from([&["plan"], args].concat()) {
            Ok(cli) => run(&cli.options).expect_err("no plan").to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn wrong_words_are_named_with_what_was_expected() {
        for (args, found, expected) in [
            (&["3x4"][..], "3x4", "MxKxN"),
            (&["4", "--isa", "sse9"], "sse9", "avx512"),
            (&["4", "--dtype", "f16"], "f16", "f32 or f64"),
            (&["4", "--threads", "0"], "'0'", "zero"),
            (&[], "SHAPE", "required"),
        ] {
            let message = error(args);
            assert!(message.contains(found) && message.contains(expected), "{args:?}: {message}");
        }
    }

    #[test]
    fn a_plan_says_its_thresholds() {
        let facts = Isa::Avx512.facts::<f32>();
        let text = one(&shape("33"), &facts, &CACHES, 4);
        for part in [
            "Tiles of 12 x 32, A and B in place; the last column goes to rows in lanes. On one thread.",
            "edge of 1: n % 16 = 1 <= 4, and 33 rows >= 32 (Limits::edge_columns; docs/performance.md",
            "one piece: work of 35937 < 2 x 262144 (Limits::piece_work",
            "3 panels of rows < 64 (Limits::pack_near_b_panels",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
    }

    #[test]
    fn batches_are_planned_as_they_are_run() {
        let rows = |name, threads| query(&shape(name), threads).0;
        assert_eq!(rows("6x(3x4x5)/shared", 2).m, 18);
        assert_eq!((rows("6x(3x4x5)", 2).m, rows("6x(3x4x5)", 2).threads), (3, 1));
        assert_eq!(rows("6x(3x4x5)", 8).threads, 8);
    }

    #[test]
    fn the_table_has_a_line_for_each_shape() {
        let shapes = groups::table();
        let text = table(&shapes, &Isa::Neon.facts::<f64>(), &CACHES, 2);
        assert_eq!(text.lines().count(), shapes.len());
        assert!(text.lines().any(|line| line.starts_with("1x1500x1500 ") && line.contains("turned column")));
    }

    #[test]
    fn the_lower_limit_is_named() {
        let text = |isa, name, peak, bandwidth| {
            limits(&shape(name), Dtype::F64, isa, &CACHES, |_| Ok((peak, bandwidth))).expect("figures")
        };
        let fast = text(Isa::Portable, "64x64x64", 50.0, 100.0);
        assert!(fast.contains("524288 flops on 98304 bytes") && fast.contains("fit L2"), "{fast}");
        assert!(fast.contains("10.49 us at the FMA peak of 50.0 GFLOP/s, 983.0 ns at the 100.0"), "{fast}");
        assert!(fast.contains("arithmetic is the limit"), "{fast}");
        assert!(text(Isa::Portable, "5000x5000x1", 50.0, 10.0).contains("DRAM gives: memory is the limit"));
        for &isa in Isa::ALL.iter().filter(|isa| !isa.is_available()) {
            assert!(text(isa, "4", 1.0, 1.0).contains(isa.needs()), "{isa}");
        }
    }

    #[test]
    fn what_was_printed_is_two_numbers() {
        assert_eq!(figures("117.5 98\n").expect("two numbers"), (117.5, 98.0));
        for bad in ["", "1", "1 x", "1 2 3", "0 1", "NaN 1"] {
            let error = figures(bad).expect_err("no figures").to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn buffers_lie_in_their_levels() {
        for caches in [CACHES, Caches::FALLBACK, Caches { l3: 0, ..CACHES }, Caches { l3: 2 << 20, ..CACHES }]
        {
            let levels = levels(&caches);
            assert_eq!(levels.len(), if caches.l3 > 0 { 4 } else { 3 });
            for pair in levels.windows(2) {
                assert!(
                    pair[0].buffer <= pair[0].capacity && pair[0].capacity < pair[1].buffer,
                    "{levels:?}"
                );
            }
        }
    }
}
