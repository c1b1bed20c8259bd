//! The blocked matmul on a rayon pool, for any micro-kernel.
