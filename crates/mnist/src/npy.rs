//! Arrays as NumPy's .npy files: little-endian, C order, on every machine.

use npyz::WriterBuilder;
use std::io::{self, Read, Write};
use thiserror::Error;

/// Elements are coded in blocks of 64 KiB, which stay in a level-2 cache between coding and hashing or writing.
const BLOCK: usize = 64 * 1024;

/// What is wrong with an .npy file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The file could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file does not begin with the header that NumPy writes for this element type and shape.
    #[error("the .npy header is \"{found}\", expected \"{expected}\"")]
    Header {
        /// The header, non-ASCII bytes escaped.
        expected: String,
        /// As many bytes of the file, or all it has.
        found: String,
    },
    /// The file does not hold exactly the elements that its header announces.
    #[error("the .npy file has {} bytes of elements, expected {expected}", if found > expected { "more".to_owned() } else { found.to_string() })]
    Length {
        /// Bytes announced.
        expected: u64,
        /// Bytes found; counting stops at one more than expected.
        found: u64,
    },
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for i64 {}
}

/// An element type of the data set: f32 or i64.
pub trait Element: Copy + sealed::Sealed + 'static {
    /// NumPy's name of the type, with its byte order.
    const DESCR: &'static str;
    /// Bytes per element.
    const SIZE: usize;
    /// Decodes little-endian bytes; a rest of fewer than [`Self::SIZE`] bytes is ignored.
    fn decode(bytes: &[u8]) -> impl Iterator<Item = Self>;
    /// Appends the little-endian bytes of `elements`.
    fn encode(elements: &[Self], bytes: &mut Vec<u8>);
}

impl Element for f32 {
    const DESCR: &'static str = "<f4";
    const SIZE: usize = 4;
    fn decode(bytes: &[u8]) -> impl Iterator<Item = f32> {
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }
    fn encode(elements: &[f32], bytes: &mut Vec<u8>) {
        bytes.extend(elements.iter().flat_map(|e| e.to_le_bytes()));
    }
}

impl Element for i64 {
    const DESCR: &'static str = "<i8";
    const SIZE: usize = 8;
    fn decode(bytes: &[u8]) -> impl Iterator<Item = i64> {
        bytes.chunks_exact(8).map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
    }
    fn encode(elements: &[i64], bytes: &mut Vec<u8>) {
        bytes.extend(elements.iter().flat_map(|e| e.to_le_bytes()));
    }
}

/// Calls `f` with the little-endian bytes of `elements`, block by block.
pub(crate) fn blocks<T: Element, E>(
    elements: &[T],
    mut f: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut bytes = Vec::with_capacity(BLOCK);
    for block in elements.chunks(BLOCK / T::SIZE) {
        bytes.clear();
        T::encode(block, &mut bytes);
        f(&bytes)?;
    }
    Ok(())
}

/// The header for an array of this shape, as NumPy itself writes it.
fn header<T: Element>(shape: &[u64]) -> io::Result<Vec<u8>> {
    let dtype = T::DESCR.parse().map_err(|e: npyz::ParseTypeStrError| io::Error::other(e.to_string()))?;
    let mut header = Vec::new();
    npyz::WriteOptions::new_header_only()
        .dtype(npyz::DType::new_scalar(dtype))
        .shape(shape)
        .writer(&mut header)
        .write_header_only()?;
    Ok(header)
}

/// Writes an array. `elements` must fill `shape`.
///
/// # Errors
/// The writer's, and [`io::ErrorKind::InvalidInput`] when the number of elements is not the product of `shape`.
pub fn write<T: Element>(mut out: impl Write, elements: &[T], shape: &[u64]) -> io::Result<()> {
    if product(shape, 1) != Some(elements.len() as u64) {
        let message = format!("{} elements do not fill the shape {shape:?}", elements.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    out.write_all(&header::<T>(shape)?)?;
    blocks(elements, |bytes| out.write_all(bytes))?;
    out.flush()
}

/// Reads an array of exactly this element type and shape, in C order, and makes sure that nothing follows.
///
/// The header is compared and not parsed: NumPy writes it in one way only. Memory grows with the bytes that arrive.
///
/// # Errors
/// [`NpyError`] when the source fails or is not such a file.
pub fn read<T: Element>(mut source: impl Read, shape: &[u64]) -> Result<Vec<T>, NpyError> {
    let expected = header::<T>(shape)?;
    let mut found = Vec::new();
    (&mut source).take(expected.len() as u64).read_to_end(&mut found)?;
    if found != expected {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string().trim_end().to_owned();
        return Err(NpyError::Header { expected: text(&expected), found: text(&found) });
    }
    // A shape whose bytes overflow u64 fits no source either.
    let expected = product(shape, T::SIZE as u64).unwrap_or(u64::MAX);
    let mut source = source.take(expected.saturating_add(1));
    let mut elements = Vec::new();
    let (mut found, mut filled, mut block) = (0, 0, vec![0; BLOCK]);
    loop {
        let n = source.read(&mut block[filled..])?;
        found += n as u64;
        filled += n;
        if n == 0 || filled == BLOCK {
            elements.extend(T::decode(&block[..filled]));
            filled = 0;
        }
        if n == 0 {
            break;
        }
    }
    if found != expected {
        return Err(NpyError::Length { expected, found });
    }
    Ok(elements)
}

fn product(shape: &[u64], size: u64) -> Option<u64> {
    shape.iter().try_fold(size, |n, &d| n.checked_mul(d))
}
