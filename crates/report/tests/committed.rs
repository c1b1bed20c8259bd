//! Reports that were committed can still be read.

use std::path::Path;

use matmul_report::{Called, Owner, Report, SCHEMA, groups, render};

/// The record of version 2, with a change.
fn committed(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/record/2026-11-24-epyc-zen4-2core");
    let text = std::fs::read_to_string(folder.join("report.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["schema"], 2);
    change(&mut json);
    json.to_string()
}

#[test]
fn a_committed_report_is_one() {
    let report = Report::from_json(&committed(|_| {})).unwrap();
    assert_eq!(report.schema, SCHEMA);
    assert!(report.cells.iter().all(|cell| groups::select(&[&cell.shape.name]).unwrap()[0] == cell.shape));
    assert!(render::markdown(&report).contains("## 5x784x10 f32, 1 thread: limit "));
}

#[test]
fn another_element_type_is_no_report() {
    let json = r#"{"dtype":"f16","threads":1,"levels":[]}"#;
    let error = serde_json::from_str::<matmul_report::Setting>(json).unwrap_err().to_string();
    assert!(error.contains("f16"), "{error}");
}

/// Nothing but the number was another in version 1.
#[test]
fn older_versions_say_what_they_left_out() {
    for version in [1, 2] {
        let text = committed(|json| json["schema"] = version.into());
        let report = Report::from_json(&text).unwrap();
        for cell in &report.cells {
            for row in &cell.rows {
                let has_pool = cell.threads > 1 && row.owner != Owner::Blas;
                assert_eq!(row.called, has_pool.then_some(Called::Inside), "{} {}", cell.shape, row.kernel);
            }
            assert_eq!(cell.fastest().map(|(row, _)| row.failed), Some(false));
        }
    }
    for version in [0, SCHEMA + 1] {
        let text = committed(|json| json["schema"] = version.into());
        let error = Report::from_json(&text).err().map_or_else(String::new, |error| error.to_string());
        assert!(error.contains(&format!("version {version}, expected 1 to {SCHEMA}")), "{error}");
    }
}

#[test]
fn samples_of_an_older_version_are_read() {
    let list = serde_json::json!([
        { "round": 0, "seconds": 0.5, "canary": [1.0, 2.0] },
        { "round": 3, "seconds": 0.25, "canary": [1.5, 2.0], "switched": 4 },
    ]);
    let text = committed(|json| json["cells"][0]["rows"][0]["samples"] = list);
    let report = Report::from_json(&text).unwrap();
    let samples = &report.cells[0].rows[0].samples;
    assert_eq!(samples.len(), 2);
    assert_eq!(
        (samples[1].round, samples[1].seconds, samples[1].canary.0, samples[1].switched),
        (3, 0.25, 1.5, 4)
    );
    // Written again they are columns, and the same.
    let again = serde_json::to_string(&report).unwrap();
    assert!(again.starts_with(&format!("{{\"schema\":{SCHEMA},")) && again.contains("\"places\":["));
    assert_eq!(&Report::from_json(&again).unwrap().cells[0].rows[0].samples, samples);
}
