//! Verdicts on runs whose truth is known: drawn from the recorded noise of a shared machine (`data/noise.txt`).

use matmul_report::compare::{Comparison, Noise, Verdict, compare};
use matmul_report::{
    Cell, Class, Dtype, Machine, Outcome, Owner, Report, Row, SCHEMA, Sample, Setting, groups,
};

/// Rounds that are drawn together: what disturbs one disturbs its neighbours.
const BLOCK: usize = 4;

/// Simulated runs for each of the recorded ones.
const DRAWS: usize = 25;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

fn empty() -> Report {
    Report {
        schema: SCHEMA,
        started: 0,
        seconds: 0.0,
        quick: false,
        seed: 1,
        rounds: 24,
        cold: false,
        trace: Vec::new(),
        partial: None,
        data: String::new(),
        machine: Machine::default(),
        conformance: Vec::new(),
        settings: [1, 2].map(|threads| Setting { dtype: Dtype::F32, threads, levels: Vec::new() }).into(),
        cells: Vec::new(),
        notes: Vec::new(),
    }
}

fn recorded() -> Vec<Report> {
    let mut runs = Vec::new();
    for line in include_str!("data/noise.txt").lines().filter(|line| !line.starts_with('#')) {
        if line == "run" {
            runs.push(empty());
        } else {
            add(runs.last_mut().unwrap(), line);
        }
    }
    runs.iter_mut().for_each(Report::finish);
    runs
}

/// `simd 4x4x4 1: 4.18/114.7 2.9/98.2!`
fn add(run: &mut Report, line: &str) {
    let (names, samples) = line.split_once(": ").unwrap();
    let names: Vec<&str> = names.split(' ').collect();
    let (shape, threads) = (groups::select(&[names[1]]).unwrap().remove(0), names[2].parse().unwrap());
    let flops = shape.flops();
    let sample = |(round, text): (usize, &str)| {
        let (figures, switched) = text.strip_suffix('!').map_or((text, 0), |figures| (figures, 1));
        let (rate, canary) = figures.split_once('/').unwrap();
        let (rate, canary): (f64, f64) = (rate.parse().unwrap(), canary.parse().unwrap());
        Sample { round, seconds: flops / rate / 1e9, canary: (canary, canary), switched }
    };
    let row = Row {
        kernel: names[0].into(),
        owner: if names[0] == "gemm" { Owner::Peer } else { Owner::Own },
        detail: String::new(),
        called: None,
        outcome: Outcome::Measured,
        failed: false,
        check: None,
        calls: 1,
        samples: samples.split(' ').enumerate().map(sample).collect(),
        counters: None,
        summary: None,
    };
    match run.cells.last_mut().filter(|cell| cell.shape == shape && cell.threads == threads) {
        Some(cell) => cell.rows.push(row),
        None => run.cells.push(Cell {
            shape,
            dtype: Dtype::F32,
            threads,
            fma: vec![120.0 * threads as f64],
            steal: None,
            limit: None,
            rows: vec![row],
        }),
    }
}

/// Another run like a recorded one: blocks of its rounds in any order, as often as they come.
fn draw(run: &Report, random: &mut Random) -> Report {
    let mut drawn = run.clone();
    for row in drawn.cells.iter_mut().flat_map(|cell| &mut cell.rows) {
        let from = row.samples.clone();
        let mut samples = Vec::with_capacity(from.len() + BLOCK);
        while samples.len() < from.len() {
            let start = random.below(from.len());
            samples.extend((start..start + BLOCK).map(|index| from[index % from.len()]));
        }
        samples.truncate(from.len());
        row.samples = samples;
    }
    drawn.finish();
    drawn
}

