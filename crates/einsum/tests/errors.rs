//! Errors point at the character, or print both shapes and the axis.

use matmul_einsum::{Einsum, allclose, einsum, frobenius_norm, matmul, near, tensordot};
use ndarray::{Array1, Array2, Array3, array};

/// The message for operands of ones with these shapes.
fn message(subscripts: &str, shapes: &[&[usize]]) -> String {
    let parsed = Einsum::new(subscripts);
    parsed.and_then(|einsum| einsum.path_for_shapes(shapes)).expect_err("an error").to_string()
}

#[test]
fn einsum_points_at_the_character() {
    let cases: [(&str, &[&[usize]], &str); 12] = [
        ("ij,j1", &[], "'1' is no label: labels are the letters a-z and A-Z\n  ij,j1\n      ^"),
        ("é,i", &[], "'é' is no label: labels are the letters a-z and A-Z\n  é,i\n  ^"),
        ("i..j", &[], "a dot must be part of an ellipsis \"...\"\n  i..j\n   ^"),
        ("...i...", &[], "a second ellipsis in one operand or the output\n  ...i...\n      ^"),
        ("ij->i->j", &[], "expected one arrow \"->\" before the output\n  ij->i->j\n       ^"),
        ("ij->i,j", &[], "there is one output, so no ',' behind \"->\"\n  ij->i,j\n       ^"),
        ("ij->jj", &[], "output label 'j' occurs twice\n  ij->jj\n       ^"),
        ("ij, jk", &[&[2, 3], &[4, 5]], "'j' has length 4 in operand 1, but 3 before\n  ij, jk\n      ^"),
        ("iji", &[&[2, 3, 4]], "'i' has length 4 in operand 0, but 2 before\n  iji\n    ^"),
        ("ij,k", &[&[2, 3], &[4, 5]], "operand 1 has 2 axes, but subscripts for 1\n  ij,k\n     ^"),
        ("...ij", &[&[2]], "operand 0 has 1 axes, but subscripts for 2 or more\n  ...ij\n  ^"),
        (
            "...i->i",
            &[&[2, 3]],
            "the ellipsis stands for 1 axes, so the output needs an ellipsis too\n  ...i->i\n         ^",
        ),
    ];
    for (subscripts, shapes, expected) in cases {
        assert_eq!(message(subscripts, shapes), expected);
    }
    assert_eq!(
        message("...,...", &[&[2, 3], &[2, 4]]),
        "axis 1 of the ellipsis has length 4 in operand 1, but 3 before\n  ...,...\n      ^"
    );
    assert_eq!(message("i,j", &[&[2]]), "the subscripts \"i,j\" are for 2 operands, found 1");
}

#[test]
fn matmul_prints_both_shapes_and_the_axis() {
    let (a, b) = (Array3::<f32>::ones((2, 3, 4)), Array3::<f32>::ones((5, 4, 6)));
    assert_eq!(
        matmul(&a, &b).unwrap_err().to_string(),
        "cannot multiply [2, 3, 4] by [5, 4, 6]: axis 0 of the left has length 2, axis 0 of the right has 5"
    );
    let scalar = ndarray::arr0(1.0f32);
    assert_eq!(
        matmul(&a, &scalar).unwrap_err().to_string(),
        "cannot multiply [2, 3, 4] by []: the right operand is a scalar, use the elementwise product"
    );
    assert_eq!(
        tensordot(&a, &b, ([0, 3], [0, 1])).unwrap_err().to_string(),
        "cannot multiply [2, 3, 4] by [5, 4, 6]: axis 3 of the left does not exist or is named twice"
    );
}

#[test]
fn what_does_not_fit_is_an_error_and_not_a_panic() {
    // Strides of 0 make shapes that have no room in memory cheap to ask for.
    let one = Array1::<f64>::ones(1);
    let long = one.broadcast(usize::MAX >> 2).expect("a view");
    let error = einsum("i,j->ij", &[&long, &long]).unwrap_err().to_string();
    assert!(error.ends_with("has more elements than memory"), "{error}");

    let mut small = Array2::<f64>::zeros((1, 2));
    let sum = Einsum::new("ij->ji").expect("valid");
    let error = sum.run_into(&matmul::Gemm::new(), &[&Array2::ones((1, 2))], &mut small).unwrap_err();
    assert_eq!(error.to_string(), "the result has shape [2, 1], but the array to write to has [1, 2]");
    assert!(allclose(&Array1::<f64>::ones(2), &Array1::ones(3), 0.0, 0.0).is_err());
}

#[test]
fn closeness_is_that_of_numpy() {
    let nan = array![f64::NAN, 1.0];
    let infinite = array![f64::INFINITY, 1.0];
    fn close(a: &Array1<f64>, b: &Array1<f64>, rtol: f64, atol: f64) -> bool {
        allclose(a, b, rtol, atol).expect("shapes that broadcast")
    }
    assert!(!close(&nan, &nan, 1.0, 1.0));
    assert!(close(&infinite, &infinite, 0.0, 0.0));
    assert!(!close(&infinite, &array![f64::NEG_INFINITY, 1.0], 1.0, 1.0));
    assert!(!close(&array![1.0], &array![f64::INFINITY], 1.0, 1.0));
    // The bound is relative to the second.
    assert!(close(&array![1.0], &array![1.25], 0.2, 0.0) && !close(&array![1.25], &array![1.0], 0.2, 0.0));
    assert!(near(&array![[1.0f32, 1.0005]], &ndarray::arr0(1.0)).expect("a scalar broadcasts"));
    assert!(!near(&array![1.002f32], &array![1.0]).expect("one shape"));
}

#[test]
fn norms_do_not_leave_the_range() {
    for scale in [1e200f64, 1e-200] {
        let norm = frobenius_norm(&array![3.0 * scale, 4.0 * scale]);
        assert!((norm / (5.0 * scale) - 1.0).abs() < 1e-15, "{norm}");
    }
    assert_eq!(frobenius_norm(&Array1::<f32>::zeros(0)), 0.0);
    assert_eq!(frobenius_norm(&array![f32::INFINITY, 1.0]), f32::INFINITY);
    assert!(frobenius_norm(&array![f64::NAN, 1.0]).is_nan());
}

/// Beyond a width of 65535 formatting panics; a message shows what stands around the fault.
#[test]
fn long_subscripts_are_cut_around_the_fault() {
    for (before, after) in [(1 << 16, 0), (1 << 20, 1 << 20), (0, 1 << 17), (60, 60), (61, 61)] {
        let text = format!("{}?{}", "a".repeat(before), "b".repeat(after));
        let message = Einsum::new(&text).unwrap_err().to_string();
        let lines: Vec<&str> = message.lines().collect();
        assert!(message.len() < 400 && lines.len() == 3, "{} bytes", message.len());
        assert_eq!(lines[1].find('?'), lines[2].find('^'), "{message}");
        assert_eq!(lines[1].starts_with("  ..."), before > 60);
        assert_eq!(lines[1].ends_with("..."), after > 60);
    }
}

/// Labels are counted once, not once for each.
#[test]
fn long_subscripts_are_parsed_at_once() {
    let start = std::time::Instant::now();
    let text = "ab".repeat(1 << 20);
    assert_eq!(Einsum::new(&text).expect("labels").subscripts(), text);
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "took {:?}", start.elapsed());
}
