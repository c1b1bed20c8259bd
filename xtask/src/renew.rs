//! `cargo xtask renew`: the files that follow from others. Each package's README is its crate documentation, and
//! docs/packages.md has the features of all.

use std::fs;
use std::path::Path;

use clap::Args;

use crate::api;
use crate::folders::root;
use crate::published::{Published, published};
use crate::texts::{Error, at, read};
use matmul_lab::say;

/// Whether files are written.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write nothing; fail if a file is not what it would be
    #[arg(long)]
    check: bool,
    /// Also docs/api, the public items of each package, from rustdoc's pages
    #[arg(long)]
    api: bool,
}

/// Where the table of features goes.
const PACKAGES: &str = "docs/packages.md";

pub(crate) fn run(options: &Options) -> Result<u8, crate::Error> {
    let published = published()?;
    let mut files = files(&published)?;
    if options.api && (!options.check || api::is_comparable()?) {
        files.extend(api::files(&published)?);
    }
    let mut differ = 0;
    for (path, text) in &files {
        let file = root().join(path);
        if fs::read_to_string(&file).is_ok_and(|before| before.replace("\r\n", "\n") == *text) {
            continue;
        }
        differ += 1;
        if options.check {
            say!("FAILED: {path} is not what it follows from; `cargo xtask renew --api` writes it");
        } else {
            fs::write(&file, text).map_err(at("write", &file))?;
            say!("wrote {path}");
        }
    }
    say!("{} files, {differ} not as before", files.len());
    Ok(u8::from(options.check && differ > 0))
}

/// Paths below the root, and what is to be there.
fn files(published: &[Published]) -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    let mut table = "| package | feature | | what it adds |\n|---|---|---|---|\n".to_owned();
    for package in published {
        let read = |file: &str| read(&package.folder.join(file));
        let features = features(&read("Cargo.toml")?);
        let folder = package.folder.strip_prefix(root()).unwrap_or(&package.folder);
        let path = folder.join("README.md").to_string_lossy().replace('\\', "/");
        files.push((path, readme(package, &read("src/lib.rs")?, &features)));
        for Feature { name, what, is_default } in features {
            let default = if is_default { "default" } else { "" };
            table += &format!("| `{}` | `{name}` | {default} | {what} |\n", package.name);
        }
    }
    let path = root().join(PACKAGES);
    files.push((PACKAGES.into(), with_region(&path, &read(&path)?, "features", &table)?));
    Ok(files)
}

/// A document with other lines between its two marks.
fn with_region(path: &Path, text: &str, name: &str, lines: &str) -> Result<String, Error> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let found = text.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let (head, tail) = found.ok_or_else(|| Error::NoRegion {
        path: path.to_owned(),
        begin: begin.trim().into(),
        end: end.trim().into(),
    })?;
    Ok([head, &begin, lines, &end, tail].concat())
}

#[derive(Debug, PartialEq)]
struct Feature {
    name: String,
    what: String,
    is_default: bool,
}

