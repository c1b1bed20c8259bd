//! The journal of a run as a file, which grows by a line whenever something is finished.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use matmul_report::{Entry, Journal, Report};

use crate::error::Error;
use crate::tell;

/// Its name in the folder of the report.
const NAME: &str = "journal.jsonl";

/// An open journal, which no other process writes to.
pub(crate) struct JournalFile {
    path: PathBuf,
    /// `None` once the disk has refused a line: a journal with a gap is none.
    file: Option<File>,
    paused: bool,
}

impl JournalFile {
    /// Begins one for `report`, which is empty yet, or with `resume` takes up the one that lies there: then what was
    /// found is added to the report. One that is left over is kept under another name.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process is at it, [`Error::OtherRun`] if it is of a run that asked for something
    /// else, [`Error::Journal`] if there is none to go on with.
    pub(crate) fn open(dir: &Path, report: &mut Report, asked: &str, resume: bool) -> Result<Self, Error> {
        let path = dir.join(NAME);
        let mut file = locked(&path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(Error::io(&path))?;
        // A line that was cut off may end inside a character.
        let old = Journal::parse(&String::from_utf8_lossy(&text));
        if resume {
            let old = old.map_err(|source| Error::Journal { path: path.clone(), source })?;
            let (was, is) = (run(&old.report, &old.asked), run(report, asked));
            if was != is {
                return Err(Error::OtherRun { path, was, is });
            }
            let cut = file.set_len(old.len as u64).and_then(|()| file.seek(SeekFrom::End(0)));
            cut.map_err(Error::io(&path))?;
            *report = Report { machine: report.machine.clone(), ..old.report };
            return Ok(Self { path, file: Some(file), paused: false });
        }
        if let Some(old) = old.ok().filter(|old| !old.report.cells.is_empty()) {
            let kept = dir.join(format!("journal-{}.jsonl", old.report.started));
            fs::write(&kept, &text).map_err(Error::io(&kept))?;
            tell!(
                "an earlier run was ended here, and --resume would have gone on with it: kept as {}",
                kept.display()
            );
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(Error::io(&path))?;
        let mut journal = Self { path, file: Some(file), paused: false };
        let asked = asked.to_owned();
        journal.add(&Entry::Run { report: Box::new(report.clone()), asked });
        Ok(journal)
    }

    /// Adds what is finished, down to the disk. If that fails, it is said once, and the run goes on without.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let Some(file) = self.file.as_mut().filter(|_| !self.paused) else { return };
        let written = serde_json::to_string(entry).map_err(io::Error::from).and_then(|mut line| {
            line.push('\n');
            file.write_all(line.as_bytes())?;
            file.sync_data()
        });
        if let Err(err) = written {
            tell!("the journal ends here, and the run goes on: {}: {err}", self.path.display());
            self.file = None;
        }
    }

    /// Takes nothing down any more: what comes is measured to confirm, and all that is to be kept is here.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    /// Takes it away: all that it holds is in the report.
    pub(crate) fn remove(self) {
        if let Err(err) = fs::remove_file(&self.path) {
            tell!("{}: {err}", self.path.display());
        }
    }
}

/// What must be the same for two runs to be one: the request, the machine, the build and the data.
fn run(report: &Report, asked: &str) -> String {
    let m = &report.machine;
    format!(
        "{asked}; seed {}, up to {} rounds; data: {}; {} on CPUs {:?}; {} for {}, {}, flags {:?}; {}",
        report.seed,
        report.rounds,
        report.data,
        m.cpu,
        m.affinity,
        m.rustc,
        m.target,
        m.profile,
        m.rustflags,
        m.environment.join(" ")
    )
}

/// Opens a file for this process alone. A file system without locks cannot tell, and is taken at its word.
fn locked(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(Error::io(path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Busy { path: path.into() }),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}
