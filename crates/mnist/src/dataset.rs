use crate::npy::{self, Element};
use crate::origin::SEED;
use crate::{Error, Manifest, Origin, Split};
use sha2::{Digest, Sha256};

/// Pixels along one edge of an image.
pub const EDGE: usize = 28;
/// Pixels per image, the columns of x.
pub const PIXELS: usize = EDGE * EDGE;

/// The data set of the lesson. Images are rows of [`PIXELS`] values, pixel / 256, in C order; labels are 0 to 9.
#[derive(Clone, Debug)]
pub struct Mnist {
    /// 50,000 × 784.
    pub x_train: Vec<f32>,
    /// 50,000.
    pub y_train: Vec<i64>,
    /// 10,000 × 784.
    pub x_valid: Vec<f32>,
    /// 10,000.
    pub y_valid: Vec<i64>,
    /// 10,000 × 784.
    pub x_test: Vec<f32>,
    /// 10,000.
    pub y_test: Vec<i64>,
    /// Real or synthetic, and from which files.
    pub origin: Origin,
    /// What was tried in vain before, such as a mirror that did not answer: one line or more each.
    pub notes: Vec<String>,
}

impl Mnist {
    /// One line for reports; it always says whether the data are real.
    pub fn describe(&self) -> String {
        let source = match self.origin {
            Origin::Idx => "MNIST from the IDX files".to_owned(),
            Origin::Pickle => "MNIST from the lesson's pickle".to_owned(),
            Origin::Synthetic => {
                format!("SYNTHETIC digits, not MNIST (seed {:#x})", SEED)
            }
        };
        let [train, valid, test] = Split::ALL.map(|s| self.split(s).1.len());
        format!("{source}: {train} train, {valid} valid, {test} test images of {EDGE}x{EDGE}")
    }

    /// Images and labels of one split.
    pub fn split(&self, split: Split) -> (&[f32], &[i64]) {
        match split {
            Split::Train => (&self.x_train, &self.y_train),
            Split::Valid => (&self.x_valid, &self.y_valid),
            Split::Test => (&self.x_test, &self.y_test),
        }
    }

    /// The pixels of image `n` and its label, if there are so many.
    pub fn digit(&self, split: Split, n: usize) -> Option<(&[f32], i64)> {
        let (x, y) = self.split(split);
        Some((x.chunks_exact(PIXELS).nth(n)?, *y.get(n)?))
    }

    /// Makes the splits of raw pixels and labels, one byte each. `train_rows` images become `train`, the rest of the
    /// first slice `valid`.
    pub(crate) fn from_bytes(
        train_rows: usize,
        [train_x, train_y, test_x, test_y]: [&[u8]; 4],
        origin: Origin,
    ) -> Self {
        // The lesson divides by 256, not by 255; every quotient is exact.
        let x = |bytes: &[u8]| bytes.iter().map(|&p| f32::from(p) / 256.0).collect();
        let y = |bytes: &[u8]| bytes.iter().map(|&l| i64::from(l)).collect();
        let (x_train, x_valid) = train_x.split_at((train_rows * PIXELS).min(train_x.len()));
        let (y_train, y_valid) = train_y.split_at(train_rows.min(train_y.len()));
        Mnist {
            x_train: x(x_train),
            y_train: y(y_train),
            x_valid: x(x_valid),
            y_valid: y(y_valid),
            x_test: x(test_x),
            y_test: y(test_y),
            origin,
            notes: Vec::new(),
        }
    }

    /// The lesson's checks (rows, columns, labels 0 to 9, pixel range), then the digests of all six arrays.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Label`], [`Error::Pixel`] or [`Error::Digest`], naming the array.
    pub fn verify(&self, manifest: &Manifest) -> Result<(), Error> {
        for split in Split::ALL {
            let entry = manifest.splits.get(split);
            let (x, y) = self.split(split);
            let (x_name, y_name) = (format!("x_{split}"), format!("y_{split}"));
            check_len(&x_name, x, entry.rows, Some(PIXELS))?;
            check_len(&y_name, y, entry.rows, None)?;
            if let Some(row) = y.iter().position(|l| !(0..=9).contains(l)) {
                return Err(Error::Label { array: y_name, row, found: y[row] });
            }
            // A range of floats contains no NaN.
            if let Some(index) = x.iter().position(|p| !(0.0..=255.0 / 256.0).contains(p)) {
                return Err(Error::Pixel { array: x_name, index, found: x[index] });
            }
            let digests = entry.digests(self.origin);
            check_digest(x_name, &digests.x, sha256(x))?;
            check_digest(y_name, &digests.y, sha256(y))?;
        }
        Ok(())
    }
}

fn check_len<T: Element>(name: &str, array: &[T], rows: usize, cols: Option<usize>) -> Result<(), Error> {
    if array.len() == rows * cols.unwrap_or(1) {
        return Ok(());
    }
    let shape = cols.map_or(format!("({rows},)"), |c| format!("({rows}, {c})"));
    Err(Error::Shape {
        array: name.to_owned(),
        expected: format!("{} {shape}", T::DESCR),
        found: format!("{} with {} elements", T::DESCR, array.len()),
    })
}

pub(crate) fn check_digest(what: String, expected: &str, found: String) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Digest { what, expected: expected.to_owned(), found })
}

/// Digest of the little-endian bytes, in lower-case hexadecimal.
pub(crate) fn sha256<T: Element>(elements: &[T]) -> String {
    let mut sha = Sha256::new();
    let Ok(()) = npy::blocks(elements, |bytes| {
        sha.update(bytes);
        Ok::<(), std::convert::Infallible>(())
    });
    format!("{:x}", sha.finalize())
}
