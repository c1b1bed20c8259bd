//! faer, gemm and matrixmultiply behind the Kernel trait.
