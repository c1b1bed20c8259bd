use matmul::{Matrix, Real};

use crate::Error;

/// Mean softmax cross-entropy of rows of logits, −ln softmax(z)\[label\]; the logits become its gradient,
/// (softmax(z) − one-hot(label)) / rows.
///
/// Everything between is in f64, with exp and ln of the crate libm: the C library's, which std calls, may differ
/// in the last bit from one system to the next.
///
/// # Errors
/// [`Error::Labels`] unless there is a label for each row, [`Error::Label`] if one is not a column of the logits.
pub fn softmax_cross_entropy<T: Real>(logits: &mut Matrix<T>, labels: &[i64]) -> Result<f64, Error> {
    let (rows, classes) = (logits.nrows(), logits.ncols());
    if labels.len() != rows {
        return Err(Error::Labels { rows, found: labels.len() });
    }
    let mut loss = 0.0;
    let mut exps = vec![0.0; classes];
    for (row, (z, &found)) in logits.as_mut_slice().chunks_exact_mut(classes.max(1)).zip(labels).enumerate() {
        let label = usize::try_from(found).ok().filter(|&label| label < classes);
        let label = label.ok_or(Error::Label { row, found, classes })?;
        // Relative to the largest, so that no exponential overflows.
        let max = z.iter().map(|z| z.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        exps.iter_mut().zip(&*z).for_each(|(e, z)| *e = libm::exp(z.to_f64() - max));
        let sum: f64 = exps.iter().sum();
        loss += libm::log(sum) - (z[label].to_f64() - max);
        for (j, (z, e)) in z.iter_mut().zip(&exps).enumerate() {
            let hit = if j == label { 1.0 } else { 0.0 };
            *z = T::from_f64((e / sum - hit) / rows as f64);
        }
    }
    Ok(loss / rows as f64)
}

/// The column of each row's largest logit, the first of equals.
pub fn argmax<T: Real>(logits: &Matrix<T>) -> Vec<usize> {
    let largest = |z: &[T]| (1..z.len()).fold(0, |best, j| if z[j] > z[best] { j } else { best });
    logits.as_slice().chunks_exact(logits.ncols().max(1)).map(largest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_a_sum_done_by_hand() {
        // softmax of (0, ln 3) is (1/4, 3/4).
        let mut z = Matrix::from_vec(vec![0.0, 3f64.ln(), 0.0, 3f64.ln()], 2, 2).unwrap();
        let loss = softmax_cross_entropy(&mut z, &[1, 0]).unwrap();
        assert!((loss - (-(0.75f64.ln()) - 0.25f64.ln()) / 2.0).abs() < 1e-15);
        let expected = [0.125, -0.125, -0.375, 0.375];
        assert!(z.as_slice().iter().zip(expected).all(|(z, e)| (z - e).abs() < 1e-15), "{z:?}");
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let mut z = Matrix::from_vec(vec![1e30f32, 0.0, -1e30], 1, 3).unwrap();
        assert_eq!(softmax_cross_entropy(&mut z, &[0]).unwrap(), 0.0);
        assert_eq!(z.as_slice(), [0.0; 3]);
    }

    #[test]
    fn labels_are_checked() {
        let mut z = Matrix::<f32>::zeros(2, 10);
        let message = |labels: &[i64], z: &mut _| softmax_cross_entropy(z, labels).unwrap_err().to_string();
        assert_eq!(message(&[3], &mut z), "2 rows need as many labels, found 1");
        assert_eq!(message(&[3, 10], &mut z), "label 10 of row 1: expected 0 to 9");
        assert_eq!(message(&[-1, 3], &mut z), "label -1 of row 0: expected 0 to 9");
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(argmax(&Matrix::from_vec(vec![1.0f32, 5.0, 5.0, 7.0, 0.0, 7.0], 2, 3).unwrap()), [1, 0]);
    }
}
