use matmul_core::{K_CHUNK, Scalar};

use crate::{Caches, MicroKernel};

/// How large the blocks are that the loops keep in each cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// Columns of a packed block of B, a multiple of NR.
    pub nc: usize,
    /// Depth of a packed block of B, a multiple of [`K_CHUNK`]. The block is KC × NC.
    pub kc: usize,
}

/// The share of L3 for a packed block of B: an eighth, so that it also fits the smaller share of a core in a busy
/// socket.
const SHARE_OF_L3: usize = 8;

/// What the block takes at least, where L3 is small or missing, and at most: it is the memory for packing, per
/// thread.
const B_BLOCK_BYTES: core::ops::RangeInclusive<usize> = 1 << 20..=8 << 20;

impl Blocking {
    /// The blocks for tiles of `U` on this machine.
    pub fn of<T: Scalar, U: MicroKernel<T>>() -> Self {
        Self::for_caches::<T, U>(Caches::get())
    }

    /// The blocks for tiles of `U`: the depth first, 4 chunks, because C is fetched once per KC; then as many
    /// columns as fit an eighth of L3: of 32 MiB 4 MiB = 1024 · 4 B · 1024 columns in f32, 512 in f64.
    pub fn for_caches<T: Scalar, U: MicroKernel<T>>(caches: Caches) -> Self {
        let kc = 4 * K_CHUNK;
        let bytes = (caches.l3 / SHARE_OF_L3).clamp(*B_BLOCK_BYTES.start(), *B_BLOCK_BYTES.end());
        let nc = bytes / (kc * size_of::<T>());
        Self { nc: nc - nc % U::NR, kc }
    }

    /// KC and NC for a k × n block, whatever the caller chose: KC in chunks, which fix the bits, and NC in panels,
    /// which fix the size of the memory for packing.
    pub(crate) fn rounded<T: Scalar, U: MicroKernel<T>>(self, k: usize, n: usize) -> (usize, usize) {
        (self.kc.clamp(1, k).next_multiple_of(K_CHUNK).min(k), self.nc.clamp(1, n).next_multiple_of(U::NR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Portable;

    #[test]
    fn blocks_follow_the_l3() {
        let of = |l3: usize| Blocking::for_caches::<f32, Portable>(Caches { l3, ..Caches::FALLBACK });
        assert_eq!(of(32 << 20), Blocking { kc: 1024, nc: 1024 });
        // None, and one larger than any memory that should go to packing.
        assert_eq!(of(0).nc, 256);
        assert_eq!(of(1 << 30).nc, 2048);
    }
}
