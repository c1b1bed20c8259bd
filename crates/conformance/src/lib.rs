//! A conformance kit that certifies any GEMM kernel.
