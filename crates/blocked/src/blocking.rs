use matmul_core::{K_CHUNK, Scalar};

use crate::MicroKernel;

/// How large the blocks are that the loops keep in each cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// Rows of a packed block of A, a multiple of MR. The block is MC × 256.
    pub mc: usize,
    /// Columns of a packed block of B, a multiple of NR.
    pub nc: usize,
    /// Depth of a packed block of B, a multiple of [`K_CHUNK`]. The block is KC × NC.
    pub kc: usize,
}

/// Half of the 512 KiB L2 of Zen 2 and 3, a quarter of Zen 4's and later cores' 1 MiB; the rest is for B's panels
/// and the rows of C that pass through.
const A_BLOCK_BYTES: usize = 256 << 10;
/// An eighth of a 32 MiB L3, so that it also fits the smaller share of a core in a busy socket.
const B_BLOCK_BYTES: usize = 4 << 20;

impl Blocking {
    /// The blocks for tiles of `U`: the depth first, because C is read and written once per KC, then as many
    /// columns and rows as fit.
    pub const fn of<T: Scalar, U: MicroKernel<T>>() -> Self {
        let kc = 4 * K_CHUNK;
        let nc = B_BLOCK_BYTES / (kc * size_of::<T>());
        let mc = A_BLOCK_BYTES / (K_CHUNK * size_of::<T>());
        Self { mc: mc - mc % U::MR, nc: nc - nc % U::NR, kc }
    }
}
