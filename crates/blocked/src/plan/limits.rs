//! Every threshold of the plan, in one place: a constant for each family of engines, and what would go wrong with
//! another value. The experiments behind them are in docs/performance.md, under the names given here.

/// Where a plan changes its mind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Panels of columns that a panel of A must meet before a copy of it pays ("Rows a multiple of 4 KiB apart"). With
    /// less, the copy takes longer than it saves.
    pub pack_a_panels: usize,
    /// Rows that lie a multiple of this many bytes apart, a power of two, fall into one set of L1 and evict each other.
    pub aliasing_bytes: usize,
    /// The most rows of an aliased A that are read in place at once, the ways of L1.
    pub aliased_rows: usize,
    /// Whether panels of an aliased A are copied all the same: where tiles have so few rows that the copies are cheap.
    pub copy_aliased: bool,
    /// Panels of rows that a panel of B must meet before a packed copy pays, while B is near: many, as reading in place
    /// costs little there ("B in place").
    pub pack_near_b_panels: usize,
    /// The same for a B that is not near or has aliased rows, which each panel of rows would fetch again from L3 or
    /// memory.
    pub pack_far_b_panels: usize,
    /// B is near up to this share of L2, in halves.
    pub near_halves_of_l2: usize,

    /// The most last columns of C that are left to rows in lanes beside tiles, and the fewest rows: a tile would be
    /// mostly empty for them, but with fewer rows so are the lanes ("Squares below 64").
    pub edge_columns: usize,
    /// See `edge_columns`.
    pub edge_rows: usize,
    /// Vectors of columns that the columns before such an edge are a multiple of. One, where a tile of one vector is as
    /// fast per vector as one of two: with chains enough to hide the latency of a multiply-add, 8.
    pub edge_vectors: usize,

    /// Vectors of rows from which strips beat tiles, which have half as many side by side ("Two to ten rows").
    pub strip_vectors: usize,
    /// The share of L1 for the sums of a product with a vector, in halves ("Matrix times vector").
    pub sums_halves_of_l1: usize,
    /// The most rows and columns of C that are dot products in `Summation::Fast`, unless C is a column.
    pub dot_side: usize,

    /// Depth of a packed block of B (KC), a multiple of the contract's chunk: a strip of C is fetched once for each
    /// block ("KC of four chunks").
    pub block_depth: usize,
    /// The share of L3 for a packed block, one n-th: a core in a busy socket has not all of it.
    pub block_of_l3: usize,
    /// What a block takes at least, where L3 is small or missing, in bytes.
    pub least_block: usize,
    /// What it takes at most: it is the memory for packing, per thread, in bytes.
    pub most_block: usize,

    /// The work that a piece must have to be worth handing from one thread of the pool to another ("Threads"): multiply-adds
    /// in f32, of which one of f64 is two, or bytes of the operands, if these are more. With less, a product on two threads
    /// is slower than on one.
    pub piece_work: usize,
    /// The same where the caller is outside the pool, whose threads then have to be woken.
    pub piece_work_outside: usize,
    /// Panels of columns that a piece should keep, so that a panel of A that was brought into L1 is used that often.
    pub piece_panels: usize,
    /// The same where panels of A are copied first, once for each piece.
    pub piece_panels_copied: usize,
    /// Units of C for each piece below which k is cut instead, if it is long enough ("Threads"): pieces of C would differ too
    /// much in size, or there would be too few.
    pub chunks_below_units: usize,
    /// Chunks of k that each of these pieces must have.
    pub piece_chunks: usize,
}

impl Limits {
    /// Tiles of few rows and one cache line of columns, 16 registers of 256 bits: AVX2, and the portable tile.
    pub const AVX2: Limits = Limits {
        pack_a_panels: 4,
        aliasing_bytes: 4096,
        aliased_rows: 8,
        copy_aliased: true,
        pack_near_b_panels: 24,
        pack_far_b_panels: 8,
        near_halves_of_l2: 1,
        edge_columns: 4,
        edge_rows: 32,
        edge_vectors: 2,
        strip_vectors: 8,
        sums_halves_of_l1: 1,
        dot_side: 8,
        block_depth: 1024,
        block_of_l3: 8,
        least_block: 1 << 20,
        most_block: 8 << 20,
        piece_work: 64 * 64 * 64,
        piece_work_outside: 2 << 20,
        piece_panels: 4,
        piece_panels_copied: 16,
        chunks_below_units: 4,
        piece_chunks: 4,
    };

    /// Tiles of many rows and two cache lines of columns, which are read in place for longer: AVX-512.
    pub const AVX512: Limits = Limits {
        copy_aliased: false,
        pack_near_b_panels: 64,
        near_halves_of_l2: 2,
        edge_vectors: 1,
        ..Limits::AVX2
    };

    /// Tiles of many rows and a part of a cache line of columns: NEON. By analogy with the other two; not measured on
    /// hardware.
    pub const NEON: Limits = Limits { copy_aliased: false, edge_vectors: 1, ..Limits::AVX2 };
}
