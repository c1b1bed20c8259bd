//! Reading the files that `cargo xtask renew` makes others from, and what may go wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot {what} {}: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: expected the lines {begin} and {end}", path.display())]
    NoRegion { path: PathBuf, begin: String, end: String },
    #[error("cargo doc ended with status {code}")]
    Doc { code: u8 },
    #[error("{}: no list of items", folder.display())]
    NoItems { folder: PathBuf },
    #[error("{0}")]
    Rustc(String),
}

/// A text with the line ends that are written.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map(|text| text.replace("\r\n", "\n")).map_err(at("read", path))
}

pub(crate) fn at(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path: path.clone(), source }
}
