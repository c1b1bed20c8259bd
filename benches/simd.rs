//! The SIMD kernels on one thread, one per instruction set of this CPU.

use criterion::{Criterion, criterion_group, criterion_main};

fn simd(criterion: &mut Criterion) {
    matmul_benches::family(criterion, "simd", usize::MAX, &["simd"]);
}

criterion_group!(benches, simd);
criterion_main!(benches);
