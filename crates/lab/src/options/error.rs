use matmul_report::ShapeError;

/// What is wrong with arguments that parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A name of `--shapes` that selects none.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A name of `--kernels` that is none.
    #[error("unknown kernel {name:?}, expected one of {known}")]
    Kernel {
        /// What was found.
        name: String,
        /// What there is.
        known: String,
    },
    /// A count of `--threads` that this machine cannot run.
    #[error("thread count {found}: expected 1 to {max}, the CPUs that this process may use")]
    Threads {
        /// What was found.
        found: usize,
        /// The CPUs.
        max: usize,
    },
    /// A file that is no report of a run.
    #[error("{path}: {why}")]
    Report {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file of shapes, or a trace, that is none.
    #[error("{path}: {why}")]
    Lines {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A folder of `--out` that takes no files.
    #[error("no results can be written to {dir}: {why}")]
    Out {
        /// The folder.
        dir: String,
        /// What the system says.
        why: String,
    },
}
