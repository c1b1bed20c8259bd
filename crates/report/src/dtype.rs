use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An element type that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

/// A name that is no [`Dtype`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown element type {found:?}, expected f32 or f64")]
pub struct UnknownDtype {
    /// The name.
    pub found: String,
}

impl Dtype {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Dtype; 2] = [Dtype::F32, Dtype::F64];

    /// `f32` or `f64`: the name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
        }
    }

    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Dtype::F32 => size_of::<f32>(),
            Dtype::F64 => size_of::<f64>(),
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dtype {
    type Err = UnknownDtype;

    fn from_str(name: &str) -> Result<Self, UnknownDtype> {
        let found = Dtype::ALL.into_iter().find(|dtype| dtype.name() == name);
        found.ok_or_else(|| UnknownDtype { found: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_rust_and_of_the_json() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.to_string().parse(), Ok(dtype));
            assert_eq!(serde_json::to_string(&dtype).unwrap(), format!("\"{dtype}\""));
        }
        assert_eq!((Dtype::F32.bytes(), Dtype::F64.bytes()), (4, 8));
    }

    #[test]
    fn another_name_is_an_error_that_says_it() {
        for bad in ["f16", "F64", "", "f32 "] {
            assert!(bad.parse::<Dtype>().unwrap_err().to_string().contains(&format!("{bad:?}")));
            assert!(serde_json::from_str::<Dtype>(&format!("\"{bad}\"")).is_err());
        }
    }
}
