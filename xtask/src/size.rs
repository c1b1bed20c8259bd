//! `cargo xtask size`: what it takes to link one kernel, and nothing else, into a program of one's own.
//!
//! Builds each program of `alone/`, in a fresh target directory where the build is timed. Seconds are this machine's and
//! are only reported; bytes of machine code are compared with those in docs/size.md and with the limits below.

mod figures;
mod page;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use clap::Args;
use object::{Object, ObjectSection};

use crate::cargo;
use crate::folders::root;
pub(crate) use figures::Error;
use figures::{EMPTY, Row, Seconds};
use matmul_lab::{say, tell};
use page::Page;

/// A program of `alone/`.
struct Program {
    name: &'static str,
    /// Whether the machine code is that of a crate of this repository. What is not cannot be made smaller here, and
    /// changes with the toolchain or the registry, so it is shown and not checked.
    ours: bool,
    /// Bytes of machine code that it may add to a program.
    limit: Option<u64>,
}

/// Every program and its limit.
const PROGRAMS: [Program; 6] = [
    Program { name: EMPTY, ours: false, limit: None },
    Program { name: "blocked", ours: true, limit: None },
    // What a program pays for one instruction set out of four, and all of them are in it.
    Program { name: "simd", ours: true, limit: Some(600_000) },
    Program { name: "parallel", ours: true, limit: None },
    Program { name: "matmul", ours: true, limit: None },
    Program { name: "matrixmultiply", ours: false, limit: None },
];

/// How far machine code may be from what docs/size.md says.
const TOLERANCE: f64 = 0.1;

/// A rebuild is short and often disturbed: the fastest of so many.
const REBUILDS: usize = 3;

/// What a user of a kernel may set to have fast kernels in a debug build.
const OPTIMISED_DEPENDENCIES: &str = "profile.dev.package.\"*\".opt-level=3";

/// Without symbols, so that the size of the file is what would be shipped. The machine code is the same.
const STRIPPED: &str = "profile.release.strip=true";

/// Whether and with what the figures are compared.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write docs/size.md
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Fail if machine code is over its limit, or differs from docs/size.md by more than 10 %. Times no builds
    #[arg(long)]
    check: bool,
}

/// Builds, prints the table, and writes or checks. 1 if a check failed.
pub(crate) fn run(options: &Options, target: &Path) -> Result<u8, Error> {
    let path = root().join("docs/size.md");
    // Before minutes of builds.
    let before = options.check.then(|| Page::read(&path)).transpose()?;
    let mut rows = Vec::new();
    for program in &PROGRAMS {
        tell!("building alone/{}", program.name);
        rows.push(measure(program, target, !options.check)?);
    }
    count_from_empty(&mut rows);
    let machine = page::machine()?;
    let now = Page { machine, rows };
    say!("{}\n\n{}", now.machine, now.table());
    if options.write {
        fs::write(&path, now.text()).map_err(Error::file("write", &path))?;
    }
    let mut findings = over_limit(&now.rows);
    if let Some(before) = before {
        if before.machine.target == now.machine.target {
            findings.extend(differences(&before.rows, &now.rows)?);
        } else {
            say!(
                "SKIPPED: comparing with docs/size.md because its figures are of {}, and this is {}",
                before.machine.target,
                now.machine.target
            );
        }
    }
    for finding in &findings {
        say!("FAILED: {finding}");
    }
    Ok(u8::from(!findings.is_empty()))
}

