//! The Rust libraries that our kernels are measured against, [faer], [gemm] and [matrixmultiply], behind the
//! [`Kernel`] trait. For benchmarks and conformance only: no other kernel depends on this crate.
//!
//! All three take any strides, negative and 0 included, and are given the views as they are: nothing is copied.
//! None promises bits, so all are [`Promise::ErrorBound`](matmul_core::Promise::ErrorBound).
//!
//! | kernel | β | threads |
//! |---|---|---|
//! | `faer` | overwrites or adds; other β cost a pass over C first, done here | tasks in the current rayon pool |
//! | `gemm` | any | tasks in the current rayon pool |
//! | `matrixmultiply` | any | 1 |
//!
//! A thread count is what the library is asked for. The work runs in the rayon pool of the caller: the global one, or
//! the one whose `install` is running. If that pool has fewer workers, so has the product. `matrixmultiply` has
//! threads too, but the environment fixes their number once per process and it takes 1, 2 or 4 only, so it cannot be
//! a row with a given count; it is built without them.
//!
//! ```
//! use matmul_core::{MatMut, MatRef};
//!
//! let a = MatRef::from_row_major(&[1.0f64, 2.0, 3.0, 4.0], 2, 2)?;
//! for peer in matmul_peers::all::<f64>(1) {
//!     let mut c = [f64::NAN; 4];
//!     peer.gemm(1.0, a, a.t(), 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
//!     assert_eq!(c, [5.0, 11.0, 11.0, 25.0], "{}", peer.name());
//! }
//! # Ok::<(), matmul_core::Error>(())
//! ```
//!
//! [faer]: https://docs.rs/faer
//! [gemm]: https://docs.rs/gemm
//! [matrixmultiply]: https://docs.rs/matrixmultiply

use std::any::Any;

use faer::traits::ComplexField;
use faer::{Accum, Par};
use matmul_core::{Kernel, MatMut, Problem, Real};

/// An element type of all peers.
trait Peer: Real + ComplexField + sealed::Sealed {}

impl Peer for f32 {}
impl Peer for f64 {}

mod sealed {
    /// matrixmultiply's function for an element type.
    pub(super) trait Sealed: Sized {
        /// C ← α·A·B + β·C; each matrix as pointer, row stride, column stride.
        ///
        /// # Safety
        /// The three views are valid for m × k, k × n and m × n elements, and C is borrowed mutably.
        #[allow(clippy::too_many_arguments)] // matrixmultiply's signature
        unsafe fn matrixmultiply(
            mkn: (usize, usize, usize),
            alpha: Self,
            a: (*const Self, isize, isize),
            b: (*const Self, isize, isize),
            beta: Self,
            c: (*mut Self, isize, isize),
        );
    }

    macro_rules! impl_sealed {
        ($t:ident, $gemm:path) => {
            impl Sealed for $t {
                unsafe fn matrixmultiply(
                    (m, k, n): (usize, usize, usize),
                    alpha: $t,
                    (a, rsa, csa): (*const $t, isize, isize),
                    (b, rsb, csb): (*const $t, isize, isize),
                    beta: $t,
                    (c, rsc, csc): (*mut $t, isize, isize),
                ) {
                    // SAFETY: the caller's promise is the function's own.
                    unsafe { $gemm(m, k, n, alpha, a, rsa, csa, b, rsb, csb, beta, c, rsc, csc) }
                }
            }
        };
    }

    impl_sealed!(f32, matrixmultiply::sgemm);
    impl_sealed!(f64, matrixmultiply::dgemm);
}

/// The peers that run on exactly this many threads, of which 0 means 1; none for a type that is neither f32 nor f64.
///
/// With more than one thread that is faer and gemm; `matrixmultiply` is in `all(1)` only.
pub fn all<T: Real>(threads: usize) -> Vec<Box<dyn Kernel<T>>> {
    let lists: [Box<dyn Any>; 2] = [Box::new(of::<f32>(threads)), Box::new(of::<f64>(threads))];
    lists.into_iter().find_map(|list| list.downcast().ok()).map_or_else(Vec::new, |list| *list)
}

fn of<T: Peer>(threads: usize) -> Vec<Box<dyn Kernel<T>>> {
    let mut peers: Vec<Box<dyn Kernel<T>>> =
        vec![Box::new(Faer::with_threads(threads)), Box::new(Gemm::with_threads(threads))];
    if threads <= 1 {
        peers.push(Box::new(MatrixMultiply));
    }
    peers
}

