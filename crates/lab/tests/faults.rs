//! Machines, arguments and libraries that are not as they should be: each once took a whole run with it.

mod common;

use std::fs;
use std::process::Stdio;

use common::{bench, json, lab, library, output, text};

const SIMD: [&str; 5] = ["--skip-conform", "--dtype", "f32", "--shapes", "16"];

#[test]
fn a_folder_that_takes_no_files_is_refused_before_anything() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for out in [file.as_path(), "/proc/x".as_ref()] {
        for mut command in [bench(out, &SIMD), {
            let mut conform = lab();
            conform.args(["conform", "--kernels", "simd", "--out"]).arg(out);
            conform
        }] {
            let out = output(&mut command);
            let message = text(&out.stderr);
            assert_eq!(out.status.code(), Some(2), "{message}");
            assert!(message.contains("no results can be written to"), "{message}");
            assert!(out.stdout.is_empty() && message.lines().count() == 1, "{message}");
        }
    }
}

/// Who reads the output may close it early; the report is written all the same.
#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = bench(dir.path(), &SIMD);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(json(&dir.path().join("report.json"))["cells"].as_array().unwrap().len(), 1);
    for args in
        [&["bench", "--list"][..], &["conform", "--kernels", "simd", "--case", "edges f32 m=1 n=2 k=3"]]
    {
        let mut command = lab();
        let command = command.args(args).arg("--out").arg(dir.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        assert_eq!((out.status.code(), text(&out.stderr).contains("panicked")), (Some(0), false));
    }
}

/// A disk that is full under the output is an error, but one that comes after the report.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_output_loses_no_report() {
    let dir = tempfile::tempdir().unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let out = output(bench(dir.path(), &SIMD).stdout(full));
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("results could not be printed"), "{}", text(&out.stderr));
    assert_eq!(json(&dir.path().join("report.json"))["cells"].as_array().unwrap().len(), 1);
}

#[test]
fn a_run_without_a_round_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = output(lab().args(["bench", "--rounds", "0", "--out"]).arg(dir.path()));
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("expected 1 to 1000000 rounds"), "{}", text(&out.stderr));
}

/// 100000 squared is 120 GB of operands alone.
#[cfg(target_os = "linux")]
#[test]
fn a_product_that_does_not_fit_is_refused_with_both_figures() {
    let dir = tempfile::tempdir().unwrap();
    let out = output(&mut bench(dir.path(), &["--dtype", "f32", "--shapes", "16,100000"]));
    let message = text(&out.stderr);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(2), 0), "{message}");
    assert!(message.starts_with("error: 100000x100000x100000 f32 needs 4"), "{message}");
    assert!(message.contains("GiB of memory, and ") && message.contains(" GiB are free"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn one_cpu_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("taskset");
    command.args(["-c", "0", env!("CARGO_BIN_EXE_matmul-lab"), "bench", "--quick", "--rounds", "3"]);
    let out = match command.args(SIMD).arg("--out").arg(dir.path()).output() {
        Ok(out) if !text(&out.stderr).contains("failed to set") => out,
        _ => return println!("SKIPPED: one CPU, because taskset cannot give it"),
    };
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("note: this process may use one CPU"), "{}", text(&out.stderr));
    let notes = json(&dir.path().join("report.json"))["notes"].to_string();
    assert!(notes.contains("no kernel is measured on several threads"), "{notes}");
}

/// Of two rows, the library's needs temporary files.
#[test]
fn without_temporary_files_the_rest_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = bench(dir.path(), &["--skip-conform", "--dtype", "f32", "--shapes", "16"]);
    command.args(["--kernels", "simd,faulty-cblas", "--blas-lib"]).arg(library("faulty_cblas"));
    let out = output(command.env("TMPDIR", dir.path().join("missing")));
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report = json(&dir.path().join("report.json"));
    let rows = report["cells"][0]["rows"].as_array().unwrap();
    assert_eq!((&rows[0]["kernel"], &rows[0]["outcome"]["state"]), (&"simd".into(), &"measured".into()));
    assert_eq!(rows[1]["outcome"]["state"], "failed", "{}", rows[1]);
    assert!(
        rows[1]["outcome"]["why"].as_str().unwrap().contains("no folder for its matrices"),
        "{}",
        rows[1]
    );
}

