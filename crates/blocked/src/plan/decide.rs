use matmul_core::{K_CHUNK, Sizes, Summation};

use super::caches::Caches;
use super::cut::Cut;
use super::facts::{DOT_ROWS, DOT_VECTORS, Facts, GROUPS};
use super::query::Query;
use super::way::{Blocks, Path, Plan, Source, Tiles};

impl Plan {
    /// The plan of a product on an engine with these facts and a machine with these caches.
    #[inline]
    pub fn new(query: &Query, facts: &Facts, caches: &Caches) -> Self {
        if is_tile(query, facts) {
            return Self { turned: false, cut: None, body: Path::Tile, edge: 0 };
        }
        // Another query is made only where it differs: copying one right after its numbers were written would wait for
        // their stores, as long as a small product's plan takes (docs/performance.md, "Squares below 64").
        if !query.packed && query.m.min(query.n) <= few(query, facts) {
            // Few rows of C over a column-contiguous B are few columns of its transpose over a row-contiguous A.
            let turned = query.m < query.n;
            let query = if turned { &query.turned() } else { query };
            if let Some(body) = thin(query, facts, caches) {
                let cut = Cut::of_rows(query, facts, body.unit(query, facts));
                return Self { turned, cut, body, edge: 0 };
            }
        }
        let turned = !query.packed && turns_for_tiles(query);
        let query = if turned { &query.turned() } else { query };
        let cut = Cut::of_tiles(query, facts, copies_a(query, facts));
        // What is copied is decided for a piece: it is the piece that has to repay the copy.
        let piece = if let Some(cut) = cut { &cut.largest_piece(query) } else { query };
        // The last columns of C are the same in every cut.
        let edge = edge(piece, query.n, facts);
        let left = if edge > 0 { &Query { n: body(piece.n, query.n, edge), ..*piece } } else { piece };
        let mut tiles = tiles(left, facts, caches);
        if edge > 0 || query.n & (facts.lanes - 1) != 0 {
            // The last piece, or one that is too short for the edge, has a last vector that is not full.
            tiles.rows = tiles.rows.min(facts.mr);
        }
        Self { turned, cut, body: Path::Tiles(tiles), edge }
    }
}

/// Whether the whole is one tile and one chunk of k.
pub(super) fn is_tile(q: &Query, facts: &Facts) -> bool {
    let (rows, columns) = facts.tile_for(q.n);
    let fits = q.m <= rows && q.n <= columns && q.k <= K_CHUNK;
    fits && q.b.1 == 1 && q.c.1 == 1 && !q.packed
}

/// The most columns (or rows) of C that a path of its own may take.
pub(super) fn few(q: &Query, facts: &Facts) -> usize {
    if facts.rows == 0 {
        return 0;
    }
    let contract = facts.rows.max(1 + facts.strips.len());
    match q.summation {
        Summation::Contract => contract,
        Summation::Fast => contract.max(facts.limits.dot_side),
    }
}

/// The path of a product with few columns of C, if it has one of its own.
fn thin(q: &Query, facts: &Facts, caches: &Caches) -> Option<Path> {
    let limits = &facts.limits;
    if q.summation == Summation::Fast && is_dot(q, facts) {
        return Some(Path::Dot);
    }
    let columns_of_a = q.a.0 == 1 && q.a.1 != 1;
    if !columns_of_a {
        let enough = q.a.1 == 1 && q.m >= facts.group_rows(q.n);
        return (q.n <= facts.rows && enough).then_some(Path::Rows);
    }
    if q.n == 1 {
        let block = ((caches.l1d / 2).saturating_mul(limits.sums_halves_of_l1) / facts.size).max(facts.lanes);
        return (q.m >= facts.lanes).then_some(Path::Column { block });
    }
    let strips = facts.strips.get(q.n - 2)?;
    (q.m >= limits.strip_vectors.saturating_mul(facts.lanes)).then_some(Path::Strips(*strips))
}

/// Whether C is a column or small, rows of A and columns of B are contiguous, and k is long enough to fill the
/// accumulators (twice, where each is used once only).
fn is_dot(q: &Query, facts: &Facts) -> bool {
    let side = facts.limits.dot_side;
    let small = q.n == 1 || (q.m <= side && q.n <= side);
    let long = if q.n == 1 { facts.lanes } else { 2 * DOT_VECTORS * facts.lanes };
    small && q.k >= long && q.a.1 == 1 && q.b.0 == 1
}

