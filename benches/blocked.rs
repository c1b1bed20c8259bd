//! The portable five-loop kernel.

use criterion::{Criterion, criterion_group, criterion_main};

fn blocked(criterion: &mut Criterion) {
    matmul_benches::family(criterion, "blocked", usize::MAX, &["blocked"]);
}

criterion_group!(benches, blocked);
criterion_main!(benches);
