//! Memory for packed operands: the buffers, the copying, and the format of panels.

pub(crate) mod arena;
pub(crate) mod pack;
pub(crate) mod panels;
