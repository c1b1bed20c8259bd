//! What must hold of the three readers for any bytes whatsoever: they return, and what they return is true. The fuzz
//! targets and the tests of crates/mnist share this file.
#![allow(dead_code, reason = "each target uses one of them")]

use matmul_mnist::npy::{self, Element};
use matmul_mnist::pickle::{self, Data};

/// More than any seed has, and little enough that a hostile length is noticed.
const LIMIT: u64 = 1 << 16;

/// The bytes as labels and as images, of the dimensions that they announce and of others.
pub(crate) fn idx(bytes: &[u8]) {
    let dim =
        |i: usize| bytes.get(4 * i..4 * i + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    for count in [dim(1), 3] {
        if let Ok(labels) = matmul_mnist::idx::labels(bytes, count) {
            assert_eq!(labels, &bytes[8..]);
            assert_eq!(labels.len() as u64, u64::from(count));
        }
    }
    if let Ok(pixels) = matmul_mnist::idx::images(bytes, dim(1), dim(2), dim(3)) {
        assert_eq!(pixels, &bytes[16..]);
        assert_eq!(pixels.len() as u128, [1, 2, 3].map(|i| u128::from(dim(i))).iter().product());
    }
}

/// The bytes as arrays of the seeds' shapes. What was read writes back: the elements as they are, under a header of today.
pub(crate) fn npy(bytes: &[u8]) {
    fn read<T: Element>(bytes: &[u8], shape: &[u64]) {
        if let Ok(elements) = npy::read::<T>(bytes, shape) {
            let mut again = Vec::new();
            npy::write(&mut again, &elements, shape).expect("what was read fills its shape");
            let len = elements.len() * T::SIZE;
            assert_eq!(again[again.len() - len..], bytes[bytes.len() - len..]);
            let once_more = npy::read::<T>(&again[..], shape).expect("what was written reads back");
            assert_eq!(once_more.len(), elements.len());
        }
    }
    read::<f32>(bytes, &[2, 3]);
    read::<i64>(bytes, &[3]);
    read::<f32>(bytes, &[0]);
}

/// The bytes as the lesson's pickle.
pub(crate) fn pickle(bytes: &[u8]) {
    let Ok(pairs) = pickle::read(bytes, LIMIT) else { return };
    for array in pairs.iter().flat_map(|(x, y)| [x, y]) {
        let len = match &array.data {
            Data::F32(data) => data.len(),
            Data::I64(data) => data.len(),
        };
        assert_eq!(len, array.shape.iter().product::<usize>());
        assert!(len as u64 <= LIMIT);
    }
}
