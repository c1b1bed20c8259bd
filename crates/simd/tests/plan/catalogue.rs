//! Every way to compute a product is the way of some shape that is measured: one that no figure stands behind would rot.

use std::collections::BTreeSet;

use matmul_blocked::plan::{Path, Plan, Query};
use matmul_core::Summation;
use matmul_report::groups;

use super::{CACHES, all_facts, query};

/// A path by name, tiles with what they copy.
fn name(body: &Path) -> String {
    match body {
        Path::Tile => "tile".into(),
        Path::Tiles(tiles) => format!("tiles, a={}, b={}", tiles.a, tiles.b),
        Path::Rows => "rows".into(),
        Path::Strips(_) => "strips".into(),
        Path::Column { .. } => "column".into(),
        Path::Dot => "dot".into(),
    }
}

#[test]
fn every_path_has_a_shape_that_is_measured() {
    let mut found = BTreeSet::new();
    let mut edges = 0;
    for shape in groups::table() {
        let one = query(&shape);
        // As `simd` and `simd-fast` are measured, and with weights that are packed once.
        let fast = Query { summation: Summation::Fast, ..one };
        let packed = Query { packed: true, ..one };
        for facts in all_facts() {
            for query in [one, fast, packed] {
                let plan = Plan::new(&query, &facts, &CACHES);
                edges += usize::from(plan.edge > 0);
                found.insert(name(&plan.body));
            }
        }
    }
    let expected = [
        "column",
        "dot",
        "rows",
        "strips",
        "tile",
        "tiles, a=copied, b=copied",
        "tiles, a=copied, b=in place",
        "tiles, a=copied, b=packed before",
        "tiles, a=in place, b=copied",
        "tiles, a=in place, b=in place",
        "tiles, a=in place, b=packed before",
    ];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(edges > 0, "no shape has an edge");
}
