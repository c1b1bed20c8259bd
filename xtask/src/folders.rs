//! The folders of this workspace, whatever folder `cargo xtask` is called from.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::{Error, cargo, spawn_error};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo builds: it knows of `CARGO_TARGET_DIR`, and of configuration files.
pub(crate) fn target() -> Result<PathBuf, Error> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
    let output = command.arg(root().join("Cargo.toml")).output();
    let output = output.map_err(|source| spawn_error(&command, source))?;
    let metadata: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
    let folder = metadata.as_ref().and_then(|metadata| metadata["target_directory"].as_str());
    folder
        .map(PathBuf::from)
        .ok_or_else(|| Error::Metadata { found: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// The options of the lab that name folders of the workspace, where the command line does not: their own defaults are
/// meant for the root, and would leave new folders wherever somebody stands.
pub(crate) fn defaults(given: &ArgMatches) -> Result<Vec<OsString>, Error> {
    let mut args = Vec::new();
    for (id, option) in [("dir", "--data"), ("chapters", "--chapters"), ("document", "--document")] {
        if given.try_contains_id(id).is_ok() && !is_named(given, id) {
            let default = given.get_one::<PathBuf>(id).cloned().unwrap_or_default();
            args.extend([option.into(), root().join(default).into_os_string()]);
        }
    }
    if given.try_contains_id("out").is_ok() && !is_named(given, "out") {
        args.extend(["--out".into(), target()?.join("matmul-bench").into_os_string()]);
    }
    Ok(args)
}

/// Whether the command line names this argument of the task.
pub(crate) fn is_named(given: &ArgMatches, id: &str) -> bool {
    given.value_source(id) == Some(ValueSource::CommandLine)
}

/// The same for the programs of `matmul-mnist`, which parse their own arguments.
pub(crate) fn mnist_defaults(subcommand: &str, args: &[OsString]) -> Result<Vec<OsString>, Error> {
    let mut defaults = Vec::new();
    if value_of(args, "--data").or_else(|| value_of(args, "--dir")).is_none() {
        defaults.extend(["--data".into(), root().join("data").into_os_string()]);
    }
    let is_index = |arg: &&OsString| arg.to_str().is_some_and(|arg| arg.parse::<usize>().is_ok());
    if let ("show", None, Some(index)) = (subcommand, value_of(args, "--png"), args.iter().find(is_index)) {
        let split = value_of(args, "--split").unwrap_or_else(|| "train".into());
        let file = format!("mnist-{}-{}.png", split.to_string_lossy(), index.to_string_lossy());
        defaults.extend(["--png".into(), target()?.join(file).into_os_string()]);
    }
    Ok(defaults)
}

/// What `--option VALUE` or `--option=VALUE` says.
fn value_of(args: &[OsString], option: &str) -> Option<OsString> {
    let joined = |arg: &OsString| arg.to_str()?.strip_prefix(option)?.strip_prefix('=').map(OsString::from);
    let apart = || args.iter().skip_while(|arg| *arg != OsStr::new(option)).nth(1).cloned();
    args.iter().find_map(joined).or_else(apart)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn of(line: &[&str]) -> Vec<String> {
        let line = ["xtask"].iter().chain(line);
        let matches = crate::Cli::command().try_get_matches_from(line).unwrap();
        let (_, given) = matches.subcommand().unwrap();
        defaults(given).unwrap().iter().map(|arg| arg.to_string_lossy().into()).collect()
    }

    #[test]
    fn what_the_command_line_leaves_open_lies_in_the_workspace() {
        let (data, out) = (root().join("data"), target().unwrap().join("matmul-bench"));
        let expected = ["--data", data.to_str().unwrap(), "--out", out.to_str().unwrap()];
        assert_eq!(of(&["bench", "--quick"]), expected);
        assert!(data.join("README.md").exists(), "{}", data.display());
        assert!(of(&["bench", "--dir", "x", "--out=y"]).is_empty());
        let lesson = of(&["lesson", "--data", "x"]);
        assert_eq!(lesson, ["--chapters", root().join("docs/lesson").to_str().unwrap()]);
    }

    #[test]
    fn a_digit_is_drawn_into_the_target_folder() {
        let of = |args: &[&str]| {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            mnist_defaults("show", &args).unwrap()
        };
        let png = target().unwrap().join("mnist-valid-7.png").into_os_string();
        assert_eq!(of(&["7", "--split=valid", "--dir", "x"]), [OsString::from("--png"), png]);
        assert!(of(&["7", "--png", "x.png", "--data=x"]).is_empty());
        assert_eq!(of(&["--help"]).len(), 2);
    }
}
