//! `conform --publish DIR`: the table of docs/conformance.md, from the conformance.json of every machine.

use std::fs;
use std::path::{Path, PathBuf};

use matmul_report::Record;
use matmul_report::publish::{Document, generated, sort};

use crate::error::Error;
use crate::output;
use crate::say;

/// Writes the table of the records below `dir` into the document, or with `check` finds out whether the document has
/// its rows and columns. `Ok(false)` if it has not.
pub(crate) fn run(dir: &Path, document: &Path, check: bool) -> Result<bool, Error> {
    let records = records(dir)?;
    let text = fs::read_to_string(document).map_err(Error::io(document))?;
    let old = Document::parse(&text).ok_or_else(|| Error::NoMarkers { path: document.into() })?;
    let new = generated(&records);
    if !check {
        output::write(document, &old.with(&new))?;
        say!("{}: {} runs", document.display(), records.len());
        return Ok(true);
    }
    let stale = old.stale(&new);
    stale.iter().for_each(|what| say!("{}: {what}", document.display()));
    Ok(stale.is_empty())
}

/// Every conformance record in a folder and those below it, in the order of the table.
fn records(dir: &Path) -> Result<Vec<Record>, Error> {
    let mut files = Vec::new();
    json_files(dir, &mut files)?;
    let mut records = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        records.push(Record::from_json(&text).map_err(|source| Error::Record { path, source })?);
    }
    if records.is_empty() {
        return Err(Error::NothingPublished { dir: dir.into() });
    }
    sort(&mut records);
    Ok(records)
}

fn json_files(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
        let path = entry.map_err(Error::io(dir))?.path();
        if path.is_dir() {
            json_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}
