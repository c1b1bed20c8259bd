//! Reads the lesson's `mnist.pkl`, a pickle of three tuples (x, y) of NumPy arrays, without executing anything.
//!
//! A pickle is a program for a stack machine. This reader knows the opcodes that Python 2 writes for NumPy arrays
//! with protocol 2, and four names: `_reconstruct`, `ndarray` and `dtype` of NumPy, under the old and the new name of
//! its core module. They are recognised, never called. Anything else is an error that names its byte offset.
//!
//! Memory: no length in the file is believed. A string grows with the bytes that arrive, at most `limit` bytes are
//! read in all and as many made into arrays, and at most [`MAX_OPCODES`] opcodes are obeyed, which bounds the stack, the memo and any nesting.

mod machine;

use crate::npy::Element;
use std::io::{self, BufReader, Read};
use thiserror::Error;

/// The lesson's pickle has 146 opcodes; a memo entry per value would double that.
pub const MAX_OPCODES: usize = 1024;

/// An array of the pickle, little-endian and in C order in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Lengths of the dimensions; their product is the number of elements.
    pub shape: Vec<usize>,
    /// The elements in C order.
    pub data: Data,
}

/// Elements of one of the two types that the lesson's pickle contains.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// NumPy's `<f4`.
    F32(Vec<f32>),
    /// NumPy's `<i8`.
    I64(Vec<i64>),
}

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

/// Reads `((x_train, y_train), (x_valid, y_valid), (x_test, y_test))` and makes sure that nothing follows.
///
/// `limit` is the greatest number of bytes to read. Shapes and element types are for the caller to check.
///
/// # Errors
/// [`PickleError`] when the source fails or is not such a pickle.
pub fn read(source: impl Read, limit: u64) -> Result<[(Array, Array); 3], PickleError> {
    machine::Machine::new(Input { source: BufReader::new(source), offset: 0, limit }).run()
}

/// Reads with an offset for messages and a limit.
struct Input<R> {
    source: BufReader<R>,
    offset: u64,
    limit: u64,
}

impl<R: Read> Input<R> {
    fn bytes(&mut self, len: u32) -> Result<Vec<u8>, PickleError> {
        let (len, left) = (u64::from(len), self.limit - self.offset);
        if len > left {
            return Err(PickleError::TooLong { offset: self.offset, found: len, limit: left });
        }
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(len).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        match read {
            Err(source) => Err(PickleError::Io { offset: self.offset, source }),
            Ok(n) if (n as u64) < len => {
                Err(PickleError::Truncated { offset: self.offset, expected: len - n as u64 })
            }
            Ok(_) => Ok(bytes),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let bytes = self.bytes(N as u32)?;
        Ok(std::array::from_fn(|i| bytes[i]))
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.array::<1>()?[0])
    }

    /// A line of at most 64 bytes, as in the opcode GLOBAL; longer ones are cut and then match no name.
    fn line(&mut self) -> Result<String, PickleError> {
        let mut line = String::new();
        while line.len() < 64 {
            match self.byte()? {
                b'\n' => break,
                b => line.push(char::from(b)),
            }
        }
        Ok(line)
    }

    /// Reads to the very end, which also makes a decompressor check its checksum.
    fn finish(mut self) -> Result<(), PickleError> {
        let offset = self.offset;
        match self.source.by_ref().take(1).read_to_end(&mut Vec::new()) {
            Ok(0) => Ok(()),
            Ok(_) => Err(PickleError::Trailing { offset }),
            Err(source) => Err(PickleError::Io { offset, source }),
        }
    }
}

/// The element types, as NumPy's `dtype('f4')` and `dtype('i8')`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dtype {
    F32,
    I64,
}

impl Dtype {
    fn size(self) -> usize {
        match self {
            Dtype::F32 => f32::SIZE,
            Dtype::I64 => i64::SIZE,
        }
    }

    fn decode(self, bytes: &[u8]) -> Data {
        match self {
            Dtype::F32 => Data::F32(f32::decode(bytes).collect()),
            Dtype::I64 => Data::I64(i64::decode(bytes).collect()),
        }
    }
}
