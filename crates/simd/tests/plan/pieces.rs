//! Whatever the product, its plan covers C exactly once, and no path gets a piece that it cannot take.

use matmul_blocked::plan::{Cut, Facts, Halves, Limits, Order, Path, Plan, Query, Source};
use matmul_core::{K_CHUNK, Summation};
use proptest::prelude::*;

use super::{CACHES, all_facts};

/// A piece of C, and whether it has the last columns.
#[derive(Clone, Copy, Debug)]
struct Piece {
    i: usize,
    j: usize,
    m: usize,
    n: usize,
    last: bool,
}

/// The pieces of a cut, in the way that the runner walks them: it takes the same halves.
fn walk(cut: Option<Cut>, piece: Piece, pieces: usize, found: &mut Vec<Piece>) {
    let first = pieces / 2;
    let (one, two) = match cut.and_then(|cut| cut.halve((piece.m, piece.n), pieces)) {
        None => return found.push(piece),
        Some(Halves::Rows(i)) => (Piece { m: i, ..piece }, Piece { i: piece.i + i, m: piece.m - i, ..piece }),
        Some(Halves::Columns(j)) => {
            (Piece { n: j, last: false, ..piece }, Piece { j: piece.j + j, n: piece.n - j, ..piece })
        }
    };
    walk(cut, one, first, found);
    walk(cut, two, pieces - first, found);
}

/// Every element of an m x n C is in exactly one piece.
fn cover(m: usize, n: usize, pieces: &[Piece]) -> Result<(), TestCaseError> {
    let area: u128 = pieces.iter().map(|p| p.m as u128 * p.n as u128).sum();
    prop_assert_eq!(area, m as u128 * n as u128);
    for (at, p) in pieces.iter().enumerate() {
        prop_assert!(p.m > 0 && p.n > 0 && p.i + p.m <= m && p.j + p.n <= n, "{:?}", p);
        prop_assert_eq!(p.last, p.j + p.n == n);
        for q in &pieces[at + 1..] {
            let apart = p.i + p.m <= q.i || q.i + q.m <= p.i || p.j + p.n <= q.j || q.j + q.n <= p.j;
            prop_assert!(apart, "{:?} and {:?}", p, q);
        }
    }
    Ok(())
}

/// What the paths ask, which their safety rests on. `q` is turned if the plan is.
fn is_allowed(plan: &Plan, q: &Query, facts: &Facts, pieces: &[Piece]) -> Result<(), TestCaseError> {
    prop_assert!(!(plan.turned && q.packed), "panels cannot be turned");
    match plan.body {
        Path::Tile => {
            let (rows, columns) = facts.tile_for(q.n);
            prop_assert!(q.m <= rows && q.n <= columns && q.k <= K_CHUNK);
            prop_assert!(q.b.1 == 1 && q.c.1 == 1 && !q.packed && plan.cut.is_none());
        }
        Path::Tiles(tiles) => {
            prop_assert_eq!(tiles.b == Source::Packed, q.packed);
            prop_assert!(tiles.a != Source::Packed && tiles.rows > 0);
            // The first panel of columns of a piece and its last, with the edge and without.
            for p in pieces {
                for n in [p.n, p.n - plan.edge.min(p.n)] {
                    for columns in [n.min(tiles.columns), n % tiles.columns] {
                        let most = match columns {
                            0 => continue,
                            columns if columns == facts.lanes => facts.narrow,
                            columns if columns <= facts.nr() => facts.mr,
                            _ => facts.wide,
                        };
                        prop_assert!(tiles.rows <= most, "no tile of {} x {}", tiles.rows, columns);
                    }
                }
            }
            let panels = [facts.lanes, facts.nr(), facts.nr() + facts.lanes];
            prop_assert!(panels.contains(&tiles.columns), "no tile has {} columns", tiles.columns);
            prop_assert!(tiles.b != Source::Packed || tiles.columns == facts.nr(), "they have NR columns");
            let (kc, nc) = (tiles.blocks.kc, tiles.blocks.nc);
            match tiles.b {
                Source::InPlace => prop_assert_eq!(q.b.1, 1, "tiles load rows of B"),
                _ => prop_assert!(nc > 0 && nc % tiles.columns == 0, "blocks of {}", nc),
            }
            prop_assert!(kc > 0 && kc <= q.k && (kc == q.k || kc % K_CHUNK == 0), "blocks of {}", kc);
            let panels = pieces.iter().all(|p| p.j % facts.nr() == 0);
            prop_assert!(panels, "panels of a packed B begin at multiples of NR");
        }
        Path::Rows => prop_assert!(q.n <= facts.rows && q.a.1 == 1),
        Path::Strips(strips) => {
            prop_assert_eq!(facts.strips.get(q.n.wrapping_sub(2)), Some(&strips));
            prop_assert!(strips.left + strips.right == q.n && q.a.0 == 1);
        }
        Path::Column { block } => prop_assert!(q.n == 1 && q.a.0 == 1 && block > 0),
        Path::Dot => prop_assert!(q.summation == Summation::Fast && q.a.1 == 1 && q.b.0 == 1),
    }
    if !matches!(plan.body, Path::Tiles(_)) {
        prop_assert!(!q.packed && plan.edge == 0 && pieces.iter().all(|p| p.n == q.n));
    }
    Ok(())
}

