//! Measuring: a survey goes through its cells, a cell through the rounds of its kernels.

pub(crate) mod bandwidth;
pub(crate) mod cell;
pub(crate) mod cold;
pub(crate) mod conformance;
pub(crate) mod counters;
pub(crate) mod gauge;
pub(crate) mod memory;
pub(crate) mod operands;
pub(crate) mod rates;
pub(crate) mod runner;
pub(crate) mod sampling;
pub(crate) mod survey;
pub(crate) mod verify;
