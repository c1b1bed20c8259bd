use matmul_core::{K_CHUNK, Scalar};

use crate::MicroKernel;

/// How large the blocks are that the loops keep in each cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// Columns of a packed block of B, a multiple of NR.
    pub nc: usize,
    /// Depth of a packed block of B, a multiple of [`K_CHUNK`]. The block is KC × NC.
    pub kc: usize,
}

/// An eighth of a 32 MiB L3, so that it also fits the smaller share of a core in a busy socket. It bounds the
/// memory for packing, per thread.
const B_BLOCK_BYTES: usize = 4 << 20;

impl Blocking {
    /// The blocks for tiles of `U`: the depth first, because C is fetched once per KC, then as many columns as
    /// fit.
    pub const fn of<T: Scalar, U: MicroKernel<T>>() -> Self {
        let kc = 4 * K_CHUNK;
        let nc = B_BLOCK_BYTES / (kc * size_of::<T>());
        Self { nc: nc - nc % U::NR, kc }
    }
}
