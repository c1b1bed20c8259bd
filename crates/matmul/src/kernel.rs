//! For those who write kernels, choose one by hand or compare them: the trait, what it is given, and every kernel of this
//! build. Products need none of it.
//!
//! ```
//! use matmul::kernel::{Kernel, Problem};
//!
//! /// Three loops.
//! struct Loops;
//!
//! impl Kernel<f64> for Loops {
//!     fn name(&self) -> &str {
//!         "loops"
//!     }
//!     fn run(&self, mut p: Problem<'_, f64>) {
//!         for i in 0..p.m() {
//!             for j in 0..p.n() {
//!                 let sum = (0..p.k()).map(|l| p.a()[(i, l)] * p.b()[(l, j)]).sum();
//!                 p.store(i, j, sum);
//!             }
//!         }
//!     }
//! }
//!
//! let (a, b, mut c) = ([[1.0, 2.0]], [[3.0], [4.0]], [[f64::NAN]]);
//! Loops.gemm(1.0, (&a).into(), (&b).into(), 0.0, (&mut c).into())?;
//! assert_eq!(c, [[11.0]]);
//! # Ok::<(), matmul::Error>(())
//! ```

pub use matmul_blocked::{Blocked, Engine, Engines, Join, Serial, finish};
pub use matmul_core::{Availability, BatchProblem, Fold, K_CHUNK, Kernel, Problem, Promise, Sizes};
pub use matmul_naive::{Broadcast, Elementwise, Loops};
#[cfg(feature = "parallel")]
pub use matmul_parallel::{Parallel, Rayon};
pub use matmul_simd::{Isa, Simd, UnknownIsa};

pub use crate::choice::names;

use matmul_core::Real;

/// Every kernel of this build, slowest first. Those that this machine cannot run say what they need.
///
/// ```
/// use matmul::kernel::Promise;
///
/// let kernels = matmul::kernel::all::<f32>();
/// let exact = kernels.iter().filter(|kernel| kernel.promise() == Promise::SameBits);
/// assert!(exact.map(|kernel| kernel.name()).any(|name| name == "blocked"));
/// ```
pub fn all<T: Real>() -> Vec<Box<dyn Kernel<T>>> {
    let mut kernels: Vec<Box<dyn Kernel<T>>> =
        vec![Box::new(Loops), Box::new(Elementwise), Box::new(Broadcast), Box::new(Blocked::new())];
    // `blocked` is the better of the portable ones.
    let isas = Isa::ALL.iter().filter(|isa| !matches!(isa, Isa::Portable | Isa::PortableFma));
    kernels.extend(isas.map(|&isa| Box::new(Simd::with_isa(isa)) as Box<dyn Kernel<T>>));
    kernels.push(Box::new(Simd::new()));
    kernels.push(Box::new(Simd::new().fast()));
    #[cfg(feature = "parallel")]
    kernels.push(Box::new(Parallel::new()));
    #[cfg(feature = "blas")]
    kernels.push(Box::new(matmul_blas::Blas::linked()));
    kernels
}
