//! A linked or loaded BLAS behind the Kernel trait.
