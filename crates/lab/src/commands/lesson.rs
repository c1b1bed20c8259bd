//! `lesson`: the notebook's ladder on the notebook's product, five digits by a layer of weights, from three loops to
//! the BLAS; then the same on the whole validation set. `--update` writes both into the lesson's chapters.

mod ladder;
mod regions;

use matmul_mnist::PIXELS;

use crate::data;
use crate::error::Error;
use crate::machine::affinity;
use crate::machine::detect::detect;
use crate::machine::pool::Pool;
use crate::options::{Lesson, claim};
use crate::{say, tell};
use ladder::{Climb, DIGITS, Product, climb, rungs};

/// Rows of `m1 = x_valid[:5]`.
const ROWS: usize = 5;

/// Prints the ladders. False if a rung is not near the first; the chapters are left alone then.
pub(crate) fn run(options: &Lesson) -> Result<bool, Error> {
    if options.update {
        claim(&options.chapters)?;
    }
    let mnist = data::load(&options.data)?;
    for note in &mnist.notes {
        tell!("note: {note}");
    }
    let machine = detect();
    let cpus = affinity::cpus();
    let facts = [
        format!("Data: {}.", mnist.describe()),
        format!("Weights: {PIXELS}x{DIGITS}, standard normal, seed {}.", options.seed),
        format!("Machine: {}, {} CPUs, {}; {}.", machine.cpu, cpus.len(), machine.os, machine.rustc),
    ]
    .join("\n");
    say!("{facts}");

    let (rungs, pool) = (rungs(), Pool::new(cpus.len(), &cpus)?);
    let weights: Vec<f32> = matmul_lesson::normal(PIXELS, DIGITS, options.seed).into_iter().collect();
    let valid = Product { a: &mnist.x_valid, b: &weights, k: PIXELS, n: DIGITS };
    let five = Product { a: &mnist.x_valid[..ROWS * PIXELS], ..valid };

    let five = pool.install(|| climb(&rungs, five, None))?;
    say!("\nm1 = x_valid[:5], m1 @ weights, beside the notebook's own ladder\n\n{}", five.table().text());
    let whole = pool.install(|| climb(&rungs, valid, Some(&five)))?;
    say!("x_valid @ weights, all {} rows\n\n{}", valid.m(), whole.table().text());

    let near = five.is_near() && whole.is_near();
    if options.update && near {
        update(options, &facts, &five, &whole)?;
    }
    Ok(near)
}

fn update(options: &Lesson, facts: &str, five: &Climb, whole: &Climb) -> Result<(), Error> {
    let written = regions::update(&options.chapters, &mut |what| match what {
        "machine" => Ok(format!("{facts}\n")),
        "all" => Ok(five.table().markdown()),
        "whole" => Ok(whole.table().markdown()),
        list => Ok(five.of(list)?.table().markdown()),
    })?;
    for path in written {
        say!("written: {}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::operands::Random;
    use crate::options::Data;
    use std::fs;

    #[test]
    fn every_region_of_the_chapters_is_known_and_filled() {
        let dir = tempfile::tempdir().unwrap();
        let chapters = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lesson");
        for entry in fs::read_dir(chapters).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
        let mut random = Random::new(2);
        let (a, b) = (random.normal(2 * 20), random.normal(20 * DIGITS));
        let climb = climb(&rungs(), Product { a: &a, b: &b, k: 20, n: DIGITS }, None).unwrap();
        let chapters = dir.path().to_owned();
        let data = Data { dir: "data".into(), from: None, offline: true };
        let options = Lesson { data, seed: 0, update: true, chapters };
        update(&options, "Machine: this one.", &climb, &climb).unwrap();
        let readme = fs::read_to_string(dir.path().join("README.md")).unwrap();
        assert!(readme.contains("\nMachine: this one.\n") && readme.contains("\n| loops | "), "{readme}");
    }
}