/// The columns of one piece are its body's and its edge's, and every lane of rows in lanes has a row.
fn is_complete(plan: &Plan, q: &Query, facts: &Facts, piece: &Piece) -> Result<(), TestCaseError> {
    let edge = if piece.last { facts.edge_of_piece(piece.m, plan.edge) } else { 0 };
    prop_assert!(edge <= piece.n, "{:?}", piece);
    let in_lanes = match plan.body {
        Path::Rows => piece.n,
        _ => edge,
    };
    if in_lanes > 0 {
        prop_assert!(in_lanes <= facts.rows && q.a.1 == 1 && !q.packed);
        prop_assert!(piece.m >= facts.group_rows(in_lanes), "{:?}: {} columns", piece, in_lanes);
    }
    Ok(())
}

fn check(query: &Query, facts: &Facts) -> Result<(), TestCaseError> {
    of_plan(query, facts).map_err(|error| {
        let plan = Plan::new(query, facts, &CACHES);
        TestCaseError::fail(format!("{error}\n{} {}: {plan:#}\n{query:?}", facts.isa, facts.dtype))
    })
}

fn of_plan(query: &Query, facts: &Facts) -> Result<(), TestCaseError> {
    let plan = Plan::new(query, facts, &CACHES);
    let q = if plan.turned { query.turned() } else { *query };
    let mut pieces = Vec::new();
    let whole = Piece { i: 0, j: 0, m: q.m, n: q.n, last: true };
    walk(plan.cut, whole, plan.cut.map_or(1, |cut| cut.pieces), &mut pieces);
    prop_assert!(pieces.len() <= query.threads, "{} pieces", pieces.len());
    match plan.cut {
        Some(cut) if cut.order == Order::Chunks => {
            prop_assert!((2..=query.threads).contains(&cut.pieces) && cut.pieces <= q.k.div_ceil(K_CHUNK));
            prop_assert!(q.c.1 == 1 && !q.packed && q.summation == Summation::Contract && facts.rows > 0);
        }
        cut => prop_assert_eq!(pieces.len() > 1, cut.is_some(), "a cut that does not cut"),
    }
    cover(q.m, q.n, &pieces)?;
    is_allowed(&plan, &q, facts, &pieces)?;
    for piece in &pieces {
        is_complete(&plan, &q, facts, piece)?;
    }
    // Neither may panic, and no plan is without a reason.
    prop_assert!(!plan.reasons(query, facts, &CACHES).is_empty());
    prop_assert!(plan.to_string().ends_with('.'));
    Ok(())
}

/// Sizes around a lane, a tile, a block, and beyond.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![1..=40usize, 1..=300usize, 300..=3000usize, 3000..=60_000usize]
}

