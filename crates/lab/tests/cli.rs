//! The program as it is started: options in, files and exit status out.

mod common;
#[path = "../../report/tests/validate/mod.rs"]
mod validate;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use common::{json, lab, library, text};

fn bench(out: &Path, args: &[&str]) -> Output {
    common::output(&mut common::bench(out, args))
}

#[test]
fn bench_writes_a_report_of_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--shapes", "16,3x5x7", "--kernels", "simd,naive-loops,faer", "--dtype", "f64"];
    let out = bench(dir.path(), &args);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report = json(&dir.path().join("report.json"));
    assert_eq!((report["schema"].as_u64(), validate::faults(&report)), (Some(3), Vec::new()));
    let cells = report["cells"].as_array().unwrap();
    let names: Vec<&str> = cells.iter().map(|c| c["shape"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["16x16x16", "3x5x7"]);
    for cell in cells {
        assert_eq!((cell["dtype"].as_str(), cell["threads"].as_u64()), (Some("f64"), Some(1)));
        let rows = cell["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        for row in rows {
            assert_eq!(row["check"]["passed"], true, "{row}");
            // Up to three rounds: on a busy machine a kernel that has used more than its share sits some out.
            let samples = row["samples"]["time"].as_array().unwrap().len();
            assert!((1..=3).contains(&samples), "{samples} samples");
            assert!(row["summary"]["all"]["max"].as_f64().unwrap() > 0.0);
            assert!(row["summary"]["times_naive"].as_f64().unwrap() > 0.0);
        }
    }
    // Three kernels were checked by the kit before.
    assert_eq!(report["conformance"].as_array().unwrap().len(), 3);
    let markdown = fs::read_to_string(dir.path().join("report.md")).unwrap();
    assert!(markdown.contains("## 3x5x7 f64, 1 thread") && text(&out.stdout).contains("naive-loops"));
}

/// Users call from a thread that is not of the pool; what has no pool of rayon's does not say where it was called from.
#[test]
fn threaded_kernels_are_called_from_outside_and_from_inside() {
    if std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2) {
        println!("SKIPPED: two threads, because this process may use one CPU");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let shapes =
        ["--shapes", "16,128", "--dtype", "f32", "--kernels", "matmul,parallel,faer", "--skip-conform"];
    let out = common::output(
        lab()
            .args(["bench", "--rounds", "3", "--threads", "1,2", "--cold", "--out"])
            .arg(dir.path())
            .args(shapes),
    );
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report = json(&dir.path().join("report.json"));
    assert_eq!((&report["cold"], validate::faults(&report)), (&true.into(), Vec::new()));
    let rows = |cell: &Value| -> Vec<String> {
        let rows = cell["rows"].as_array().unwrap().iter();
        let passed = rows
            .inspect(|row| assert_eq!((&row["check"]["passed"], &row["calls"]), (&true.into(), &1.into())));
        passed
            .map(|row| {
                format!("{} {}", row["kernel"].as_str().unwrap(), row["called"].as_str().unwrap_or("-"))
            })
            .collect()
    };
    let both = [
        "parallel outside",
        "matmul outside",
        "faer outside",
        "parallel inside",
        "matmul inside",
        "faer inside",
    ];
    for cell in report["cells"].as_array().unwrap() {
        let expected: &[&str] = if cell["threads"] == 1 { &["matmul -", "faer -"] } else { &both };
        assert_eq!(rows(cell), expected);
        assert_eq!(cell["limit"]["level"], "DRAM");
    }
    assert!(text(&out.stdout).contains("Every call began with cold caches"), "{}", text(&out.stdout));
}

