//! The IDX format of the MNIST files: a big-endian header (two zero bytes, element type, number of dimensions, the
//! dimensions as u32), then the elements in C order. MNIST uses unsigned bytes only.

use thiserror::Error;

/// First four bytes of a file of labels: unsigned bytes, one dimension.
pub const LABELS_MAGIC: u32 = 0x0000_0801;
/// First four bytes of a file of images: unsigned bytes, three dimensions (images, rows, columns).
pub const IMAGES_MAGIC: u32 = 0x0000_0803;

/// What is wrong with an IDX file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The file ends within its header.
    #[error("the IDX header has {expected} bytes, found {found}")]
    Header {
        /// Bytes that the header needs.
        expected: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// The file does not begin with the magic number.
    #[error("the IDX magic number is {found:#010x}, expected {expected:#010x}")]
    Magic {
        /// [`LABELS_MAGIC`] or [`IMAGES_MAGIC`].
        expected: u32,
        /// First four bytes of the file.
        found: u32,
    },
    /// The header announces another shape.
    #[error("the IDX dimensions are {found:?}, expected {expected:?}")]
    Dims {
        /// Shape asked for.
        expected: Vec<u32>,
        /// Shape in the header.
        found: Vec<u32>,
    },
    /// The file does not hold the elements that its header announces.
    #[error("the IDX dimensions announce {expected} elements, found {found}")]
    Length {
        /// Product of the dimensions.
        expected: u128,
        /// Bytes after the header.
        found: usize,
    },
}

/// Reads a file of labels; returns one byte per label.
///
/// # Errors
/// [`IdxError`] when `bytes` is not exactly such a file with `count` labels.
pub fn labels(bytes: &[u8], count: u32) -> Result<&[u8], IdxError> {
    elements(bytes, LABELS_MAGIC, [count])
}

/// Reads a file of images; returns one byte per pixel in C order.
///
/// # Errors
/// [`IdxError`] when `bytes` is not exactly such a file with `count` images of `rows` × `cols` pixels.
pub fn images(bytes: &[u8], count: u32, rows: u32, cols: u32) -> Result<&[u8], IdxError> {
    elements(bytes, IMAGES_MAGIC, [count, rows, cols])
}

fn elements<const N: usize>(bytes: &[u8], magic: u32, dims: [u32; N]) -> Result<&[u8], IdxError> {
    let header = 4 + 4 * N;
    let short = IdxError::Header { expected: header, found: bytes.len() };
    let mut words = bytes.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    // The magic number first: in a file of another kind, the length of the header means nothing.
    let found = words.next().ok_or(short.clone())?;
    if found != magic {
        return Err(IdxError::Magic { expected: magic, found });
    }
    let data = bytes.get(header..).ok_or(short)?;
    let found: Vec<u32> = words.take(N).collect();
    if found != dims {
        return Err(IdxError::Dims { expected: dims.to_vec(), found });
    }
    // Three u32 may overflow u64, but not u128.
    let expected = dims.iter().map(|&d| u128::from(d)).product();
    if data.len() as u128 != expected {
        return Err(IdxError::Length { expected, found: data.len() });
    }
    Ok(data)
}
