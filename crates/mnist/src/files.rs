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

/// How the names of temporary files begin.
const PART: &str = ".part-";

/// A temporary file in the folder of `path`, so that a rename to `path` stays within one file system. It vanishes
/// when dropped.
pub(crate) fn temporary_for(path: &Path) -> Result<NamedTempFile, Error> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PART);
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
pub(crate) struct Lock {
    /// Locked while it is open. None where the folder or its file system has no locks.
    file: Option<File>,
    /// Why not.
    pub(crate) note: Option<String>,
}

impl Lock {
    /// Waits for at most `patience`. Where there can be no lock (a folder that is read-only, a file system without), goes on
    /// without: at worst two processes do the same work, and files appear whole all the same.
    pub(crate) fn acquire(dir: &Path, patience: Duration) -> Result<Self, Error> {
        let path: PathBuf = dir.join(".lock");
        match Self::wait(&path, patience) {
            Ok(file) => Ok(Self { file: Some(file), note: None }),
            Err(e @ Error::Locked { .. }) => Err(e),
            Err(e) => Ok(Self { file: None, note: Some(format!("{}: not locked, {e}", dir.display())) }),
        }
    }

    fn wait(path: &Path, patience: Duration) -> Result<File, Error> {
        let dir = path.parent().unwrap_or(path);
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(io_error("create", path))?;
        let start = Instant::now();
        while !file.try_lock_exclusive().map_err(io_error("lock", path))? {
            if start.elapsed() >= patience {
                return Err(Error::Locked { path: path.to_owned(), seconds: patience.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(file)
    }

    /// Removes the temporary files of processes that were killed: those in a folder that we hold belong to nobody. How
    /// many there were.
    pub(crate) fn remove_leftovers(&self, dirs: &[PathBuf]) -> usize {
        if self.file.is_none() {
            return 0;
        }
        let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
        let left = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PART));
        left.filter(|entry| fs::remove_file(entry.path()).is_ok()).count()
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
    fn where_there_can_be_no_lock_the_work_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        // A folder in the place of the file, and a file in the place of the folder.
        fs::create_dir(dir.path().join(".lock")).unwrap();
        fs::write(dir.path().join(".part-old"), b"half").unwrap();
        fs::write(dir.path().join("file"), b"").unwrap();
        for dir in [dir.path().to_owned(), dir.path().join("file/folder")] {
            let lock = Lock::acquire(&dir, Duration::ZERO).unwrap();
            let note = lock.note.as_deref().expect("a note");
            assert!(note.contains("not locked") && note.contains(&dir.display().to_string()), "{note}");
            // Perhaps another process is writing it.
            assert_eq!(lock.remove_leftovers(&[dir]), 0);
        }
        assert!(dir.path().join(".part-old").exists());
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
