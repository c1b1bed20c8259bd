//! What the chapters claim of themselves: each cell of the notebook is in one, and their rungs are the ones measured.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

/// Code cells of the notebook.
const CELLS: usize = 86;

/// The documents by file name.
fn documents() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lesson");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap())).collect()
}

/// `7` or `7-9`.
fn range(text: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

/// The cells that a chapter names: `cell 7`, `cells 7-9` or `cells 7, 9`, up to a colon, a period or the end of the
/// line.
fn named(text: &str) -> BTreeSet<usize> {
    let mut cells = BTreeSet::new();
    for (at, word) in text.match_indices("cell") {
        let rest = text[at + word.len()..].trim_start_matches('s');
        let list = rest.split(|c: char| !(c.is_ascii_digit() || " ,-".contains(c) || c == '\u{a0}')).next();
        cells.extend(list.unwrap_or("").split(',').filter_map(range).flatten());
    }
    cells
}

#[test]
fn every_cell_is_in_the_chapter_that_the_table_names() {
    let documents = documents();
    let mut expected = 1;
    for line in documents["README.md"].lines() {
        let columns: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (Some(cells), Some(link)) = (range(columns[0]), columns.last().and_then(|c| c.split_once("](")))
        else {
            continue;
        };
        assert_eq!(*cells.start(), expected, "{line}");
        expected = cells.end() + 1;
        let file = link.1.trim_end_matches(')');
        let named = named(&documents[file]);
        for cell in cells {
            assert!(named.contains(&cell), "{file} does not name cell {cell}: {named:?}");
        }
    }
    assert_eq!(expected, CELLS + 1);
}

#[test]
fn every_chapter_is_linked_and_tested() {
    let library = include_str!("../src/lib.rs");
    let documents = documents();
    assert_eq!(documents.len(), 18);
    for name in documents.keys().filter(|name| *name != "README.md") {
        assert!(library.contains(&format!("\"{name}\"")), "{name} is not run as a test");
        assert!(documents["README.md"].contains(&format!("]({name})")), "README.md does not link {name}");
    }
}

/// A figure is worth something only if the code beside it is the code that was timed.
#[test]
fn the_rungs_shown_are_those_measured() {
    let documents = documents();
    let ladder = include_str!("../src/ladder.rs");
    for (name, _) in matmul_lesson::ladder::RUNGS {
        let start = ladder.find(&format!("fn {name}(")).unwrap();
        let function = &ladder[start..start + ladder[start..].find("\n}\n").unwrap() + 3];
        let shown = documents.values().filter(|text| text.contains(function)).count();
        assert_eq!(shown, 1, "{name} in ladder.rs is not the one in the chapters:\n{function}");
    }
}
