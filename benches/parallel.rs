//! The SIMD kernel on all threads.

use criterion::{Criterion, criterion_group, criterion_main};

fn parallel(criterion: &mut Criterion) {
    matmul_benches::family(criterion, "parallel", usize::MAX, &["parallel"]);
}

criterion_group!(benches, parallel);
criterion_main!(benches);