/// Every row has counters, or the machine says once why none has; the timed samples are there either way.
#[test]
fn counters_are_told_or_not_by_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--shapes", "16,3x5x7", "--kernels", "simd,faer", "--dtype", "f32", "--skip-conform"];
    let out = common::output(common::bench(dir.path(), &args).arg("--counters"));
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report = json(&dir.path().join("report.json"));
    assert_eq!(validate::faults(&report), [""; 0]);
    let rows: Vec<&Value> =
        report["cells"].as_array().unwrap().iter().flat_map(|c| c["rows"].as_array().unwrap()).collect();
    assert!(rows.len() == 4 && rows.iter().all(|row| row["summary"]["samples"].as_u64() >= Some(1)));
    let markdown = fs::read_to_string(dir.path().join("report.md")).unwrap();
    let found = &report["machine"]["counters"];
    if found["state"] == "told" {
        for row in rows {
            let counters = &row["counters"];
            // A call takes a cycle at least, and short ones are counted for 2 ms.
            assert!(counters["cycles"].as_u64() > counters["calls"].as_u64(), "{row}");
            assert!(counters["calls"].as_u64() > Some(100), "{row}");
        }
        assert!(markdown.contains("| cycles/FMA |"), "{markdown}");
    } else {
        let line = format!("not told: {}", found["what"].as_str().unwrap());
        assert!(rows.iter().all(|row| row["counters"].is_null()), "{report}");
        assert_eq!(markdown.matches(&line).count(), 1, "{markdown}");
        assert_eq!(text(&out.stderr).matches(&line).count(), 1, "{}", text(&out.stderr));
        assert!(!markdown.contains("cycles/FMA"), "{markdown}");
    }
}

/// What MATMUL_TRACE wrote is measured in the types that it names, and weighted.
#[test]
fn a_trace_and_a_list_are_files_of_shapes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shapes");
    let line = |m: usize, dtype: &str, seconds: f64| {
        format!(
            "{{\"m\":{m},\"k\":3,\"n\":4,\"a\":\"t\",\"b\":\"n\",\"batch\":2,\"dtype\":\"{dtype}\",\"calls\":5,\"seconds\":{seconds}}}\n"
        )
    };
    fs::write(&file, line(9, "f64", 0.25) + &line(7, "f32", 0.75)).unwrap();
    let cells = |option: &str| {
        let common = ["--kernels", "matmul,gemm", "--skip-conform", option, file.to_str().unwrap()];
        let out = bench(dir.path(), &common);
        assert!(out.status.success(), "{}", text(&out.stderr));
        let report = json(&dir.path().join("report.json"));
        assert_eq!(validate::faults(&report), [""; 0]);
        let cells = report["cells"].as_array().unwrap().iter();
        let name = |cell: &Value| format!("{} {}", cell["shape"]["name"], cell["dtype"]).replace('"', "");
        (cells.map(name).collect::<Vec<_>>(), text(&out.stdout))
    };
    let (measured, screen) = cells("--trace");
    assert_eq!(measured, ["2x(7x3x4)/tn f32", "2x(9x3x4)/tn f64"]);
    assert!(screen.contains("2x(7x3x4)/tn f32  75 %      5  ") && screen.contains("weighted"), "{screen}");

    fs::write(&file, "5 6 7 tb # a comment\n8\n").unwrap();
    let (measured, screen) = cells("--shapes-file");
    assert_eq!(measured, ["5x6x7/nt f32", "8x8x8 f32", "5x6x7/nt f64", "8x8x8 f64"]);
    assert!(!screen.contains("weighted"), "{screen}");

    for (option, content, words) in [
        ("--shapes-file", "5 6 7\n5 6\n", "shapes: line 2: expected `M K N"),
        ("--shapes-file", "# nothing\n", "shapes: expected at least one shape, found none"),
        ("--trace", "5 6 7\n", "shapes: line 1: expected what MATMUL_TRACE writes, found \"5 6 7\""),
    ] {
        fs::write(&file, content).unwrap();
        let out = bench(dir.path(), &[option, file.to_str().unwrap()]);
        assert_eq!(out.status.code(), Some(2));
        assert!(text(&out.stderr).contains(words), "{}", text(&out.stderr));
    }
}

