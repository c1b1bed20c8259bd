//! Other people's kernels in processes of their own, where they can crash and spin.

pub(crate) mod apart;
pub(crate) mod exchange;
pub(crate) mod line;
pub(crate) mod parent;
pub(crate) mod serve;
pub(crate) mod trial;
pub(crate) mod worker;
