//! The lesson's rungs; a product of 1024 takes them seconds.

use criterion::{Criterion, criterion_group, criterion_main};

fn naive(criterion: &mut Criterion) {
    matmul_benches::family(criterion, "naive", 256 * 256 * 256, &["naive-"]);
}

criterion_group!(benches, naive);
criterion_main!(benches);
