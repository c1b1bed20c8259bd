//! Real data, from files in a folder or from addresses.

use crate::dataset::EDGE;
use crate::files::{self, read_verified};
use crate::npy::Element;
use crate::pickle::{self, Array, Data};
use crate::{Error, FileEntry, Manifest, Mnist, Origin, PIXELS, Progress, Split, idx};
use std::path::{Path, PathBuf};

/// The pickle's names, in the order of preference.
const PICKLES: [&str; 2] = ["mnist.pkl.gz", "mnist.pkl"];
/// A pickle has this much beside its arrays at most; the lesson's has about 1 KB.
const PICKLE_OVERHEAD: u64 = 64 * 1024;

/// Where files that are not in the folder may come from.
#[derive(Clone, Copy)]
pub(crate) enum Remote<'a> {
    /// Nowhere.
    None,
    /// Base addresses of the IDX files.
    Idx(&'a [String]),
    /// Address of a pickle.
    Pickle(&'a str),
}

/// Loads the data set from the files in `dir`: the IDX files, of each the first good one, else a pickle, else IDX files of
/// which those that are missing or damaged are fetched. What was passed over is noted. The result is verified.
pub(crate) fn load(
    dir: &Path,
    remote: Remote<'_>,
    manifest: &Manifest,
    progress: &mut Progress<'_>,
    notes: &mut Vec<String>,
) -> Result<Mnist, Error> {
    if let Remote::Pickle(url) = remote {
        return fetched_pickle(url, dir, manifest, progress);
    }
    let entries = manifest.files.all();
    let mut found: Vec<Option<Vec<u8>>> = Vec::new();
    // What is there but not good; of an IDX file the first, and each other in the notes.
    let (mut idx, mut pickles) = (Vec::new(), Vec::new());
    let there = entries.iter().any(|entry| !locals(dir, entry).is_empty());
    for entry in entries {
        found.push(good(locals(dir, entry), &mut idx, |path| read_verified(path, entry)));
        if there && found.last() == Some(&None) && locals(dir, entry).is_empty() {
            let expected = format!("{}.gz (or without .gz)", entry.name);
            idx.push(Error::Missing { dir: dir.to_owned(), expected });
        }
    }
    if found.iter().any(Option::is_none) {
        let paths =
            places(dir).flat_map(|dir| PICKLES.map(|name| dir.join(name))).filter(|path| path.is_file());
        if let Some(mnist) = good(paths.collect(), &mut pickles, |path| load_pickle(path, manifest)) {
            passed_over(notes, idx.into_iter().chain(pickles).collect());
            return Ok(mnist);
        }
    }
    let Remote::Idx(mirrors) = remote else {
        if found.iter().any(Option::is_none) {
            let mut failures = idx.into_iter().chain(pickles);
            let first = failures.next();
            passed_over(notes, failures.collect());
            return Err(first.unwrap_or_else(|| missing(dir, manifest)));
        }
        passed_over(notes, idx);
        return from_files(manifest, found);
    };
    passed_over(
        notes,
        idx.into_iter().chain(pickles).filter(|e| !matches!(e, Error::Missing { .. })).collect(),
    );
    for (entry, bytes) in entries.into_iter().zip(&mut found) {
        if bytes.is_none() {
            *bytes = Some(fetched_idx(mirrors, dir, entry, progress)?);
        }
    }
    from_files(manifest, found)
}

/// Nothing of what would have been accepted.
fn missing(dir: &Path, manifest: &Manifest) -> Error {
    let expected = format!("{}.gz (and three more) or {}", manifest.files.train_images.name, PICKLES[0]);
    Error::Missing { dir: dir.to_owned(), expected }
}

fn passed_over(notes: &mut Vec<String>, failures: Vec<Error>) {
    notes.extend(failures.iter().map(Error::to_string));
}

/// What `read` makes of the first file that it accepts. Those before it are failures.
fn good<T>(
    paths: Vec<PathBuf>,
    failures: &mut Vec<Error>,
    read: impl Fn(&Path) -> Result<T, Error>,
) -> Option<T> {
    paths.iter().find_map(|path| read(path).map_err(|e| failures.push(e)).ok())
}

/// Loads the data set from one pickle.
pub(crate) fn load_pickle(path: &Path, manifest: &Manifest) -> Result<Mnist, Error> {
    let mnist = read_pickle(path, manifest)?;
    mnist.verify(manifest)?;
    Ok(mnist)
}

/// The folder, and those below it in which other programs keep the files: torchvision has `MNIST/raw`.
fn places(dir: &Path) -> impl Iterator<Item = PathBuf> {
    ["", "raw", "MNIST/raw", "MNIST", "mnist"].into_iter().map(|below| dir.join(below))
}

/// The names that a file has in the wild: with a dot before `idx`, where an archiver took it for an extension, and in a
/// folder of its own name, where one unpacked it.
fn names(name: &str) -> Vec<String> {
    let dotted = name.contains("-idx").then(|| name.replace("-idx", ".idx"));
    let plain: Vec<String> = [Some(name.to_owned()), dotted].into_iter().flatten().collect();
    let mut names = Vec::new();
    for name in &plain {
        names.extend([format!("{name}.gz"), name.clone()]);
    }
    names.extend(plain.iter().map(|name| format!("{name}/{name}")));
    names
}

/// The files that an entry may be. Their content is verified, so a name says only where to look.
fn locals(dir: &Path, entry: &FileEntry) -> Vec<PathBuf> {
    let names = names(&entry.name);
    let paths =
        places(dir).flat_map(|place| names.iter().map(move |name| place.join(name)).collect::<Vec<_>>());
    paths.filter(|path| path.is_file()).collect()
}

/// The data set of the four files, verified.
fn from_files(manifest: &Manifest, files: Vec<Option<Vec<u8>>>) -> Result<Mnist, Error> {
    let files: Vec<Vec<u8>> = files.into_iter().flatten().collect();
    let rows = |split| manifest.splits.get(split).rows;
    let (train, test) = (rows(Split::Train) + rows(Split::Valid), rows(Split::Test));
    let [tx, ty, vx, vy] = manifest.files.all();
    let parts = [
        images(tx, &files[0], train)?,
        labels(ty, &files[1], train)?,
        images(vx, &files[2], test)?,
        labels(vy, &files[3], test)?,
    ];
    let mnist = Mnist::from_bytes(rows(Split::Train), parts, Origin::Idx);
    mnist.verify(manifest)?;
    Ok(mnist)
}

fn images<'a>(entry: &FileEntry, bytes: &'a [u8], rows: usize) -> Result<&'a [u8], Error> {
    idx::images(bytes, clamp(rows), EDGE as u32, EDGE as u32)
        .map_err(|source| Error::Idx { path: PathBuf::from(&entry.name), source })
}

