//! The machine: its CPUs, its facts, and threads that stay where they are.

pub(crate) mod affinity;
pub(crate) mod detect;
#[cfg(feature = "measure")]
pub(crate) mod pin;
#[cfg(feature = "measure")]
pub(crate) mod pool;
pub(crate) mod steal;
