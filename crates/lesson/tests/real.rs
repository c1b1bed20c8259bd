//! The model on the real digits, where their files are.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use matmul::MatRef;
use matmul_lesson::{Mlp, Sgd, kernel, rng};
use matmul_mnist::{Options, PIXELS, prepare};

/// The folder in `MATMUL_MNIST`, or `shared/data/mnist` beside the repository.
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mnist");
    let named = env::var_os("MATMUL_MNIST").map(PathBuf::from);
    named.into_iter().chain([beside]).find(|dir| dir.join("train-images-idx3-ubyte.gz").is_file())
}

#[test]
fn the_model_reads_97_of_100_digits() {
    let Some(from) = folder() else {
        // Past the test harness, which swallows what a passing test prints.
        let _ = writeln!(io::stderr(), "SKIPPED: no MNIST files; set MATMUL_MNIST to their folder");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let from = Some(from.display().to_string());
    let mnist = prepare(&Options { dir: dir.path().to_owned(), from, offline: true }).unwrap();
    let rows = |x, n| MatRef::from_row_major(x, n, PIXELS).unwrap();
    let train = (rows(&mnist.x_train, mnist.y_train.len()), &mnist.y_train[..]);

    let (kernel, mut rng) = (kernel::<f32>("parallel").unwrap(), rng(0));
    let mut model = Mlp::random(PIXELS, 50, 10, &mut rng);
    for rate in [0.4, 0.4, 0.3, 0.2, 0.1, 0.05] {
        Sgd { batch: 64, rate }.epoch(&mut model, &*kernel, train, &mut rng, |_| ()).unwrap();
    }
    let test = model.score(&*kernel, rows(&mnist.x_test, mnist.y_test.len()), &mnist.y_test).unwrap();
    assert!(test.accuracy >= 0.97 && test.loss < 0.11, "{test:?}");
}
