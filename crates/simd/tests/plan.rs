//! Which way a product goes, for every instruction set, on any host: a table that people wrote, and properties that every
//! plan has.

use matmul_blocked::plan::{Caches, Cut, Facts, Halves, Path, Plan, Query, Source, Strips};
use matmul_core::{K_CHUNK, Summation};
use matmul_simd::Isa;
use proptest::prelude::*;

const CACHES: Caches = Caches { l1d: 32 << 10, l2: 1 << 20, l3: 32 << 20, detected: true };

/// A product by its sizes, m x k x n, and how its operands lie: `t` for a column-major one, in the order of A, B, C.
fn query(name: &str) -> Query {
    let (sizes, layout) = name.split_once('/').unwrap_or((name, "nnn"));
    let sizes: Vec<usize> = sizes.split('x').map(|size| size.parse().expect("a number")).collect();
    let [m, k, n] = sizes[..] else { panic!("{name}: expected m x k x n") };
    let strides = |(rows, columns): (usize, usize), transposed: bool| {
        let (rs, cs) = if transposed { (1, rows as isize) } else { (columns as isize, 1) };
        (if rows == 1 { 1 } else { rs }, if columns == 1 { 1 } else { cs })
    };
    let is = |operand: usize| layout.as_bytes().get(operand) == Some(&b't');
    Query {
        a: strides((m, k), is(0)),
        b: strides((k, n), is(1)),
        c: strides((m, n), is(2)),
        ..Query::row_major(m, k, n)
    }
}

/// A plan in a few words.
fn short(plan: &Plan) -> String {
    let source = |source| match source {
        Source::InPlace => "in place",
        Source::Copied => "copied",
        Source::Packed => "packed",
    };
    let path = match plan.body {
        Path::Tile => "tile".into(),
        Path::Tiles(t) => format!("tiles of {}, A {}, B {}", t.rows, source(t.a), source(t.b)),
        Path::Rows => "rows".into(),
        Path::Strips(Strips { left, right, vectors }) => format!("strips {left}+{right} by {vectors}"),
        Path::Column { .. } => "column".into(),
        Path::Dot => "dot".into(),
    };
    let turned = if plan.turned { "turned " } else { "" };
    let edge = if plan.edge > 0 { format!(", edge {}", plan.edge) } else { String::new() };
    let cut = plan.cut.map_or(String::new(), |cut| format!(", {} pieces", cut.pieces));
    format!("{turned}{path}{edge}{cut}")
}

fn plan_of(query: &Query, facts: &Facts) -> String {
    short(&Plan::new(query, facts, &CACHES))
}

fn check(facts: Facts, rows: &[(&str, &str)]) {
    for (shape, expected) in rows {
        assert_eq!(plan_of(&query(shape), &facts), *expected, "{} {} {shape}", facts.isa, facts.dtype);
    }
}

#[test]
fn avx512_f32() {
    check(
        Isa::Avx512.facts::<f32>(),
        &[
            // One tile of 12 x 32, one chunk; more of either is the loops.
            ("4x4x4", "tile"),
            ("12x256x32", "tile"),
            ("13x16x16", "tiles of 12, A in place, B in place"),
            ("12x257x32", "tiles of 12, A in place, B in place"),
            // Up to four columns behind a multiple of 16, where C has 32 rows.
            ("33x33x33", "tiles of 12, A in place, B in place, edge 1"),
            ("31x31x33", "tiles of 12, A in place, B in place"),
            ("36x40x36", "tiles of 12, A in place, B in place, edge 4"),
            ("37x40x37", "tiles of 12, A in place, B in place"),
            ("64x64x64", "tiles of 12, A in place, B in place"),
            // 1 MiB of B is all of L2, 2.25 MiB is not; rows 4 KiB apart alias.
            ("512x512x512", "tiles of 12, A in place, B in place"),
            ("768x768x768", "tiles of 12, A in place, B copied"),
            ("1024x1024x1024", "tiles of 8, A in place, B copied"),
            ("64x4096x64", "tiles of 8, A in place, B in place"),
            // Few columns over a row-contiguous A, if they fill 16 lanes.
            ("16x784x10", "rows"),
            ("50000x784x10", "rows"),
            ("15x784x10", "tiles of 12, A in place, B in place"),
            ("64x784x11", "tiles of 12, A in place, B in place"),
            // Few rows over a wide row-contiguous B: 8 vectors of it, 128 columns.
            ("8x2000x2000", "turned strips 4+4 by 6"),
            ("2x500x500", "turned strips 2+0 by 8"),
            ("8x100x100", "tiles of 12, A in place, B in place"),
            // One row of ten: 10 lanes of 16 as it is, one lane if it were turned.
            ("1x784x10", "tiles of 12, A in place, B in place"),
            ("5x784x10", "tiles of 12, A in place, B in place"),
            // Products with a vector, by the layout of the matrix.
            ("1x1500x1500", "turned column"),
            ("1x240x240", "turned column"),
            ("240x240x1/tnn", "column"),
            ("240x240x1", "rows"),
            ("1x240x240/ntn", "turned rows"),
            // Other layouts: a column-contiguous operand is copied, a column-contiguous C is turned.
            ("512x512x512/tnn", "tiles of 12, A copied, B in place"),
            ("512x512x512/ntn", "tiles of 12, A in place, B copied"),
            ("512x512x512/nnt", "turned tiles of 12, A copied, B copied"),
            ("512x512x512/ttt", "turned tiles of 12, A in place, B in place"),
        ],
    );
}

