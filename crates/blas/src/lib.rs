//! A BLAS behind the [`Kernel`](matmul_core::Kernel) trait: one that is linked, or any CBLAS library loaded at run
//! time. Both call `cblas_sgemm` and `cblas_dgemm` through one table of functions.
//!
//! ```
//! use matmul_blas::Blas;
//! use matmul_core::{Availability, Kernel, MatMut, MatRef};
//!
//! let blas = Blas::linked();
//! let a = MatRef::from_row_major(&[1.0f64, 2.0, 3.0, 4.0], 2, 2)?;
//! let mut c = [f64::NAN; 4];
//! let result = blas.gemm(1.0, a, a.t(), 0.0, MatMut::from_row_major(&mut c, 2, 2)?);
//! if Kernel::<f64>::availability(&blas) == Availability::Available {
//!     assert_eq!(c, [5.0, 11.0, 11.0, 25.0]);
//! } else {
//!     println!("{}", result.unwrap_err()); // which feature is missing, and the command that brings it
//! }
//! # Ok::<(), matmul_core::Error>(())
//! ```
//!
//! # Providers
//!
//! A cargo feature chooses what [`Blas::linked`] is. Features add up over a dependency tree, so if several are on, the
//! first of this table is linked and the others are compiled in vain.
//!
//! | feature | kernel | what it links | needs |
//! |---|---|---|---|
//! | `openblas-system` | `openblas` | the OpenBLAS that pkg-config finds | `apt-get install libopenblas-dev` |
//! | `openblas-static` | `openblas` | OpenBLAS from openblas-src | network (it downloads the source), make, a C compiler, minutes |
//! | `blis-bundled` | `blis` | BLIS from blis-src | make, a C compiler, minutes |
//! | none | `blas` | nothing: the kernel is unavailable and says so | |
//!
//! BLIS 1.0, which is what blis-src 0.2 holds, reads past operands in its kernels for AVX2 (flame/blis#821), which ends
//! the process where the next page is not mapped, and takes β = NaN for 0.
//!
//! On macOS, Homebrew keeps OpenBLAS apart: point `PKG_CONFIG_PATH` at `$(brew --prefix openblas)/lib/pkgconfig`.
//! OpenBLAS from `openblas-static` is single-threaded unless `OPENBLAS_USE_THREAD=1` is set while it is compiled.
//!
//! # Floating-point mode
//!
//! A library built with `-ffast-math` sets flush-to-zero when it is loaded, for the thread that loads it and for all that
//! this one starts. Loading it at run time sets the mode back; one that is linked runs before any code of ours, and then the
//! conformance kit refuses to judge.
//!
//! # Layouts
//!
//! A BLAS takes matrices whose rows or columns are contiguous and a leading dimension apart. Views that are not so
//! (negative or zero strides, both strides above 1, overlapping rows) are copied to a dense scratch first, at most
//! 1024 × 1024 elements at a time; such a C is computed in scratch and written back. Dimensions beyond the library's
//! integer are split. Neither changes what is computed, but both cost time, and splitting k reorders the sum.
//!
//! # Batches
//!
//! A loaded library that has `cblas_?gemm_batch_strided` (OpenBLAS from 0.3.30, MKL) gets a batch in one call, if its
//! layouts are such and its strides not negative. Others get one product after the other.
//!
//! # Threads
//!
//! The number of threads is a setting of the library, so of the whole process. [`Blas::with_threads`] makes a kernel
//! that sets it again before each call if somebody has changed it. Products on different counts wait for each other;
//! on the same count they run side by side, except in an OpenBLAS built without threads (whose buffers need not be
//! safe for concurrent calls) or with OpenMP (whose count belongs to the calling thread): there all calls take turns.
//! Code outside this crate that calls the same library is not seen by that lock.
//!
//! Setters are known for OpenBLAS, BLIS and MKL. Another library keeps its own default, and the kernel says 1.

mod batch;
mod kernel;
mod library;
mod linked;
mod load;
mod mode;
mod multiply;

pub use kernel::Blas;
pub use load::LoadError;
