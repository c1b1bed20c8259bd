use crate::{Error, Origin, Split};
use serde::Deserialize;

/// What a complete data set consists of: where the files are, how long they are, and their digests.
///
/// The manifest of MNIST is `manifest.toml` of this crate, compiled in; see [`Manifest::builtin`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Base addresses of the IDX files, in the order in which to try them.
    pub mirrors: Vec<String>,
    /// The four IDX files.
    pub files: Files,
    /// The three splits made of them.
    pub splits: Splits,
}

/// The four IDX files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Training images; their first rows become the split `train`, the others `valid`.
    pub train_images: FileEntry,
    /// Labels of the training images.
    pub train_labels: FileEntry,
    /// Test images.
    pub test_images: FileEntry,
    /// Labels of the test images.
    pub test_labels: FileEntry,
}

/// One IDX file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name of the decompressed file; a mirror has it with `.gz` appended.
    pub name: String,
    /// Length of the decompressed content in bytes.
    pub bytes: u64,
    /// SHA-256 of the decompressed content, in lower-case hexadecimal.
    pub sha256: String,
}

/// The three splits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Splits {
    /// Training rows.
    pub train: SplitEntry,
    /// Validation rows.
    pub valid: SplitEntry,
    /// Test rows.
    pub test: SplitEntry,
}

/// One split.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitEntry {
    /// Number of images.
    pub rows: usize,
    /// Digests of the real arrays.
    pub mnist: Digests,
    /// Digests of the synthetic arrays.
    pub synthetic: Digests,
}

/// SHA-256 of the elements of x and of y, little-endian, C order, in lower-case hexadecimal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    /// Of the images, f32.
    pub x: String,
    /// Of the labels, i64.
    pub y: String,
}

impl Manifest {
    /// The manifest of MNIST.
    ///
    /// # Errors
    /// [`Error::Manifest`] when `manifest.toml` was broken at build time.
    pub fn builtin() -> Result<Self, Error> {
        Self::parse(include_str!("../manifest.toml"))
    }

    /// Reads a manifest in the form of `manifest.toml`.
    ///
    /// # Errors
    /// [`Error::Manifest`] with line and column of what is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(Error::Manifest)
    }
}

impl SplitEntry {
    pub(crate) fn digests(&self, origin: Origin) -> &Digests {
        match origin {
            Origin::Idx | Origin::Pickle => &self.mnist,
            Origin::Synthetic => &self.synthetic,
        }
    }
}

impl Splits {
    pub(crate) fn get(&self, split: Split) -> &SplitEntry {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}

impl Files {
    /// Training images and labels, test images and labels.
    pub(crate) fn all(&self) -> [&FileEntry; 4] {
        [&self.train_images, &self.train_labels, &self.test_images, &self.test_labels]
    }
}
