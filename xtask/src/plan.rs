//! `cargo xtask plan SHAPE`: which way a product goes, why, and what limits it. On any instruction set, since a plan is data.

use clap::Args;
use matmul_report::groups;
use matmul_report::render::Table;
use matmul_report::{Dtype, Shape, ShapeError};
use matmul_simd::plan::{Caches, Facts, Plan, Query};
use matmul_simd::{Isa, UnknownIsa};

/// What is planned.
#[derive(Args)]
pub(crate) struct Options {
    /// m x k x n, as in `bench --shapes`: 33x33x33, 512/tn, 64x(32x32x32)
    #[arg(required_unless_present = "all")]
    shape: Option<String>,
    /// Element type
    #[arg(long, default_value = "f32")]
    dtype: Dtype,
    /// Instruction set; else the best of this machine
    #[arg(long)]
    isa: Option<Isa>,
    /// Threads that there are
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// A line for every shape of the benchmark
    #[arg(long, conflicts_with = "shape")]
    all: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("no instruction set of this machine: it needs {0}")]
    Isa(&'static str),
    #[error(transparent)]
    Name(#[from] UnknownIsa),
}

/// Prints the plan, or those of all shapes.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let isa = options.isa.map_or_else(Isa::best, Ok).map_err(Error::Isa)?;
    let facts = facts(isa, options.dtype);
    let caches = Caches::get();
    println!("{}", header(&facts, &caches, options.threads));
    if let Some(shape) = &options.shape {
        for shape in groups::select(&[shape])? {
            println!("{}", explain(&shape, &facts, &caches, options));
        }
    } else {
        println!("{}", table(&facts, &caches, options.threads).text());
    }
    Ok(())
}

fn facts(isa: Isa, dtype: Dtype) -> Facts {
    match dtype {
        Dtype::F32 => isa.facts::<f32>(),
        Dtype::F64 => isa.facts::<f64>(),
    }
}

/// The engine and the machine, on which a plan depends.
fn header(facts: &Facts, caches: &Caches, threads: usize) -> String {
    let Facts { isa, dtype, lanes, mr, .. } = facts;
    let Caches { l1d, l2, l3, detected } = caches;
    let whose = if *detected { "of this machine" } else { "assumed, as the system does not tell" };
    format!(
        "{isa}, {dtype}: {lanes} lanes, tiles of {mr} x {}; {threads} threads; L1 {} KiB, L2 {} KiB, L3 {} KiB ({whose})",
        facts.nr(),
        l1d >> 10,
        l2 >> 10,
        l3 >> 10
    )
}

/// One product of a shape; a batch has one plan for all.
fn query(shape: &Shape, threads: usize) -> Query {
    let Shape { m, k, n, .. } = *shape;
    let strides = |(nrows, ncols): (usize, usize), (rs, cs): (isize, isize)| {
        (if nrows == 1 { 1 } else { rs }, if ncols == 1 { 1 } else { cs })
    };
    let of = |layout: matmul_report::Layout, size| strides(size, layout.strides(size).1);
    Query {
        a: of(shape.a, (m, k)),
        b: of(shape.b, (k, n)),
        c: of(shape.c, (m, n)),
        threads: if shape.batch > 1 { 1 } else { threads },
        ..Query::row_major(m, k, n)
    }
}

fn explain(shape: &Shape, facts: &Facts, caches: &Caches, options: &Options) -> String {
    let query = query(shape, options.threads);
    let plan = Plan::new(&query, facts, caches);
    let mut text = format!("\n{} (m x k x n): {plan}\n", shape.name);
    if shape.batch > 1 {
        text += "One plan for all products of the batch, which are shared out over threads whole.\n";
    }
    for reason in plan.reasons(&query, facts, caches) {
        text += &format!("  - {reason}\n");
    }
    text + &limit(shape, facts, caches, options.dtype)
}