/// What becomes of the library's two cells, and of the two beside them.
fn rows_with(fault: &str, kit: bool) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let kit = if kit { &[][..] } else { &["--skip-conform"] };
    let mut command = bench(dir.path(), &["--dtype", "f32", "--shapes", "16,24", "--patience", "2"]);
    command.args(kit).args(["--kernels", "simd,faulty-cblas", "--blas-lib"]).arg(library("faulty_cblas"));
    let out = output(command.env("FAULTY", fault));
    assert!(out.status.success(), "{fault}: {}", text(&out.stderr));
    assert!(!text(&out.stdout).contains("MKL_VERBOSE"), "{}", text(&out.stdout));
    let report = json(&dir.path().join("report.json"));
    let cells = report["cells"].as_array().unwrap();
    let rows: Vec<_> = cells.iter().flat_map(|cell| cell["rows"].as_array().unwrap()).collect();
    assert_eq!(rows.len(), 4);
    for row in rows.iter().filter(|row| row["kernel"] == "simd") {
        assert_eq!(row["outcome"]["state"], "measured", "{fault}: {row}");
    }
    let library = rows.iter().filter(|row| row["kernel"] == "faulty-cblas");
    library
        .map(|row| format!("{} {} {}", row["outcome"]["state"], row["failed"], row["outcome"]["why"]))
        .collect()
}

#[test]
fn what_a_library_prints_is_passed_over() {
    assert_eq!(rows_with("noise", false), ["\"measured\" false null"; 2]);
    assert_eq!(rows_with("load-noise", false), ["\"measured\" false null"; 2]);
}

#[cfg(unix)]
#[test]
fn a_library_that_crashes_or_exits_is_a_failed_row() {
    for (fault, how) in [("crash", "signal: 6"), ("exit", "exit status: 0")] {
        for row in rows_with(fault, false) {
            assert!(row.starts_with("\"failed\" true") && row.contains(how), "{row}");
        }
    }
    // Even where the kit had just seen it.
    for row in rows_with("crash", true) {
        assert!(row.starts_with("\"failed\" true"), "{row}");
    }
}

#[cfg(unix)]
#[test]
fn a_library_that_hangs_is_a_failed_row() {
    let rows = rows_with("hang", false);
    assert!(rows[0].contains("was silent for more than 2s"), "{rows:?}");
    // It is not waited for again.
    assert!(rows[1].contains("was silent for too long in an earlier cell"), "{rows:?}");
}

/// The kit gives up on it too, with the case as a finding.
#[cfg(unix)]
#[test]
fn a_hang_in_the_kit_is_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = lab();
    command.args([
        "conform",
        "--case",
        "edges f32 m=1 n=2 k=3",
        "--kernels",
        "faulty-cblas",
        "--patience",
        "1",
    ]);
    command.arg("--blas-lib").arg(library("faulty_cblas")).arg("--out").arg(dir.path()).env("FAULTY", "hang");
    let out = output(&mut command);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let record = json(&dir.path().join("conformance.json")).to_string();
    assert!(record.contains("was silent for more than 1s"), "{record}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_that_cannot_be_loaded_is_an_error_of_one_line() {
    for (fault, how) in
        [("load-crash", "signal: 6"), ("load-exit", "exit status: 0"), ("load-hang", "was silent")]
    {
        let mut command = lab();
        command.args(["bench", "--list", "--patience", "2", "--blas-lib"]).arg(library("faulty_cblas"));
        let out = output(command.env("FAULTY", fault));
        let message = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{fault}: {message}");
        assert!(message.contains("faulty_cblas") && message.contains(how), "{fault}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}
