//! Hand-written micro-kernels for AVX2 + FMA, AVX-512F and NEON in the loops of `matmul-blocked`, chosen once at
//! run time.
//!
//! `MATMUL_MAX_ISA=portable|portable-fma|avx2|avx512|neon` forces a lower instruction set;
//! `MATMUL_REQUIRE=avx512` makes a missing one an error. The result's bits are the same on every one of them.
//!
//! Each instruction set is one file (`avx2.rs`, `avx512.rs`, `neon.rs`: a register of floats) and one line of the
//! table in `dispatch.rs`. The hot loop is written once for all of them, in `matmul-blocked`'s `tile.rs`.
//!
//! ```
//! use matmul_core::{Kernel, MatMut, MatRef};
//! use matmul_simd::Simd;
//!
//! let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
//! let mut c = [0.0f64; 4];
//! let (a, b) = (MatRef::from_row_major(&a, 2, 2)?, MatRef::from_row_major(&b, 2, 2)?);
//! Simd::new().gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
//! assert_eq!(c, [19.0, 22.0, 43.0, 50.0]);
//! # Ok::<(), matmul_core::Error>(())
//! ```

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dispatch;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod probe;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod stamp;

use matmul_blocked::{Blocking, Fast, MicroKernel, gemm, gemm_batch, gemm_one_tile, tile_shape};
use matmul_core::{Availability, BatchProblem, Kernel, Order, Problem, Promise, Scalar, TileShape};

pub use dispatch::{Element, Isa, UnknownIsa, Visitor};

/// The SIMD kernel on the calling thread.
#[derive(Clone, Copy, Debug)]
pub struct Simd {
    isa: Result<Isa, &'static str>,
    name: &'static str,
    order: Order,
}

impl Simd {
    /// With the best instruction set of this CPU, within what `MATMUL_MAX_ISA` allows.
    #[inline]
    pub fn new() -> Self {
        Self { isa: Isa::best(), name: "simd", order: Order::Contract }
    }

    /// With one instruction set; the kernel is unavailable if the CPU lacks it.
    pub fn with_isa(isa: Isa) -> Self {
        let name = match isa {
            Isa::Portable => "simd-portable",
            Isa::PortableFma => "simd-portable-fma",
            Isa::Avx2 => "simd-avx2",
            Isa::Avx512 => "simd-avx512",
            Isa::Neon => "simd-neon",
        };
        Self {
            isa: if isa.is_available() { Ok(isa) } else { Err(isa.needs()) },
            name,
            order: Order::Contract,
        }
    }

    /// The same in [`Order::Fast`], named `simd-fast`: outside the numeric contract.
    pub fn fast(self) -> Self {
        Self { name: "simd-fast", order: Order::Fast, ..self }
    }

    /// The instruction set that it uses, unless it is unavailable.
    pub fn isa(&self) -> Option<Isa> {
        self.isa.ok()
    }
}

impl Default for Simd {
    fn default() -> Self {
        Self::new()
    }
}

struct Shape;

impl<T: Scalar> Visitor<T> for Shape {
    type Output = TileShape;
    fn visit<U: MicroKernel<T>>(self, _: U) -> TileShape {
        tile_shape::<T, U>()
    }
}

/// [`gemm_one_tile`], as a visitor.
#[derive(Debug)]
pub struct OneTile<'p, 'a, T>(pub &'p mut Problem<'a, T>);

impl<T: Scalar> Visitor<T> for OneTile<'_, '_, T> {
    type Output = bool;
    #[inline(always)]
    fn visit<U: MicroKernel<T>>(self, kernel: U) -> bool {
        gemm_one_tile(kernel, self.0)
    }
}

struct Run<'a, T>(Order, Problem<'a, T>);

impl<T: Scalar> Visitor<T> for Run<'_, T> {
    type Output = ();
    fn visit<U: MicroKernel<T>>(self, kernel: U) {
        match self.0 {
            Order::Contract => gemm(kernel, Blocking::of::<T, U>(), self.1),
            Order::Fast => gemm(Fast(kernel), Blocking::of::<T, U>(), self.1),
        }
    }
}

struct RunBatch<'a, T>(Order, BatchProblem<'a, T>);

impl<T: Scalar> Visitor<T> for RunBatch<'_, T> {
    type Output = ();
    fn visit<U: MicroKernel<T>>(self, kernel: U) {
        match self.0 {
            Order::Contract => gemm_batch(kernel, Blocking::of::<T, U>(), self.1),
            Order::Fast => gemm_batch(Fast(kernel), Blocking::of::<T, U>(), self.1),
        }
    }
}

impl<T: Element> Kernel<T> for Simd {
    fn name(&self) -> &str {
        self.name
    }

    #[inline]
    fn availability(&self) -> Availability {
        match self.isa {
            Ok(_) => Availability::Available,
            Err(needs) => Availability::Unavailable { needs: needs.into() },
        }
    }

    fn promise(&self) -> Promise {
        self.order.promise()
    }

    fn tile_shape(&self) -> Option<TileShape> {
        T::with_isa(self.isa()?, Shape)
    }

    #[inline]
    fn run(&self, mut problem: Problem<'_, T>) {
        // An unavailable kernel is refused by Kernel::gemm; called directly, it computes the same bits portably.
        let isa = self.isa.unwrap_or(Isa::Portable);
        if T::with_isa(isa, OneTile(&mut problem)) != Some(true) {
            T::with_isa(isa, Run(self.order, problem));
        }
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        T::with_isa(self.isa.unwrap_or(Isa::Portable), RunBatch(self.order, batch));
    }
}
