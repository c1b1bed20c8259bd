//! Whole files: written under a temporary name and renamed, locked, read with their digest checked.

use crate::dataset::check_digest;
use crate::{Error, FileEntry};
use flate2::bufread::MultiGzDecoder;
use fs4::fs_std::FileExt;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

/// A temporary file in the folder of `path`, so that a rename to `path` stays within one file system. It vanishes
/// when dropped.
pub(crate) fn temporary_for(path: &Path) -> Result<NamedTempFile, Error> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".part-");
    // Temporary files are private by default; these become ordinary files, subject to the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(dir).map_err(io_error("create a file in", dir))
}

/// Gives a finished temporary file its final name.
pub(crate) fn persist(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    file.persist(path).map(drop).map_err(|e| io_error("rename a file to", path)(e.error))
}

/// Writes a file so that its name never stands for half of it.
///
/// It is not flushed to the disk: what a power failure spoils, the digest finds when the file is next read.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let mut file = temporary_for(path)?;
    let mut out = BufWriter::new(&mut file);
    write(&mut out).and_then(|()| out.flush()).map_err(io_error("write", path))?;
    drop(out);
    persist(file, path)
}

/// Opens a file for reading, through a decompressor if its first two bytes say gzip.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    let file = File::open(path).map_err(io_error("open", path))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let gzip = file.fill_buf().map_err(io_error("read", path))?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Reads a file, compressed or not, whose decompressed content must be the entry's. However much it decompresses
/// to, no more than one byte too many is read.
pub(crate) fn read_verified(path: &Path, entry: &FileEntry) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut source = open(path)?.take(entry.bytes.saturating_add(1));
    source.read_to_end(&mut bytes).map_err(|e| read_error(path, e))?;
    if bytes.len() as u64 != entry.bytes {
        let (expected, found) = (entry.bytes, bytes.len() as u64);
        return Err(Error::Size { path: path.to_owned(), expected, found });
    }
    let found = format!("{:x}", Sha256::digest(&bytes));
    check_digest(format!("{} (decompressed)", path.display()), &entry.sha256, found)?;
    Ok(bytes)
}

/// The decompressor reports damage with these two kinds, which a plain file does not have.
fn read_error(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Error::Gzip { path: path.to_owned(), source }
        }
        _ => io_error("read", path)(source),
    }
}

/// The right to write into a folder, held by one process at a time. Readers need none: files appear by renaming.
pub(crate) struct Lock(#[allow(dead_code, reason = "the file is locked while it is open")] File);

impl Lock {
    /// Waits for at most `patience`.
    pub(crate) fn acquire(dir: &Path, patience: Duration) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let path: PathBuf = dir.join(".lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io_error("create", &path))?;
        let start = Instant::now();
        while !file.try_lock_exclusive().map_err(io_error("lock", &path))? {
            if start.elapsed() >= patience {
                return Err(Error::Locked { path, seconds: patience.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Lock(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_stays_held_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::acquire(dir.path(), Duration::ZERO).unwrap();
        let second = Lock::acquire(dir.path(), Duration::from_millis(120));
        assert!(matches!(second, Err(Error::Locked { .. })));
        drop(held);
        assert!(Lock::acquire(dir.path(), Duration::ZERO).is_ok());
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder/file");
        write_whole(&path, |out| out.write_all(b"old")).unwrap();
        let failed = write_whole(&path, |out| {
            out.write_all(b"new and half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(matches!(failed, Err(Error::Io { action: "write", .. })));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path().join("folder")).unwrap().count(), 1);
    }
}
