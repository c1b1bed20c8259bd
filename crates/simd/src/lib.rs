//! Hand-written engines for AVX2 + FMA, AVX-512F and NEON in the loops of `matmul-blocked`, chosen once at
//! run time.
//!
//! `MATMUL_MAX_ISA=avx2`, or another name of [`Isa::ALL`], forces a lower instruction set; `MATMUL_REQUIRE=avx512` makes a
//! missing one an error. The result's bits are the same on every one of them.
//!
//! Each instruction set is one file (`avx2.rs`, `avx512.rs`, `neon.rs`: its vectors, and the engines that are stamped on
//! them), its `mod` line below, and one line of the table below; docs/new-kernel.md has the steps. The hot loop is
//! written once for all of them, in `matmul-blocked`'s `paths/tile.rs`.
//!
//! ```
//! use matmul_simd::{Kernel, MatMut, MatRef, Simd};
//!
//! let (a, b) = ([1.0f64, 2.0, 3.0, 4.0], [5.0f64, 6.0, 7.0, 8.0]);
//! let mut c = [0.0f64; 4];
//! let (a, b) = (MatRef::from_row_major(&a, 2, 2)?, MatRef::from_row_major(&b, 2, 2)?);
//! Simd::new().gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
//! assert_eq!(c, [19.0, 22.0, 43.0, 50.0]);
//! # Ok::<(), matmul_simd::Error>(())
//! ```

#[macro_use]
mod table;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(target_arch = "x86_64", has_avx512))]
#[allow(clippy::incompatible_msrv, reason = "left out where the compiler is older: build.rs")]
mod avx512;
mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod probe;

use matmul_blocked::plan::{Limits, Strips};
use matmul_blocked::{Engines, Serial, portable, portable_facts, portable_fma_facts};
use matmul_core::{Availability, BatchProblem, Element, Promise, Sizes, Summation};
use table::facts;

pub use isa::UnknownIsa;
pub use matmul_blocked::plan;
pub use matmul_core::{BatchMut, BatchRef, Error, Kernel, MatMut, MatRef, Matrix, Problem};

isa_table! {
    Portable = "portable", "nothing", portable_facts::<T>(), Some(portable());
    #[cfg(target_arch = "x86_64")]
    PortableFma = "portable-fma", "an x86-64 CPU with AVX2 and FMA", portable_fma_facts::<T>(),
        matmul_blocked::portable_fma();
    #[cfg(target_arch = "x86_64")]
    Avx2 = "avx2", "an x86-64 CPU with AVX2 and FMA",
        facts::<T>("avx2", 32, 32, (12, 6, 0), Strips::OF_16, Limits::AVX2), crate::avx2::engines();
    #[cfg(all(target_arch = "x86_64", has_avx512))]
    Avx512 = "avx512", "an x86-64 CPU with AVX-512F, AVX-512VL, AVX2 and FMA",
        facts::<T>("avx512", 64, 32, (16, 12, 8), Strips::OF_32, Limits::AVX512), crate::avx512::engines();
    #[cfg(target_arch = "aarch64")]
    Neon = "neon", "an AArch64 CPU with NEON",
        facts::<T>("neon", 16, 16, (12, 12, 0), Strips::OF_32, Limits::NEON), crate::neon::engines();
}

/// The SIMD kernel on the calling thread.
///
/// ```
/// use matmul_simd::{Isa, Kernel, Simd};
///
/// let best = Simd::new();
/// assert_eq!(best.isa(), Isa::best().ok());
/// let portable = Simd::with_isa(Isa::Portable);
/// assert_eq!(Kernel::<f32>::name(&portable), "simd-portable");
/// assert_eq!(Kernel::<f32>::name(&best.fast()), "simd-fast");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Simd {
    isa: Isa,
    engines: Result<&'static Engines, &'static str>,
    name: &'static str,
    summation: Summation,
}

impl Simd {
    /// With the best instruction set of this CPU, within what `MATMUL_MAX_ISA` allows.
    pub fn new() -> Self {
        let (isa, engines) = match Isa::best() {
            Ok(isa) => (isa, isa.engines().ok_or(isa.needs())),
            Err(needs) => (Isa::Portable, Err(needs)),
        };
        Self { isa, engines, name: "simd", summation: Summation::Contract }
    }

    /// With one instruction set; the kernel is unavailable if the CPU lacks it.
    pub fn with_isa(isa: Isa) -> Self {
        let engines = isa.engines().ok_or(isa.needs());
        Self { isa, engines, name: isa.kernel_name(), summation: Summation::Contract }
    }

    /// The same in [`Summation::Fast`], named `simd-fast`: outside the numeric contract.
    pub fn fast(self) -> Self {
        Self { name: "simd-fast", summation: Summation::Fast, ..self }
    }

    /// The instruction set that it uses, unless it is unavailable.
    pub fn isa(&self) -> Option<Isa> {
        self.engines.is_ok().then_some(self.isa)
    }

    /// The engines that it uses, unless it is unavailable: for kernels that bring threads of their own.
    #[inline(always)]
    pub fn engines(&self) -> Option<&'static Engines> {
        self.engines.ok()
    }

    /// The order of summation.
    #[inline(always)]
    pub fn summation(&self) -> Summation {
        self.summation
    }
}

impl Default for Simd {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Element> Kernel<T> for Simd {
    fn name(&self) -> &str {
        self.name
    }

    #[inline]
    fn availability(&self) -> Availability {
        Engines::availability::<T>(self.engines)
    }

    fn promise(&self) -> Promise {
        self.summation.promise()
    }

    fn sizes(&self) -> Option<Sizes> {
        Some(self.engines()?.of::<T>()?.sizes())
    }

    #[inline]
    fn run(&self, problem: Problem<'_, T>) {
        Engines::gemm(self.engines(), problem, self.summation, &Serial);
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        Engines::gemm_batch(self.engines(), batch, self.summation, &Serial);
    }
}
