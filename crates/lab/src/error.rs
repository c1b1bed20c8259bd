use std::path::PathBuf;

use crate::options::OptionsError;

/// Why the lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("ended by {}", match *signal { 2 => "Ctrl-C (SIGINT)", _ => "SIGTERM" })]
    Interrupted { signal: i32 },
    #[error("results could not be printed: {0}")]
    Output(std::io::Error),
    #[error("{shape} {dtype} needs {} of memory, and {} are free: leave it out of --shapes", gib(*needed), gib(*free))]
    Memory { shape: String, dtype: matmul_report::Dtype, needed: u64, free: u64 },
    #[error("{}: another bench is writing there, expected a folder of its own (--out DIR)", path.display())]
    Busy { path: PathBuf },
    #[error("{}: no run to go on with: {source}", path.display())]
    Journal { path: PathBuf, source: matmul_report::JournalError },
    #[error("{}: a run of {was}; expected the same as now, {is}", path.display())]
    OtherRun { path: PathBuf, was: String, is: String },
    #[error("the library {spec}: the process that loaded it {reason}")]
    Trial { spec: String, reason: String },
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

/// Bytes for people.
fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

impl Error {
    /// The exit status of a command that ended so: as the shell's own of a process that the signal ended, else 2.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { signal } => 128 + u8::try_from(*signal).unwrap_or(0),
            _ => 2,
        }
    }

    /// For `map_err` on operations on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
