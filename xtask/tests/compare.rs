//! `cargo xtask compare` as it is called, with a cargo that cannot be started: it builds nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use matmul_report::{Class, Report, Sample};

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The committed record with samples for its medians, on one class `factor` times as slow.
fn run(factor: f64) -> Report {
    let record = "../benches/record/2026-11-24-epyc-zen4-2core/report.json";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(record)).expect("the record");
    let mut report = Report::from_json(&text).expect("a report");
    for cell in &mut report.cells {
        let factor = if Class::of(&cell.shape) == Class::Thin { factor } else { 1.0 };
        for row in &mut cell.rows {
            let Some(summary) = row.summary else { continue };
            let seconds = factor * cell.shape.flops() / summary.all.median / 1e9;
            let sample = |round| Sample { round, seconds, canary: (100.0, 100.0), switched: 0 };
            row.samples = (0..8).map(sample).collect();
        }
    }
    report
}

fn compare(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let out = command.arg("compare").args(args).env("CARGO", "no-such-cargo").output().expect("xtask starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[test]
fn the_status_says_what_was_asked_for() {
    let dir = Folder(std::env::temp_dir().join(format!("matmul-compare-{}", std::process::id())));
    fs::create_dir_all(&dir.0).expect("a writable folder");
    let write = |name: &str, report: &Report| -> String {
        let path = dir.0.join(name);
        fs::write(&path, serde_json::to_string(report).expect("JSON")).expect("a writable folder");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (old, slow) = (write("old.json", &run(1.0)), write("slow.json", &run(1.3)));

    let (status, same, _) = compare(&[&old, &old, "--fail-on-regression"]);
    assert_eq!(status, Some(0), "{same}");
    assert!(same.starts_with("classes: 0 SLOWER, 0 FASTER, "), "{same}");
    assert!(!same.contains("thin"), "{same}");

    let (status, slower, _) = compare(&[&old, &slow]);
    assert_eq!(status, Some(0), "{slower}");
    let classes: Vec<&str> =
        slower.lines().filter(|line| line.contains("SLOWER") && line.contains("squares")).collect();
    assert!(slower.contains("-23.1 %") && slower.contains("thin") && classes.is_empty(), "{slower}");
    assert_eq!(compare(&[&old, &slow, "--fail-on-regression"]).0, Some(1));
    assert_eq!(compare(&[&slow, &old, "--fail-on-regression"]).0, Some(0));

    // Runs of one build that differ so much make it nothing to speak of.
    let (status, noisy, _) = compare(&[&old, &slow, "--again", &slow, "--fail-on-regression"]);
    assert_eq!(status, Some(0), "{noisy}");

    let (_, json, _) = compare(&[&old, &slow, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(json["rows"].as_array().is_some_and(|rows| rows.iter().any(|row| row["verdict"] == "slower")));
}

#[test]
fn an_earlier_run_is_drawn_again() {
    let dir = Folder(std::env::temp_dir().join(format!("matmul-render-{}", std::process::id())));
    fs::create_dir_all(&dir.0).expect("a writable folder");
    let record = "../benches/record/2026-11-24-epyc-zen4-2core/report.json";
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join(record);
    let draw = |file: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["bench", "--render"]).arg(file).arg("--out").arg(&dir.0).env("CARGO", "no-such-cargo");
        let out = command.output().expect("xtask starts");
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    let (status, text) = draw(&record);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("Link matmul: in f32, 1 thread it is the fastest, or as fast, in "), "{text}");
    for name in ["report.md", "report.html", "report.csv"] {
        assert!(fs::read_to_string(dir.0.join(name)).expect(name).contains("50000x784x10"), "{name}");
    }
    // Of a run that was ended there is a journal, with a last line that is not whole.
    let report: Report =
        Report::from_json(&fs::read_to_string(&record).expect("the record")).expect("a report");
    let (cells, empty) = (report.cells.clone(), Report { cells: Vec::new(), ..report });
    let run = serde_json::json!({ "run": { "report": empty, "asked": "all" } });
    let cell = serde_json::json!({ "cell": cells[0] });
    let journal = dir.0.join("journal.jsonl");
    fs::write(&journal, format!("{run}\n{cell}\n{{\"cell\":")).expect("a writable folder");
    let (status, text) = draw(&journal);
    assert!(
        status == Some(0) && text.contains("the run is partial, the run was ended, after 1 cells"),
        "{text}"
    );
}

#[test]
fn what_is_no_report_is_named() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let (status, stdout, stderr) = compare(&[manifest, manifest]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("Cargo.toml: no report.json:"), "{stderr}");
    let (status, _, stderr) = compare(&["/no/such/file", manifest]);
    assert!(status == Some(2) && stderr.contains("/no/such/file"), "{stderr}");
}