/// How an operand lies: rows or columns contiguous, a vector apart, 4 KiB apart, reversed, one element again and again.
fn strides(nrows: usize, ncols: usize) -> impl Strategy<Value = (isize, isize)> {
    let (nrows, ncols) = (nrows as isize, ncols as isize);
    prop_oneof![
        4 => Just((ncols, 1)),
        4 => Just((1, nrows)),
        1 => Just((ncols + 7, 1)),
        1 => Just((1, nrows + 7)),
        1 => Just((ncols.unsigned_abs().next_multiple_of(1024) as isize, 1)),
        1 => Just((-ncols, -1)),
        1 => Just((2 * ncols, 2)),
        1 => Just((-1, nrows)),
        1 => Just((0, 1)),
        1 => Just((1, 0)),
    ]
}

fn queries() -> impl Strategy<Value = Query> {
    let sizes = (size(), size(), size());
    let threads = prop_oneof![1..=8usize, 1..=128usize];
    (sizes, threads, any::<bool>(), any::<bool>()).prop_flat_map(|((m, k, n), threads, packed, fast)| {
        let summation = if fast && !packed { Summation::Fast } else { Summation::Contract };
        // No two elements of C share a place.
        let c = prop_oneof![Just((n as isize, 1)), Just((1, m as isize)), Just((2 * n as isize, 2))];
        (strides(m, k), strides(k, n), c).prop_map(move |(a, b, c)| {
            let b = if packed { (1, 1) } else { b };
            Query { m, k, n, a, b, c, packed, summation, threads, outside: threads % 3 == 0 }.canonical()
        })
    })
}

/// Any thresholds, as `Engine::with_limits` takes them from safe code: they may change the way of a product, never what
/// makes it sound.
fn limits() -> impl Strategy<Value = Limits> {
    let copies = (0..=80usize, any::<bool>(), 0..=16usize, prop_oneof![Just(0usize), Just(64), Just(4096)]);
    let edges = (0..=12usize, 0..=64usize, 0..=5usize);
    let pieces = (prop_oneof![0..=64usize, Just(64 * 64 * 64)], 0..=16usize);
    let blocks = (0..=4096usize, 0..=8usize, 0..=1usize << 20);
    let thin = (0..=16usize, 0..=4usize, 0..=20usize);
    (copies, edges, pieces, blocks, thin).prop_map(|(copies, edges, pieces, blocks, thin)| Limits {
        pack_a_panels: copies.0 / 4,
        copy_aliased: copies.1,
        aliased_rows: copies.2,
        aliasing_bytes: copies.3,
        pack_near_b_panels: copies.0,
        pack_far_b_panels: copies.0 / 2,
        near_halves_of_l2: thin.1,
        edge_columns: edges.0,
        edge_rows: edges.1,
        edge_vectors: edges.2,
        strip_vectors: thin.0,
        sums_halves_of_l1: thin.1,
        dot_side: thin.2,
        block_depth: blocks.0,
        block_of_l3: blocks.1,
        least_block: blocks.2,
        most_block: blocks.2 * 2,
        piece_work: pieces.0,
        piece_work_outside: pieces.0 * 2,
        piece_panels: pieces.1,
        piece_panels_copied: pieces.1 * 2,
        chunks_below_units: pieces.1,
        piece_chunks: thin.1,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 4000 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_covers_c_once(query in queries()) {
        for facts in all_facts() {
            check(&query, &facts)?;
        }
    }

    #[test]
    fn no_threshold_makes_a_plan_unsound(query in queries(), limits in limits(), vectors in 1..=4usize) {
        for facts in all_facts() {
            check(&query, &Facts { limits, vectors, ..facts })?;
        }
    }
}

/// Sizes one beside a multiple of the units, where a last piece is smallest, for every number of pieces.
#[test]
fn pieces_at_the_units_have_rows_enough() {
    for facts in all_facts() {
        for units in 1..=9usize {
            for extra in [0, 1, 2, 5] {
                for unit in [facts.lanes, facts.mr, 4 * facts.across] {
                    for (n, threads) in
                        [(1, 8), (2, 8), (10, 7), (33, 8), (2 * facts.nr() + 1, 8), (4097, 128)]
                    {
                        let query = Query { threads, ..Query::row_major(units * unit + extra, 1 << 16, n) };
                        check(&query, &facts)
                            .unwrap_or_else(|error| panic!("{query:?} on {facts:?}: {error}"));
                    }
                }
            }
        }
    }
}
