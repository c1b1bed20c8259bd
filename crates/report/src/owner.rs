use serde::{Deserialize, Serialize};

/// Whose kernel it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// Of this workspace.
    Own,
    /// Another Rust library.
    Peer,
    /// A BLAS, linked or loaded.
    Blas,
}