/// Whether the machine is quiet enough to say it or not: the status is what the counts say.
#[test]
fn a_baseline_that_was_faster_is_a_regression_if_it_can_be_told() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--skip-conform", "--shapes", "16,24", "--kernels", "simd", "--dtype", "f32"];
    assert!(bench(dir.path(), &args).status.success());
    let (path, mut report) = (dir.path().join("baseline.json"), json(&dir.path().join("report.json")));
    for cell in report["cells"].as_array_mut().unwrap() {
        // Twenty times the first sample, ten times as fast.
        let samples = &mut cell["rows"][0]["samples"];
        samples["places"][0] = (samples["places"][0].as_u64().unwrap() + 1).into();
        for (column, value) in
            [("time", samples["time"][0].clone()), ("canary", samples["canary"][0].clone())]
        {
            samples[column] = vec![value; 20].into();
        }
        samples["drift"] = vec![0; 20].into();
        ["round", "switched"]
            .iter()
            .for_each(|column| drop(samples.as_object_mut().unwrap().remove(*column)));
    }
    fs::write(&path, report.to_string()).unwrap();
    let mut command = lab();
    command
        .args(["bench", "--threads", "1", "--cell", "0.1", "--fail-on-regression", "--out"])
        .arg(dir.path());
    let out = command.args(args).arg("--baseline").arg(&path).output().unwrap();
    let stdout = text(&out.stdout);
    let rows = stdout.lines().find_map(|line| line.strip_prefix("rows: ")).unwrap();
    assert!(
        stdout.contains(&format!("Against {}:", path.display())) && rows.contains("0 FASTER, 0 SAME"),
        "{rows}"
    );
    assert_eq!(out.status.code(), Some(i32::from(!rows.starts_with("0 SLOWER"))), "{rows}");
    // The cells that were measured again are there once.
    assert_eq!(json(&dir.path().join("report.json"))["cells"].as_array().unwrap().len(), 2);

    fs::write(&path, "{}").unwrap();
    let out = bench(dir.path(), &["--baseline", path.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("no report.json: missing field `schema`"), "{}", text(&out.stderr));
}

