//! A portable, cache-blocked, register-tiled matmul without intrinsics, and the framework that the SIMD and
//! parallel kernels share: the loops ([`gemm`]), generic over a register tile ([`MicroKernel`]).
//!
//! The hot loop is `chunk` in `tile.rs`; the loops around it are in `loops.rs`.
//!
//! ```
//! use matmul_blocked::Blocked;
//! use matmul_core::{BatchProblem, Kernel, MatMut, MatRef};
//!
//! let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
//! let mut c = [0.0f32; 4];
//! let (a, b) = (MatRef::from_row_major(&a, 2, 2)?, MatRef::from_row_major(&b, 2, 2)?);
//! Blocked::new().gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
//! assert_eq!(c, [19.0, 22.0, 43.0, 50.0]);
//! # Ok::<(), matmul_core::Error>(())
//! ```

mod arena;
mod blocking;
mod cache;
pub mod dot;
mod epilogue;
mod gemv;
mod lanes;
mod loops;
mod micro;
mod pack;
mod packed;
mod policy;
mod portable;
pub mod thin;
pub mod tile;
pub mod vector;

use matmul_core::{BatchProblem, Kernel, Problem, Promise, Scalar, TileShape};

pub use blocking::Blocking;
pub use cache::Caches;
pub use epilogue::{Bias, Epilogue, Identity};
pub use loops::{gemm, gemm_batch, gemm_one_tile, row_oriented};
pub use micro::{Fast, MicroKernel, PACK_SLACK, TileArgs};
pub use pack::pack_panel;
pub use packed::{PackedB, PackedRef, gemm_packed};
pub use policy::packs_a;
pub use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub use portable::PortableFma;

/// The sizes at which [`gemm`] with the tiles of `U` changes its way of working.
pub fn tile_shape<T: Scalar, U: MicroKernel<T>>() -> TileShape {
    let Blocking { nc, kc } = Blocking::of::<T, U>();
    // All rows of A are one block.
    TileShape { mr: U::MR, nr: U::NR, mc: U::MR, kc, nc }
}

/// The portable kernel, on the calling thread.
#[derive(Clone, Copy, Debug)]
pub struct Blocked {
    #[cfg(target_arch = "x86_64")]
    fma: Option<PortableFma>,
}

impl Blocked {
    /// With the CPU's fused multiply-add if it has one.
    pub fn new() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            fma: PortableFma::detect(),
        }
    }

    /// As compiled for any CPU of the target. Where that does not include a fused multiply-add (x86) every one is
    /// a call of the C library: the same bits, slowly.
    pub fn baseline() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            fma: None,
        }
    }
}

impl Default for Blocked {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar> Kernel<T> for Blocked {
    fn name(&self) -> &str {
        "blocked"
    }

    fn promise(&self) -> Promise {
        Promise::SameBits
    }

    fn tile_shape(&self) -> Option<TileShape> {
        Some(tile_shape::<T, Portable>())
    }

    fn run(&self, problem: Problem<'_, T>) {
        let blocking = Blocking::of::<T, Portable>();
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = self.fma {
            return gemm(kernel, blocking, problem);
        }
        gemm(Portable::detect(), blocking, problem);
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        let blocking = Blocking::of::<T, Portable>();
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = self.fma {
            return gemm_batch(kernel, blocking, batch);
        }
        gemm_batch(Portable::detect(), blocking, batch);
    }
}
