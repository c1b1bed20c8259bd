//! What a plan knows of an engine: sizes, and which paths it has.

use super::limits::Limits;

/// An engine in numbers. They are the same on every host, so that the plan of any instruction set can be asked for and
/// tested anywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// The instruction set: `avx2`.
    pub isa: &'static str,
    /// The element type of A and B: `f32`.
    pub dtype: &'static str,
    /// Bytes of an element of A and B.
    pub size: usize,
    /// Elements of a vector.
    pub lanes: usize,
    /// Elements of the vector that is loaded across rows for a product with a single column: the widest is not always
    /// the fastest.
    pub across: usize,
    /// Rows of a full tile (MR).
    pub mr: usize,
    /// Vectors of columns of a full tile; NR is `vectors * lanes`.
    pub vectors: usize,
    /// Rows of a tile with one full vector of columns, which leaves registers for more of them than MR.
    pub narrow: usize,
    /// Rows of a tile with one vector of columns more than `vectors`; 0 if there is none.
    pub wide: usize,
    /// The most columns of C that the engine takes with rows of A in the lanes. 0 if it has tiles and nothing else; an
    /// engine with any has products with a vector in both layouts, and dot products.
    pub rows: usize,
    /// How strips take 2, 3, .. columns of C; empty if the engine has none.
    pub strips: &'static [Strips],
    /// The thresholds.
    pub limits: Limits,
}

/// How many columns of C a strip of a column-contiguous A is multiplied with, and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strips {
    /// Columns of the first part.
    pub left: usize,
    /// Columns of the second part; 0 if there is one part only.
    pub right: usize,
    /// Vectors of rows side by side.
    pub vectors: usize,
}

/// Room for one tile of a C whose rows are not contiguous: no tile has more elements.
pub const STAGE: usize = 32 * 32;

/// Groups of rows side by side for a product with a vector, with rows in the lanes: as many chains of multiply-adds, of
/// which one alone would wait for its latency.
pub const GROUPS: usize = 4;

/// Rows of A, and vectors of each, that dot products take side by side: 8 chains for 10 loads.
pub const DOT_ROWS: usize = 4;
/// See [`DOT_ROWS`].
pub const DOT_VECTORS: usize = 2;

const fn strips(left: usize, right: usize, vectors: usize) -> Strips {
    Strips { left, right, vectors }
}

impl Strips {
    /// For 32 registers: 2 to 10 columns.
    pub const OF_32: &'static [Strips] = &[
        strips(2, 0, 8),
        strips(3, 0, 8),
        strips(4, 0, 6),
        strips(5, 0, 4),
        strips(6, 0, 4),
        strips(4, 3, 6),
        strips(4, 4, 6),
        strips(5, 4, 4),
        strips(5, 5, 4),
    ];

    /// For 16 registers: 2 to 10 columns.
    pub const OF_16: &'static [Strips] = &[
        strips(2, 0, 6),
        strips(3, 0, 4),
        strips(4, 0, 3),
        strips(3, 2, 4),
        strips(3, 3, 4),
        strips(4, 3, 3),
        strips(4, 4, 3),
        strips(5, 4, 2),
        strips(5, 5, 2),
    ];
}

impl Facts {
    /// Columns of a full tile.
    #[inline(always)]
    pub const fn nr(&self) -> usize {
        self.vectors * self.lanes
    }

    /// The largest tile for a C of n columns whose B is read in place: rows and columns. One that takes all columns is
    /// worth fewer rows.
    #[inline(always)]
    pub const fn tile_for(&self, n: usize) -> (usize, usize) {
        if n == self.lanes {
            (self.narrow, self.lanes)
        } else if n < self.lanes {
            // Masks make each instance large, so that there are fewer.
            (self.mr, self.lanes)
        } else if n > self.nr() && n <= self.nr() + self.lanes && self.wide > 0 {
            (self.wide, self.nr() + self.lanes)
        } else {
            (self.mr, self.nr())
        }
    }

    /// Rows of a group, for rows of A in the lanes and n columns of C.
    #[inline(always)]
    pub const fn group_rows(&self, n: usize) -> usize {
        if n == 1 { self.across } else { self.lanes }
    }

    /// The last columns that keep a path of their own in a piece with m rows, where the plan of the whole has `edge`: a
    /// cut by rows may leave a piece with fewer rows than lanes, and tiles then take all of its columns.
    #[inline(always)]
    pub const fn edge_of_piece(&self, m: usize, edge: usize) -> usize {
        if m >= self.group_rows(edge) { edge } else { 0 }
    }
}
