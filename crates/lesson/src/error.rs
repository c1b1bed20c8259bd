/// Why a model could not be run, trained or drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No kernel has this name.
    #[error("unknown kernel {found:?}, expected one of {known}")]
    UnknownKernel {
        /// What was asked for.
        found: String,
        /// The names there are.
        known: String,
    },
    /// A label is none of the model's classes.
    #[error("label {found} of row {row}: expected 0 to {}", classes - 1)]
    Label {
        /// Row of the batch.
        row: usize,
        /// The label.
        found: i64,
        /// Number of classes, the columns of the logits.
        classes: usize,
    },
    /// There is not one label for each row.
    #[error("{rows} rows need as many labels, found {found}")]
    Labels {
        /// Rows of the batch.
        rows: usize,
        /// Number of labels.
        found: usize,
    },
    /// A product could not be computed.
    #[error(transparent)]
    Product(#[from] matmul::Error),
    /// The images could not be prepared.
    #[error(transparent)]
    Data(#[from] matmul_mnist::Error),
    /// A plot could not be drawn or written.
    #[error("{path}: {reason}")]
    Plot {
        /// The file.
        path: String,
        /// What the drawing library said.
        reason: String,
    },
}
