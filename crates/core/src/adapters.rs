//! Other libraries' matrices as views, each behind the feature of its name. They share memory, whatever the strides; a
//! mutable one whose elements overlap is an error.

#[cfg(feature = "faer")]
mod faer;
#[cfg(feature = "nalgebra")]
mod nalgebra;
#[cfg(feature = "ndarray")]
mod ndarray;
