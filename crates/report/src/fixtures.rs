//! What the tests of figures and text work on.

use crate::dtype::Dtype;
use crate::machine::Machine;
use crate::owner::Owner;
use crate::roofline::Level;
use crate::schema::{Cell, Check, Outcome, Report, Row, SCHEMA, Sample, Setting};
use crate::shape::Shape;

fn row(kernel: &str, owner: Owner, seconds: &[f64]) -> Row {
    let sample = |(round, &seconds): (usize, &f64)| Sample {
        round,
        seconds,
        canary: if round % 2 == 0 { (100.0, 98.0) } else { (100.0, 80.0) },
        switched: 0,
    };
    Row {
        kernel: kernel.into(),
        owner,
        detail: String::new(),
        called: None,
        outcome: Outcome::Measured,
        failed: false,
        check: Some(Check { passed: true, error_ratio: 0.0625 }),
        calls: 1,
        samples: seconds.iter().enumerate().map(sample).collect(),
        counters: None,
        summary: None,
    }
}

/// A report of one cell of 2·50³ flops = 250 kflop: 2.5 µs is 100 GFLOP/s.
pub(crate) fn fixed() -> Report {
    let mut unavailable = row("blas", Owner::Blas, &[]);
    unavailable.outcome = Outcome::Unavailable("a linked BLAS".into());
    let mut wrong = row("wrong", Owner::Peer, &[1e-9]);
    wrong.failed = true;
    let mut slow = row("naive-elementwise", Owner::Own, &[]);
    slow.outcome = Outcome::Skipped("would take 17 s".into());
    let level = Level { name: "L1".into(), capacity: 1 << 15, buffer: 1 << 14, samples: vec![150.0, 200.0] };
    let mut report = Report {
        schema: SCHEMA,
        started: 1_700_000_000,
        seconds: 12.5,
        quick: false,
        seed: 1,
        rounds: 4,
        cold: false,
        trace: Vec::new(),
        partial: None,
        data: "synthetic".into(),
        machine: Machine { cpu: "a CPU".into(), ..Machine::default() },
        conformance: Vec::new(),
        settings: vec![Setting { dtype: Dtype::F32, threads: 1, levels: vec![level] }],
        cells: vec![Cell {
            shape: Shape::square(50),
            dtype: Dtype::F32,
            threads: 1,
            fma: vec![110.0, 125.0],
            steal: Some(0.01),
            limit: None,
            rows: vec![
                row("naive-loops", Owner::Own, &[250e-6]),
                slow,
                row("simd", Owner::Own, &[2.5e-6, 5e-6, 3.125e-6, 5e-6]),
                row("faer", Owner::Peer, &[3.125e-6; 12]),
                wrong,
                unavailable,
            ],
        }],
        notes: vec!["a note".into()],
    };
    report.finish();
    report
}