/// The features of a manifest, with the comments above them.
fn features(manifest: &str) -> Vec<Feature> {
    let section = manifest.split("[features]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap_or("");
    let (mut features, mut comment, mut default) = (Vec::new(), String::new(), String::new());
    for line in section.lines() {
        if let Some(words) = line.strip_prefix("# ") {
            comment += if comment.is_empty() { "" } else { " " };
            comment += words;
        } else if let Some((name, value)) = line.split_once(" = ") {
            if name == "default" {
                default = value.into();
            } else {
                let what = std::mem::take(&mut comment);
                let is_default = default.contains(&format!("\"{name}\""));
                features.push(Feature { name: name.into(), what, is_default });
            }
        }
    }
    features
}

/// The README of a package: its crate documentation as text that needs no rustdoc, its features, its conditions.
fn readme(package: &Published, library: &str, features: &[Feature]) -> String {
    let Published { name, version, rust_version, .. } = package;
    let mut text = format!("# {name}\n\n{}", documentation(library));
    // A requirement of the first two numbers, as cargo takes the last one from what there is.
    let version = version.rsplit_once('.').map_or(version.as_str(), |(version, _)| version);
    text += &format!("\n## Use\n\n```toml\n[dependencies]\n{name} = \"{version}\"\n```\n");
    if !features.is_empty() {
        text += "\n## Features\n\n| feature | | what it adds |\n|---|---|---|\n";
    }
    for Feature { name, what, is_default } in features {
        let default = if *is_default { "default" } else { "" };
        text += &format!("| `{name}` | {default} | {what} |\n");
    }
    text += &format!("\n## Conditions\n\nRust {rust_version} or later. MIT or Apache-2.0, at your choice.\n");
    text
}

/// Crate documentation without what rustdoc alone understands: links to items, hidden lines, attributes of code. Its
/// headings are below the package's name.
fn documentation(library: &str) -> String {
    let docs = library.lines().filter_map(|line| line.strip_prefix("//!"));
    let (mut text, mut in_code) = (String::new(), false);
    for line in docs.map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        let fence = line.strip_prefix("```");
        if let Some(attributes) = fence {
            let of_rust = !in_code && !matches!(attributes, "text" | "toml" | "sh");
            text += if of_rust { "```rust" } else { line };
            in_code = !in_code;
        } else if in_code && (line == "#" || line.starts_with("# ")) {
            continue;
        } else if in_code {
            text += line;
        } else if line.starts_with('#') {
            text += &format!("#{line}");
        } else {
            text += &without_links(line);
        }
        text.push('\n');
    }
    text
}

/// `` [`name`] `` and `` [`name`](path::of::item) `` become `` `name` ``; links to pages stay.
fn without_links(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some((before, link)) = rest.split_once("[`") {
        text += before;
        let Some((name, behind)) = link.split_once("`]") else {
            text += "[`";
            rest = link;
            continue;
        };
        let target = behind.strip_prefix('(').and_then(|target| target.split_once(')'));
        match target {
            Some((page, _)) if page.contains("://") => {
                text += &format!("[`{name}`]");
                rest = behind;
            }
            Some((_, after)) => {
                text += &format!("`{name}`");
                rest = after;
            }
            None => {
                text += &format!("`{name}`");
                rest = behind;
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_becomes_text() {
        let library = "//! See [`A`], [`b`](c::d) and [`E`](https://example.org).\n//!\n//! # More\n//! ```no_run\n\
                       //! let x = [1];\n//! # Ok::<(), ()>(())\n//! ```\n//! ```text\n//! a [`b`]\n//! ```\n\nmod x;\n";
        let expected = "See `A`, `b` and [`E`](https://example.org).\n\n## More\n```rust\nlet x = [1];\n```\n\
                        ```text\na [`b`]\n```\n";
        assert_eq!(documentation(library), expected);
    }

    #[test]
    fn features_have_the_words_above_them() {
        let manifest = "[package]\n[features]\ndefault = [\"b\"]\n# One,\n# of two.\na = []\n# B.\nb = [\"dep:x\"]\n\n[lib]\nx = 1\n";
        let feature =
            |name: &str, what: &str, is_default| Feature { name: name.into(), what: what.into(), is_default };
        assert_eq!(features(manifest), [feature("a", "One, of two.", false), feature("b", "B.", true)]);
        assert_eq!(features("[package]\n"), []);
    }

    #[test]
    fn regions_are_replaced() {
        let path = Path::new("x");
        let text = with_region(path, "a\n<!-- f -->\nold\n<!-- /f -->\nb\n", "f", "new\n").unwrap();
        assert_eq!(text, "a\n<!-- f -->\nnew\n<!-- /f -->\nb\n");
        assert!(matches!(with_region(path, "a\n", "f", ""), Err(Error::NoRegion { .. })));
    }

    #[test]
    fn every_feature_says_what_it_adds() {
        for package in published().unwrap() {
            let features = features(&read(&package.folder.join("Cargo.toml")).unwrap());
            assert!(
                features.iter().all(|feature| !feature.what.is_empty()),
                "{}: {features:?}",
                package.name
            );
        }
    }

    /// What `cargo xtask renew --check` says, so that no test run passes with an old page.
    #[test]
    fn files_are_what_they_follow_from() {
        for (path, text) in files(&published().unwrap()).unwrap() {
            let found = read(&root().join(&path)).unwrap_or_default();
            assert!(found == text, "{path} is old: `cargo xtask renew` writes it");
        }
    }
}
