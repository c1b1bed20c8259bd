use std::path::PathBuf;

use crate::options::OptionsError;

/// Why the lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error("no kernel, shape, type and thread count is left to measure")]
    NothingSelected,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: expected {expected}", path.display())]
    Region { path: PathBuf, expected: String },
    #[error("the images do not have the rows that they should: {0}")]
    Images(#[from] ndarray::ShapeError),
    #[error(transparent)]
    Library(#[from] matmul_blas::LoadError),
    #[error("{} has no generated part", path.display())]
    NoMarkers { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Record { path: PathBuf, source: matmul_report::RecordError },
    #[error("no conformance.json below {}", dir.display())]
    NothingPublished { dir: PathBuf },
    #[error("the kit reports on another type: {0}")]
    Dtype(#[from] matmul_report::UnknownDtype),
    #[error("the thread pool could not be started: {0}")]
    Pool(#[from] rayon::ThreadPoolBuildError),
    #[error("a message or report is not the JSON that it should be: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the process of {kernel} {reason}")]
    Worker { kernel: String, reason: String },
    #[error("no case of the conformance kit: {0}")]
    Case(#[from] matmul_conformance::ParseError),
    #[error(transparent)]
    Data(#[from] matmul_mnist::Error),
    #[error(transparent)]
    Product(#[from] matmul::Error),
}

impl Error {
    /// For `map_err` on operations on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