/// Builds a program. Timed builds each start from nothing; the others share what they have built, because the machine
/// code is the same.
fn measure(program: &Program, target: &Path, timed: bool) -> Result<Row, Error> {
    let name = program.name;
    let target = target.join("size").join(if timed { name } else { "check" });
    if timed {
        match fs::remove_dir_all(&target) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("empty", &target)(source));
            }
            _ => {}
        }
    }
    // Downloads are the network's time, not the build's.
    let mut fetch = cargo();
    output(
        name,
        fetch.args(["fetch", "--quiet", "--locked", "--manifest-path"]).arg(folder(name).join("Cargo.toml")),
    )?;
    let fresh = timed_build(name, &["--release", "--config", STRIPPED], &target)?.0;
    let executable = target.join("release").join(format!("alone-{name}{}", std::env::consts::EXE_SUFFIX));
    let code = machine_code(&executable)?;
    let file = fs::metadata(&executable).map_err(Error::file("read", &executable))?.len();
    let seconds = if timed {
        let again = rebuild(name, &["--release", "--config", STRIPPED], &target)?;
        let debug = ["--config", OPTIMISED_DEPENDENCIES];
        timed_build(name, &debug, &target)?;
        Some(Seconds { fresh, again, debug: rebuild(name, &debug, &target)? })
    } else {
        None
    };
    Ok(Row { name: name.into(), seconds, code, file })
}

fn folder(name: &str) -> PathBuf {
    root().join("alone").join(name)
}

/// Seconds of a build, and what cargo said.
fn timed_build(name: &'static str, options: &[&str], target: &Path) -> Result<(f64, String), Error> {
    let mut build = cargo();
    build.args(["build", "--offline", "--locked", "--manifest-path"]).arg(folder(name).join("Cargo.toml"));
    build.args(options).arg("--target-dir").arg(target);
    let start = Instant::now();
    let said = output(name, &mut build)?;
    Ok((start.elapsed().as_secs_f64(), said))
}

/// Seconds of a build after a change of main.rs.
fn rebuild(name: &'static str, options: &[&str], target: &Path) -> Result<f64, Error> {
    let main = folder(name).join("src/main.rs");
    let mut best = f64::INFINITY;
    for _ in 0..REBUILDS {
        let touch = |file: File| file.set_modified(SystemTime::now());
        File::options().append(true).open(&main).and_then(touch).map_err(Error::file("touch", &main))?;
        let (seconds, said) = timed_build(name, options, target)?;
        if !said.contains("Compiling") {
            return Err(Error::NotRebuilt { program: name, output: said });
        }
        best = best.min(seconds);
    }
    Ok(best)
}

/// What cargo wrote to standard error.
fn output(program: &'static str, command: &mut Command) -> Result<String, Error> {
    // A flag of this machine would be in every figure. Words of colour would hide "Compiling".
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env("CARGO_TERM_COLOR", "never");
    let done = command
        .output()
        .map_err(|source| Error::Spawn { program: command.get_program().to_string_lossy().into(), source })?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() {
        return Ok(said);
    }
    let words = command.get_args().take(1).map(|word| word.to_string_lossy());
    let command = ["cargo".into()].into_iter().chain(words).collect::<Vec<_>>().join(" ");
    Err(Error::Build { program, command, output: said })
}

/// Bytes of an executable's machine code.
fn machine_code(path: &Path) -> Result<u64, Error> {
    let bytes = fs::read(path).map_err(Error::file("read", path))?;
    let file = object::File::parse(&*bytes)
        .map_err(|source| Error::NotExecutable { path: path.to_owned(), source })?;
    // Mach-O calls it __text, which `object` knows.
    let expected = ".text";
    let Some(section) = file.section_by_name(expected).filter(|section| section.size() > 0) else {
        let names: Vec<_> =
            file.sections().filter_map(|section| Some(section.name().ok()?.to_owned())).collect();
        let found = if names.is_empty() { "no sections".into() } else { names.join(", ") };
        return Err(Error::NoCode { path: path.to_owned(), expected, found });
    };
    Ok(section.size())
}

/// Takes the machine code of `empty` from that of the others.
fn count_from_empty(rows: &mut [Row]) {
    let empty = rows.iter().find(|row| row.name == EMPTY).map_or(0, |row| row.code);
    for row in rows.iter_mut().filter(|row| row.name != EMPTY) {
        row.code = row.code.saturating_sub(empty);
    }
}

