//! Which BLAS to link.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use clap::ValueEnum;

use crate::Error;
use crate::packages::{output, with_update};
use matmul_lab::{tell, terminal};

/// What `--blas` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// OpenBLAS as pkg-config finds it
    System,
    /// BLIS, built from source (needs a C compiler, make and a POSIX shell)
    Bundled,
    /// No BLAS
    None,
}

/// What there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Blas {
    /// OpenBLAS, found by pkg-config.
    System,
    /// BLIS, built from source.
    Bundled,
    /// None, with why and the command that brings one.
    Missing { reason: String },
}

impl Blas {
    /// Takes what was asked for, else finds one, else installs one if it may.
    pub(crate) fn decide(choice: Option<Choice>, may_install: bool) -> Result<Self, Error> {
        match choice {
            Some(Choice::System) => Ok(Blas::System),
            Some(Choice::Bundled) => Ok(Blas::Bundled),
            Some(Choice::None) => Ok(Blas::Missing { reason: "left out by --blas none".into() }),
            None if pkg_config_finds_openblas() => Ok(Blas::System),
            None => install(may_install),
        }
    }

    /// What cargo must be told.
    pub(crate) fn cargo_args(&self) -> &'static [&'static str] {
        match self {
            Blas::System => &["--features", "openblas-system"],
            Blas::Bundled => &["--features", "blis-bundled"],
            Blas::Missing { .. } => &[],
        }
    }

    /// Names and states for a list of kernels: this one, and libraries that only a run loads.
    pub(crate) fn listed(&self, libraries: &[String]) -> Vec<(String, String)> {
        let linked = match self {
            Blas::System => ("openblas", "as pkg-config finds it".to_owned()),
            Blas::Bundled => ("blis", "built from source".to_owned()),
            Blas::Missing { reason } => ("blas", format!("unavailable: {reason}")),
        };
        let loaded = libraries.iter().map(|path| (path.clone(), "loaded by a run".to_owned()));
        [(linked.0.to_owned(), linked.1)].into_iter().chain(loaded).collect()
    }
}

/// Removes `--blas X` and `--blas=X` from arguments that were found to be right.
pub(crate) fn remove_choice(args: &mut Vec<OsString>) {
    let mut i = 0;
    while i < args.len() && args[i] != "--" {
        match args[i].to_str() {
            Some("--blas") => drop(args.drain(i..args.len().min(i + 2))),
            Some(arg) if arg.starts_with("--blas=") => drop(args.remove(i)),
            _ => i += 1,
        }
    }
}

fn pkg_config_finds_openblas() -> bool {
    let pkg_config = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    succeeds(Command::new(pkg_config).args(["--exists", "openblas"]))
}

/// Installs OpenBLAS where that can be done unasked (root, nobody at the terminal) or after asking.
fn install(may_install: bool) -> Result<Blas, Error> {
    let missing = |why: &str| Blas::Missing { reason: format!("{why}; {}", hint()) };
    if !cfg!(target_os = "linux") || !succeeds(Command::new("apt-get").arg("--version")) {
        return Ok(missing("pkg-config finds no openblas"));
    }
    if !may_install {
        return Ok(missing("pkg-config finds no openblas, and this run installs none"));
    }
    let root = is_root();
    if io::stdin().is_terminal() {
        if !ask("pkg-config finds no openblas. Install libopenblas-dev with apt-get? [y/N] ")? {
            return Ok(missing("pkg-config finds no openblas"));
        }
    } else if !root {
        return Ok(missing("pkg-config finds no openblas, and only root may install it"));
    }
    tell!(
        "BLAS: installing libopenblas-dev with apt-get, for at most {APT_SECONDS} s a step; `--blas none` does without"
    );
    match apt_get_install(root) {
        Ok(()) if pkg_config_finds_openblas() => {
            tell!("BLAS: installed libopenblas-dev and pkg-config with apt-get");
            Ok(Blas::System)
        }
        Ok(()) => Ok(missing("libopenblas-dev is installed, but pkg-config does not find it")),
        Err(why) => Ok(missing(&format!("apt-get could not install libopenblas-dev ({why})"))),
    }
}

/// The command that brings one on Debian.
pub(crate) const INSTALL: &str = "apt-get install libopenblas-dev pkg-config";

/// How to get a BLAS here.
fn hint() -> &'static str {
    if cfg!(target_os = "linux") {
        "`apt-get install libopenblas-dev pkg-config` (or your distribution's equivalent) brings it, \
         `--blas bundled` builds BLIS"
    } else if cfg!(target_os = "macos") {
        "`brew install openblas pkg-config` and `export PKG_CONFIG_PATH=$(brew --prefix openblas)/lib/pkgconfig` \
         bring it, `--blas bundled` builds BLIS"
    } else {
        "`--blas-lib PATH` loads one at run time"
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

pub(crate) fn ask(question: &str) -> Result<bool, Error> {
    terminal::err(format_args!("{question}"));
    let mut answer = String::new();
    let read = io::stderr().flush().and_then(|()| io::stdin().read_line(&mut answer));
    read.map_err(|source| Error::Read { what: "the answer".into(), source })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// How long one apt-get may take: a mirror that does not answer must not hold up a benchmark.
const APT_SECONDS: u32 = 180;

/// The error is apt's last line.
fn apt_get_install(root: bool) -> Result<(), String> {
    let apt_get = |args: &[&str]| {
        let mut command = Command::new(if root { "env" } else { "sudo" });
        command.args(["DEBIAN_FRONTEND=noninteractive", "timeout", &APT_SECONDS.to_string(), "apt-get"]);
        output(command.args(args)).map(drop)
    };
    let install = ["install", "-qq", "--no-install-recommends", "-y", "libopenblas-dev", "pkg-config"];
    with_update(|| apt_get(&install), || apt_get(&["update", "-qq"]))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(args: &[&str]) -> Vec<String> {
        let mut args: Vec<OsString> = args.iter().map(Into::into).collect();
        remove_choice(&mut args);
        args.iter().map(|arg| arg.to_string_lossy().into()).collect()
    }

    #[test]
    fn choice_is_taken_from_anywhere() {
        assert_eq!(
            rest(&["--quick", "--blas", "none", "--blas-lib", "x.so"]),
            ["--quick", "--blas-lib", "x.so"]
        );
        assert!(rest(&["--blas=bundled"]).is_empty());
        assert_eq!(rest(&["--", "--blas", "none"]).len(), 3);
    }

    #[test]
    fn a_list_says_where_each_library_is_from() {
        let names =
            |blas: &Blas| blas.listed(&["x.so".into()]).into_iter().map(|row| row.0).collect::<Vec<_>>();
        assert_eq!(names(&Blas::System), ["openblas", "x.so"]);
        let missing = Blas::Missing { reason: "left out".into() };
        assert_eq!(missing.listed(&[]), [("blas".to_owned(), "unavailable: left out".to_owned())]);
    }

    #[test]
    fn what_is_asked_for_decides() {
        assert_eq!(Blas::decide(Some(Choice::System), false).unwrap(), Blas::System);
        assert_eq!(
            Blas::decide(Some(Choice::Bundled), false).unwrap().cargo_args(),
            ["--features", "blis-bundled"]
        );
        let none = Blas::decide(Some(Choice::None), false).unwrap();
        assert!(none.cargo_args().is_empty());
        assert!(matches!(none, Blas::Missing { reason } if reason.contains("--blas none")));
    }
}