#[test]
fn what_cannot_run_is_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let out = bench(dir.path(), &["--shapes", "16", "--kernels", "simd-neon,simd-avx2", "--dtype", "f32"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report = json(&dir.path().join("report.json"));
    let rows = report["cells"][0]["rows"].as_array().unwrap();
    let unavailable = rows.iter().filter(|row| row["outcome"]["state"] == "unavailable").count();
    // No CPU has both.
    assert!(unavailable >= 1 && text(&out.stdout).contains("unavailable: needs"), "{rows:?}");
}

#[test]
fn a_filter_keeps_matching_rows() {
    let dir = tempfile::tempdir().unwrap();
    let out = bench(dir.path(), &["--shapes", "16,24", "--filter", "gemm/24x24x24/f32"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report = json(&dir.path().join("report.json"));
    assert_eq!(report["cells"].as_array().unwrap().len(), 1);
    assert_eq!(report["cells"][0]["rows"].as_array().unwrap().len(), 1);
    assert_eq!(report["cells"][0]["rows"][0]["kernel"], "gemm");
    let out = bench(dir.path(), &["--shapes", "16", "--filter", "no such row"]);
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn unknown_names_list_the_known() {
    let dir = tempfile::tempdir().unwrap();
    for (args, words) in [
        (["--kernels", "fsat"], ["\"fsat\"", "matrixmultiply"]),
        (["--shapes", "50000x784"], ["\"50000x784\"", "50000x784x10"]),
        (["--blas-lib", "/no/such/lib.so"], ["/no/such/lib.so", "cannot load"]),
    ] {
        let out = bench(dir.path(), &args);
        assert_eq!(out.status.code(), Some(2));
        let message = text(&out.stderr);
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn list_names_kernels_and_shapes() {
    let out = lab().args(["bench", "--list", "--threads", "1"]).output().unwrap();
    let listed = text(&out.stdout);
    for name in
        ["naive-broadcast", "matrixmultiply", "simd-neon", "64x784x50", "512x512x512/tn", "64x(64x64x64)"]
    {
        assert!(listed.contains(name), "{listed}");
    }
}

#[test]
fn conform_fails_if_a_required_kernel_did_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let conform = |require: &str| {
        let fixed = ["conform", "--plan", "quick", "--kernels", "simd", "--out"];
        let mut command = lab();
        command.args(fixed).arg(dir.path()).env("MATMUL_REQUIRE", require).output().unwrap()
    };
    let out = conform("simd");
    assert!(out.status.success(), "{}", text(&out.stdout));
    assert!(text(&out.stdout).contains("1 of 1 kernels ran"));
    let output = json(&dir.path().join("conformance.json"));
    assert_eq!(output["checks"].as_array().unwrap().len(), 2);
    let out = conform("simd,blas");
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stdout));
    assert!(text(&out.stdout).contains("blas"));
}

/// A library that reads past C dies at a guard page: a finding with its case, and nothing else is lost.
#[test]
fn a_crash_in_a_library_is_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    let conform = |args: &[&str]| {
        let fixed = ["conform", "--plan", "glance", "--kernels", "crashing-cblas", "--out"];
        let mut command = lab();
        command.args(fixed).arg(dir.path()).arg("--blas-lib").arg(library("crashing_cblas")).args(args);
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let stdout = conform(&[]);
    assert!(stdout.contains("finding: memory") && stdout.contains("1 of 1 kernels ran"), "{stdout}");
    let record = json(&dir.path().join("conformance.json"));
    let single = &record["checks"][0]["report"];
    let family =
        |name: &str| single["families"].as_array().unwrap().iter().find(|f| f["family"] == name).unwrap();
    assert_eq!(
        (family("memory")["failed"].as_u64(), family("threads")["failed"].as_u64()),
        (Some(1), Some(0))
    );
    assert!(family("threads")["ran"].as_u64() > Some(0), "{single}");
    let failure = &family("memory")["failures"][0];
    assert!(failure["detail"].as_str().unwrap().starts_with("ended the process"), "{failure}");
    // The other type is right, and the line runs again to the same end.
    assert_eq!(record["checks"][1]["report"]["families"][7]["failed"], 0);
    let again = conform(&["--case", failure["case"].as_str().unwrap()]);
    assert!(again.contains("1/1") && again.contains("finding: memory"), "{again}");
}

/// One case that passes, on every kernel; the record makes the table's rows.
#[test]
fn the_published_table_has_a_row_for_every_kernel() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let dir = tempfile::tempdir().unwrap();
    let case = ["conform", "--case", "edges f32 m=1 n=2 k=3 seed=1", "--out"];
    let out = lab().args(case).arg(dir.path()).output().unwrap();
    assert!(out.status.success(), "{}", text(&out.stdout));
    let publish = |document: &Path, args: &[&str]| {
        let mut command = lab();
        command.args(["conform", "--publish"]).arg(dir.path()).arg("--document").arg(document).args(args);
        command.output().unwrap()
    };
    if cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        let out = publish(&document, &["--check"]);
        assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
    } else {
        println!("SKIPPED: the table has no column for a native run on this target");
    }
    // What is generated is current; without its marks a document is refused.
    let copy = dir.path().join("copy.md");
    fs::copy(&document, &copy).unwrap();
    assert!(publish(&copy, &[]).status.success());
    assert!(publish(&copy, &["--check"]).status.success());
    let stale = fs::read_to_string(&copy).unwrap().replace("| simd-avx2 |", "| simd-sse |");
    fs::write(&copy, stale).unwrap();
    let out = publish(&copy, &["--check"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stdout).contains("no row for simd-avx2"), "{}", text(&out.stdout));
    fs::write(&copy, "nothing generated").unwrap();
    assert_eq!(publish(&copy, &["--check"]).status.code(), Some(2));
}

/// The kit calls kernels from threads of its own; once all rayon workers waited for those, and those for them.
#[test]
fn threaded_kernels_are_checked_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["conform", "--plan", "quick", "--kernels", "parallel,gemm", "--out"];
    let out = lab().args(args).arg(dir.path()).output().unwrap();
    assert!(out.status.success(), "{}", text(&out.stdout));
    let output = json(&dir.path().join("conformance.json"));
    let threads = |check: &Value| check["threads"].as_u64().unwrap();
    let parallel =
        output["checks"].as_array().unwrap().iter().filter(|c| c["report"]["kernel"] == "parallel");
    // Eight thread counts in two types.
    assert_eq!(parallel.clone().count(), 16);
    assert_eq!(parallel.map(threads).max(), Some(8));
}

