use std::fmt;

/// One of the lesson's three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Split {
    /// The first 50,000 of the 60,000 training images.
    Train,
    /// The last 10,000 of the training images.
    Valid,
    /// The 10,000 test images.
    Test,
}

impl Split {
    /// All three, in the lesson's order.
    pub const ALL: [Split; 3] = [Split::Train, Split::Valid, Split::Test];
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Valid => "valid",
            Split::Test => "test",
        })
    }
}
