//! Arrays as NumPy's .npy files: little-endian, C order, on every machine.

use std::io::{self, Read, Write};
use thiserror::Error;

/// Elements are coded in blocks of 64 KiB, which stay in a level-2 cache between coding and hashing or writing.
const BLOCK: usize = 64 * 1024;
/// Bytes before the header's text: magic, version, length.
const PREFIX: usize = 10;
/// The text of a header, however padded, is no longer.
const MOST_TEXT: u32 = 1 << 14;

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

/// The Python dictionary in the header of an array of this shape.
fn dictionary<T: Element>(shape: &[u64]) -> String {
    let dims: Vec<String> = shape.iter().map(u64::to_string).collect();
    // A tuple of one is written (1,).
    let comma = if dims.len() == 1 { "," } else { "" };
    format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{comma}), }}", T::DESCR, dims.join(", "))
}

/// The header of an array of this shape, as `numpy.save` writes it: magic, version 1.0, length of the text, a Python
/// dictionary, spaces up to a multiple of 64 bytes, a line feed.
fn header<T: Element>(shape: &[u64]) -> io::Result<Vec<u8>> {
    let dict = dictionary::<T>(shape);
    let text = (PREFIX + dict.len() + 1).next_multiple_of(64) - PREFIX;
    let len = u16::try_from(text).map_err(|_| invalid(format!("a shape of {} dimensions", shape.len())))?;
    Ok([b"\x93NUMPY\x01\x00", &len.to_le_bytes()[..], format!("{dict:<0$}\n", text - 1).as_bytes()].concat())
}

/// Reads a header up to its end, and no further: magic, version, length of the text, the text. None where these are not
/// what they should be; `bytes` are those that were read.
fn read_header(source: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Option<String>> {
    let mut more = |bytes: &mut Vec<u8>, len: usize| {
        source.by_ref().take(len as u64).read_to_end(bytes).map(|found| found == len)
    };
    if !more(bytes, PREFIX)? || !bytes.starts_with(b"\x93NUMPY") {
        return Ok(None);
    }
    // Versions 2 and 3 have a length of four bytes.
    let len = match [bytes[6], bytes[7]] {
        [1, 0] => u32::from(u16::from_le_bytes([bytes[8], bytes[9]])),
        [2 | 3, 0] if more(bytes, 2)? => u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        _ => return Ok(None),
    };
    let start = bytes.len();
    // Elements begin at a multiple of 16 bytes, and of 64 since NumPy 1.14.
    let is_aligned = (start as u64 + u64::from(len)) & 15 == 0;
    if len > MOST_TEXT || !is_aligned || !more(bytes, len as usize)? {
        return Ok(None);
    }
    Ok(std::str::from_utf8(&bytes[start..]).ok().map(str::to_owned))
}

/// The dictionary as NumPy writes it today: without the spaces and the line feed behind it, of which older versions have
/// fewer, and without the L that Python 2 puts behind long integers. None without the line feed.
fn modern(text: &str) -> Option<String> {
    let mut modern = String::new();
    for c in text.strip_suffix('\n')?.trim_end_matches(' ').chars() {
        if c != 'L' || !modern.ends_with(|c: char| c.is_ascii_digit()) {
            modern.push(c);
        }
    }
    Some(modern)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Writes an array. `elements` must fill `shape`.
///
/// # Errors
/// The writer's, and [`io::ErrorKind::InvalidInput`] when the number of elements is not the product of `shape`.
pub fn write<T: Element>(mut out: impl Write, elements: &[T], shape: &[u64]) -> io::Result<()> {
    if byte_len::<T>(shape)? != elements.len() as u64 * T::SIZE as u64 {
        return Err(invalid(format!("{} elements do not fill the shape {shape:?}", elements.len())));
    }
    out.write_all(&header::<T>(shape)?)?;
    blocks(elements, |bytes| out.write_all(bytes))?;
    out.flush()
}

/// Reads an array of exactly this element type and shape, in C order, and makes sure that nothing follows.
///
/// The header's dictionary is compared and not parsed: `numpy.save` writes it in one way only, save that it is padded in
/// other ways by older versions and has `50000L` under Python 2. Memory grows with the bytes that arrive.
///
/// # Errors
/// [`NpyError`] when the source fails or is not such a file, or when `shape` has more than 2^64 bytes.
pub fn read<T: Element>(mut source: impl Read, shape: &[u64]) -> Result<Vec<T>, NpyError> {
    let len = byte_len::<T>(shape)?;
    let mut found = Vec::new();
    let text = read_header(&mut source, &mut found)?;
    if text.and_then(|text| modern(&text)) != Some(dictionary::<T>(shape)) {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string().trim_end().to_owned();
        let expected = header::<T>(shape)?;
        found.truncate(expected.len());
        return Err(NpyError::Header { expected: text(&expected), found: text(&found) });
    }
    let mut source = source.take(len.saturating_add(1));
    let mut elements = Vec::new();
    let (mut found, mut block) = (0, Vec::with_capacity(BLOCK));
    loop {
        block.clear();
        let n = source.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        found += n as u64;
        elements.extend(T::decode(&block));
        if n < BLOCK {
            break;
        }
    }
    if found != len {
        return Err(NpyError::Length { expected: len, found });
    }
    Ok(elements)
}

/// Bytes of all elements.
fn byte_len<T: Element>(shape: &[u64]) -> io::Result<u64> {
    let len = shape.iter().try_fold(T::SIZE as u64, |n, &d| n.checked_mul(d));
    len.ok_or_else(|| invalid(format!("the shape {shape:?} has more than 2^64 bytes")))
}