/// Programs with more machine code than their limit.
fn over_limit(rows: &[Row]) -> Vec<String> {
    let mut findings = Vec::new();
    for Program { name, limit, .. } in PROGRAMS {
        let code = rows.iter().find(|row| row.name == name).map(|row| row.code);
        if let (Some(limit), Some(code)) = (limit, code)
            && code > limit
        {
            findings.push(format!("{name}: expected at most {limit} bytes of machine code, found {code}"));
        }
    }
    findings
}

/// Our programs whose machine code is no longer what the page says.
fn differences(page: &[Row], now: &[Row]) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    for row in now.iter().filter(|row| PROGRAMS.iter().any(|p| p.ours && p.name == row.name)) {
        let on_page = page.iter().find(|on_page| on_page.name == row.name);
        let Row { code: before, .. } = on_page.ok_or_else(|| Error::BadPage {
            expected: format!("a row {}", row.name),
            found: page.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let (old, new) = (*before as f64, row.code as f64);
        // A row of no code is not of a program that multiplies.
        if *before == 0 || (new - old).abs() > TOLERANCE * old {
            findings.push(format!(
                "{}: expected {before} bytes of machine code within {:.0} %, as in docs/size.md, found {} \
                 ({:+.1} %); if that is meant, `cargo xtask size --write`",
                row.name,
                100.0 * TOLERANCE,
                row.code,
                100.0 * (new / old - 1.0)
            ));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::figures::row;
    use super::*;

    #[test]
    fn every_program_is_in_the_table() {
        let entries = fs::read_dir(root().join("alone")).unwrap().map(|entry| entry.unwrap());
        let mut folders: Vec<_> = entries.filter(|entry| entry.path().is_dir()).collect();
        folders.sort_by_key(fs::DirEntry::file_name);
        let found: Vec<_> = folders.iter().map(|f| f.file_name().to_string_lossy().into_owned()).collect();
        let mut expected = PROGRAMS.map(|program| program.name);
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn code_is_counted_from_empty() {
        let mut rows = [row("simd", 900), row(EMPTY, 300), row("blocked", 300)];
        count_from_empty(&mut rows);
        assert_eq!(rows.map(|row| row.code), [600, 300, 0]);
    }

    #[test]
    fn this_program_has_code_and_a_text_has_none() {
        let code = machine_code(&std::env::current_exe().unwrap()).unwrap();
        assert!((10_000..1_000_000_000).contains(&code), "{code}");
        let manifest = root().join("Cargo.toml");
        assert!(matches!(machine_code(&manifest), Err(Error::NotExecutable { .. })));
        let missing = machine_code(&root().join("no such file")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read "), "{missing}");
    }

    #[test]
    fn limits_are_kept() {
        assert_eq!(over_limit(&[row("simd", 600_000), row("matmul", 9_000_000)]), Vec::<String>::new());
        let findings = over_limit(&[row("simd", 600_001)]);
        assert_eq!(findings, ["simd: expected at most 600000 bytes of machine code, found 600001"]);
    }

    #[test]
    fn code_may_differ_by_a_tenth() {
        let page = [row("simd", 1000), row("blocked", 1000), row(EMPTY, 1000)];
        let within = [row("simd", 1100), row("blocked", 900), row(EMPTY, 5000)];
        assert_eq!(differences(&page, &within).unwrap(), Vec::<String>::new());
        for (name, code) in [("simd", 1101), ("blocked", 899)] {
            let findings = differences(&page, &[row(name, code)]).unwrap();
            assert_eq!(findings.len(), 1);
            assert!(findings[0].contains(&format!("found {code}")), "{findings:?}");
        }
        assert_eq!(differences(&[row("simd", 0)], &[row("simd", 0)]).unwrap().len(), 1);
        assert!(matches!(differences(&page, &[row("matmul", 1)]), Err(Error::BadPage { .. })));
    }
}
