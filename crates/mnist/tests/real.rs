//! The real files, where they are: the folder in `MATMUL_MNIST`, or `shared/data/mnist` beside the repository.

mod support;

use matmul_mnist::{Manifest, Origin, Split, prepare_with, synthetic};
use std::env;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use support::options;
use tempfile::tempdir;

/// Says so past the test harness, which swallows what a passing test prints.
fn skipped(why: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED: {why}");
}

fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mnist");
    let named = env::var_os("MATMUL_MNIST").map(PathBuf::from);
    let found =
        named.into_iter().chain([beside]).find(|dir| dir.join("train-images-idx3-ubyte.gz").is_file());
    if found.is_none() {
        skipped("no MNIST files; set MATMUL_MNIST to their folder");
    }
    found
}

#[test]
fn the_idx_files_are_the_lessons_data() {
    let Some(source) = folder() else { return };
    let dir = tempdir().unwrap();
    let manifest = Manifest::builtin().unwrap();
    let mnist = prepare_with(&manifest, &options(dir.path(), Some(&source)), &mut |_| {}).unwrap();
    assert_eq!(mnist.origin, Origin::Idx);
    assert_eq!((mnist.x_train.len(), mnist.y_train.len()), (50_000 * 784, 50_000));
    assert_eq!(mnist.y_train[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(mnist.y_test[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    assert_eq!((mnist.y_train.iter().min(), mnist.y_train.iter().max()), (Some(&0), Some(&9)));
    // The lesson prints 0.1304 and 0.3073.
    let n = mnist.x_train.len() as f64;
    let mean = mnist.x_train.iter().map(|&p| f64::from(p)).sum::<f64>() / n;
    let variance = mnist.x_train.iter().map(|&p| (f64::from(p) - mean).powi(2)).sum::<f64>() / n;
    assert!((mean - 0.1304).abs() < 5e-5 && (variance.sqrt() - 0.3073).abs() < 5e-5, "{mean} {variance}");

    let pickle = source.join("mnist.pkl.gz");
    if !pickle.is_file() {
        skipped(&format!("no {}", pickle.display()));
        return;
    }
    let other = prepare_with(&manifest, &options(dir.path(), Some(&pickle)), &mut |_| {}).unwrap();
    assert_eq!(other.origin, Origin::Pickle);
    for name in ["x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test"] {
        let read = |origin: &str| fs::read(dir.path().join(format!("{origin}/{name}.npy"))).unwrap();
        assert!(read("idx") == read("pickle"), "{name}.npy");
    }
    let cached = prepare_with(&manifest, &options(dir.path(), None), &mut |_| {}).unwrap();
    assert!(cached.origin == Origin::Idx && cached.x_valid == mnist.x_valid && cached.notes.is_empty());
    // And another reader's view.
    let file = BufReader::new(File::open(dir.path().join("idx/x_test.npy")).unwrap());
    assert_eq!(npyz::NpyFile::new(file).unwrap().into_vec::<f32>().unwrap(), mnist.x_test);
}

/// The digests in the manifest hold on every machine.
#[test]
fn the_synthetic_set_is_the_same_everywhere() {
    let manifest = Manifest::builtin().unwrap();
    let drawn = synthetic::generate(&manifest);
    drawn.verify(&manifest).unwrap();
    assert_eq!((drawn.x_train.len(), drawn.y_test.len()), (50_000 * 784, 10_000));
    // About the sparsity of MNIST, where 19% of the pixels have ink, and about as many of each digit.
    let ink = drawn.x_train.iter().filter(|&&p| p > 0.0).count() as f64 / drawn.x_train.len() as f64;
    assert!((0.15..0.25).contains(&ink), "{ink}");
    for digit in 0..10 {
        let count = drawn.y_train.iter().filter(|&&l| l == digit).count();
        assert!((4700..5300).contains(&count), "{digit}: {count}");
    }
    // The nearest mean image names the digit: the strokes look like their labels.
    let (mut means, mut right) = (vec![[0.0; 784]; 10], 0);
    for n in 0..5000 {
        let (x, label) = drawn.digit(Split::Train, n).unwrap();
        means[label as usize].iter_mut().zip(x).for_each(|(m, p)| *m += p / 500.0);
    }
    for n in 0..1000 {
        let (x, label) = drawn.digit(Split::Test, n).unwrap();
        let distance = |m: &[f32; 784]| m.iter().zip(x).map(|(m, p)| (m - p).powi(2)).sum::<f32>();
        let nearest = (0..10).min_by(|&a, &b| distance(&means[a]).total_cmp(&distance(&means[b])));
        right += usize::from(nearest == Some(label as usize));
    }
    assert!(right > 800, "{right} of 1000");
}
