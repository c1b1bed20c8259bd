//! A report as JSON.

use matmul_conformance::{Oracle, Plan, check};

#[test]
fn reports_serialize() -> Result<(), serde_json::Error> {
    let report = check::<f32>(&Oracle, &Plan::quick().with_case_limit(100));
    let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report)?)?;
    assert_eq!(json["kernel"], "oracle");
    assert_eq!(json["promise"], "same-bits");
    assert_eq!(json["families"][0]["family"], "exact-integers");
    assert_eq!(json["families"][0]["ran"], report.families[0].ran);
    assert!(json["families"][0]["skipped"][0]["reason"].is_string());
    Ok(())
}
