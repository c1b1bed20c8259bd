//! How a product is cut into pieces for threads: C is halved by columns or rows until there is a piece for each; a C that is
//! too small for that leaves k, whose chunks are summed apart and folded in their order, with the same bits.

use matmul_core::{K_CHUNK, Summation};

use super::facts::Facts;
use super::query::Query;

/// A cut of a product into pieces, made by halving: what is left of the pieces is halved again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The most pieces.
    pub pieces: usize,
    /// Rows that a piece has a multiple of.
    pub row_unit: usize,
    /// Columns that a piece has a multiple of; 0 if columns are not cut.
    pub column_unit: usize,
    /// What is cut first.
    pub order: Order,
}

/// What is cut first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Columns, while each half keeps so many units: each piece then packs the columns of B that it needs and no other
    /// does, while all read the same A.
    Columns {
        /// Units that a half keeps.
        keep: usize,
    },
    /// Rows, while there are two units for each piece: they share what they need of a B that is packed already.
    Rows,
    /// Chunks of k, and C not at all: each piece sums its chunks, and the caller folds the sums into C in their order.
    Chunks,
}

/// Where C is halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halves {
    /// Into rows ..i and i..
    Rows(usize),
    /// Into columns ..j and j..
    Columns(usize),
}

/// The most pieces of k: the caller alone folds the sums of all of them.
const MOST_CHUNK_PIECES: usize = 16;

/// The most bytes of sums, whatever the limits say: what a caller may choose must not overflow.
const MOST_SUMS: usize = isize::MAX as usize / 2;

impl Cut {
    /// Of a path with rows in the lanes, in units of so many rows.
    pub(super) fn of_rows(query: &Query, facts: &Facts, row_unit: usize) -> Option<Self> {
        let pieces = pieces(query, facts)?;
        if let Some(cut) = Self::of_chunks(query, facts, query.m / row_unit, pieces) {
            return Some(cut);
        }
        let pieces = pieces.min(query.m / row_unit);
        (pieces > 1).then_some(Self { pieces, row_unit, column_unit: 0, order: Order::Rows })
    }

    /// Of the loops over tiles.
    pub(super) fn of_tiles(query: &Query, facts: &Facts, copies_a: bool) -> Option<Self> {
        let pieces = pieces(query, facts)?;
        let limits = &facts.limits;
        let units = query.m.div_ceil(facts.mr).saturating_mul(query.n.div_ceil(facts.nr()));
        if let Some(cut) = Self::of_chunks(query, facts, units, pieces) {
            return Some(cut);
        }
        let order = match (query.packed, copies_a) {
            (true, _) => Order::Rows,
            (false, false) => Order::Columns { keep: limits.piece_panels },
            (false, true) => Order::Columns { keep: limits.piece_panels_copied },
        };
        let cut = Self { pieces, row_unit: facts.mr, column_unit: facts.nr(), order };
        cut.halve((query.m, query.n), pieces).map(|_| cut)
    }

    /// Of k, where C has too few units for so many pieces, and k chunks enough for each.
    fn of_chunks(query: &Query, facts: &Facts, units: usize, pieces: usize) -> Option<Self> {
        let limits = &facts.limits;
        // Rows of C are folded as runs, by a function that an engine of tiles alone has not.
        let foldable = query.c.1 == 1 && !query.packed && facts.rows > 0;
        let few = units < pieces.saturating_mul(limits.chunks_below_units);
        if !foldable || !few || query.summation == Summation::Fast {
            return None;
        }
        let chunks = query.k.div_ceil(K_CHUNK);
        let sums = chunks.saturating_mul(query.m.saturating_mul(query.n)).saturating_mul(facts.size);
        let pieces = pieces.min(chunks / limits.piece_chunks.max(1)).min(MOST_CHUNK_PIECES);
        let cut = Self { pieces, row_unit: 0, column_unit: 0, order: Order::Chunks };
        (pieces > 1 && sums <= limits.most_block.min(MOST_SUMS)).then_some(cut)
    }

