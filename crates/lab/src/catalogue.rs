//! The kernels: their names, which anybody may ask for, and themselves, which take minutes to build.

pub mod names;

#[cfg(feature = "measure")]
pub(crate) mod dtype;
#[cfg(feature = "measure")]
pub(crate) mod registry;
