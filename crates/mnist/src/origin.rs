/// Seed of the synthetic data set.
pub const SEED: u64 = 0x6d6e_6973_7421;

/// Where a data set came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The four IDX files of MNIST.
    Idx,
    /// The lesson's pickle of MNIST.
    Pickle,
    /// Digits drawn by this crate; not MNIST.
    Synthetic,
}

impl Origin {
    /// Name of the folder of the .npy files: `idx`, `pickle` or `synthetic`.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Idx => "idx",
            Origin::Pickle => "pickle",
            Origin::Synthetic => "synthetic",
        }
    }
}
