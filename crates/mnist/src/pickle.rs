//! Reads the lesson's `mnist.pkl`, a pickle of three tuples (x, y) of NumPy arrays, without executing anything.
//!
//! A pickle is a program for a stack machine. This reader knows the opcodes that Python 2 writes for NumPy arrays
//! with protocol 2, and four names: `_reconstruct`, `ndarray` and `dtype` of NumPy, under the old and the new name of
//! its core module. They are recognised, never called. Anything else is an error that names its byte offset.
//!
//! Memory: no length in the file is believed. A string grows with the bytes that arrive, at most `limit` bytes are
//! read in all and as many made into arrays, and at most [`MAX_OPCODES`] opcodes are obeyed, which bounds the stack, the memo and any nesting.

mod array;
mod error;
mod input;
mod machine;

pub use array::{Array, Data};
pub use error::{MAX_OPCODES, PickleError};

use input::Input;
use machine::Machine;
use std::io::Read;

/// Reads `((x_train, y_train), (x_valid, y_valid), (x_test, y_test))` and makes sure that nothing follows.
///
/// `limit` is the greatest number of bytes to read. Shapes and element types are for the caller to check.
///
/// # Errors
/// [`PickleError`] when the source fails or is not such a pickle.
pub fn read(source: impl Read, limit: u64) -> Result<[(Array, Array); 3], PickleError> {
    Machine::new(Input::new(source, limit)).run()
}
