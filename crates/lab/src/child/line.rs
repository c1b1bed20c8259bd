//! The line between a child and its parent: a message to a line, whatever a library prints.

use std::fs::File;
use std::io::{self, Write};

/// Where a child's messages go: the pipe that was its standard output. What was is empty from then on, since a BLAS
/// may print to it whenever it is loaded or called.
pub(crate) struct Line(File);

impl Line {
    /// Takes standard output away from everybody else. Before a library is loaded.
    #[cfg(unix)]
    pub(crate) fn take() -> io::Result<Self> {
        use std::os::fd::AsFd;
        let line = io::stdout().as_fd().try_clone_to_owned()?;
        redirect(&File::options().write(true).open("/dev/null")?)?;
        Ok(Self(line.into()))
    }

    /// Shares it: here the parent passes over what is no message.
    #[cfg(windows)]
    pub(crate) fn take() -> io::Result<Self> {
        use std::os::windows::io::AsHandle;
        Ok(Self(io::stdout().as_handle().try_clone_to_owned()?.into()))
    }

    pub(crate) fn send(&mut self, message: &impl serde::Serialize) -> io::Result<()> {
        writeln!(self.0, "{}", serde_json::to_string(message)?)
    }
}

/// Runs `work` while standard output leads nowhere.
#[cfg(unix)]
pub(crate) fn in_silence<R>(work: impl FnOnce() -> R) -> io::Result<R> {
    use std::os::fd::AsFd;
    let was = io::stdout().as_fd().try_clone_to_owned()?;
    redirect(&File::options().write(true).open("/dev/null")?)?;
    let result = work();
    // SAFETY: a null pointer stands for every stream of C, and each is flushed under its own lock.
    unsafe { libc::fflush(std::ptr::null_mut()) };
    redirect(&File::from(was))?;
    Ok(result)
}

/// Runs `work`.
#[cfg(windows)]
pub(crate) fn in_silence<R>(work: impl FnOnce() -> R) -> io::Result<R> {
    Ok(work())
}

#[cfg(unix)]
fn redirect(to: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: both descriptors are open, and what the second led to before stays open elsewhere or is given up.
    let result = unsafe { libc::dup2(to.as_raw_fd(), libc::STDOUT_FILENO) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
