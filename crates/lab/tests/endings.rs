//! Runs that are ended: what was finished is there, and a later run goes on from it.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use common::{json, lab, output, text};

/// Eight cells, each with enough rounds to be caught in the middle of one.
const SHAPES: &str = "16,24,31,32,40,48,56,64";

fn bench(out: &Path, args: &[&str]) -> Command {
    let mut command = lab();
    command.args(["bench", "--skip-conform", "--threads", "1", "--dtype", "f32", "--kernels", "simd,gemm"]);
    command.args(["--shapes", SHAPES, "--cell", "0.2", "--rounds", "1000000", "--out"]).arg(out).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn signal(child: &Child, signal: libc::c_int) {
    // SAFETY: no memory is involved, and the child has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, signal) }, 0);
}

/// The cells of a journal, whole lines alone.
fn cells(dir: &Path) -> Vec<Value> {
    let Ok(journal) = fs::read_to_string(dir.join("journal.jsonl")) else { return Vec::new() };
    let whole = journal.rfind('\n').map_or("", |end| &journal[..end]);
    let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|mut line| line.get_mut("cell").map(Value::take)).collect()
}

/// The names of the cells that a run has told of, until it ends or `enough` says so.
fn told(child: &mut Child, mut enough: impl FnMut(usize) -> bool) -> usize {
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        count += usize::from(line.contains(" f32 on 1: "));
        if enough(count) {
            break;
        }
    }
    count
}

/// Ten times killed without a word, at moments all over the run; each time it goes on from every cell that it had told
/// of, and those are the same to the bit in the report.
#[test]
fn ten_kills_lose_no_finished_cell() {
    let dir = tempfile::tempdir().unwrap();
    let mut known: Vec<Value> = Vec::new();
    // xorshift64: any moments will do, and the same ones each time are the easier to look into.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for kill in 0..10 {
        let has_journal = !known.is_empty() || dir.path().join("journal.jsonl").exists();
        let args = if has_journal { &["--resume"][..] } else { &[] };
        let mut child = bench(dir.path(), args).spawn().unwrap();
        for shift in [13, -7, 17] {
            random ^= if shift > 0 { random << shift } else { random >> -shift };
        }
        std::thread::sleep(Duration::from_millis(100 + random % 300));
        signal(&child, libc::SIGKILL);
        let (said, before) = (told(&mut child, |_| false), known.len());
        child.wait().unwrap();
        let found = cells(dir.path());
        assert_eq!(found[..before], known[..], "kill {kill}");
        assert!(found.len() >= before + said, "kill {kill}: {} of {said} more", found.len() - before);
        known = found;
    }
    let out = output(&mut bench(dir.path(), if known.is_empty() { &[] } else { &["--resume"] }));
    assert!(out.status.success(), "{}", text(&out.stdout));
    let report = json(&dir.path().join("report.json"));
    let done = report["cells"].as_array().unwrap();
    let names: Vec<_> = done.iter().map(|cell| cell["shape"]["name"].as_str().unwrap()).collect();
    let expected: Vec<String> = SHAPES.split(',').map(|n| format!("{n}x{n}x{n}")).collect();
    assert_eq!(names, expected);
    for (before, after) in known.iter().zip(done) {
        for (before, after) in
            before["rows"].as_array().unwrap().iter().zip(after["rows"].as_array().unwrap())
        {
            assert_eq!(before["samples"], after["samples"]);
        }
    }
    assert!(report.get("partial").is_none() && !dir.path().join("journal.jsonl").exists());
}

#[test]
fn a_signal_is_answered_with_a_report_of_what_is_there() {
    for (number, code, word) in [(libc::SIGINT, 130, "Ctrl-C"), (libc::SIGTERM, 143, "SIGTERM")] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = bench(dir.path(), &[]).spawn().unwrap();
        told(&mut child, |count| count == 2);
        signal(&child, number);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let report = json(&dir.path().join("report.json"));
        let done = report["cells"].as_array().unwrap().len();
        assert!((2..8).contains(&done), "{done} cells");
        assert!(report["partial"].as_str().unwrap().contains(word), "{}", report["partial"]);
        let markdown = fs::read_to_string(dir.path().join("report.md")).unwrap();
        assert!(markdown.contains("**Partial: ended by") && cells(dir.path()).len() == done);
    }
}

/// What a run asked for is what it goes on with; and one folder has one run.
#[test]
fn another_run_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |args: &[&str], words: &[&str]| {
        let out = output(bench(dir.path(), args).stderr(Stdio::piped()));
        let message = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    refused(&["--resume"], &["no run to go on with"]);
    let mut child = bench(dir.path(), &[]).spawn().unwrap();
    told(&mut child, |count| count == 1);
    refused(&[], &["another bench is writing there", "--out"]);
    signal(&child, libc::SIGKILL);
    child.wait().unwrap();
    refused(&["--resume", "--seed", "2"], &["seed 1", "expected the same as now", "seed 2"]);
    // Begun anew, the old one is kept.
    let out = output(&mut bench(dir.path(), &[]));
    assert!(out.status.success());
    let names =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("journal-")).count(), 1);
}
