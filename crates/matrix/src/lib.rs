//! The cross-kernel conformance and performance matrix.
