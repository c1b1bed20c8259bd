//! The linked BLAS; needs a provider, such as `--features openblas-system`.

use criterion::{Criterion, criterion_group, criterion_main};

fn blas(criterion: &mut Criterion) {
    matmul_benches::family(criterion, "blas", usize::MAX, &["blas", "blis", "openblas"]);
}

criterion_group!(benches, blas);
criterion_main!(benches);
