//! No circle of files inside a crate: whoever reads a file can read first what it stands on.
//!
//! Text is all that is looked at: `use` declarations and paths that begin with `crate`, `super`, `self` or a child
//! module, without comments, strings and what is compiled for tests alone. A name that a module passes on by `use`
//! counts as the file that defines it, so a crate root or a module that only re-exports closes no circle; the root
//! itself is no part of any. A parent that uses its child and is used by it is a circle like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module by the names that lead to it; the root has none.
type Module = Vec<String>;

/// What a file says of others.
#[derive(Debug, Default)]
struct File {
    /// Name here (`*` for all), and path. The path begins with the root.
    uses: Vec<(String, Module)>,
    /// Paths in the code.
    paths: Vec<Module>,
    /// Names that it defines.
    items: BTreeSet<String>,
}

/// Words, `::` and single marks.
fn tokens(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let quotes = rest.strip_prefix('r').map(|raw| raw.trim_start_matches('#'));
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(inner) = quotes.and_then(|raw| raw.strip_prefix('"')) {
            let hashes = rest.len() - inner.len() - 2;
            let end = format!("\"{}", "#".repeat(hashes));
            let skipped = rest.len() - inner.len();
            inner.find(&end).map_or(rest.len(), |at| skipped + at + end.len())
        } else if first == '"' {
            string_len(rest)
        } else if first == '\'' {
            char_len(rest)
        } else if is_word(first) {
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            found.push(rest[..len].to_owned());
            len
        } else if rest.starts_with("::") {
            found.push("::".into());
            2
        } else {
            if !first.is_whitespace() {
                found.push(first.into());
            }
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    found
}

/// Bytes of the string literal at the start of a text.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Bytes of the character literal at the start of a text; of a lifetime, its mark alone.
fn char_len(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, c))) => {
            let after = at + c.len_utf8();
            text[after..].find('\'').map_or(text.len(), |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The token behind the mark that closes the one at `open`.
fn behind(tokens: &[String], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Leaves out the items that are compiled for tests alone.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let is_attribute = tokens[at] == "#" && tokens.get(at + 1).is_some_and(|next| next == "[");
        if !is_attribute {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = behind(tokens, at + 1);
        let has = |word: &str| tokens[at..end].iter().any(|token| token == word);
        let is_for_tests = has("test") && (has("cfg") && !has("not") || end == at + 4);
        if is_for_tests {
            at = end;
            while tokens.get(at).is_some_and(|token| token != ";" && token != "{") {
                at = if ["(", "["].contains(&tokens[at].as_str()) { behind(tokens, at) } else { at + 1 };
            }
            at = if at < tokens.len() { behind(tokens, at) } else { at };
        } else {
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
        }
    }
    kept
}

/// The paths of a tree of `use`, each with its name, and the token behind.
fn use_tree(tokens: &[String], mut at: usize, before: &[String]) -> (Vec<(String, Module)>, usize) {
    let mut path = before.to_vec();
    let mut name = None;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "::" => at += 1,
            "as" => {
                name = tokens.get(at + 1).cloned();
                at += 2;
            }
            "*" => {
                name = Some("*".into());
                at += 1;
            }
            "{" => {
                let (mut found, end) = (Vec::new(), behind(tokens, at));
                at += 1;
                while at + 1 < end {
                    let (inner, next) = use_tree(tokens, at, &path);
                    found.extend(inner);
                    at = next + 1;
                }
                return (found, end);
            }
            ";" | "," | "}" => break,
            _ => {
                path.push(token.clone());
                at += 1;
            }
        }
    }
    let is_self = path.last().is_some_and(|last| last == "self");
    if is_self && path.len() > 1 {
        path.pop();
    }
    let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
    (vec![(name, path)], at)
}

/// The path from the root, if it begins with `crate`, `self`, `super` or a child of the module.
fn absolute(module: &[String], path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let (first, mut rest) = path.split_first()?;
    let mut base = module.to_vec();
    match first.as_str() {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            base.pop();
            while let Some(("super", more)) = rest.split_first().map(|(first, more)| (first.as_str(), more)) {
                base.pop();
                rest = more;
            }
        }
        child => {
            base.push(child.into());
            if !modules.contains(&base) {
                return None;
            }
        }
    }
    base.extend_from_slice(rest);
    Some(base)
}

const DEFINING: [&str; 9] =
    ["fn", "struct", "enum", "trait", "const", "static", "type", "union", "macro_rules"];

