//! Criterion benches, one group per kernel family.