/// Whether tiles compute the transpose: they want contiguous rows of C; where C has one row or one column only, both
/// ways have them, and the one is better whose lanes are filled without a copy.
pub(super) fn turns_for_tiles(q: &Query) -> bool {
    if q.m == 1 {
        return false;
    }
    if q.n == 1 { q.a.0 == 1 && q.a.1 != 1 } else { q.c.1 != 1 && q.c.0 == 1 }
}

/// The columns of the widest piece, n of C's, that are left to tiles: where columns are cut, it need not be the one with the
/// edge.
pub(super) fn body(n: usize, whole: usize, edge: usize) -> usize {
    if n == whole { n - edge } else { n }
}

/// What the loops over tiles copy.
#[inline(always)]
fn tiles(q: &Query, facts: &Facts, caches: &Caches) -> Tiles {
    let a = if copies_a(q, facts) { Source::Copied } else { Source::InPlace };
    let b = match (q.packed, copies_b(q, facts, caches)) {
        (true, _) => Source::Packed,
        (false, true) => Source::Copied,
        (false, false) => Source::InPlace,
    };
    let (rows, columns) = match b {
        // Panels are as wide as they are.
        Source::Packed => (facts.mr, facts.nr()),
        // A B that is not near is read once instead of twice.
        Source::InPlace if fits_narrow(q, facts) && !stays(q, facts, caches) => (facts.narrow, facts.lanes),
        _ => facts.tile_for(q.n),
    };
    let rows = match a {
        Source::InPlace if aliased(q.a.0, facts) => rows.min(facts.limits.aliased_rows.max(1)),
        _ => rows,
    };
    let blocks = match b {
        Source::InPlace => Blocks { kc: q.k, nc: q.n },
        _ => blocks(facts, caches).within(q.k, q.n, columns),
    };
    Tiles { a, b, rows, columns, blocks }
}

/// Whether panels of A are copied before use: when its columns are not contiguous, each step of k would touch a cache
/// line of its own; when its rows alias in L1, they would not stay there.
pub(super) fn copies_a(q: &Query, facts: &Facts) -> bool {
    let limits = &facts.limits;
    let hostile = q.a.1.unsigned_abs() != 1 || (limits.copy_aliased && aliased(q.a.0, facts));
    hostile && more_than(q.n, limits.pack_a_panels.saturating_sub(1), facts.nr())
}

/// Whether B is copied into panels: when its rows are not contiguous, which tiles need, or when it is used often
/// enough.
pub(super) fn copies_b(q: &Query, facts: &Facts, caches: &Caches) -> bool {
    let limits = &facts.limits;
    let enough = if stays(q, facts, caches) { limits.pack_near_b_panels } else { limits.pack_far_b_panels };
    q.b.1 != 1 || more_than(q.m, enough.saturating_sub(1), facts.mr)
}

/// Whether tiles of one vector, all of them full, have room for all rows, and others have not.
fn fits_narrow(q: &Query, facts: &Facts) -> bool {
    q.m > facts.mr && q.m <= facts.narrow && q.n & (facts.lanes - 1) == 0
}

/// Whether B stays in the caches from one panel of rows to the next, while it is read in place.
pub(super) fn stays(q: &Query, facts: &Facts, caches: &Caches) -> bool {
    !aliased(q.b.0, facts) && is_near(q, facts, caches)
}

/// Whether B fits L2.
fn is_near(q: &Query, facts: &Facts, caches: &Caches) -> bool {
    bytes_of_b(q, facts) <= (caches.l2 / 2).saturating_mul(facts.limits.near_halves_of_l2)
}

/// Bytes of B.
pub(super) fn bytes_of_b(q: &Query, facts: &Facts) -> usize {
    q.k.saturating_mul(q.n).saturating_mul(facts.size)
}

/// Whether the rows fall into one set of L1.
pub(super) fn aliased(rs: isize, facts: &Facts) -> bool {
    // A power of two: a division would take as long as the rest of a small product's plan.
    rs.unsigned_abs().wrapping_mul(facts.size) & facts.limits.aliasing_bytes.wrapping_sub(1) == 0
}

/// Whether `len` has more than `panels` panels. No division: it takes longer than a small product's plan.
fn more_than(len: usize, panels: usize, width: usize) -> bool {
    len > panels.saturating_mul(width)
}

