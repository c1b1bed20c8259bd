//! The seeds of the fuzz targets and simple mutations of them, without a fuzzer: the same bytes in every run.

#[path = "../../../fuzz/checks.rs"]
mod checks;
mod support;

use std::fs;
use std::path::PathBuf;

use matmul_mnist::npy;
use support::{idx_labels, pickle};

/// A fuzz target: its folder of seeds, and what it does to bytes.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 3] = [("idx", checks::idx), ("npy", checks::npy), ("pickle", checks::pickle)];

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target)
}

/// What the seeds are made of: tiny files of each kind.
fn generated() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let images = [[0x803, 2, 2, 3].map(u32::to_be_bytes).concat(), (0..12).collect()].concat();
    let array = |shape: &[u64]| {
        let mut file = Vec::new();
        npy::write(&mut file, &[0.0f32, 0.5, -1.0, f32::NAN, f32::INFINITY, 255.0 / 256.0], shape).unwrap();
        file
    };
    let mut labels = Vec::new();
    npy::write(&mut labels, &[5_i64, 0, -1], &[3]).unwrap();
    let mut empty = Vec::new();
    npy::write::<f32>(&mut empty, &[], &[0]).unwrap();
    let pair = |rows: u16, cols: u16| {
        let x = (0..rows * cols).flat_map(|i| (f32::from(i) / 256.0).to_le_bytes()).collect();
        let y = (0..rows).flat_map(|i| i64::from(i).to_le_bytes()).collect();
        ([rows, cols], x, y)
    };
    vec![
        ("idx", "images", images),
        ("idx", "labels", idx_labels(&[3, 1, 4])),
        ("idx", "none", idx_labels(&[])),
        ("npy", "empty", empty),
        ("npy", "labels", labels),
        ("npy", "matrix", array(&[2, 3])),
        ("pickle", "pairs", pickle(&[pair(2, 3), pair(1, 3), pair(1, 3)])),
        ("pickle", "rows-of-none", pickle(&[pair(0, 3), pair(0, 3), pair(0, 3)])),
    ]
}

/// With the variable `MATMUL_WRITE_SEEDS` set, writes them.
#[test]
fn seeds_are_what_the_writers_write() {
    for (target, name, bytes) in generated() {
        let path = folder(target).join(name);
        if std::env::var_os("MATMUL_WRITE_SEEDS").is_some() {
            fs::create_dir_all(folder(target)).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert!(fs::read(&path).unwrap() == bytes, "{}", path.display());
    }
}

/// SplitMix64: the same numbers everywhere.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize
}

/// Up to four of a fuzzer's plain moves: flip a bit, set a byte, cut a piece out, double one, cut the end off.
fn mutate(bytes: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random(state) % 4 {
        let len = bytes.len().max(1);
        let at = random(state) % len;
        let end = (at + 1 + random(state) % 8).min(bytes.len());
        match random(state) % 5 {
            _ if bytes.is_empty() => bytes.push(random(state) as u8),
            0 => bytes[at] ^= 1 << (random(state) % 8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'.', b'(', b't'][random(state) % 8],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

#[test]
fn no_mutation_of_a_seed_breaks_a_reader() {
    let mutations = if cfg!(miri) { 20 } else { 20_000 };
    for (target, check) in TARGETS {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{target} has no seeds");
        for path in files {
            let seed = fs::read(&path).unwrap();
            check(&seed);
            let mut state = seed.len() as u64;
            for _ in 0..mutations {
                check(&mutate(&seed, &mut state));
            }
        }
    }
}