fn labels<'a>(entry: &FileEntry, bytes: &'a [u8], rows: usize) -> Result<&'a [u8], Error> {
    idx::labels(bytes, clamp(rows)).map_err(|source| Error::Idx { path: PathBuf::from(&entry.name), source })
}

/// A manifest with more than 2^32 rows fits no IDX file; the header's check will say so.
fn clamp(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn read_pickle(path: &Path, manifest: &Manifest) -> Result<Mnist, Error> {
    let row = (PIXELS * f32::SIZE + i64::SIZE) as u64;
    let rows: usize = Split::ALL.iter().map(|&s| manifest.splits.get(s).rows).sum();
    let limit = rows as u64 * row + PICKLE_OVERHEAD;
    let arrays = pickle::read(files::open(path)?, limit)
        .map_err(|source| Error::Pickle { path: path.to_owned(), source })?;
    let [(tx, ty), (vx, vy), (sx, sy)] = arrays;
    let rows = |split| manifest.splits.get(split).rows;
    Ok(Mnist {
        x_train: pixels("x_train", tx, rows(Split::Train))?,
        y_train: digits("y_train", ty, rows(Split::Train))?,
        x_valid: pixels("x_valid", vx, rows(Split::Valid))?,
        y_valid: digits("y_valid", vy, rows(Split::Valid))?,
        x_test: pixels("x_test", sx, rows(Split::Test))?,
        y_test: digits("y_test", sy, rows(Split::Test))?,
        origin: Origin::Pickle,
        notes: Vec::new(),
    })
}

fn pixels(name: &str, array: Array, rows: usize) -> Result<Vec<f32>, Error> {
    match array.data {
        Data::F32(data) if array.shape == [rows, PIXELS] => Ok(data),
        data => Err(shape_error(name, format!("<f4 ({rows}, {PIXELS})"), &data, &array.shape)),
    }
}

fn digits(name: &str, array: Array, rows: usize) -> Result<Vec<i64>, Error> {
    match array.data {
        Data::I64(data) if array.shape == [rows] => Ok(data),
        data => Err(shape_error(name, format!("<i8 ({rows},)"), &data, &array.shape)),
    }
}

fn shape_error(name: &str, expected: String, data: &Data, shape: &[usize]) -> Error {
    let descr = match data {
        Data::F32(_) => f32::DESCR,
        Data::I64(_) => i64::DESCR,
    };
    Error::Shape { array: name.to_owned(), expected, found: format!("{descr} {shape:?}") }
}

#[cfg(feature = "fetch")]
fn fetched_idx(
    mirrors: &[String],
    dir: &Path,
    entry: &FileEntry,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>, Error> {
    let name = format!("{}.gz", entry.name);
    let urls: Vec<String> = mirrors.iter().map(|m| format!("{}/{name}", m.trim_end_matches('/'))).collect();
    // A good copy is shorter than its content, or a little longer where it was stored without compression.
    let limit = entry.bytes + entry.bytes / 1000 + 1024;
    crate::fetch::fetch(&urls, &dir.join(name), limit, progress, |path| read_verified(path, entry))
}

#[cfg(feature = "fetch")]
fn fetched_pickle(
    url: &str,
    dir: &Path,
    manifest: &Manifest,
    progress: &mut Progress<'_>,
) -> Result<Mnist, Error> {
    let name = if url.ends_with(".gz") { PICKLES[0] } else { PICKLES[1] };
    let path = dir.join(name);
    if path.is_file() {
        // The copy of an earlier run, verified like a new one.
        if let Ok(mnist) = load_pickle(&path, manifest) {
            return Ok(mnist);
        }
    }
    // 16 MB compressed, 220 MB not.
    let limit = 256 << 20;
    crate::fetch::fetch(&[url.to_owned()], &path, limit, progress, |path| load_pickle(path, manifest))
}

#[cfg(not(feature = "fetch"))]
const NO_FETCH: &str = "this build lacks the feature `fetch`";

#[cfg(not(feature = "fetch"))]
fn fetched_idx(
    mirrors: &[String],
    _: &Path,
    entry: &FileEntry,
    _: &mut Progress<'_>,
) -> Result<Vec<u8>, Error> {
    let url = format!("{}{}.gz", mirrors.first().map_or("", String::as_str), entry.name);
    Err(Error::NoNetwork { url, reason: NO_FETCH })
}

#[cfg(not(feature = "fetch"))]
fn fetched_pickle(url: &str, _: &Path, _: &Manifest, _: &mut Progress<'_>) -> Result<Mnist, Error> {
    Err(Error::NoNetwork { url: url.to_owned(), reason: NO_FETCH })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_for_by_the_names_that_it_has() {
        let expected = [
            "train-images-idx3-ubyte.gz",
            "train-images-idx3-ubyte",
            "train-images.idx3-ubyte.gz",
            "train-images.idx3-ubyte",
            "train-images-idx3-ubyte/train-images-idx3-ubyte",
            "train-images.idx3-ubyte/train-images.idx3-ubyte",
        ];
        assert_eq!(names("train-images-idx3-ubyte"), expected);
    }
}
