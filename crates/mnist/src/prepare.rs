use crate::files::{Lock, io_error, write_whole};
use crate::npy::{self, Element, NpyError};
use crate::source::{self, Remote};
use crate::{Error, Manifest, Mnist, Origin, PIXELS, Progress, Split, Step, synthetic};
use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Another process that fetches and converts needs a minute; ten are a hang.
const PATIENCE: Duration = Duration::from_secs(600);

/// How to get the data. With the feature `cli` these are clap's arguments `--data`, `--from` and `--offline`.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args), group(skip))]
pub struct Options {
    /// Folder of downloads and .npy files.
    #[cfg_attr(
        feature = "cli",
        arg(long = "data", alias = "dir", value_name = "DIR", default_value = "data")
    )]
    pub dir: PathBuf,
    /// A folder with the four IDX files or the pickle (compressed or not), the pickle itself, a base address of the
    /// IDX files, or the address of a `.pkl` or `.pkl.gz`. Then nothing else is tried. Without it: the environment
    /// variable `MATMUL_MNIST`, the folder, the mirrors, a synthetic set.
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR_OR_URL"))]
    pub from: Option<String>,
    /// Do not use the network.
    #[cfg_attr(feature = "cli", arg(long))]
    pub offline: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { dir: PathBuf::from("data"), from: None, offline: false }
    }
}

impl Options {
    /// Where [`Options::from`] is none, takes it from the environment variable `MATMUL_MNIST`, unless that is empty.
    pub fn or_environment(mut self) -> Self {
        self.from = self.from.or_else(|| env::var("MATMUL_MNIST").ok().filter(|from| !from.is_empty()));
        self
    }
}

/// Gets MNIST: from [`Options::from`] or `MATMUL_MNIST` if given; else from the .npy files of an earlier run; else from the downloads
/// in the folder; else from the mirrors; else draws the synthetic set and says so in [`Mnist::describe`] and
/// [`Mnist::notes`]. Whatever it was, its digests are checked, and its .npy files lie in a folder of its own under
/// [`Options::dir`]: `idx`, `pickle` or `synthetic`; where that cannot be written, [`Mnist::notes`] says so.
///
/// A folder may hold the files by the names that they have in the wild, compressed or not, also below `raw`, `MNIST/raw`,
/// `MNIST` or `mnist`. Of several the first good one is used; what was passed over is in [`Mnist::notes`].
///
/// # Errors
/// [`Error`] when a given source fails (then nothing else is tried), or when another process holds the folder for ever.
pub fn prepare(options: &Options) -> Result<Mnist, Error> {
    prepare_with(&Manifest::builtin()?, &options.clone().or_environment(), &mut |_| {})
}

/// Like [`prepare`], with progress, for any manifest, and without a look at the environment.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with(
    manifest: &Manifest,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Mnist, Error> {
    let dir = &options.dir;
    if let Some(from) = &options.from {
        return explicit(from, manifest, options, progress);
    }
    if let Some(mnist) = cached(dir, REAL, manifest, &mut Vec::new()) {
        return Ok(mnist);
    }
    let mut notes = Vec::new();
    let _lock = lock(dir, &mut notes)?;
    // Another process may have finished while we waited for the lock.
    if let Some(mnist) = cached(dir, REAL, manifest, &mut notes) {
        return Ok(mnist);
    }
    let remote = if options.offline { Remote::None } else { Remote::Idx(&manifest.mirrors) };
    let mut mnist = match source::load(dir, remote, manifest, progress, &mut notes) {
        Ok(mnist) => {
            try_store(dir, &mnist, progress, &mut notes);
            mnist
        }
        Err(e) => {
            notes.push(e.to_string());
            fallback(dir, manifest, progress, &mut notes)?
        }
    };
    mnist.notes = notes;
    Ok(mnist)
}

/// Folders of real data, in the order in which to look.
const REAL: &[Origin] = &[Origin::Idx, Origin::Pickle];