#[test]
fn avx512_f64() {
    check(
        Isa::Avx512.facts::<f64>(),
        &[
            ("12x256x16", "tile"),
            ("33x33x33", "tiles of 12, A in place, B in place, edge 1"),
            ("8x2000x2000", "turned strips 4+4 by 6"),
            ("8x784x10", "tiles of 12, A in place, B in place"),
            ("16x784x10", "rows"),
            ("1x784x10", "turned column"),
            ("1x1500x1500", "turned column"),
        ],
    );
}

#[test]
fn avx2() {
    check(
        Isa::Avx2.facts::<f32>(),
        &[
            ("6x256x16", "tile"),
            ("7x16x16", "tiles of 6, A in place, B in place"),
            ("33x33x33", "tiles of 6, A in place, B in place, edge 1"),
            // 9 columns behind a multiple of 16.
            ("57x57x57", "tiles of 6, A in place, B in place"),
            // Half of L2 is near; 24 panels of rows pay for a copy of B.
            ("48x48x48", "tiles of 6, A in place, B in place"),
            ("256x256x256", "tiles of 6, A in place, B copied"),
            // Tiles of few rows copy what aliases.
            ("512x1024x512", "tiles of 6, A copied, B copied"),
            ("1024x1024x1024", "tiles of 6, A copied, B copied"),
            ("8x2000x2000", "turned strips 4+4 by 3"),
            ("64x784x10", "rows"),
            ("1x784x10", "turned column"),
            ("1x1500x1500", "turned column"),
            ("240x240x1", "rows"),
        ],
    );
    check(
        Isa::Avx2.facts::<f64>(),
        &[("6x256x8", "tile"), ("33x33x33", "tiles of 6, A in place, B in place, edge 1")],
    );
}

#[test]
fn neon() {
    check(
        Isa::Neon.facts::<f32>(),
        &[
            ("12x256x8", "tile"),
            ("33x33x33", "tiles of 12, A in place, B in place, edge 1"),
            ("256x256x256", "tiles of 12, A in place, B in place"),
            ("1024x1024x1024", "tiles of 8, A in place, B copied"),
            ("8x2000x2000", "turned strips 4+4 by 6"),
            ("1x1500x1500", "turned column"),
            ("240x240x1", "rows"),
            ("1x784x10", "turned column"),
        ],
    );
}

/// No strips, and rows in lanes for a single column only.
#[test]
fn portable() {
    for isa in [Isa::PortableFma, Isa::Portable] {
        let facts = isa.facts::<f32>();
        check(
            facts,
            &[
                ("1x1500x1500", "turned column"),
                ("1500x1500x1/tnn", "column"),
                ("240x240x1", "rows"),
                ("1x240x240/ntn", "turned rows"),
                ("64x784x10", "tiles of 4, A in place, B in place"),
            ],
        );
        let few_rows = Plan::new(&query("8x2000x2000"), &facts, &CACHES);
        assert!(!few_rows.turned && matches!(few_rows.body, Path::Tiles(_)), "{few_rows:?}");
    }
    check(Isa::PortableFma.facts::<f32>(), &[("33x33x33", "tiles of 4, A in place, B in place, edge 1")]);
}

