use std::fs;
use std::path::Path;

use matmul_report::{Journal, Report, files, render};

use super::compare::read;
use super::error::OptionsError;
use super::formats::Formats;
use super::out::claim;

/// Draws an earlier run again, from its report.json or from what its journal has of it, into `out` or the folder of the
/// file. Returns the first screen.
///
/// # Errors
/// [`OptionsError::Report`] if it is neither, [`OptionsError::Out`] if the folder takes no files.
pub fn redraw(path: &Path, out: Option<&Path>, formats: &Formats) -> Result<String, OptionsError> {
    let report = match path.extension().is_some_and(|extension| extension == "jsonl") {
        true => journal(path)?,
        false => read(path)?,
    };
    let out = out.or(path.parent()).unwrap_or(Path::new("."));
    claim(out)?;
    let write = |path: &Path, text: String| {
        let dir = path.display().to_string();
        fs::write(path, text).map_err(|err| OptionsError::Out { dir, why: err.to_string() })
    };
    for (name, text) in files(&report) {
        write(&out.join(name), text)?;
    }
    for (path, text) in formats.files(&report) {
        write(path, text)?;
    }
    Ok(render::first_screen(&report))
}

fn journal(path: &Path) -> Result<Report, OptionsError> {
    let error = |why: String| OptionsError::Report { path: path.display().to_string(), why };
    let text = fs::read(path).map_err(|err| error(err.to_string()))?;
    // The last line may have been cut off inside a character.
    let journal = Journal::parse(&String::from_utf8_lossy(&text)).map_err(|err| error(err.to_string()))?;
    let mut report = journal.report;
    report.partial = Some("the run was ended".into());
    report.finish();
    Ok(report)
}
