//! Whether a library can be loaded at all, found out by a process that it may take with it.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::catalogue::registry::Libraries;
use crate::child::line::in_silence;
use crate::child::worker::{Options, Process, ended};
use crate::error::Error;

/// The BLAS libraries of a run, each tried before it is loaded here, where it prints nothing.
///
/// # Errors
/// [`Error::Trial`] or [`Error::Library`] for one that cannot be loaded.
pub(crate) fn libraries(specs: &[String], patience: Duration) -> Result<Libraries, Error> {
    specs.iter().try_for_each(|spec| load(spec, patience))?;
    in_silence(|| Libraries::load(specs)).map_err(Error::io("standard output"))?
}

/// Loads `PATH[:prefix]` in a child.
///
/// # Errors
/// [`Error::Trial`] if that ended or hung. What the loader refuses in words, it refuses here too: that is left to it.
fn load(spec: &str, patience: Duration) -> Result<(), Error> {
    let error = |reason: String| Error::Trial { spec: spec.to_owned(), reason };
    let options = Options { kernel: String::new(), threads: 1, blas_lib: vec![spec.to_owned()] };
    let mut process = Process::start(&options).map_err(|err| error(err.to_string()))?;
    match process.answers.recv_timeout(patience) {
        Ok(_) => Ok(()),
        Err(RecvTimeoutError::Timeout) => Err(error(format!("was silent for more than {patience:?}"))),
        Err(RecvTimeoutError::Disconnected) => {
            let status = process.child.wait().map_err(|err| error(err.to_string()))?;
            // The status of a command that could not be carried out.
            if status.code() == Some(2) { Ok(()) } else { Err(error(ended(status))) }
        }
    }
}
