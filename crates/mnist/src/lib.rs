//! MNIST as the matmul lesson uses it: fetched, verified, split, and converted to NumPy's .npy files.
//!
//! [`prepare`] is the whole story; the readers of the three formats ([`idx`], [`pickle`], [`npy`]) take any bytes and
//! return typed errors, and [`synthetic`] draws a stand-in for machines without network.
//!
//! ```no_run
//! use matmul_mnist::{Options, prepare};
//!
//! let mnist = prepare(&Options::default())?;
//! println!("{}", mnist.describe());
//! assert_eq!(mnist.x_train.len(), 50_000 * 784);
//! # Ok::<(), matmul_mnist::Error>(())
//! ```
#![forbid(unsafe_code)]

mod dataset;
pub mod draw;
mod error;
#[cfg(feature = "fetch")]
mod fetch;
mod files;
pub mod idx;
mod manifest;
pub mod npy;
mod origin;
pub mod pickle;
mod prepare;
mod progress;
mod source;
mod split;
pub mod synthetic;

pub use dataset::{EDGE, Mnist, PIXELS};
pub use error::{Error, Failure, Reason};
pub use manifest::{Digests, FileEntry, Files, Manifest, SplitEntry, Splits};
pub use origin::Origin;
pub use prepare::{Options, prepare, prepare_with};
pub use progress::{Progress, Step};
pub use split::Split;
