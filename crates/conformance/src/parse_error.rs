/// Why a line is no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A word or a number is none of those that may stand there.
    #[error("expected {expected}, found {found:?}")]
    Word {
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A required word is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The case would not end.
    #[error("a case may cost {most} multiply-adds and elements, found {found}")]
    Cost {
        /// The most that it may.
        most: u64,
        /// What it does.
        found: u64,
    },
    /// The case cannot be computed as it stands.
    #[error("{0}")]
    Invalid(&'static str),
}
