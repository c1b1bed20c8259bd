//! Hand-written AVX2, AVX-512 and NEON micro-kernels.