/// What the columns before an edge are a multiple of: a part of NR, since a cut may leave a piece with the columns after
/// a multiple of NR and no others, and the edge must lie in it. A power of two, as the lanes are.
pub(super) fn edge_step(facts: &Facts) -> usize {
    let vectors = facts.limits.edge_vectors;
    let divides = vectors.is_power_of_two() && facts.vectors & (vectors - 1) == 0;
    if divides { vectors * facts.lanes } else { facts.lanes }
}

/// The last of C's n columns that a tile would be mostly empty for, if rows in lanes are better for them in a piece.
fn edge(q: &Query, n: usize, facts: &Facts) -> usize {
    let limits = &facts.limits;
    let step = edge_step(facts);
    // A mask, no division.
    let edge = n & (step - 1);
    let most = limits.edge_columns.min(facts.rows);
    // Every lane needs a row.
    let rows = limits.edge_rows.max(facts.group_rows(edge));
    let few = edge <= most && n > step && q.m >= rows;
    if few && q.a.1 == 1 && !q.packed { edge } else { 0 }
}

/// The largest blocks of B: the depth first, because C is fetched once for each; then as many columns as fit the share
/// of L3.
#[inline(always)]
fn blocks(facts: &Facts, caches: &Caches) -> Blocks {
    let limits = &facts.limits;
    let kc = limits.block_depth.max(K_CHUNK);
    let bytes = (caches.l3 / limits.block_of_l3.max(1)).max(limits.least_block).min(limits.most_block);
    let nc = bytes / kc.saturating_mul(facts.size);
    Blocks { kc, nc: (nc - nc % facts.nr()).max(facts.nr()) }
}

impl Blocks {
    /// For a k × n B: depth in chunks, which fix the bits, and columns in panels, which fix the memory for packing.
    #[inline(always)]
    fn within(self, k: usize, n: usize, nr: usize) -> Self {
        Self {
            kc: self.kc.clamp(1, k).next_multiple_of(K_CHUNK).min(k),
            nc: self.nc.clamp(1, n).next_multiple_of(nr),
        }
    }
}

impl Path {
    /// Rows of C that a piece of another thread should have a multiple of.
    fn unit(&self, q: &Query, facts: &Facts) -> usize {
        match self {
            Path::Tile | Path::Tiles(_) => facts.mr,
            Path::Rows if q.n == 1 => GROUPS * facts.across,
            Path::Rows => facts.lanes,
            Path::Strips(strips) => strips.vectors * facts.lanes,
            // Whole cache lines of C.
            Path::Column { .. } => facts.nr(),
            Path::Dot => DOT_ROWS,
        }
    }
}

/// The sizes at which these facts make a plan change, for a kit that aims at them.
pub fn sizes(facts: &Facts, caches: &Caches) -> Sizes {
    let Blocks { kc, nc } = blocks(facts, caches);
    // All rows of A are one block.
    Sizes { mr: facts.mr, nr: facts.nr(), mc: facts.mr, kc, nc }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portable_fma_facts;

    const CACHES: Caches = Caches::FALLBACK;

    fn with(change: impl Fn(&mut Facts)) -> Facts {
        let mut facts = portable_fma_facts::<f32>();
        change(&mut facts);
        facts
    }

    /// A piece may be the columns after the last whole tile, here one: an edge of nine would begin before it.
    #[test]
    fn an_edge_lies_in_the_last_piece() {
        for vectors in 0..=8 {
            for of_tile in 1..=4 {
                let facts = with(|facts| {
                    (facts.lanes, facts.vectors, facts.rows) = (4, of_tile, 10);
                    (facts.limits.edge_vectors, facts.limits.edge_columns) = (vectors, 10);
                });
                for n in 11..200 {
                    let plan = Plan::new(&Query::row_major(100, 100, n), &facts, &CACHES);
                    let last = (n - 1) % facts.nr() + 1;
                    assert!(plan.edge <= last, "{n} columns, {vectors} vectors: {plan:#}");
                }
            }
        }
    }

    #[test]
    fn an_engine_without_a_least_piece_is_cut_all_the_same() {
        let facts = with(|facts| (facts.mr, facts.limits.piece_panels) = (4, 0));
        // One panel of columns cannot be halved.
        let query = Query { threads: 4, ..Query::row_major(1000, 1000, 12) };
        let plan = Plan::new(&query, &facts, &CACHES);
        assert_eq!(plan.cut.map(|cut| cut.largest((1000, 12))), Some((252, 12)), "{plan:#}");
    }
}
