//! What the schema in docs/ says of report.json.

mod validate;

use std::path::Path;

use matmul_report::{Counters, Counting, Report};
use serde_json::{Value, json};
use validate::faults;

fn record() -> Value {
    let record = "../../benches/record/2026-11-24-epyc-zen4-2core/report.json";
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(record)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_committed_report_is_as_the_schema_says() {
    assert_eq!(faults(&record()), [""; 0]);
    // And so is what is written of it today, with every field that there is.
    let mut report: Report = serde_json::from_value(record()).unwrap();
    report.partial = Some("ended by SIGTERM".into());
    for cell in &mut report.cells {
        for row in &mut cell.rows {
            let sample = json!({ "round": 0, "seconds": 1e-6, "canary": [1.0, 2.0], "switched": 3 });
            row.samples = vec![serde_json::from_value(sample).unwrap(); 6];
            row.counters = Some(Counters { calls: 3, cycles: Some(1), ..Counters::default() });
        }
    }
    report.finish();
    for counting in [Counting::Told(vec!["cycles".into()]), Counting::NotTold("no PMU".into())] {
        report.machine.counters = Some(counting);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(faults(&json), [""; 0]);
        let read = Report::from_json(&json.to_string()).unwrap();
        assert_eq!(
            (read.machine, read.cells[0].rows[0].counters),
            (report.machine.clone(), report.cells[0].rows[0].counters)
        );
    }
}

#[test]
fn what_is_not_so_is_found() {
    let with = |change: fn(&mut Value)| {
        let mut report = record();
        change(&mut report);
        faults(&report).join("\n")
    };
    for (found, words) in [
        (with(|r| r["schema"] = 4.into()), "report.schema: 4 is none of"),
        (with(|r| r["seconds"] = "long".into()), "report.seconds: \"long\" is no \"number\""),
        (with(|r| r["cells"][0]["dtype"] = "f16".into()), "report.cells[0].dtype: \"f16\" is none of"),
        (with(|r| r["cells"][0]["threads"] = (-1).into()), "report.cells[0].threads: -1 is below 0"),
        (with(|r| r["machine"]["colour"] = 1.into()), "report.machine: has colour"),
        (with(|r| drop(r.as_object_mut().unwrap().remove("data"))), "report: lacks \"data\""),
        (with(|r| r["cells"][0]["rows"][0]["outcome"] = json!({"state": "failed"})), "rows[0].outcome"),
        (
            with(|r| r["machine"]["counters"] = json!({"state": "told", "what": "cycles"})),
            "report.machine.counters",
        ),
        (
            with(|r| r["cells"][0]["rows"][0]["counters"] = json!({"calls": 1})),
            "rows[0].counters: lacks \"cycles\"",
        ),
        (
            with(|r| {
                r["cells"][0]["rows"][0]["samples"] = json!([{"round": 0, "seconds": 1, "canary": [1, 2, 3]}])
            }),
            "one too many",
        ),
    ] {
        assert!(found.contains(words), "{words} is not in {found}");
    }
}
