//! The repository's own rules, those that neither rustc nor clippy knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file that a reader can no longer hold in mind is two files.
const MAX_LINES: usize = 500;

/// What each crate of the workspace may depend on outside it: linking one kernel must not pull in what another
/// needs. Crates that are not listed are leaves (tools and harness) and may use what they like.
const EXTERNAL: [(&str, &[&str]); 10] = [
    // Each behind a feature.
    ("matmul-core", &["faer", "nalgebra", "ndarray"]),
    ("matmul-naive", &[]),
    ("matmul-blocked", &["libc"]),
    ("matmul-simd", &[]),
    ("matmul-parallel", &["rayon"]),
    (
        "matmul-blas",
        &["blis-src", "cblas-sys", "libc", "libloading", "openblas-src", "pkg-config", "thiserror"],
    ),
    ("matmul-kernels", &["rayon"]),
    ("matmul-einsum", &["ndarray", "thiserror"]),
    // Linked for every architecture, and by old compilers.
    ("matmul-report", &["serde", "serde_json", "strsim", "thiserror"]),
    ("matmul-certify", &["libc", "serde_json"]),
];

/// The direction of dependencies inside the workspace; nothing goes against it.
const INTERNAL: [(&str, &[&str]); 14] = [
    ("matmul-core", &[]),
    ("matmul-naive", &["matmul-core"]),
    ("matmul-blocked", &["matmul-core"]),
    ("matmul-simd", &["matmul-core", "matmul-blocked"]),
    ("matmul-parallel", &["matmul-core", "matmul-blocked", "matmul-simd"]),
    ("matmul-blas", &["matmul-core"]),
    ("matmul-peers", &["matmul-core"]),
    ("matmul-conformance", &["matmul-core"]),
    (
        "matmul-kernels",
        &["matmul-core", "matmul-naive", "matmul-blocked", "matmul-simd", "matmul-parallel", "matmul-blas"],
    ),
    ("matmul-einsum", &["matmul-kernels", "matmul-core"]),
    ("matmul-lesson", &["matmul-kernels", "matmul-einsum", "matmul-mnist"]),
    ("matmul-report", &["matmul-conformance"]),
    ("matmul-certify", &["matmul-kernels", "matmul-conformance", "matmul-report"]),
    ("xtask", &["matmul-blocked", "matmul-lab", "matmul-report", "matmul-simd"]),
];

/// What the lab may need before it measures: `cargo xtask` builds that much to say its first word.
const FIRST_WORD: [&str; 7] =
    ["clap", "libc", "matmul-conformance", "matmul-report", "matmul-simd", "regex-lite", "thiserror"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The repository's text files, with paths relative to the root.
fn files() -> BTreeMap<String, String> {
    const SKIPPED: [&str; 3] = [".git", "target", "record"];
    let mut files = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_data = folder == root().join("data") && name != "README.md";
            if SKIPPED.contains(&name.as_str()) || is_data {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let relative = path.strip_prefix(root()).expect("a path below the root");
                files.insert(relative.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    files
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (path.ends_with(".rs") && lines > MAX_LINES)
        .then(|| format!("{path}: {lines} lines, at most {MAX_LINES}"))
}

/// Lines with a path of somebody's machine, or with unfinished or disabled code. Written in two parts here, so that
/// this file is not its own finding.
fn forbidden(path: &str, text: &str) -> Vec<String> {
    let paths = ["home", "root", "work", "tmp", "Users"].map(|folder| format!("/{folder}/"));
    let code = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let disabled = ["#[", "ignore"].concat();
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let at_path = paths.iter().filter(|folder| starts_a_path(line, folder));
        let in_code =
            code.iter().chain([&disabled]).filter(|word| path.ends_with(".rs") && line.contains(*word));
        findings.extend(at_path.chain(in_code).map(|found| format!("{path}:{number}: has {found}")));
    }
    findings
}

/// Whether `folder` begins an absolute path in `line`, not a part of a longer path or URL.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || ".-_~/}".contains(before))
    })
}

/// A member's dependencies by name, those for development apart.
struct Member {
    name: String,
    normal: BTreeSet<String>,
    /// Those of them that no feature leaves out.
    fixed: BTreeSet<String>,
}

fn members() -> Vec<Member> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root());
    let output = command.output().expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a name").to_owned();
    let member = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        let normal = dependencies.filter(|d| d["kind"] != "dev");
        let fixed = normal.clone().filter(|d| d["optional"] == false).map(|d| text(&d["name"])).collect();
        Member { name: text(&package["name"]), normal: normal.map(|d| text(&d["name"])).collect(), fixed }
    };
    metadata["packages"].as_array().expect("packages").iter().map(member).collect()
}

