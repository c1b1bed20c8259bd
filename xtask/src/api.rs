//! The public items of each package as text, docs/api/*.txt, taken from rustdoc's pages: a change of the API is a change of
//! a file, in whose difference it can be read.
//!
//! Pages are of a toolchain, so the first line names it, and others' are not compared.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::folders::{root, target};
use crate::packages::output;
use crate::published::Published;
use crate::texts::{Error, at, read};
use crate::{cargo, status};
use matmul_lab::say;

/// Where the listings are.
pub(crate) const FOLDER: &str = "docs/api";

/// Builds the pages, and returns the listings by their paths below the root.
pub(crate) fn files(published: &[Published]) -> Result<Vec<(String, String)>, crate::Error> {
    let mut doc = cargo();
    doc.args(["doc", "--quiet", "--no-deps", "--manifest-path"]).arg(root().join("Cargo.toml"));
    doc.args(published.iter().flat_map(|package| ["--package", &package.name]));
    // Pages with errors are nobody's listing.
    let code = status(&mut doc)?;
    if code != 0 {
        return Err(Error::Doc { code }.into());
    }
    let head = format!("# {}: cargo xtask renew --api", toolchain()?);
    let pages = target()?.join("doc");
    let mut files = Vec::new();
    for package in published {
        let text = format!("{head}\n{}", listing(&pages.join(&package.library))?);
        files.push((format!("{FOLDER}/{}.txt", package.name), text));
    }
    Ok(files)
}

/// Whether a listing that is there was made by this toolchain; if not, that is said.
pub(crate) fn is_comparable() -> Result<bool, Error> {
    let now = format!("# {}:", toolchain()?);
    let folder = root().join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(at("read", &folder))?.flatten();
    for path in entries.map(|entry| entry.path()) {
        let text = read(&path)?;
        let head = text.lines().next().unwrap_or_default();
        if !head.starts_with(&now) {
            say!("SKIPPED: {FOLDER} because its pages are of another toolchain ({head}), and this is {now}");
            return Ok(false);
        }
    }
    Ok(true)
}

/// `rustc 1.95.0 x86_64-unknown-linux-gnu`.
fn toolchain() -> Result<String, Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = output(Command::new(rustc).arg("-vV")).map_err(Error::Rustc)?;
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown");
    Ok(format!("rustc {} {}", field("release: "), field("host: ")))
}

/// The items of a library: those that its list of all items links to. Pages of items that are gone may still lie there.
fn listing(folder: &Path) -> Result<String, Error> {
    let all = read(&folder.join("all.html"))?;
    let (_, list) = all.split_once("List of all items</h1>").unwrap_or_default();
    let links = list.split("<a href=\"").skip(1).filter_map(|link| link.split('"').next());
    let mut text = String::new();
    for link in links.filter(|link| link.ends_with(".html")) {
        let path = link.trim_end_matches(".html").replace('/', "::");
        text += &format!("\n{path}\n{}", item(&read(&folder.join(link))?));
    }
    if text.is_empty() { Err(Error::NoItems { folder: folder.to_owned() }) } else { Ok(text) }
}

/// The declaration on an item's page, its own functions, and the names of the traits that it implements by itself.
fn item(page: &str) -> String {
    let mut text = String::new();
    let mut line = |words: &str| text += &format!("    {}\n", plain(words));
    let declared =
        page.split_once("item-decl\"><code>").and_then(|(_, rest)| rest.split_once("</code></pre>"));
    if let Some((declaration, _)) = declared {
        line(declaration);
    }
    let section = |id: &str| {
        let (_, rest) = page.split_once(&format!("<h2 id=\"{id}\""))?;
        Some(rest.split("<h2 id=\"").next().unwrap_or(rest))
    };
    for (id, headings) in [("implementations", &["h3", "h4"][..]), ("trait-implementations", &["h3"])] {
        for heading in section(id).unwrap_or_default().split("<h").skip(1).map(|rest| format!("h{rest}")) {
            let code = |tag: &&&str| heading.starts_with(&format!("{tag} class=\"code-header\">"));
            if let Some(tag) = headings.iter().find(code) {
                let inner = heading.split_once('>').map_or("", |(_, inner)| inner);
                line(inner.split(&format!("</{tag}>")).next().unwrap_or(inner));
            }
        }
    }
    text
}

/// Text without tags, entities, and what rustdoc folds away, on one line.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split('<').enumerate() {
        let (tag, words) = if index == 0 { ("", part) } else { part.split_once('>').unwrap_or(("", part)) };
        // "Show 9 fields"
        if !tag.starts_with("span class=\"hideme") && !tag.starts_with("summary") {
            text += words;
        } else if let Some((_, after)) = words.split_once('>') {
            text += after;
        }
        if tag == "br" {
            text.push(' ');
        }
    }
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_lines() {
        let page = "<pre class=\"rust item-decl\"><code>pub struct A&lt;'a&gt; {\n    <span>x</span>: <a href=\"u\">usize</a>,\n}\
                    </code></pre><h2 id=\"implementations\">I</h2><h3 class=\"code-header\">impl <a>A</a></h3>\
                    <h4 class=\"code-header\">pub fn <a>f</a>(&amp;self)</h4><h4 class=\"x\">no</h4>\
                    <h2 id=\"trait-implementations\">T</h2><h3 class=\"code-header\">impl Clone for A</h3>\
                    <h4 class=\"code-header\">fn clone()</h4><h2 id=\"synthetic-implementations\">S</h2>\
                    <h3 class=\"code-header\">impl Send for A</h3>";
        let expected =
            "    pub struct A<'a> { x: usize, }\n    impl A\n    pub fn f(&self)\n    impl Clone for A\n";
        assert_eq!(item(page), expected);
    }
}
