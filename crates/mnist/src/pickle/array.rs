use crate::npy::Element;

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

/// The element types, as NumPy's `dtype('f4')` and `dtype('i8')`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dtype {
    F32,
    I64,
}

impl Dtype {
    pub(super) fn size(self) -> usize {
        match self {
            Dtype::F32 => f32::SIZE,
            Dtype::I64 => i64::SIZE,
        }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> Data {
        match self {
            Dtype::F32 => Data::F32(f32::decode(bytes).collect()),
            Dtype::I64 => Data::I64(i64::decode(bytes).collect()),
        }
    }
}
