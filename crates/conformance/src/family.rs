use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// A group of cases that prove one claim about a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Family {
    /// Products of small integers.
    ExactIntegers,
    /// The numeric contract.
    Contract,
    /// The componentwise error bound.
    Bound,
    /// Shapes around the kernel's own tile and block sizes.
    Edges,
    /// Every layout of A, B and C.
    Layouts,
    /// Every kind of alpha and beta.
    Scalars,
    /// NaN, infinity, subnormals, overflow, signed zeros.
    Exceptional,
    /// What is read and written.
    Memory,
    /// Several threads.
    Threads,
}

impl Family {
    /// All of them, in the order in which they run.
    pub const ALL: [Family; 9] = [
        Family::ExactIntegers,
        Family::Contract,
        Family::Bound,
        Family::Edges,
        Family::Layouts,
        Family::Scalars,
        Family::Exceptional,
        Family::Memory,
        Family::Threads,
    ];

    /// The name in case lines and reports.
    pub fn name(self) -> &'static str {
        match self {
            Family::ExactIntegers => "exact-integers",
            Family::Contract => "contract",
            Family::Bound => "bound",
            Family::Edges => "edges",
            Family::Layouts => "layouts",
            Family::Scalars => "scalars",
            Family::Exceptional => "exceptional",
            Family::Memory => "memory",
            Family::Threads => "threads",
        }
    }

    /// What it proves, in a line.
    pub fn claim(self) -> &'static str {
        match self {
            Family::ExactIntegers => "small integers multiply exactly, as an i64 product does",
            Family::Contract => "bits are those of the scalar oracle, whatever m, n and the layout",
            Family::Bound => "|c - ref| <= gamma(k+3)*(|alpha||A||B| + |beta||C|), growing at most linearly",
            Family::Edges => "every edge of the kernel's own tiles and blocks is right",
            Family::Layouts => "strides of any sign and size, 0 included, give the same product",
            Family::Scalars => "alpha = 0 reads neither A nor B, beta = 0 not C; all others count",
            Family::Exceptional => "NaN and infinity at any place reach exactly the elements they should",
            Family::Memory => "nothing outside A, B and C is read or written, and A and B not written",
            Family::Threads => "bits do not change with threads or with concurrent callers",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Family {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let found = Family::ALL.into_iter().find(|family| family.name() == s);
        found.ok_or_else(|| ParseError::Word { expected: "a family", found: s.into() })
    }
}
