use crate::{idx, npy, pickle};
use std::io;
#[cfg(feature = "fetch")]
use std::path::Path;
use std::path::PathBuf;

/// Why the data could not be prepared. Nothing half-written is left under a final name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, such as "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The manifest does not parse.
    #[error("the manifest is broken: {0}")]
    Manifest(#[source] toml::de::Error),
    /// The compressed stream is damaged or ends early.
    #[error("{} is not a whole gzip file: {source}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder met.
        source: io::Error,
    },
    /// A file has another length than the manifest says.
    #[error("{} holds {} bytes, expected {expected} (decompressed)", path.display(), found_size(*found, *expected))]
    Size {
        /// The file.
        path: PathBuf,
        /// Bytes expected.
        expected: u64,
        /// Bytes found; counting stops at one more than expected.
        found: u64,
    },
    /// The content is not what the manifest says.
    #[error("{what} has sha256 {found}, expected {expected}")]
    Digest {
        /// The file or array.
        what: String,
        /// The manifest's digest.
        expected: String,
        /// The content's digest.
        found: String,
    },
    /// A malformed IDX file.
    #[error("{}: {source}", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is malformed.
        source: idx::IdxError,
    },
    /// A malformed or unknown pickle.
    #[error("{}: {source}", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What is malformed.
        source: pickle::PickleError,
    },
    /// A malformed .npy file.
    #[error("{}: {source}", path.display())]
    Npy {
        /// The file.
        path: PathBuf,
        /// What is malformed.
        source: npy::NpyError,
    },
    /// An array has another shape or element type than the lesson's.
    #[error("{array} is {found}, expected {expected}")]
    Shape {
        /// Name of the array, such as `x_train`.
        array: String,
        /// Element type and shape expected.
        expected: String,
        /// Element type and shape found.
        found: String,
    },
    /// A label is not a digit.
    #[error("{array}[{row}] is {found}, expected 0..=9")]
    Label {
        /// Name of the array, such as `y_train`.
        array: String,
        /// Index of the label.
        row: usize,
        /// The label.
        found: i64,
    },
    /// A pixel is outside the range of x.
    #[error("{array}[{index}] is {found}, expected 0 to 255/256")]
    Pixel {
        /// Name of the array, such as `x_train`.
        array: String,
        /// Index of the element.
        index: usize,
        /// The element.
        found: f32,
    },
    /// Files are missing and may not be fetched.
    #[error("there is no {expected} in {}", dir.display())]
    Missing {
        /// The folder looked into.
        dir: PathBuf,
        /// What would have been accepted.
        expected: String,
    },
    /// An address was given, but the network may not or cannot be used.
    #[error("cannot fetch {url}: {reason}")]
    NoNetwork {
        /// The address.
        url: String,
        /// `--offline`, or a build without the feature `fetch`.
        reason: &'static str,
    },
    /// No mirror delivered a file.
    #[error("cannot fetch {file}:{}", failures.iter().map(|f| format!("\n  {f}")).collect::<String>())]
    Fetch {
        /// Name of the file.
        file: String,
        /// The last failure of each mirror, in the order tried.
        failures: Vec<Failure>,
    },
    /// Another process holds the folder.
    #[error("{} is still locked by another process after {seconds} s", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
}

impl Error {
    /// The same of a file that has another name, in place of one that is gone when the message is read.
    #[cfg(feature = "fetch")]
    pub(crate) fn of_file(mut self, gone: &Path, name: &Path) -> Self {
        let name = name.file_name().map_or(name, Path::new);
        match &mut self {
            Error::Io { path, .. }
            | Error::Gzip { path, .. }
            | Error::Size { path, .. }
            | Error::Idx { path, .. }
            | Error::Pickle { path, .. }
            | Error::Npy { path, .. }
                if path == gone =>
            {
                *path = name.to_owned();
            }
            Error::Digest { what, .. } => {
                *what = what.replace(&*gone.to_string_lossy(), &name.to_string_lossy());
            }
            _ => {}
        }
        self
    }
}

/// What went wrong with one mirror.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct Failure {
    /// The whole address.
    pub url: String,
    /// Why it did not deliver.
    pub reason: Reason,
}

/// Why one address did not deliver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The server answered with an error.
    #[error("HTTP status {0}, expected 200")]
    Status(u16),
    /// The connection failed or timed out.
    #[error("{0}")]
    Transport(String),
    /// The body ended early.
    #[error("the answer broke off after {found} bytes, expected {expected}")]
    Truncated {
        /// Bytes announced.
        expected: u64,
        /// Bytes received.
        found: u64,
    },
    /// The body is longer than the file can be.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// Most bytes that a good copy has.
        limit: u64,
    },
    /// The file came whole but is not the right one, or could not be stored.
    #[error("{0}")]
    Content(Box<Error>),
}

fn found_size(found: u64, expected: u64) -> String {
    if found > expected { format!("more than {expected}") } else { found.to_string() }
}
