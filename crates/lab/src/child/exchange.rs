//! Matrices as files, for processes that do not share memory.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use matmul::Real;
use matmul_report::Shape;

use crate::error::Error;
use crate::measure::operands::Operands;

/// File names of the matrices in a cell's folder.
const A: &str = "a";
const B: &str = "b";
pub(crate) const C: &str = "c";

/// Room for the bytes between here and the system.
const BUFFER: usize = 1 << 20;

/// Puts A and B into a folder.
pub(crate) fn store<T: Real>(operands: &Operands<T>, dir: &Path) -> Result<(), Error> {
    write(&dir.join(A), &operands.a)?;
    write(&dir.join(B), &operands.b)
}

/// Takes A and B from a folder.
pub(crate) fn load<T: Real>(shape: &Shape, dir: &Path) -> Result<Operands<T>, Error> {
    let (a, b) = Operands::<T>::lens(shape);
    Ok(Operands::with_factors(shape, read(&dir.join(A), a)?, read(&dir.join(B), b)?))
}

/// Writes numbers as little-endian bytes.
pub(crate) fn write<T: Real>(path: &Path, numbers: &[T]) -> Result<(), Error> {
    let mut file = BufWriter::with_capacity(BUFFER, File::create(path).map_err(Error::io(path))?);
    let mut written = Ok(());
    for number in numbers {
        // The pattern of an f32 is the low half.
        written = written.and_then(|()| file.write_all(&number.bits().to_le_bytes()[..size_of::<T>()]));
    }
    written.and_then(|()| file.flush()).map_err(Error::io(path))
}

/// Reads as many numbers as there must be.
pub(crate) fn read<T: Real>(path: &Path, len: usize) -> Result<Vec<T>, Error> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(Error::io(path))?);
    let number = |_| {
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes[..size_of::<T>()])?;
        Ok(T::from_bits(u64::from_le_bytes(bytes)))
    };
    (0..len).map(number).collect::<Result<_, _>>().map_err(Error::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::operands::Images;

    #[test]
    fn numbers_keep_their_bits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let numbers = [0.0f32, -0.0, 1.5, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0];
        write(&path, &numbers).unwrap();
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let back: Vec<f32> = read(&path, numbers.len()).unwrap();
        assert_eq!(bits(&back), bits(&numbers));
        assert!(read::<f32>(&path, numbers.len() + 1).unwrap_err().to_string().contains("x"));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 24);
    }

    #[test]
    fn operands_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let shape = matmul_report::Shape::parse("256x(32x32x32)/shared").unwrap();
        let operands = Operands::<f64>::new(&shape, Images { train: &[], valid: &[] }, 1);
        store(&operands, dir.path()).unwrap();
        let back = load::<f64>(&shape, dir.path()).unwrap();
        assert_eq!((back.a, back.b, back.c.len()), (operands.a, operands.b, operands.c.len()));
    }
}
