//! Portable five-loop, packed, register-tiled matmul and the MicroKernel trait.
