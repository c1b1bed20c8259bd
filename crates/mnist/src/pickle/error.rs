use std::io;
use thiserror::Error;

/// The lesson's pickle has 146 opcodes; a memo entry per value would double that.
pub const MAX_OPCODES: usize = 1024;

/// What is wrong with a pickle. Offsets count bytes from its (decompressed) beginning.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PickleError {
    /// The source could not be read, or its compressed stream is damaged.
    #[error("byte {offset}: {source}")]
    Io {
        /// Where reading stopped.
        offset: u64,
        /// The cause.
        source: io::Error,
    },
    /// The pickle ends early.
    #[error("the pickle ends at byte {offset}, expected {expected} more bytes")]
    Truncated {
        /// Where it ends.
        offset: u64,
        /// Bytes missing at least.
        expected: u64,
    },
    /// A length in the pickle exceeds what the data set can hold.
    #[error("byte {offset}: a length of {found} bytes, expected at most {limit}")]
    TooLong {
        /// Where the string begins.
        offset: u64,
        /// Its length according to the pickle.
        found: u64,
        /// Bytes left of the limit given by the caller.
        limit: u64,
    },
    /// An opcode that the lesson's pickle does not use.
    #[error("byte {offset}: opcode {opcode:#04x} '{}', expected one that stores NumPy arrays", opcode.escape_ascii())]
    Opcode {
        /// Where it is.
        offset: u64,
        /// The opcode.
        opcode: u8,
    },
    /// More opcodes than the lesson's pickle could have.
    #[error("byte {offset}: more than {MAX_OPCODES} opcodes")]
    TooMany {
        /// Where the first opcode too many is.
        offset: u64,
    },
    /// A name that NumPy arrays do not need.
    #[error("byte {offset}: global `{found}`, expected NumPy's _reconstruct, ndarray or dtype")]
    Global {
        /// Where its opcode is.
        offset: u64,
        /// Module and name.
        found: String,
    },
    /// An element type other than the lesson's.
    #[error("byte {offset}: dtype `{found}`, expected `<f4` or `<i8`")]
    Dtype {
        /// Where the type is made.
        offset: u64,
        /// The type or its byte order.
        found: String,
    },
    /// An opcode met a value that does not fit.
    #[error("byte {offset}: found {found}, expected {expected}")]
    Value {
        /// Where the opcode is.
        offset: u64,
        /// What the opcode needs.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// An array's bytes do not fill its shape.
    #[error("byte {offset}: an array {shape:?} of {size}-byte elements with {found} bytes")]
    Length {
        /// Where the array is completed.
        offset: u64,
        /// Its shape.
        shape: Vec<i64>,
        /// Bytes per element.
        size: usize,
        /// Bytes given.
        found: usize,
    },
    /// Bytes follow the end of the pickle.
    #[error("byte {offset}: data after the end of the pickle")]
    Trailing {
        /// Where it begins.
        offset: u64,
    },
}