impl File {
    fn read(module: &[String], text: &str, modules: &BTreeSet<Module>) -> Self {
        let tokens = without_tests(&tokens(text));
        let (mut file, mut at) = (File::default(), 0);
        // Modules inside the file, and the depth at which each ends: `super` leads out of them first.
        let (mut inside, mut depth): (Vec<usize>, usize) = (Vec::new(), 0);
        while let Some(token) = tokens.get(at) {
            let word = |ahead: usize| tokens.get(at + ahead).map_or("", String::as_str);
            let mut here = module.to_vec();
            here.extend(inside.iter().map(|_| String::new()));
            match token.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    inside.retain(|end| *end <= depth);
                }
                "mod" if word(2) == "{" => {
                    inside.push(depth + 1);
                    file.items.insert(word(1).into());
                }
                "use" => {
                    let (found, end) = use_tree(&tokens, at + 1, &[]);
                    let found = found
                        .into_iter()
                        .filter_map(|(name, path)| Some((name, absolute(&here, &path, modules)?)));
                    file.uses.extend(found);
                    at = end;
                }
                "macro_rules" => _ = file.items.insert(word(2).into()),
                defining if DEFINING.contains(&defining) => _ = file.items.insert(word(1).into()),
                _ if word(1) == "::" && (at == 0 || tokens[at - 1] != "::") => {
                    let mut path = vec![token.clone()];
                    while word(2 * path.len() - 1) == "::" {
                        path.push(word(2 * path.len()).into());
                    }
                    file.paths.extend(absolute(&here, &path, modules));
                }
                _ => {}
            }
            at += 1;
        }
        file
    }
}

/// The files of a crate, by module.
struct Crate(BTreeMap<Module, File>);

impl Crate {
    /// Of texts by path below `src`.
    fn of(texts: &BTreeMap<String, String>) -> Self {
        let module = |path: &str| -> Module {
            let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
            if ["lib", "main"].contains(&path) {
                Vec::new()
            } else {
                path.split('/').map(Into::into).collect()
            }
        };
        let modules: BTreeSet<Module> = texts.keys().map(|path| module(path)).collect();
        let mut files: BTreeMap<Module, File> = BTreeMap::new();
        for (path, text) in texts {
            let (module, file) = (module(path), files.entry(module(path)).or_default());
            // A library and a program have one root here: neither is part of a circle.
            let File { uses, paths, items } = File::read(&module, text, &modules);
            file.uses.extend(uses);
            file.paths.extend(paths);
            file.items.extend(items);
        }
        Crate(files)
    }

    /// The module whose file defines what a path leads to.
    fn defining(&self, path: &[String], seen: &mut BTreeSet<Module>) -> Module {
        let mut module = Module::new();
        // What passes a name on to itself is asked once.
        if !seen.insert(path.to_vec()) {
            return module;
        }
        for (at, name) in path.iter().enumerate() {
            let child: Module = module.iter().chain([name]).cloned().collect();
            if self.0.contains_key(&child) {
                module = child;
                continue;
            }
            let Some(file) = self.0.get(&module) else { break };
            let rest = &path[at + 1..];
            if let Some((_, target)) = file.uses.iter().find(|(here, _)| here == name) {
                let target: Module = target.iter().chain(rest).cloned().collect();
                return self.defining(&target, seen);
            }
            let globs = file.uses.iter().filter(|(here, _)| here == "*").map(|(_, target)| target);
            for target in globs.filter(|_| !file.items.contains(name)) {
                let target: Module = target.iter().chain(&path[at..]).cloned().collect();
                let found = self.defining(&target, seen);
                if self.0.get(&found).is_some_and(|file| file.items.contains(name)) {
                    return found;
                }
            }
            break;
        }
        module
    }

    /// For each file, those that it uses.
    fn edges(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let used = |(module, file): (&Module, &File)| -> BTreeSet<Module> {
            let paths = file.uses.iter().map(|(_, path)| path).chain(&file.paths);
            let used = paths.map(|path| self.defining(path, &mut BTreeSet::new()));
            used.filter(|used| !used.is_empty() && used != module).collect()
        };
        self.0.iter().filter(|(module, _)| !module.is_empty()).map(|pair| (pair.0, used(pair))).collect()
    }

