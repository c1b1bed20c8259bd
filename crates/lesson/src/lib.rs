//! The lesson, *Matrix multiplication from foundations*, in Rust. Its chapters are documents, `docs/lesson`, whose
//! every code block is a test of this crate; and the model that the lesson builds up to is here: [`Linear`] layers,
//! [`softmax_cross_entropy`], a two-layer [`Mlp`] with its backward pass written out, and [`Sgd`].
//!
//! Whatever is not a matrix product is done in one order, with operations that IEEE 754 rounds or the crate libm
//! computes; so with a kernel that keeps the numeric contract a trained model's bits depend on seed and data alone:
//!
//! ```
//! use matmul::Matrix;
//! use matmul_lesson::{Mlp, Sgd, kernel, rng};
//!
//! // Which of two numbers is larger?
//! let x = Matrix::from_vec((0..200).map(|i| (i * 37 % 101) as f32 / 101.0).collect(), 100, 2)?;
//! let labels: Vec<i64> = x.as_slice().chunks(2).map(|pair| i64::from(pair[1] > pair[0])).collect();
//!
//! let train = |name| -> Result<_, matmul_lesson::Error> {
//!     let (kernel, mut rng) = (kernel::<f32>(name)?, rng(1));
//!     let mut model = Mlp::random(2, 8, 2, &mut rng);
//!     for _ in 0..50 {
//!         Sgd { batch: 10, rate: 0.5 }.epoch(&mut model, &*kernel, (x.as_ref(), &labels), &mut rng, |_| ())?;
//!     }
//!     assert!(model.score(&*kernel, x.as_ref(), &labels)?.accuracy > 0.95);
//!     Ok(model.parameters().map(f32::to_bits).collect::<Vec<_>>())
//! };
//! assert_eq!(train("blocked")?, train("parallel")?);
//! # Ok::<(), matmul_lesson::Error>(())
//! ```
// Not in tests, because ndarray's s! allows what it does not use.
#![cfg_attr(not(test), forbid(unsafe_code))]

mod error;
mod factors;
pub mod ladder;
mod layer;
mod loss;
mod mlp;
#[cfg(feature = "plot")]
pub mod plot;
mod sgd;
mod timed;

use matmul::Real;
use matmul::kernel::{Availability, Kernel};

pub use error::Error;
pub use factors::{factors, normal};
pub use layer::Linear;
pub use loss::{argmax, softmax_cross_entropy};
pub use mlp::{Mlp, Score, accuracy};
pub use sgd::Sgd;
pub use timed::{Shape, Spent, Timed};

/// A generator whose numbers are the same on every machine and in every version: O'Neill's PCG XSL 128/64.
pub fn rng(seed: u64) -> rand_pcg::Pcg64Mcg {
    rand::SeedableRng::seed_from_u64(seed)
}

/// The kernel of this name, out of [`matmul::kernel::all`].
///
/// # Errors
/// [`Error::UnknownKernel`] lists the names there are; [`Error::Product`] if this machine or build cannot run it.
pub fn kernel<T: Real>(name: &str) -> Result<Box<dyn Kernel<T>>, Error> {
    let mut kernels = matmul::kernel::all::<T>();
    let Some(at) = kernels.iter().position(|kernel| kernel.name() == name) else {
        let known = kernels.iter().map(|kernel| kernel.name()).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownKernel { found: name.to_owned(), known });
    };
    let kernel = kernels.swap_remove(at);
    match kernel.availability() {
        Availability::Available => Ok(kernel),
        Availability::Unavailable { needs } => {
            Err(matmul::Error::Unavailable { kernel: name.to_owned(), needs }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kernels_list_the_known() {
        let message = kernel::<f32>("fast").err().unwrap().to_string();
        assert!(message.contains("\"fast\"") && message.contains("naive-loops, "), "{message}");
        assert_eq!(kernel::<f64>("simd").unwrap().name(), "simd");
    }

    #[test]
    fn kernels_of_other_machines_say_what_they_need() {
        // No CPU has both.
        let missing = ["simd-avx2", "simd-neon"].into_iter().find_map(|name| kernel::<f32>(name).err());
        assert!(missing.unwrap().to_string().contains("cannot run here: needs "));
    }
}

/// Compiles and runs the examples of the repository's README. They are here because this crate is not published: a package
/// has no files above its folder.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Compiles and runs every code block of the chapters.
#[cfg(doctest)]
mod chapters {
    macro_rules! chapters {
        ($($name:ident $file:literal)*) => {
            $(#[doc = include_str!(concat!("../../../docs/lesson/", $file))] struct $name;)*
        };
    }
    chapters! {
        TestFramework "01-test-framework.md"
        Data "02-data.md"
        Image "03-image.md"
        ThreeLoops "04-three-loops.md"
        Elementwise "05-elementwise.md"
        FrobeniusNorm "06-frobenius-norm.md"
        ElementwiseMatmul "07-elementwise-matmul.md"
        BroadcastingAScalar "08-broadcasting-a-scalar.md"
        BroadcastingAVector "09-broadcasting-a-vector.md"
        NewAxes "10-new-axes.md"
        MatmulByBroadcasting "11-matmul-by-broadcasting.md"
        BroadcastingRules "12-broadcasting-rules.md"
        Einsum "13-einsum.md"
        BatchedEinsum "14-batched-einsum.md"
        TheLibraryCall "15-the-library-call.md"
        PastTheLibraryCall "16-past-the-library-call.md"
        AModel "17-a-model.md"
    }
}
