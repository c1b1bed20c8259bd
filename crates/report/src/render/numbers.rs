//! Numbers as text.

/// Three digits or more.
pub(crate) fn number(x: f64) -> String {
    if x >= 1000.0 {
        format!("{x:.0}")
    } else if x >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}

/// A ratio, or a dash.
pub(crate) fn times(x: Option<f64>) -> String {
    x.map_or_else(|| "-".into(), |x| format!("{}x", number(x)))
}

/// `44.1 ns`, `3.20 us`, `12.5 ms` or `1.30 s`; differences may be negative.
pub(crate) fn time(seconds: f64) -> String {
    let (scale, unit) = match seconds.abs() {
        ..1e-6 => (1e9, "ns"),
        ..1e-3 => (1e6, "us"),
        ..1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    format!("{} {unit}", number(seconds * scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let texts = [44.1e-9, 3.2e-6, 12.5e-3, 1.3, -2e-9].map(time);
        assert_eq!(texts, ["44.1 ns", "3.20 us", "12.5 ms", "1.30 s", "-2.00 ns"]);
    }
}