    /// The shortest circle through each file that is in one; a circle is told once, from its first file.
    fn circles(&self) -> BTreeSet<Vec<String>> {
        let edges = self.edges();
        let mut circles = BTreeSet::new();
        for start in edges.keys() {
            let mut paths: Vec<Vec<&Module>> = vec![vec![start]];
            let mut seen = BTreeSet::new();
            let mut next = 0;
            while let Some(path) = paths.get(next).cloned() {
                next += 1;
                let Some(used) = path.last().and_then(|last| edges.get(last)) else { continue };
                if used.contains(*start) {
                    let mut circle: Vec<String> = path.iter().map(|module| module.join("/")).collect();
                    let first = (0..circle.len()).min_by_key(|&at| circle[at].clone()).unwrap_or(0);
                    circle.rotate_left(first);
                    circles.insert(circle);
                    break;
                }
                for module in used.iter().filter(|module| seen.insert((*module).clone())) {
                    paths.push(path.iter().copied().chain([module]).collect());
                }
            }
        }
        circles
    }
}

/// The files below a folder of sources.
fn texts(src: &Path) -> BTreeMap<String, String> {
    let (mut texts, mut folders) = (BTreeMap::new(), vec![src.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(src).expect("a path below").to_string_lossy().replace('\\', "/");
                texts.insert(name, fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    texts
}

#[test]
fn no_files_go_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crates = fs::read_dir(root.join("crates")).expect("the crates");
    let names =
        crates.map(|entry| format!("crates/{}", entry.expect("a crate").file_name().to_string_lossy()));
    let mut findings = Vec::new();
    for name in names.chain(["xtask".into(), "benches".into()]) {
        let files = Crate::of(&texts(&root.join(&name).join("src")));
        let circles = files.circles();
        let told = circles.iter().map(|circle| format!("{name}: {} -> {}", circle.join(" -> "), circle[0]));
        findings.extend(told);
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Crate::of(&texts).circles().iter().map(|circle| circle.join(" ")).collect()
    }

    #[test]
    fn a_planted_circle_is_found() {
        let a = ("a.rs", "use crate::b::{self, B};\npub struct A;");
        assert_eq!(
            circles(&[("lib.rs", "mod a; mod b;"), a, ("b.rs", "use super::a::A; struct B;")]),
            ["a b"]
        );
        // Through a path in the code, three files, and a name that the root passes on.
        let root = ("lib.rs", "mod a; mod b; mod c; pub use a::A; pub use c::C as See;");
        let b = ("b.rs", "struct B; fn f() -> crate::See { f() }");
        assert_eq!(circles(&[root, a, b, ("c.rs", "struct C(crate::A);")]), ["a b c"]);
        assert_eq!(circles(&[root, a, b, ("c.rs", "pub struct C;")]), [""; 0]);
    }

    #[test]
    fn a_parent_and_its_child_can_be_a_circle() {
        let child = ("a/b.rs", "use super::A; pub fn run() {}");
        assert_eq!(circles(&[("a.rs", "mod b; struct A; fn f() { b::run() }"), child]), ["a a/b"]);
        // What the parent only passes on is where it is defined.
        let parent = ("a.rs", "mod b; mod c; pub use b::run; pub use c::A;");
        assert_eq!(circles(&[parent, child, ("a/c.rs", "pub struct A;")]), [""; 0]);
        assert_eq!(circles(&[parent, child, ("a/c.rs", "use crate::a::run; pub struct A;")]), ["a/b a/c"]);
    }

    #[test]
    fn comments_strings_and_tests_are_left_out() {
        let a = ("a.rs", "use crate::b::B;\npub struct A;");
        for b in [
            "// use crate::a::A;\n/* crate::a::A */ struct B;",
            "struct B; const TEXT: &str = \"use crate::a::A;\"; const RAW: &str = r#\"\"crate::a::A\"#;",
            "struct B; #[cfg(test)] mod tests { use crate::a::A; }",
            "struct B; #[cfg(all(test, unix))] use crate::a::A;",
            "struct B; fn f<'a>(c: char) -> bool { c == '\"' } // crate::a::A\n",
            "struct B; mod inner { use super::B; }",
            "use std::a::A; struct B;",
        ] {
            assert_eq!(circles(&[a, ("b.rs", b)]), [""; 0], "{b}");
        }
        for b in [
            "struct B; #[cfg(not(test))] use crate::a::A;",
            "struct B; mod inner { use super::super::a::A; }",
        ] {
            assert_eq!(circles(&[a, ("b.rs", b)]), ["a b"], "{b}");
        }
    }
}