/// Dependencies that the two tables above do not allow.
fn wrong_direction(member: &Member) -> Vec<String> {
    let allowed = |table: &[(&str, &'static [&str])]| {
        table.iter().find(|(name, _)| *name == member.name).map(|(_, allowed)| *allowed)
    };
    let mut findings = Vec::new();
    for dependency in &member.normal {
        let inside = dependency.starts_with("matmul-");
        let allowed = allowed(if inside { &INTERNAL } else { &EXTERNAL });
        if allowed.is_some_and(|names| !names.contains(&dependency.as_str())) {
            findings
                .push(format!("{} depends on {dependency}, which ARCHITECTURE.md rules out", member.name));
        }
    }
    findings
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn files_are_short_and_finished() {
    let files = files();
    assert!(files.contains_key("xtask/tests/tidy.rs"), "the walk missed this file");
    let sources = files.iter().filter(|(path, _)| *path != "Cargo.lock");
    assert_none(
        &sources.flat_map(|(p, t)| too_long(p, t).into_iter().chain(forbidden(p, t))).collect::<Vec<_>>(),
    );
}

#[test]
fn dependencies_keep_their_direction() {
    let members = members();
    let names: BTreeSet<_> = members.iter().map(|member| member.name.as_str()).collect();
    for (name, _) in INTERNAL {
        assert!(names.contains(name), "{name} is in the table but not in the workspace");
    }
    assert_none(&members.iter().flat_map(wrong_direction).collect::<Vec<_>>());
}

/// Whose matrices are taken in place is for the user to say.
#[test]
fn core_needs_nothing_by_itself() {
    let core = members().into_iter().find(|member| member.name == "matmul-core").expect("a member");
    assert_eq!(core.fixed, BTreeSet::new());
}

/// A kernel, a peer or a BLAS here would be built before `cargo xtask --help` answers.
#[test]
fn the_first_word_needs_no_kernel() {
    let members = members();
    let fixed = |name: &str| {
        let member = members.iter().find(|member| member.name == name);
        member.map(|member| member.fixed.clone()).expect("a member")
    };
    let lab = fixed("matmul-lab");
    assert_eq!(lab.iter().collect::<Vec<_>>(), FIRST_WORD.iter().collect::<Vec<_>>());
    assert!(fixed("xtask").contains("matmul-lab"));
}

#[test]
fn every_crate_is_on_the_map() {
    let files = files();
    let crates: BTreeSet<_> =
        files.keys().filter_map(|path| path.strip_prefix("crates/")?.split('/').next()).collect();
    assert!(crates.contains("core"), "the walk missed the crates");
    let mut findings = Vec::new();
    for map in ["ARCHITECTURE.md", "README.md"] {
        let Some(text) = files.get(map) else {
            findings.push(format!("{map} is missing"));
            continue;
        };
        let on_map =
            |name: &str| text.contains(&format!("matmul-{name}")) || text.contains(&format!("{name}/"));
        findings
            .extend(crates.iter().filter(|name| !on_map(name)).map(|name| format!("{map} misses {name}")));
    }
    assert_none(&findings);
}

#[test]
fn findings_are_found() {
    let home = ["/ho", "me/ada/x"].concat();
    assert_eq!(forbidden("README.md", &format!("see {home}\n")).len(), 1);
    assert_eq!(
        forbidden("README.md", &format!("https://example.org{home} and $HOME{}", "/tm".to_owned() + "p/x"))
            .len(),
        0
    );
    assert_eq!(forbidden("a.rs", &["fn f() { to", "do!() }\n#[ig", "nore]"].concat()).len(), 2);
    assert_eq!(forbidden("a.md", &["to", "do!()"].concat()).len(), 0);
    assert!(too_long("a.rs", &"x\n".repeat(MAX_LINES + 1)).is_some());
    assert!(too_long("a.rs", &"x\n".repeat(MAX_LINES)).is_none());

    let member = |name: &str, on: &[&str]| Member {
        name: name.into(),
        normal: on.iter().map(|&dependency| dependency.into()).collect(),
        fixed: BTreeSet::new(),
    };
    assert_eq!(
        wrong_direction(&member("matmul-simd", &["matmul-blocked", "rayon", "matmul-parallel"])).len(),
        2
    );
    assert_eq!(wrong_direction(&member("matmul-core", &["matmul-naive"])).len(), 1);
    assert_eq!(wrong_direction(&member("matmul-lab", &["matmul-kernels", "clap"])).len(), 0);
}
