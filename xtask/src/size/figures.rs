//! A program's figures, and why they could not be had.

use std::io;
use std::path::{Path, PathBuf};

/// The program without a product, from which the others' machine code is counted.
pub(super) const EMPTY: &str = "empty";

/// Why the figures could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot start {program}: {source}")]
    Spawn { program: String, source: io::Error },
    #[error(
        "alone/{program}: `{command}` failed:\n{output}If its Cargo.lock is what is wrong: \
         cargo update --workspace --offline --manifest-path alone/{program}/Cargo.toml"
    )]
    Build { program: &'static str, command: String, output: String },
    #[error(
        "alone/{program}: expected a new build after a touch of main.rs, found that cargo built nothing:\n{output}"
    )]
    NotRebuilt { program: &'static str, output: String },
    #[error("cannot {verb} {}: {source}", path.display())]
    File { verb: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: expected an executable in ELF, Mach-O or PE, found {source}", path.display())]
    NotExecutable { path: PathBuf, source: object::Error },
    #[error("{}: expected a section of machine code named {expected}, found {found}", path.display())]
    NoCode { path: PathBuf, expected: &'static str, found: String },
    #[error("no docs/size.md to compare with; `cargo xtask size --write` writes it")]
    NoPage,
    #[error("docs/size.md: expected {expected}, found {found}")]
    BadPage { expected: String, found: String },
}

impl Error {
    pub(super) fn file(verb: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Error::File { verb, path: path.to_owned(), source }
    }
}

/// Seconds of builds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds {
    /// A release build from nothing, the dependencies downloaded.
    pub(super) fresh: f64,
    /// A release build after a change of main.rs.
    pub(super) again: f64,
    /// A debug build after a change of main.rs, with optimised dependencies.
    pub(super) debug: f64,
}

/// A program's figures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    /// `None` where builds were not timed.
    pub(super) seconds: Option<Seconds>,
    /// Bytes of machine code; in all rows but that of `empty`, more than `empty` has.
    pub(super) code: u64,
    /// Bytes of the executable without symbols.
    pub(super) file: u64,
}

/// A row whose builds were not timed.
#[cfg(test)]
pub(super) fn row(name: &str, code: u64) -> Row {
    let seconds = Some(Seconds { fresh: 12.34, again: 0.5, debug: 0.25 });
    Row { name: name.into(), seconds, code, file: 1_234_567 }
}
