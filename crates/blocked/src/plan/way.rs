use super::cut::Cut;
use super::facts::Strips;

/// How a product is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether the transposed product is computed instead, Cᵀ ← α·Bᵀ·Aᵀ + β·Cᵀ. All that follows speaks of that.
    pub turned: bool,
    /// How C is cut for several threads, if it is.
    pub cut: Option<Cut>,
    /// The path of C, or of what its edge leaves.
    pub body: Path,
    /// The last columns of C that take a path of their own, with rows in lanes; 0 for none.
    pub edge: usize,
}

/// The ways to compute a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// One tile, one chunk of k, nothing copied.
    Tile,
    /// The loops over tiles.
    Tiles(Tiles),
    /// Rows of a row-contiguous A in the lanes, few columns of C.
    Rows,
    /// Strips of a column-contiguous A, few columns of C.
    Strips(Strips),
    /// A column-contiguous A times a vector.
    Column {
        /// Rows whose sums stay in L1.
        block: usize,
    },
    /// k in the lanes: outside the numeric contract.
    Dot,
}

/// What the loops over tiles copy, and in which blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Panels of A.
    pub a: Source,
    /// Panels of B.
    pub b: Source,
    /// Rows of A that a tile takes.
    pub rows: usize,
    /// Columns of B that it takes.
    pub columns: usize,
    /// Depth and columns of a packed block of B.
    pub blocks: Blocks,
}

/// Where tiles find an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Where it lies.
    InPlace,
    /// In panels that are copied first.
    Copied,
    /// In panels that the caller packed before.
    Packed,
}

/// The size of a packed block of B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Depth, a multiple of the contract's chunk unless it is all of k.
    pub kc: usize,
    /// Columns, a multiple of NR.
    pub nc: usize,
}
