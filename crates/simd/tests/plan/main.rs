//! The plan of a product, for every instruction set on any host: their facts are known everywhere.

mod catalogue;
mod pieces;
mod table;

use matmul_blocked::plan::{Caches, Facts, Query};
use matmul_core::Summation;
use matmul_report::Shape;
use matmul_simd::Isa;

/// Those of a core of Zen 4, whatever this machine has.
const CACHES: Caches = Caches { l1d: 32 << 10, l2: 1 << 20, l3: 32 << 20, detected: true };

/// The facts of all instruction sets, for both types.
fn all_facts() -> Vec<Facts> {
    Isa::ALL.iter().flat_map(|isa| [isa.facts::<f32>(), isa.facts::<f64>()]).collect()
}

/// The product of a benchmark's shape, on one thread.
fn query(shape: &Shape) -> Query {
    let &Shape { m, k, n, .. } = shape;
    let strides = |layout: matmul_report::Layout, of| layout.strides(of).1;
    let (a, b, c) = (strides(shape.a, (m, k)), strides(shape.b, (k, n)), strides(shape.c, (m, n)));
    Query { m, k, n, a, b, c, packed: false, summation: Summation::Contract, threads: 1, outside: false }
        .canonical()
}
