//! The journal of a run: what is finished, a line each, so that whatever ends the run takes the cell at hand alone.

use serde::{Deserialize, Serialize};

use crate::dtype::Dtype;
use crate::schema::{Cell, Conformance, Report, Setting};

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// The first: the report while it is empty, and what was asked for, in words.
    Run {
        /// Without conformance, settings and cells.
        report: Box<Report>,
        /// Which kernels, shapes and so on.
        asked: String,
    },
    /// What the kit said of the kernels of a setting.
    Conformance(Vec<Conformance>),
    /// A setting; one of the same type and thread count replaces the one before.
    Setting(Setting),
    /// A cell that is done.
    Cell(Box<Cell>),
    /// What a reader of the figures must know.
    Note(String),
}

/// What a journal holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// What was done, without its figures ([`Report::finish`] makes them).
    pub report: Report,
    /// What the run was asked for.
    pub asked: String,
    /// Bytes of the lines that are whole. The one that was being written when the run ended is not.
    pub len: usize,
}

/// Why a text is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Not even its first line is whole.
    #[error("expected a run in the first line")]
    NoRun,
    /// A line that is not the last is none.
    #[error("line {line}: {source}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Journal {
    /// Reads the lines. The last is left out if it is not whole.
    ///
    /// # Errors
    /// [`JournalError`] if another one is not.
    pub fn parse(text: &str) -> Result<Self, JournalError> {
        let mut journal: Option<Self> = None;
        let mut len = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let Some(whole) = line.strip_suffix('\n') else { break };
            let entry = serde_json::from_str(whole)
                .map_err(|source| JournalError::Line { line: index + 1, source })?;
            len += line.len();
            match (entry, &mut journal) {
                (Entry::Run { report, asked }, None) => {
                    journal = Some(Self { report: *report, asked, len });
                }
                (entry, Some(journal)) => journal.report.add(entry),
                (_, None) => return Err(JournalError::NoRun),
            }
        }
        let mut journal = journal.ok_or(JournalError::NoRun)?;
        journal.report.upgrade();
        Ok(Self { len, ..journal })
    }
}

impl Report {
    /// Adds what was found.
    pub fn add(&mut self, entry: Entry) {
        match entry {
            // There is one run in a journal.
            Entry::Run { .. } => {}
            Entry::Conformance(found) => self.conformance.extend(found),
            Entry::Setting(setting) => match self.setting_mut(setting.dtype, setting.threads) {
                Some(old) => *old = setting,
                None => self.settings.push(setting),
            },
            Entry::Cell(cell) => self.cells.push(*cell),
            Entry::Note(note) => self.notes.push(note),
        }
    }

    fn setting_mut(&mut self, dtype: Dtype, threads: usize) -> Option<&mut Setting> {
        self.settings.iter_mut().find(|s| s.dtype == dtype && s.threads == threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;

    fn lines() -> (Report, String) {
        let mut report = fixed();
        let empty = Report {
            cells: Vec::new(),
            settings: Vec::new(),
            conformance: Vec::new(),
            notes: Vec::new(),
            ..report.clone()
        };
        let cell = report.cells.remove(0);
        let setting = Setting { levels: Vec::new(), ..report.settings[0].clone() };
        let entries = [
            Entry::Run { report: Box::new(empty), asked: "all".into() },
            Entry::Setting(setting),
            Entry::Cell(Box::new(cell.clone())),
            Entry::Setting(report.settings[0].clone()),
            Entry::Note("a note".into()),
        ];
        report.cells.push(cell);
        let line = |entry: &Entry| format!("{}\n", serde_json::to_string(entry).unwrap());
        (report, entries.iter().map(line).collect())
    }

    #[test]
    fn what_was_written_comes_back() {
        let (report, text) = lines();
        let journal = Journal::parse(&text).unwrap();
        assert_eq!((journal.report, journal.len), (report, text.len()));
    }

    /// Cut anywhere, it holds every line that was whole.
    #[test]
    fn a_line_that_was_cut_off_is_left_out() {
        let (_, text) = lines();
        for end in 0..text.len() {
            let whole = text[..end].matches('\n').count();
            match Journal::parse(&text[..end]) {
                Ok(journal) => {
                    assert_eq!(text[..journal.len].matches('\n').count(), whole);
                    assert_eq!(journal.report.cells.len(), usize::from(whole >= 3));
                }
                Err(JournalError::NoRun) => assert_eq!(whole, 0),
                Err(err) => panic!("{end}: {err}"),
            }
        }
    }

    #[test]
    fn another_file_is_refused() {
        assert!(matches!(Journal::parse("hello\n"), Err(JournalError::Line { line: 1, .. })));
        assert!(matches!(Journal::parse("{\"note\":\"x\"}\n"), Err(JournalError::NoRun)));
    }
}