/// Each recorded run in turn as the new one, drawn many times, changed by `change`, and compared with draws of the
/// others: thresholds come from runs that the new one is none of.
fn many(change: impl Fn(&mut Report)) -> Vec<Comparison> {
    let (runs, mut random) = (recorded(), Random(1));
    let mut comparisons = Vec::new();
    for new in 0..runs.len() {
        for _ in 0..DRAWS {
            let drawn: Vec<Report> = runs.iter().map(|run| draw(run, &mut random)).collect();
            let others: Vec<&Report> =
                drawn.iter().enumerate().filter(|(at, _)| *at != new).map(|(_, run)| run).collect();
            let mut changed = drawn[new].clone();
            change(&mut changed);
            changed.finish();
            comparisons.push(compare(others[0], &changed, &Noise::of(&others)));
        }
    }
    comparisons
}

fn is_said(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Faster | Verdict::Slower)
}

/// How many of `all` are so, in per cent.
fn percent<T>(all: &[T], is_so: impl Fn(&T) -> bool) -> f64 {
    100.0 * all.iter().filter(|one| is_so(one)).count() as f64 / all.len() as f64
}

#[test]
fn runs_of_one_build_differ_in_nothing() {
    let comparisons = many(|_| {});
    let rows: Vec<Verdict> = comparisons.iter().flat_map(|c| &c.rows).map(|row| row.verdict).collect();
    let classes: Vec<Verdict> =
        comparisons.iter().flat_map(|c| &c.classes).map(|class| class.verdict).collect();
    let (rows_said, classes_said) = (percent(&rows, |v| is_said(*v)), percent(&classes, |v| is_said(*v)));
    println!("{rows_said:.2} % of {} rows, {classes_said:.2} % of {} classes", rows.len(), classes.len());
    assert!(rows.len() > 10_000 && rows_said <= 1.0, "{rows_said} % of {} rows", rows.len());
    assert!(classes_said <= 1.0, "{classes_said} % of {} classes", classes.len());
    // It is not silence that keeps it from being wrong.
    assert!(percent(&rows, |v| *v == Verdict::Same) > 50.0);
}

#[test]
fn what_is_slower_in_one_class_is_found_there_and_nowhere_else() {
    let slow =
        |kernel: &str, class: Class, threads: usize| (kernel, class, threads) == ("simd", Class::Middle, 1);
    let comparisons = many(|run| {
        for cell in &mut run.cells {
            let (class, threads) = (Class::of(&cell.shape), cell.threads);
            for row in cell.rows.iter_mut().filter(|row| slow(&row.kernel, class, threads)) {
                row.samples.iter_mut().for_each(|sample| sample.seconds *= 1.05);
            }
        }
    });
    let classes: Vec<_> = comparisons.iter().flat_map(|c| &c.classes).collect();
    let (there, elsewhere): (Vec<_>, Vec<_>) =
        classes.into_iter().partition(|c| slow(&c.kernel, c.class, c.threads));
    let found = percent(&there, |class| class.verdict == Verdict::Slower);
    let wrong = percent(&elsewhere, |class| is_said(class.verdict));
    let (rows_there, rows_elsewhere): (Vec<_>, Vec<_>) =
        comparisons.iter().flat_map(|c| &c.rows).partition(|row| slow(&row.kernel, row.class, row.threads));
    let rows_found = percent(&rows_there, |row| row.verdict == Verdict::Slower);
    let rows_wrong = percent(&rows_elsewhere, |row| is_said(row.verdict));
    println!(
        "classes {found:.1} % found, {wrong:.2} % wrong; rows {rows_found:.1} % found, {rows_wrong:.2} % wrong"
    );
    assert!(there.len() == 100 && found >= 95.0, "found in {found} %");
    assert!(
        wrong <= 1.0 && rows_wrong <= 1.0,
        "elsewhere in {wrong} % of the classes, {rows_wrong} % of the rows"
    );
    assert!(percent(&rows_there, |row| row.verdict == Verdict::Faster) == 0.0);
    assert!(comparisons.iter().filter(|c| c.has_regression()).count() >= 95);
}