/// [faer](https://docs.rs/faer)'s `linalg::matmul`.
#[derive(Clone, Copy, Debug)]
pub struct Faer {
    threads: usize,
}

impl Faer {
    /// faer on this many threads; 0 means 1.
    pub fn with_threads(threads: usize) -> Self {
        Self { threads: threads.max(1) }
    }
}

impl<T: Peer> Kernel<T> for Faer {
    fn name(&self) -> &str {
        "faer"
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        let (alpha, beta, a, b) = (problem.alpha(), problem.beta(), problem.a(), problem.b());
        let mut c = problem.c();
        let accum = if beta == T::ZERO { Accum::Replace } else { Accum::Add };
        if accum == Accum::Add && beta != T::ONE {
            scale(beta, &mut c);
        }
        let par = if self.threads == 1 { Par::Seq } else { Par::rayon(self.threads) };
        let (m, n, rs, cs) = (c.nrows(), c.ncols(), c.rs(), c.cs());
        // SAFETY: the core's views vouch for the same elements under the same strides, and C is borrowed mutably.
        // No view is empty (a Problem has m, n, k > 0), so no pointer is null.
        let (a, b, c) = unsafe {
            (
                faer::MatRef::from_raw_parts(a.as_ptr(), a.nrows(), a.ncols(), a.rs(), a.cs()),
                faer::MatRef::from_raw_parts(b.as_ptr(), b.nrows(), b.ncols(), b.rs(), b.cs()),
                faer::MatMut::from_raw_parts_mut(c.as_mut_ptr(), m, n, rs, cs),
            )
        };
        faer::linalg::matmul::matmul(c, accum, a, b, alpha, par);
    }
}

/// C ← β·C, β neither 0 nor 1: faer knows only "overwrite" and "add".
fn scale<T: Real>(beta: T, c: &mut MatMut<'_, T>) {
    for i in 0..c.nrows() {
        for j in 0..c.ncols() {
            let old = c.at(i, j);
            c.set(i, j, beta * old);
        }
    }
}

/// [gemm](https://docs.rs/gemm), the crate.
#[derive(Clone, Copy, Debug)]
pub struct Gemm {
    threads: usize,
}

impl Gemm {
    /// gemm on this many threads; 0 means 1.
    pub fn with_threads(threads: usize) -> Self {
        Self { threads: threads.max(1) }
    }
}

impl<T: Peer> Kernel<T> for Gemm {
    fn name(&self) -> &str {
        "gemm"
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        let (m, n, k) = (problem.m(), problem.n(), problem.k());
        let (alpha, beta, a, b) = (problem.alpha(), problem.beta(), problem.a(), problem.b());
        let mut c = problem.c();
        let parallelism = match self.threads {
            1 => gemm::Parallelism::None,
            threads => gemm::Parallelism::Rayon(threads),
        };
        let read_c = beta != T::ZERO;
        // SAFETY: the views vouch for all elements under these strides and C is borrowed mutably; T is f32 or f64,
        // which the library supports. It calls β what we call α: dst ← alpha·dst + beta·lhs·rhs.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                c.cs(),
                c.rs(),
                read_c,
                a.as_ptr(),
                a.cs(),
                a.rs(),
                b.as_ptr(),
                b.cs(),
                b.rs(),
                beta,
                alpha,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
}

/// [matrixmultiply](https://docs.rs/matrixmultiply), on one thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct MatrixMultiply;

impl<T: Peer> Kernel<T> for MatrixMultiply {
    fn name(&self) -> &str {
        "matrixmultiply"
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        let mkn = (problem.m(), problem.k(), problem.n());
        let (alpha, beta, a, b) = (problem.alpha(), problem.beta(), problem.a(), problem.b());
        let mut c = problem.c();
        let (a, b) = ((a.as_ptr(), a.rs(), a.cs()), (b.as_ptr(), b.rs(), b.cs()));
        let c = (c.as_mut_ptr(), c.rs(), c.cs());
        // SAFETY: the views vouch for m × k, k × n and m × n elements under these strides; C is borrowed mutably.
        unsafe { T::matrixmultiply(mkn, alpha, a, b, beta, c) }
    }
}