#[test]
fn threads_packed_and_fast() {
    let facts = Isa::Avx512.facts::<f32>();
    let on = |shape, threads| plan_of(&Query { threads, ..query(shape) }, &facts);
    assert_eq!(on("512x512x512", 2), "tiles of 12, A in place, B in place, 2 pieces");
    assert_eq!(on("50000x784x10", 2), "rows, 2 pieces");
    assert_eq!(on("8x2000x2000", 8), "turned strips 4+4 by 6, 8 pieces");
    // Less than twice the work of a piece.
    assert_eq!(on("64x64x64", 8), "tiles of 12, A in place, B in place");
    // A copy of A is shared by columns only if pieces keep 16 panels: 512 columns are 16.
    let cut = Plan::new(&Query { threads: 2, ..query("512x512x512/tnn") }, &facts, &CACHES).cut.unwrap();
    assert!(matches!(cut.halve((512, 512), 2), Some(Halves::Rows(252))), "{cut:?}");
    let cut = Plan::new(&Query { threads: 2, ..query("512x512x512") }, &facts, &CACHES).cut.unwrap();
    assert!(matches!(cut.halve((512, 512), 2), Some(Halves::Columns(256))), "{cut:?}");

    let packed = |shape, threads| plan_of(&Query { packed: true, threads, ..query(shape) }, &facts);
    assert_eq!(packed("512x512x512", 1), "tiles of 12, A in place, B packed");
    assert_eq!(packed("8x2000x2000", 1), "tiles of 12, A in place, B packed");
    assert_eq!(packed("33x33x33", 1), "tiles of 12, A in place, B packed");

    let fast = |shape| plan_of(&Query { summation: Summation::Fast, ..query(shape) }, &facts);
    assert_eq!(fast("100x1000x1"), "dot");
    assert_eq!(fast("4x1000x4/ntn"), "dot");
    assert_eq!(fast("4x1000x4"), "tiles of 12, A in place, B in place");
    assert_eq!(fast("512x512x512"), "tiles of 12, A in place, B in place");
}

#[test]
fn a_plan_has_words_and_reasons() {
    let facts = Isa::Avx512.facts::<f32>();
    let query = Query { threads: 2, ..query("33x33x33") };
    let plan = Plan::new(&query, &facts, &CACHES);
    let words = plan.to_string();
    assert!(words.contains("A in place, B in place") && words.contains("last column"), "{words}");
    let reasons: Vec<String> =
        plan.reasons(&query, &facts, &CACHES).iter().map(ToString::to_string).collect();
    for limit in ["pack_near_b_panels", "edge_columns", "piece_work"] {
        assert!(reasons.iter().any(|reason| reason.contains(limit)), "{limit}: {reasons:#?}");
    }
}

fn all_facts() -> Vec<Facts> {
    Isa::ALL.iter().flat_map(|isa| [isa.facts::<f32>(), isa.facts::<f64>()]).collect()
}

/// Rows and columns, each (start, length).
type Piece = ((usize, usize), (usize, usize));

/// The pieces of a cut as (rows, columns), each (start, length), and whether they hold the last columns.
fn pieces(cut: Option<Cut>, m: usize, n: usize) -> Vec<Piece> {
    fn split(cut: &Cut, pieces: usize, i: (usize, usize), j: (usize, usize), out: &mut Vec<Piece>) {
        let (one, two) = match cut.halve((i.1, j.1), pieces) {
            None => return out.push((i, j)),
            Some(Halves::Rows(at)) => (((i.0, at), j), ((i.0 + at, i.1 - at), j)),
            Some(Halves::Columns(at)) => ((i, (j.0, at)), (i, (j.0 + at, j.1 - at))),
        };
        split(cut, pieces / 2, one.0, one.1, out);
        split(cut, pieces - pieces / 2, two.0, two.1, out);
    }
    let mut out = Vec::new();
    match cut {
        None => out.push(((0, m), (0, n))),
        Some(cut) => split(&cut, cut.pieces, (0, m), (0, n), &mut out),
    }
    out
}

