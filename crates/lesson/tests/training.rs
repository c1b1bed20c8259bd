//! The model's mathematics, and the bits of a whole training run.

use matmul::kernel::Kernel;
use matmul::{Gemm, MatRef, Matrix};
use matmul_lesson::{Error, Linear, Mlp, Sgd, kernel, rng};
use matmul_mnist::{Manifest, Mnist, PIXELS, synthetic};
use rand::RngExt;

/// Synthetic digits: 1000 to learn from, 500 to be asked about.
fn few() -> Mnist {
    let mut manifest = Manifest::builtin().unwrap();
    let splits = &mut manifest.splits;
    (splits.train.rows, splits.valid.rows, splits.test.rows) = (1000, 500, 0);
    synthetic::generate(&manifest)
}

fn rows<'a>(x: &'a [f32], labels: &'a [i64]) -> (MatRef<'a, f32>, &'a [i64]) {
    (MatRef::from_row_major(x, labels.len(), PIXELS).unwrap(), labels)
}

/// The parameters of a model, one by one.
fn parameters(model: &mut Mlp<f64>) -> Vec<&mut f64> {
    let Mlp { hidden, output } = model;
    [hidden, output]
        .into_iter()
        .flat_map(|Linear { weights, bias }| weights.as_mut_slice().iter_mut().chain(bias))
        .collect()
}

/// A step changes each parameter by −rate times the derivative of the loss, here a central difference.
#[test]
fn the_backward_pass_is_the_gradient() {
    const RATE: f64 = 0.5;
    /// Cubic root of 2⁻⁵²: truncation and rounding are then about as large, 4e-11.
    const STEP: f64 = 6e-6;
    let (kernel, mut rng) = (kernel::<f64>("blocked").unwrap(), rng(3));
    let x = Matrix::from_vec((0..7 * 5).map(|_| rng.random_range(-1.0..1.0)).collect(), 7, 5).unwrap();
    let labels = [0, 2, 1, 1, 0, 2, 2];
    let mut model = Mlp::random(5, 4, 3, &mut rng);
    for parameter in parameters(&mut model) {
        *parameter += rng.random_range(-0.1..0.1);
    }
    let loss = |model: &Mlp<f64>| model.score(&*kernel, x.as_ref(), &labels).unwrap().loss;

    let mut after = model.clone();
    let before = after.step(&*kernel, x.as_ref(), &labels, RATE).unwrap();
    assert!((before - loss(&model)).abs() < 1e-15 && loss(&after) < before);
    let moved: Vec<f64> = after.parameters().zip(model.parameters()).map(|(new, old)| old - new).collect();
    assert_eq!(moved.len(), 5 * 4 + 4 + 4 * 3 + 3);
    let mut largest: f64 = 0.0;
    for (at, moved) in moved.iter().enumerate() {
        let nudged = |by: f64| {
            let mut model = model.clone();
            *parameters(&mut model)[at] += by;
            loss(&model)
        };
        let slope = (nudged(STEP) - nudged(-STEP)) / (2.0 * STEP);
        assert!((moved / RATE - slope).abs() < 1e-9, "parameter {at}: {} but {slope}", moved / RATE);
        largest = largest.max(slope.abs());
    }
    assert!(largest > 0.1, "a flat loss proves nothing: {largest}");
}

fn train(kernel: &dyn Kernel<f32>, mnist: &Mnist) -> Mlp<f32> {
    let mut rng = rng(5);
    let mut model = Mlp::random(PIXELS, 50, 10, &mut rng);
    let sgd = Sgd { batch: 64, rate: 0.2 };
    let train = rows(&mnist.x_train, &mnist.y_train);
    let mut batches = 0;
    for _ in 0..2 {
        sgd.epoch(&mut model, kernel, train, &mut rng, |_| batches += 1).unwrap();
    }
    // 15 batches of 64 and one of 40.
    assert_eq!(batches, 2 * 16);
    model
}

#[test]
fn a_model_has_the_same_bits_on_every_kernel_and_thread_count() {
    let mnist = few();
    let bits = |model: &Mlp<f32>| model.parameters().map(f32::to_bits).collect::<Vec<_>>();
    let reference = train(&*kernel("blocked").unwrap(), &mnist);
    let mut compared = 0;
    for name in ["simd-avx2", "simd-avx512", "simd-neon", "simd"] {
        match kernel(name) {
            Ok(kernel) => {
                assert!(bits(&train(&*kernel, &mnist)) == bits(&reference), "{name}");
                compared += 1;
            }
            Err(error) => eprintln!("SKIPPED: {error}"),
        }
    }
    assert!(compared > 0);
    for threads in 1..=8 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let model = pool.install(|| train(&Gemm::new().threads(threads), &mnist));
        assert!(bits(&model) == bits(&reference), "parallel, {threads} threads");
    }
    // A kernel outside the contract ends elsewhere, so equality above is not a matter of course.
    assert!(bits(&train(&*kernel("naive-loops").unwrap(), &mnist)) != bits(&reference));
}

#[test]
fn it_learns() {
    let mnist = few();
    let kernel = kernel("simd").unwrap();
    let (x, labels) = rows(&mnist.x_valid, &mnist.y_valid);
    let untrained = Mlp::random(PIXELS, 50, 10, &mut rng(5)).score(&*kernel, x, labels).unwrap();
    let trained = train(&*kernel, &mnist).score(&*kernel, x, labels).unwrap();
    assert!(untrained.accuracy < 0.3 && untrained.loss > 2.0, "{untrained:?}");
    assert!(trained.accuracy > 0.8 && trained.loss < 0.8, "{trained:?}");
}

#[test]
fn shapes_and_labels_are_checked_before_anything_changes() {
    let (kernel, mut rng) = (kernel::<f32>("blocked").unwrap(), rng(0));
    let mut model = Mlp::random(4, 3, 2, &mut rng);
    let before: Vec<f32> = model.parameters().collect();
    let (x, wide) = (Matrix::zeros(6, 4), Matrix::zeros(6, 5));
    let sgd = Sgd { batch: 4, rate: 0.1 };
    let error = sgd.epoch(&mut model, &*kernel, (x.as_ref(), &[0; 5]), &mut rng, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Labels { rows: 6, found: 5 }), "{error}");
    let error = model.step(&*kernel, x.as_ref(), &[0, 1, 0, 1, 0, 2], 0.1).unwrap_err();
    assert!(matches!(error, Error::Label { row: 5, found: 2, classes: 2 }), "{error}");
    let error = model.step(&*kernel, wide.as_ref(), &[0; 6], 0.1).unwrap_err();
    assert!(matches!(error, Error::Product(matmul::Error::Shape { .. })), "{error}");
    assert!(model.parameters().eq(before));
}
