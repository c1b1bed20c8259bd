//! Reports that were committed can still be read.

use std::path::Path;

use matmul_report::{Report, SCHEMA, groups, render};

#[test]
fn a_committed_report_is_one() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/record/2026-11-24-epyc-zen4-2core");
    let text = std::fs::read_to_string(folder.join("report.json")).unwrap();
    let report: Report = serde_json::from_str(&text).unwrap();
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
