//! Criterion benches, one group per kernel family: `cargo bench -p matmul-benches -- simd`.
//!
//! The matrix (`cargo xtask bench`) compares kernels with each other and with the machine's peak, in interleaved
//! rounds; these benches compare one kernel with its own past, which is what criterion's baselines are for.

use criterion::{BenchmarkId, Criterion, Throughput};
use matmul::kernel::{Availability, Kernel};
use matmul::{Matrix, Real};

/// m, k, n: the lesson's product, one and 64 digits through a layer, and squares in L1, L2 and beyond.
const SHAPES: [(usize, usize, usize); 6] =
    [(5, 784, 10), (1, 784, 512), (64, 784, 10), (32, 32, 32), (256, 256, 256), (1024, 1024, 1024)];

/// The kernels of this build whose names start with one of `prefixes`, in f32 and f64, on every shape of at most `max_macs`
/// multiply-adds. Unavailable kernels are named and left out.
pub fn family(criterion: &mut Criterion, name: &str, max_macs: usize, prefixes: &[&str]) {
    group::<f32>(criterion, name, max_macs, prefixes);
    group::<f64>(criterion, name, max_macs, prefixes);
}

fn group<T: Real>(criterion: &mut Criterion, name: &str, max_macs: usize, prefixes: &[&str]) {
    let mut group = criterion.benchmark_group(format!("{name}/{}", T::NAME));
    for kernel in matmul::kernel::all::<T>() {
        if !prefixes.iter().any(|prefix| kernel.name().starts_with(prefix)) {
            continue;
        }
        if let Availability::Unavailable { needs } = kernel.availability() {
            eprintln!("SKIPPED: {} because it needs {needs}", kernel.name());
            continue;
        }
        for (m, k, n) in SHAPES.into_iter().filter(|(m, k, n)| m * k * n <= max_macs) {
            // Elements per second then read as FLOP/s.
            group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
            let id = BenchmarkId::new(kernel.name(), format_args!("{m}x{k}x{n}"));
            group.bench_function(id, |bencher| {
                let (a, b) = (filled::<T>(m, k), filled::<T>(k, n));
                let mut c = filled::<T>(m, n);
                bencher.iter(|| multiply(kernel.as_ref(), &a, &b, &mut c));
            });
        }
    }
    group.finish();
}

/// C ← A·B.
fn multiply<T: Real>(kernel: &dyn Kernel<T>, a: &Matrix<T>, b: &Matrix<T>, c: &mut Matrix<T>) {
    kernel.gemm(T::ONE, a.as_ref(), b.as_ref(), T::ZERO, c.as_mut()).expect("shapes that agree");
}

/// Values in [-1, 1) without a pattern that a cache or a branch predictor could learn; never subnormal.
fn filled<T: Real>(nrows: usize, ncols: usize) -> Matrix<T> {
    let mut matrix = Matrix::zeros(nrows, ncols);
    for (i, x) in (0u32..).zip(matrix.as_mut_slice()) {
        // The golden ratio's fractional multiples are spread evenly.
        *x = T::from_f64(f64::from(i.wrapping_mul(0x9e37_79b9)) / f64::from(1u32 << 31) - 1.0);
    }
    matrix
}
