//! A data set of a few images: its files in every form, and its manifest.
#![allow(dead_code, reason = "each test file uses a part")]

use flate2::{Compression, write::GzEncoder};
use matmul_mnist::{Manifest, Options};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Rows of train, valid and test.
pub(crate) const ROWS: [usize; 3] = [5, 3, 4];
pub(crate) const NAMES: [&str; 4] = ["train-images", "train-labels", "test-images", "test-labels"];

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn idx_images(pixels: &[u8]) -> Vec<u8> {
    let count = (pixels.len() / 784) as u32;
    let header = [0x803, count, 28, 28].map(u32::to_be_bytes);
    [header.as_flattened(), pixels].concat()
}

pub(crate) fn idx_labels(labels: &[u8]) -> Vec<u8> {
    let header = [0x801, labels.len() as u32].map(u32::to_be_bytes);
    [header.as_flattened(), labels].concat()
}

/// Rows and columns, x and y as little-endian elements.
pub(crate) type Pair = ([u16; 2], Vec<u8>, Vec<u8>);

/// A pickle of three pairs, with the opcodes of the lesson's file.
pub(crate) fn pickle(pairs: &[Pair]) -> Vec<u8> {
    let mut p = b"\x80\x02".to_vec();
    for ([rows, cols], x, y) in pairs {
        let dims = |n: &u16| [b"M", &n.to_le_bytes()[..]].concat();
        p.extend(array(&[dims(rows), dims(cols), b"\x86".to_vec()].concat(), b"f4", x));
        p.extend(array(&[dims(rows), b"\x85".to_vec()].concat(), b"i8", y));
        p.push(b'\x86');
    }
    p.extend(b"\x87.");
    p
}

fn array(shape: &[u8], dtype: &[u8; 2], bytes: &[u8]) -> Vec<u8> {
    let reconstruct = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01";
    let length = (bytes.len() as u32).to_le_bytes();
    let state = b"K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T";
    [reconstruct, shape, b"cnumpy\ndtype\nU\x02", dtype, state, &length, bytes, b"tb"].concat()
}

/// Files, arrays and manifest of one small data set.
pub(crate) struct Fixture {
    /// Decompressed IDX files, in the order of [`NAMES`].
    pub(crate) idx: [Vec<u8>; 4],
    pub(crate) pickle: Vec<u8>,
    /// x and y of each split as little-endian elements.
    pub(crate) arrays: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let train = ROWS[0] + ROWS[1];
        let images = |rows: usize, k: usize| (0..rows * 784).map(|i| (i * k % 251) as u8).collect::<Vec<_>>();
        let labels = |rows: usize, k: usize| (0..rows).map(|i| (i * k % 10) as u8).collect::<Vec<_>>();
        let raw = [images(train, 7), labels(train, 3), images(ROWS[2], 11), labels(ROWS[2], 7)];
        let x = |p: &[u8]| p.iter().flat_map(|&p| (f32::from(p) / 256.0).to_le_bytes()).collect::<Vec<_>>();
        let y = |l: &[u8]| l.iter().flat_map(|&l| i64::from(l).to_le_bytes()).collect::<Vec<_>>();
        let at = ROWS[0] * 784;
        let arrays = vec![
            (x(&raw[0][..at]), y(&raw[1][..ROWS[0]])),
            (x(&raw[0][at..]), y(&raw[1][ROWS[0]..])),
            (x(&raw[2]), y(&raw[3])),
        ];
        let pairs: Vec<_> = arrays
            .iter()
            .zip(ROWS)
            .map(|((x, y), rows)| ([rows as u16, 784], x.clone(), y.clone()))
            .collect();
        let [a, b, c, d] = raw;
        Fixture {
            idx: [idx_images(&a), idx_labels(&b), idx_images(&c), idx_labels(&d)],
            pickle: pickle(&pairs),
            arrays,
        }
    }

    pub(crate) fn manifest(&self, mirrors: &[String]) -> Manifest {
        let mut text = format!("mirrors = {mirrors:?}\n");
        let keys = ["train_images", "train_labels", "test_images", "test_labels"];
        for ((key, name), bytes) in keys.iter().zip(NAMES).zip(&self.idx) {
            let (len, sha) = (bytes.len(), sha256(bytes));
            text += &format!("[files.{key}]\nname = \"{name}\"\nbytes = {len}\nsha256 = \"{sha}\"\n");
        }
        // The first rows of the synthetic set do not depend on how many there are, so its digests come from it.
        let rows = |text: &str, synthetic: &[(String, String)]| {
            let mut text = text.to_owned();
            for (i, split) in ["train", "valid", "test"].iter().enumerate() {
                let (x, y) = (sha256(&self.arrays[i].0), sha256(&self.arrays[i].1));
                let (sx, sy) = &synthetic[i];
                text += &format!(
                    "[splits.{split}]\nrows = {}\nmnist = {{ x = \"{x}\", y = \"{y}\" }}\n",
                    ROWS[i]
                );
                text += &format!("synthetic = {{ x = \"{sx}\", y = \"{sy}\" }}\n");
            }
            Manifest::parse(&text).unwrap()
        };
        let drawn = matmul_mnist::synthetic::generate(&rows(&text, &vec![Default::default(); 3]));
        let digests: Vec<_> = matmul_mnist::Split::ALL
            .map(|s| {
                let (x, y) = drawn.split(s);
                let x: Vec<u8> = x.iter().flat_map(|e| e.to_le_bytes()).collect();
                let y: Vec<u8> = y.iter().flat_map(|e| e.to_le_bytes()).collect();
                (sha256(&x), sha256(&y))
            })
            .to_vec();
        rows(&text, &digests)
    }

    /// Writes the four IDX files, compressed.
    pub(crate) fn write_idx(&self, dir: &Path) {
        for (name, bytes) in NAMES.iter().zip(&self.idx) {
            fs::write(dir.join(format!("{name}.gz")), gzip(bytes)).unwrap();
        }
    }
}

pub(crate) fn options(dir: &Path, from: Option<&Path>) -> Options {
    let from = from.map(|p| p.to_str().unwrap().to_owned());
    Options { dir: dir.to_owned(), from, offline: true }
}

/// Every file under a folder, sorted, by its path relative to it; without the lock file.
pub(crate) fn tree(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, root: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    let mut files = Vec::new();
    walk(dir, dir, &mut files);
    files.retain(|f| f != ".lock");
    files.sort();
    files
}
