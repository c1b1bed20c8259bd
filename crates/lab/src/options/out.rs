use std::fs;
use std::path::Path;

use super::error::OptionsError;

/// Makes a folder for results, and finds out whether files can be made in it: before there are results.
///
/// # Errors
/// [`OptionsError::Out`] with what the system says.
pub fn claim(dir: &Path) -> Result<(), OptionsError> {
    let probe = dir.join(format!(".{}.probe", std::process::id()));
    let tried =
        fs::create_dir_all(dir).and_then(|()| fs::write(&probe, "x")).and_then(|()| fs::remove_file(&probe));
    tried.map_err(|err| OptionsError::Out { dir: dir.display().to_string(), why: err.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_and_left_empty() {
        let dir = std::env::temp_dir().join(format!("matmul-claim-{}", std::process::id()));
        claim(&dir.join("a/b")).unwrap();
        assert_eq!(fs::read_dir(dir.join("a/b")).unwrap().count(), 0);
        fs::write(dir.join("file"), "").unwrap();
        let message = claim(&dir.join("file")).unwrap_err().to_string();
        assert!(message.contains("file") && message.contains("no results"), "{message}");
        fs::remove_dir_all(&dir).unwrap();
    }
}