/// Speaks the line protocol with the process that runs a kernel on its own.
#[test]
fn a_worker_multiplies_what_lies_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = |numbers: &[f64]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    fs::write(dir.path().join("a"), bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).unwrap();
    fs::write(dir.path().join("b"), bytes(&[7.0, 8.0, 9.0])).unwrap();
    let mut child = lab()
        .args(["worker", "--kernel", "gemm", "--threads", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut to, mut from) =
        (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
    // The first word: its libraries are loaded.
    assert_eq!(from.next().unwrap().unwrap(), "\"Ready\"");
    let mut ask = |request: Value| -> Value {
        writeln!(to, "{request}").unwrap();
        serde_json::from_str(&from.next().unwrap().unwrap()).unwrap()
    };
    let shape = serde_json::json!({
        "name": "2x3x1", "group": "custom", "m": 2, "k": 3, "n": 1,
        "a": "row", "b": "row", "c": "row", "batch": 1, "shared_b": false, "source": "normal",
    });
    let cell = serde_json::json!({ "Cell": { "shape": shape, "dtype": "f64", "dir": dir.path() } });
    assert_eq!(ask(cell), "Ready");
    assert!(ask("Verify".into())["Timed"]["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(fs::read(dir.path().join("c")).unwrap(), bytes(&[50.0, 122.0]));
    assert!(
        ask(serde_json::json!({ "Time": { "calls": 3, "warm_up": true } }))["Timed"]["seconds"].as_f64()
            > Some(0.0)
    );
    // Counted there, on all of its threads, or it says why not.
    let counted = &ask(serde_json::json!({ "Count": { "calls": 3, "warm_up": true } }))["Counted"];
    assert!(
        counted["Ok"]["calls"] == 3 || counted["Err"].as_str().is_some_and(|why| !why.is_empty()),
        "{counted}"
    );
    drop(to);
    assert!(child.wait().unwrap().success());
}

/// Another type is never taken for f32.
#[test]
fn a_child_refuses_an_unknown_type() {
    let apart = ["apart", "--kernel", "gemm", "--threads", "1", "--families", "memory", "--dtype", "f16"];
    let out = lab().args(apart).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("\"f16\", expected f32 or f64"), "{}", text(&out.stderr));

    let mut worker = lab();
    worker.args(["worker", "--kernel", "gemm", "--threads", "1"]).stdin(Stdio::piped());
    let mut child = worker.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let shape = serde_json::json!({
        "name": "1x1x1", "group": "custom", "m": 1, "k": 1, "n": 1,
        "a": "row", "b": "row", "c": "row", "batch": 1, "shared_b": false, "source": "normal",
    });
    let cell = serde_json::json!({ "Cell": { "shape": shape, "dtype": "f16", "dir": "." } });
    writeln!(child.stdin.take().unwrap(), "{cell}").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(2), "\"Ready\"\n".into()));
    assert!(text(&out.stderr).contains("f16"), "{}", text(&out.stderr));
}
