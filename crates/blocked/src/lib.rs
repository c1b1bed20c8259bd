//! A portable, cache-blocked, register-tiled matmul without intrinsics, and the framework that the SIMD and
//! parallel kernels share.
//!
//! A product goes three steps: [`plan`] decides, once, from its shape; [`run`](run_f32) carries the plan out; and the
//! functions of an [`Engine`], one per instruction set and element type, compute. The hot loop is `chunk` in
//! `paths/tile.rs`; the loops around it are in `paths/tiles.rs`.
//!
//! ```
//! use matmul_blocked::{Blocked, Kernel, MatMut, MatRef};
//!
//! let (a, b) = ([1.0f32, 2.0, 3.0, 4.0], [5.0f32, 6.0, 7.0, 8.0]);
//! let mut c = [0.0f32; 4];
//! let (a, b) = (MatRef::from_row_major(&a, 2, 2)?, MatRef::from_row_major(&b, 2, 2)?);
//! Blocked::new().gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
//! assert_eq!(c, [19.0, 22.0, 43.0, 50.0]);
//! # Ok::<(), matmul_blocked::Error>(())
//! ```

mod engine;
mod epilogue;
mod memory;
mod paths;
pub mod plan;
mod portable;
#[doc(hidden)]
pub mod probe;
mod raw;
mod run;
#[doc(hidden)]
pub mod stamp;
pub mod vector;
mod work;

use matmul_core::{Availability, BatchProblem, Element, Promise, Sizes, Summation};

pub use engine::{Engine, Engines, FoldFn, Functions, RestFn, RowsFn, StripFn, TileFn};
pub use epilogue::{Bias, Clamp, Epilogue, Identity, Relu, finish};
pub use matmul_core::{BatchMut, BatchRef, Error, Kernel, MatMut, MatRef, Matrix, Problem};
pub use memory::arena::release_memory;
pub use memory::pack::{PackFn, SLACK as PACK_SLACK, pack_panel, panel};
pub use memory::panels::{PackedB, PackedProblem};
pub use paths::update::Run;
#[cfg(target_arch = "x86_64")]
pub use portable::portable_fma;
pub use portable::{portable, portable_facts, portable_fma_facts};
pub use raw::{Raw, Span};
pub use run::{run, run_f32, run_f64};
pub use work::{Join, Serial, Work};

/// The portable kernel, on the calling thread.
///
/// ```
/// use matmul_blocked::{Blocked, Kernel};
///
/// assert_eq!(Kernel::<f32>::name(&Blocked::new()), "blocked");
/// assert!(Blocked::baseline().engines().of::<f64>().is_some());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Blocked {
    engines: &'static Engines,
}

impl Blocked {
    /// With the CPU's fused multiply-add if it has one.
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(engines) = portable_fma() {
            return Self { engines };
        }
        Self::baseline()
    }

    /// As compiled for any CPU of the target. Where that does not include a fused multiply-add (x86) every one is
    /// a call: the same bits, slowly.
    pub fn baseline() -> Self {
        Self { engines: portable() }
    }

    /// The engines that it uses: for kernels that bring threads of their own.
    pub fn engines(&self) -> &'static Engines {
        self.engines
    }
}

impl Default for Blocked {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Element> Kernel<T> for Blocked {
    fn name(&self) -> &str {
        "blocked"
    }

    fn availability(&self) -> Availability {
        Engines::availability::<T>(Ok(self.engines))
    }

    fn promise(&self) -> Promise {
        Promise::SameBits
    }

    fn sizes(&self) -> Option<Sizes> {
        Some(self.engines.of::<T>()?.sizes())
    }

    #[inline]
    fn run(&self, problem: Problem<'_, T>) {
        Engines::gemm(Some(self.engines), problem, Summation::Contract, &Serial);
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        Engines::gemm_batch(Some(self.engines), batch, Summation::Contract, &Serial);
    }
}