    /// Rows and columns that no piece of an m × n C has more of.
    pub(super) fn largest(&self, (mut m, mut n): (usize, usize)) -> (usize, usize) {
        let mut pieces = self.pieces;
        // The second half has no fewer units, but the last of them may be incomplete.
        while let Some(halves) = self.halve((m, n), pieces) {
            match halves {
                Halves::Rows(i) => m = i.max(m - i),
                Halves::Columns(j) => n = j.max(n - j),
            }
            pieces -= pieces / 2;
        }
        (m, n)
    }

    /// The product of a piece that is as large as any in rows and in columns, on its one thread.
    pub(super) fn largest_piece(&self, query: &Query) -> Query {
        let (m, n) = self.largest((query.m, query.n));
        Query { m, n, threads: 1, ..*query }
    }

    /// Where an m × n part of C is halved that `pieces` pieces are left for, the first half for `pieces / 2` of them;
    /// `None` if it is one piece, as in a cut of k.
    pub fn halve(&self, (m, n): (usize, usize), pieces: usize) -> Option<Halves> {
        if pieces < 2 {
            return None;
        }
        let units = |len: usize, unit: usize| if unit == 0 { 1 } else { len.div_ceil(unit) };
        let (rows, columns) = (units(m, self.row_unit), units(n, self.column_unit));
        // The first half takes its share of the units, and each half at least one.
        let at = |units: usize, unit: usize| (units * (pieces / 2) / pieces).clamp(1, units - 1) * unit;
        let by_rows = || Halves::Rows(at(rows, self.row_unit));
        let by_columns = || Halves::Columns(at(columns, self.column_unit));
        match self.order {
            Order::Columns { keep }
                if columns >= keep.max(1).saturating_mul(2) || (columns > 1 && rows < 2) =>
            {
                Some(by_columns())
            }
            Order::Columns { .. } => (rows > 1).then(by_rows),
            Order::Rows if rows > 1 && (columns < 2 || rows >= 2 * pieces.min(columns)) => Some(by_rows()),
            Order::Rows => (columns > 1).then(by_columns),
            Order::Chunks => None,
        }
    }
}

/// Pieces for a product: one for each thread, but none with too little work; `None` for one.
///
/// One for each thread: more would balance better when the system holds a thread up, but pieces copy panels of A and B
/// for themselves.
fn pieces(query: &Query, facts: &Facts) -> Option<usize> {
    if query.threads < 2 {
        return None;
    }
    let pieces = most_pieces(query, facts).min(query.threads);
    (pieces > 1).then_some(pieces)
}

/// The most pieces that a product is worth, however many threads there are; 1 if it is not worth two.
pub fn most_pieces(query: &Query, facts: &Facts) -> usize {
    // Small products are told apart without their work, which takes as long to compute as a tile of them.
    let small = (query.m | query.n | query.k) < 64 && facts.size <= 8;
    if small && facts.limits.piece_work >= 64 * 64 * 64 && !query.outside {
        return 1;
    }
    let (work, least) = (work(query, facts), least_work(query, facts));
    // The division takes as long as the rest of a small product's plan.
    if work < least.saturating_mul(2) { 1 } else { work / least }
}

/// What a product takes, in the units of [`Limits::piece_work`](super::Limits::piece_work): about a core's time, since it
/// computes about as many multiply-adds as it reads bytes from L3.
pub(super) fn work(q: &Query, facts: &Facts) -> usize {
    let area = |rows: usize, columns: usize| rows.saturating_mul(columns);
    let bytes = area(q.m, q.k)
        .saturating_add(area(q.k, q.n))
        .saturating_add(area(q.m, q.n))
        .saturating_mul(facts.size);
    let arithmetic = area(q.m, q.n).saturating_mul(q.k).saturating_mul(facts.size) / size_of::<f32>();
    arithmetic.max(bytes)
}

/// What a piece of it must take.
pub(super) fn least_work(q: &Query, facts: &Facts) -> usize {
    let limits = &facts.limits;
    if q.outside { limits.piece_work_outside } else { limits.piece_work }.max(1)
}
