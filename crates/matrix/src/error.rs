use std::path::PathBuf;

/// Why the runner could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("unknown shape {name:?}, expected MxKxN, a size, or one of {known}")]
    UnknownShape { name: String, known: String },
    #[error("the shape {name} has more than 10^11 elements")]
    ShapeTooLarge { name: String },
    #[error("unknown kernel {name:?}, expected one of {known}")]
    UnknownKernel { name: String, known: String },
    #[error("no kernel, shape, type and thread count is left to measure")]
    NothingSelected,
    #[error("thread count {found}: expected 1 to {max}, the CPUs that this process may use")]
    Threads { found: usize, max: usize },
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
    #[error("{} is no conformance.json: {source}", path.display())]
    NoRecord { path: PathBuf, source: serde_json::Error },
    #[error("no conformance.json below {}", dir.display())]
    NothingPublished { dir: PathBuf },
    #[error("the thread pool could not be started: {0}")]
    Pool(#[from] rayon::ThreadPoolBuildError),
    #[error("the report could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the process of {kernel} {reason}")]
    Worker { kernel: String, reason: String },
    #[error("{line:?} is no case of the conformance kit: {source}")]
    Case { line: String, source: matmul_conformance::ParseError },
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