/// What no plan can change: the arithmetic, the bytes, and the level of the caches that holds them.
fn limit(shape: &Shape, facts: &Facts, caches: &Caches, dtype: Dtype) -> String {
    let (flops, bytes) = (shape.flops(), shape.bytes(dtype));
    let levels = [("L1", caches.l1d), ("L2", caches.l2), ("L3", caches.l3)];
    let level = levels.iter().find(|(_, size)| bytes <= *size as f64).map_or("memory", |(name, _)| name);
    format!(
        "Limit: {flops:.0} flops on {:.1} KiB, {:.2} flops a byte, which fit {level}: the lower of the FMA peak (at least \
         {:.0} multiply-adds of {} lanes) and {:.2} x the bandwidth of {level}. `cargo xtask bench --skip-conform --shapes \
         '{}'` measures all three; docs/performance.md has what was tried.",
        bytes / 1024.0,
        flops / bytes,
        flops / 2.0 / facts.lanes as f64,
        facts.lanes,
        flops / bytes,
        shape.name
    )
}

fn table(facts: &Facts, caches: &Caches, threads: usize) -> Table {
    let mut table = Table::new(&["m x k x n", "plan"]);
    for shape in groups::table() {
        let plan = Plan::new(&query(&shape, threads), facts, caches);
        table.row(vec![shape.name, plan.to_string()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use matmul_simd::plan::{Path, Source, Summation};

    const CACHES: Caches = Caches { l1d: 32 << 10, l2: 1 << 20, l3: 32 << 20, detected: true };

    /// The plans of the benchmark's shapes on every instruction set and type.
    fn plans() -> Vec<Plan> {
        let facts = Isa::ALL.iter().flat_map(|&isa| Dtype::ALL.map(|dtype| facts(isa, dtype)));
        facts
            .flat_map(|facts| {
                let queries = groups::table().into_iter().map(|shape| query(&shape, 2));
                let with_fast = queries.flat_map(|q| [q, Query { summation: Summation::Fast, ..q }]);
                with_fast.map(move |q| Plan::new(&q, &facts, &CACHES)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// A path that no shape of the benchmark takes would never be measured, and could stay slow or wrong for ever.
    #[test]
    fn every_path_is_chosen_by_some_shape_of_the_benchmark() {
        let plans = plans();
        let some =
            |what: &str, is: &dyn Fn(&Plan) -> bool| assert!(plans.iter().any(is), "no shape takes {what}");
        some("one tile", &|p| p.body == Path::Tile);
        some("rows in lanes", &|p| p.body == Path::Rows);
        some("strips", &|p| matches!(p.body, Path::Strips(s) if s.right > 0));
        some("a column", &|p| matches!(p.body, Path::Column { .. }));
        some("dot products", &|p| p.body == Path::Dot);
        some("an edge", &|p| p.edge > 0);
        some("a cut", &|p| p.cut.is_some());
        some("no cut", &|p| p.cut.is_none());
        some("the transpose", &|p| p.turned);
        for (a, b) in [
            (Source::InPlace, Source::InPlace),
            (Source::InPlace, Source::Copied),
            (Source::Copied, Source::InPlace),
            (Source::Copied, Source::Copied),
        ] {
            let what = format!("tiles with A {a} and B {b}");
            some(&what, &|p| matches!(p.body, Path::Tiles(t) if (t.a, t.b) == (a, b)));
        }
        some("fewer rows at a time, as they alias", &|p| matches!(p.body, Path::Tiles(t) if t.rows == 8));
    }

    #[test]
    fn a_shape_is_explained() {
        let options =
            Options { shape: None, dtype: Dtype::F32, isa: Some(Isa::Avx512), threads: 2, all: false };
        let shape = Shape::parse("33x33x33").unwrap();
        let text = explain(&shape, &Isa::Avx512.facts::<f32>(), &CACHES, &options);
        for part in [
            "last column with rows in lanes",
            "Limits::pack_near_b_panels",
            "Limits::piece_work",
            "71874 flops",
            "L1",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }
}