/// The source that was asked for, or an error.
fn explicit(
    from: &str,
    manifest: &Manifest,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Mnist, Error> {
    let dir = &options.dir;
    let path = Path::new(from);
    let url = from.starts_with("http://") || from.starts_with("https://");
    if url && options.offline {
        // What was once fetched from there was verified, like all real data here.
        if let Some(mnist) = cached(dir, REAL, manifest, &mut Vec::new()) {
            return Ok(mnist);
        }
        return Err(Error::NoNetwork { url: from.to_owned(), reason: "offline was asked for" });
    }
    let mut notes = Vec::new();
    let _lock = lock(dir, &mut notes)?;
    let mut mnist = if url {
        let base = [from.to_owned()];
        let pickle = from.ends_with(".pkl") || from.ends_with(".pkl.gz");
        let remote = if pickle { Remote::Pickle(from) } else { Remote::Idx(&base) };
        source::load(dir, remote, manifest, progress, &mut notes)?
    } else if path.is_file() {
        source::load_pickle(path, manifest)?
    } else {
        source::load(path, Remote::None, manifest, progress, &mut notes)?
    };
    // The digests of both agree, so files that are already there need not be written again.
    if cached(dir, &[mnist.origin], manifest, &mut notes).is_none() {
        try_store(dir, &mnist, progress, &mut notes);
    }
    mnist.notes = notes;
    Ok(mnist)
}

fn fallback(
    dir: &Path,
    manifest: &Manifest,
    progress: &mut Progress<'_>,
    notes: &mut Vec<String>,
) -> Result<Mnist, Error> {
    if let Some(mnist) = cached(dir, &[Origin::Synthetic], manifest, notes) {
        return Ok(mnist);
    }
    let mnist = synthetic::generate(manifest);
    mnist.verify(manifest)?;
    try_store(dir, &mnist, progress, notes);
    Ok(mnist)
}

/// The first complete set of .npy files that passes every check. A damaged one is noted and passed over.
fn cached(dir: &Path, origins: &[Origin], manifest: &Manifest, notes: &mut Vec<String>) -> Option<Mnist> {
    for &origin in origins {
        let folder = dir.join(origin.name());
        if !folder.is_dir() {
            continue;
        }
        let loaded = read_arrays(&folder, origin, manifest).and_then(|m| m.verify(manifest).map(|()| m));
        match loaded {
            Ok(mnist) => return Some(mnist),
            Err(e) => notes.push(format!("{}: passed over, {e}", folder.display())),
        }
    }
    None
}

fn read_arrays(folder: &Path, origin: Origin, manifest: &Manifest) -> Result<Mnist, Error> {
    let x = |split| read_array(folder, 'x', split, &[rows(manifest, split), PIXELS as u64]);
    let y = |split| read_array(folder, 'y', split, &[rows(manifest, split)]);
    Ok(Mnist {
        x_train: x(Split::Train)?,
        y_train: y(Split::Train)?,
        x_valid: x(Split::Valid)?,
        y_valid: y(Split::Valid)?,
        x_test: x(Split::Test)?,
        y_test: y(Split::Test)?,
        origin,
        notes: Vec::new(),
    })
}

fn rows(manifest: &Manifest, split: Split) -> u64 {
    manifest.splits.get(split).rows as u64
}

fn read_array<T: Element>(folder: &Path, array: char, split: Split, shape: &[u64]) -> Result<Vec<T>, Error> {
    let path = npy_path(folder, array, split);
    let file = File::open(&path).map_err(io_error("open", &path))?;
    npy::read(file, shape).map_err(|source| match source {
        NpyError::Io(e) => io_error("read", &path)(e),
        source => Error::Npy { path: path.clone(), source },
    })
}

fn npy_path(folder: &Path, array: char, split: Split) -> PathBuf {
    folder.join(format!("{array}_{split}.npy"))
}

/// The folder's lock, and in it no temporary files of processes that were killed.
fn lock(dir: &Path, notes: &mut Vec<String>) -> Result<Lock, Error> {
    let mut lock = Lock::acquire(dir, PATIENCE)?;
    notes.extend(lock.note.take());
    let written = [Origin::Idx, Origin::Pickle, Origin::Synthetic].map(|origin| dir.join(origin.name()));
    let dirs: Vec<PathBuf> = [dir.to_owned()].into_iter().chain(written).collect();
    match lock.remove_leftovers(&dirs) {
        0 => {}
        count => notes.push(format!("{}: removed {count} unfinished files of an earlier run", dir.display())),
    }
    Ok(lock)
}

/// Writes the .npy files, or notes why it cannot: the data are there all the same.
fn try_store(dir: &Path, mnist: &Mnist, progress: &mut Progress<'_>, notes: &mut Vec<String>) {
    if let Err(e) = store(dir, mnist, progress) {
        notes.push(format!("not stored, {e}"));
    }
}

/// Writes the six .npy files into the folder of their origin.
fn store(dir: &Path, mnist: &Mnist, progress: &mut Progress<'_>) -> Result<(), Error> {
    let folder = dir.join(mnist.origin.name());
    for (i, split) in Split::ALL.into_iter().enumerate() {
        let (x, y) = mnist.split(split);
        let path = npy_path(&folder, 'x', split);
        let what = path.display().to_string();
        progress(Step { what: &what, done: i as u64, total: 3 });
        write_whole(&path, |out| npy::write(out, x, &[y.len() as u64, PIXELS as u64]))?;
        write_whole(&npy_path(&folder, 'y', split), |out| npy::write(out, y, &[y.len() as u64]))?;
        progress(Step { what: &what, done: i as u64 + 1, total: 3 });
    }
    Ok(())
}
