//! A report as JSON, and back.

use matmul_conformance::{Oracle, Plan, Report, check};

#[test]
fn reports_serialize() -> Result<(), serde_json::Error> {
    let report = check::<f32>(&Oracle, &Plan::quick().with_case_limit(100));
    let text = serde_json::to_string(&report)?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(json["kernel"], "oracle");
    assert_eq!(json["promise"], "same-bits");
    assert_eq!(json["families"][0]["family"], "exact-integers");
    assert_eq!(json["families"][0]["ran"], report.families[0].ran);
    assert!(json["families"][0]["skipped"][0]["reason"].is_string());
    let back: Report = serde_json::from_str(&text)?;
    assert_eq!((back.families, back.dtype), (report.families, report.dtype));
    Ok(())
}
