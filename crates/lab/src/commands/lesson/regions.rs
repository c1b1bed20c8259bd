//! The parts of documents that are measured: what stands between `<!-- measured WHAT -->` and `<!-- /measured -->`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::output;

const BEGIN: &str = "<!-- measured ";
const END: &str = "<!-- /measured -->";

/// What to write in the place of WHAT, or what was expected instead of it.
type Measured<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// Rewrites every region of the Markdown files in a folder. Returns the files, sorted; on an error none is changed.
pub(super) fn update(folder: &Path, measured: &mut Measured<'_>) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        paths.push(entry.map_err(Error::io(folder))?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        let new =
            rewrite(&text, measured).map_err(|expected| Error::Region { path: path.clone(), expected })?;
        if text.contains(BEGIN) {
            files.push((path, new));
        }
    }
    files
        .into_iter()
        .map(|(path, text)| {
            output::write(&path, &text)?;
            Ok(path)
        })
        .collect()
}

fn rewrite(text: &str, measured: &mut Measured<'_>) -> Result<String, String> {
    let mut new = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let (before, region) = rest.split_at(begin);
        let (what, _) =
            region[BEGIN.len()..].split_once(" -->").ok_or("\" -->\" after the name of a region")?;
        let end = region.find(END).ok_or_else(|| format!("{END:?} after the region {what:?}"))?;
        new += &format!("{before}{BEGIN}{what} -->\n{}", measured(what)?);
        rest = &region[end..];
    }
    Ok(new + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shout(what: &str) -> Result<String, String> {
        if what == "unknown" { Err("known names".into()) } else { Ok(format!("{}!\n", what.to_uppercase())) }
    }

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = "a\n<!-- measured one -->\nold\n<!-- /measured -->\nb\n<!-- measured two x -->\n<!-- /measured -->\n";
        let new = rewrite(text, &mut shout).unwrap();
        let expected = "a\n<!-- measured one -->\nONE!\n<!-- /measured -->\nb\n<!-- measured two x -->\nTWO X!\n<!-- /measured -->\n";
        assert_eq!(new, expected);
        assert_eq!(rewrite(&new, &mut shout).unwrap(), expected);
        assert_eq!(rewrite("nothing", &mut shout).unwrap(), "nothing");
    }

    #[test]
    fn an_error_names_the_file_and_changes_none() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (dir.path().join("a.md"), dir.path().join("b.md"));
        let old = "<!-- measured one -->\n<!-- /measured -->\n";
        fs::write(&good, old).unwrap();
        for (text, word) in [
            ("<!-- measured unknown -->\n<!-- /measured -->", "known names"),
            ("<!-- measured one -->\n", "/measured"),
        ] {
            fs::write(&bad, text).unwrap();
            let message = update(dir.path(), &mut shout).unwrap_err().to_string();
            assert!(message.contains("b.md") && message.contains(word), "{message}");
            assert_eq!(fs::read_to_string(&good).unwrap(), old);
        }
        fs::write(&bad, "no region").unwrap();
        assert_eq!(update(dir.path(), &mut shout).unwrap(), std::slice::from_ref(&good));
        assert!(fs::read_to_string(&good).unwrap().contains("ONE!"));
    }
}