fn check_covers_c(q: &Query, facts: &Facts) {
    let plan = Plan::new(q, facts, &CACHES);
    let (m, n, a, b) = match plan.turned {
        true => (q.n, q.m, (q.b.1, q.b.0), (q.a.1, q.a.0)),
        false => (q.m, q.n, q.a, q.b),
    };
    let pieces = pieces(plan.cut, m, n);
    assert!(pieces.len() <= q.threads.max(1), "{} pieces for {} threads", pieces.len(), q.threads);
    // Pieces are apart and add up to C: each element is in exactly one.
    let area: usize = pieces.iter().map(|(i, j)| i.1 * j.1).sum();
    assert_eq!(area, m * n, "{plan:?}");
    for (x, (i, j)) in pieces.iter().enumerate() {
        assert!(i.1 > 0 && j.1 > 0 && i.0 + i.1 <= m && j.0 + j.1 <= n, "{plan:?}");
        for (k, l) in &pieces[..x] {
            let apart = |a: &(usize, usize), b: &(usize, usize)| a.0 + a.1 <= b.0 || b.0 + b.1 <= a.0;
            assert!(apart(i, k) || apart(j, l), "{plan:?}");
        }
        // An edge is what the last piece of columns has behind whole vectors.
        if j.0 + j.1 == n {
            assert!(plan.edge <= j.1, "{plan:?}");
        }
    }
    check_preconditions(&plan, q, facts, (m, n, a, b), &pieces);
}

/// What each path asks of its product, and of every piece.
fn check_preconditions(
    plan: &Plan,
    q: &Query,
    facts: &Facts,
    (m, n, a, b): (usize, usize, (isize, isize), (isize, isize)),
    pieces: &[Piece],
) {
    let each = |rows: usize| pieces.iter().all(|(i, _)| i.1 >= rows);
    let ok = match plan.body {
        Path::Tile => m <= facts.mr && n <= facts.nr() && q.k <= K_CHUNK && b.1 == 1 && !q.packed,
        Path::Tiles(t) => {
            (t.b != Source::InPlace || b.1 == 1)
                && (t.b == Source::Packed) == q.packed
                && (1..=facts.mr).contains(&t.rows)
                && (t.blocks.kc == q.k || t.blocks.kc % K_CHUNK == 0)
                && (t.b == Source::InPlace || t.blocks.nc % facts.nr() == 0)
        }
        Path::Rows => n <= facts.rows && a.1 == 1 && each(facts.group_rows(n)) && !q.packed,
        Path::Strips(s) => s.left + s.right == n && a.0 == 1 && facts.strips.contains(&s),
        Path::Column { block } => n == 1 && a.0 == 1 && block > 0,
        Path::Dot => q.summation == Summation::Fast && a.1 == 1 && b.0 == 1,
    };
    assert!(ok, "{plan:?} for {q:?} on {} {}", facts.isa, facts.dtype);
    assert!(
        plan.edge == 0 || (a.1 == 1 && plan.edge <= facts.rows && matches!(plan.body, Path::Tiles(_))),
        "{plan:?}"
    );
}

prop_compose! {
    /// m, k and n, small or not.
    fn sizes()(
        m in prop_oneof![1usize..70, 1usize..3000],
        k in prop_oneof![1usize..70, 1usize..3000],
        n in prop_oneof![1usize..70, 1usize..3000],
    ) -> (usize, usize, usize) {
        (m, k, n)
    }
}

/// Row and column stride of an nrows x ncols matrix in one of six layouts.
fn strides(nrows: usize, ncols: usize, layout: u8) -> (isize, isize) {
    let (r, c) = (nrows as isize, ncols as isize);
    let (rs, cs) = [(c, 1), (1, r), (c + 5, 1), (-c, -1), (3 * c, 3), (4096, 1)][usize::from(layout)];
    (if nrows == 1 { 1 } else { rs }, if ncols == 1 { 1 } else { cs })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 8 } else { 2000 }, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_covers_c_exactly_once(
        (m, k, n) in sizes(),
        layouts in prop::array::uniform3(0u8..6),
        threads in prop_oneof![1usize..9, 1usize..129],
        packed: bool,
        fast: bool,
    ) {
        let summation = if fast && !packed { Summation::Fast } else { Summation::Contract };
        let q = Query {
            m, k, n,
            a: strides(m, k, layouts[0]),
            // A packed B has no strides of its own.
            b: if packed { (1, 1) } else { strides(k, n, layouts[1]) },
            c: strides(m, n, layouts[2]),
            packed,
            summation,
            threads,
        };
        for facts in all_facts() {
            check_covers_c(&q, &facts);
        }
    }
}
