/// The name that was probably meant: the one with the fewest changed letters, if they are less than half of it.
pub(crate) fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let distance = |known: &&'static str| edits(&name.to_ascii_lowercase(), known);
    let best = known.iter().copied().min_by_key(distance)?;
    (2 * distance(&best) < best.len()).then_some(best)
}

/// Letters to insert, to leave out and to change until one word is the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // To the first letters of `to`, from as many letters of `from` as were read.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("simd", "smd", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edits(from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn what_is_near_is_meant() {
        let known = ["naive-loops", "blocked", "simd-avx2", "simd", "parallel"];
        let cases = [
            ("simd-avx3", Some("simd-avx2")),
            ("SIMD-AVX", Some("simd-avx2")),
            ("paralel", Some("parallel")),
            ("block", Some("blocked")),
            ("cuda", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
    }
}
