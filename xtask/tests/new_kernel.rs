//! docs/new-kernel.md, followed to the letter in a copy of the workspace: its example must be certified, and the same
//! example with one operation that rounds twice must not.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `cargo test -p matmul-simd` needs of the workspace.
const CRATES: [&str; 5] = ["core", "blocked", "conformance", "report", "simd"];

/// Texts by their paths below the root.
type Files = BTreeMap<PathBuf, String>;

/// A block of code of the document that belongs into a file: all of it, or the lines behind one.
#[derive(Debug, PartialEq)]
struct Block {
    file: String,
    after: Option<String>,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks that name a file: ```` ```rust file="PATH" after="START OF A LINE" ````.
fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let value = |key: &str| {
            let (_, rest) = info.split_once(&format!(" {key}=\""))?;
            Some(rest.split_once('"').expect("a closing quote").0.to_owned())
        };
        if let Some(file) = value("file") {
            blocks.push(Block { file, after: value("after"), text });
        }
    }
    blocks
}

/// Does what a block says.
fn apply(block: &Block, files: &mut Files) {
    let path = PathBuf::from(&block.file);
    let Some(after) = &block.after else {
        assert!(files.insert(path, block.text.clone()).is_none(), "{} is there already", block.file);
        return;
    };
    let text = files.get_mut(&path).unwrap_or_else(|| panic!("no {} to insert into", block.file));
    let places: Vec<usize> = text.match_indices('\n').map(|(end, _)| end + 1).collect();
    let starts = [0].into_iter().chain(places.iter().copied());
    let found: Vec<usize> = starts
        .zip(&places)
        .filter(|&(start, &end)| text[start..end].trim_start().starts_with(after))
        .map(|(_, &end)| end)
        .collect();
    assert_eq!(found.len(), 1, "lines of {} that begin with {after:?}", block.file);
    text.insert_str(found[0], &block.text);
}

/// The workspace, of its members only [`CRATES`].
fn workspace() -> Files {
    let mut files = Files::new();
    let manifest = read(&root().join("Cargo.toml"));
    let is_members = |line: &&str| line.starts_with("members = [");
    assert_eq!(manifest.lines().filter(is_members).count(), 1, "the line with the members");
    let lines =
        manifest.lines().map(|line| if is_members(&line) { "members = [\"crates/*\"]" } else { line });
    files.insert("Cargo.toml".into(), lines.map(|line| format!("{line}\n")).collect());
    // With the versions of the lock file nothing has to be looked up.
    files.insert("Cargo.lock".into(), read(&root().join("Cargo.lock")));
    for name in CRATES {
        for path in below(&root().join("crates").join(name)) {
            let relative = path.strip_prefix(root()).expect("a path below the root").to_owned();
            files.insert(relative, read(&path));
        }
    }
    files
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// Makes `folder` hold these sources and no others. What is the same keeps its time, for which cargo looks.
fn write(files: &Files, folder: &Path) {
    let crates = folder.join("crates");
    fs::create_dir_all(&crates).expect("a folder for the copy");
    for path in below(&crates) {
        if !files.contains_key(path.strip_prefix(folder).expect("a path below the copy")) {
            fs::remove_file(&path).expect("a file of an earlier copy");
        }
    }
    for (path, text) in files {
        let path = folder.join(path);
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the copy");
            fs::write(&path, text).expect("a file of the copy");
        }
    }
}

/// `cargo test -p matmul-simd` in the copy, with the toy as the highest instruction set.
fn cargo_test(folder: &Path, which: &[&str]) -> (Output, String) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--offline", "--package", "matmul-simd", "--target-dir"]).arg(folder.join("target"));
    cargo.args(which).args(["--", "--nocapture"]).current_dir(folder);
    cargo.env("MATMUL_MAX_ISA", "toy").env("MATMUL_REQUIRE", "toy").env("MATMUL_CONFORMANCE_PLAN", "quick");
    let output = cargo.output().expect("cargo");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat();
    (output, text)
}

/// Tests that passed, by the harness's own figures.
fn passed(text: &str) -> u64 {
    let results = text.lines().filter_map(|line| line.strip_prefix("test result: "));
    results.filter_map(|result| result.split_once(". ")?.1.split(' ').next()?.parse::<u64>().ok()).sum()
}

#[test]
fn the_document_leads_to_a_certified_instruction_set() {
    let mut files = workspace();
    let blocks = blocks(&read(&root().join("docs/new-kernel.md")));
    let names: Vec<&str> = blocks.iter().map(|block| block.file.as_str()).collect();
    let toy = "crates/simd/src/toy.rs";
    assert_eq!(names, [toy, "crates/simd/src/lib.rs", "crates/simd/src/lib.rs"]);
    for block in &blocks {
        apply(block, &mut files);
    }
    // Kept from run to run, so that only what has changed is compiled again.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-kernel");

    write(&files, &folder);
    let (output, text) = cargo_test(&folder, &[]);
    assert!(output.status.success(), "the document's example does not pass:\n{text}");
    assert!(passed(&text) > 0, "no test ran:\n{text}");
    for dtype in ["f32", "f64"] {
        assert!(text.contains(&format!("simd-toy {dtype} (same-bits): passed")), "not certified:\n{text}");
    }
    assert!(!text.contains("warning: `matmul-simd`"), "the document's example has warnings:\n{text}");

    // The control: as accurate, but not the contract's bits.
    let (once, twice) = ("self.0.mul_add(b.0, c.0)", "Lanes::splat(T::ONE).mul_add(self.0.mul(b.0), c.0)");
    let source = files.get_mut(Path::new(toy)).expect("written above");
    assert_eq!(source.matches(once).count(), 1, "the example's mul_add");
    *source = source.replace(once, twice);
    write(&files, &folder);
    let (output, text) = cargo_test(&folder, &["--test", "conformance", "every_isa_f"]);
    assert!(!output.status.success(), "a multiply-add that rounds twice passes:\n{text}");
    for dtype in ["f32", "f64"] {
        assert!(text.contains(&format!("simd-toy {dtype} (same-bits): FAILED")), "not the toy:\n{text}");
        assert!(text.contains(&format!("simd-portable {dtype} (same-bits): passed")), "not alone:\n{text}");
    }
}

#[test]
fn blocks_are_found_and_inserted() {
    let document = "```sh\nls\n```\n\n```rust file=\"a.rs\" after=\"b =\"\n    c\n```\n";
    let found = blocks(document);
    let block = Block { file: "a.rs".into(), after: Some("b =".into()), text: "    c\n".into() };
    assert_eq!(found, [block]);
    let mut files = Files::from([("a.rs".into(), "a\n    b = 1\nd\n".into())]);
    apply(&found[0], &mut files);
    assert_eq!(files[Path::new("a.rs")], "a\n    b = 1\n    c\nd\n");
    assert_eq!(passed("test result: ok. 4 passed; 0 failed\ntest result: FAILED. 3 passed; 1 failed\n"), 7);
}
