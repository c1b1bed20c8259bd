//! What values options take.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use matmul_report::Dtype;

/// Default of `--patience`: no product of the conformance kit takes a library so many seconds.
pub(super) const PATIENCE: f64 = 30.0;

/// The names that help lists, as types.
pub(super) fn dtypes() -> impl TypedValueParser<Value = Dtype> {
    PossibleValuesParser::new(Dtype::ALL.map(Dtype::name)).try_map(|name| name.parse::<Dtype>())
}

/// At least one: without a round there is no result.
pub(super) fn rounds(text: &str) -> Result<usize, String> {
    let rounds = text.parse().ok().filter(|rounds| (1..=1_000_000).contains(rounds));
    rounds.ok_or_else(|| "expected 1 to 1000000 rounds".to_owned())
}

/// A positive number of seconds that a [`std::time::Duration`] can hold.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if seconds > 0.0 && seconds < 1e6 { Ok(seconds) } else { Err("expected 0 to 1e6 seconds".into()) }
}
