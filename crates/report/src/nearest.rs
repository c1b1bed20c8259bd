/// At most this many names are suggested.
const SUGGESTED: usize = 3;

/// The names that are most like what was typed, the most like first.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.into_iter().collect();
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(typed, name);
    names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    names.truncate(SUGGESTED);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised() {
        let names = ["mnist", "squares", "gemv", "512x784x128", "batch"];
        assert_eq!(nearest("mnsit", names)[0], "mnist");
        assert_eq!(nearest("square", names)[0], "squares");
        assert_eq!(nearest("512x748x128", names)[0], "512x784x128");
        assert_eq!(nearest("", names).len(), SUGGESTED);
    }
}
