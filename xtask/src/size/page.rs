//! docs/size.md: written by `cargo xtask size --write`, read by `--check`.

use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::figures::{EMPTY, Error, Row};

/// Where the figures were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    /// "rustc 1.95.0 (59807616e 2026-04-14)".
    pub(super) rustc: String,
    /// The triple; machine code of another one is no bigger or smaller, it is different.
    pub(super) target: String,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cores, rustc, target } = self;
        write!(f, "{cpu}, {cores} cores; {rustc}; target {target}")
    }
}

/// This machine, and the compiler that cargo would call.
pub(super) fn machine() -> Result<Machine, Error> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let spawn = |source| Error::Spawn { program: program.to_string_lossy().into(), source };
    let output = Command::new(&program).arg("-vV").output().map_err(spawn)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(Machine {
        cpu: cpu(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        rustc: text.lines().next().unwrap_or("an unknown rustc").to_owned(),
        target: host.unwrap_or("an unknown target").to_owned(),
    })
}

/// The CPU's name where the system tells it, else its architecture.
fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or(std::env::consts::ARCH.into(), |(_, name)| name.trim().to_owned())
}

/// The page's figures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    pub(super) machine: Machine,
    pub(super) rows: Vec<Row>,
}

/// What the line about the machine begins with.
const MEASURED_ON: &str = "Measured on ";

impl Page {
    /// # Errors
    /// [`Error::NoPage`] if there is none, [`Error::BadPage`] if it is not as [`Page::text`] writes it.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(Error::NoPage),
            Err(source) => Err(Error::file("read", path)(source)),
        }
    }

    /// The table in Markdown, readable in a terminal too.
    pub(super) fn table(&self) -> String {
        let mut table = String::from(
            "| program | code, bytes | file, bytes | release build, s | release rebuild, s | debug rebuild, s |\n\
             |:--|--:|--:|--:|--:|--:|\n",
        );
        for Row { name, seconds, code, file } in &self.rows {
            let cells = match seconds {
                Some(s) => [s.fresh, s.again, s.debug].map(|seconds| format!("{seconds:.2}")),
                None => ["-"; 3].map(String::from),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(table, "| {name} | {code} | {file} | {} |", cells.join(" | "));
        }
        table
    }

    pub(super) fn text(&self) -> String {
        format!(
            "# Size and build time\n\
             \n\
             What one kernel costs a program that links it and nothing else: the programs in [alone](../alone) multiply in\n\
             `f32` and `f64`, each with the one crate. `cargo xtask size --write` measured them and wrote this page;\n\
             `cargo xtask size --check` fails if the machine code of one of our crates has changed by more than a tenth.\n\
             \n\
             {MEASURED_ON}{}.\n\
             \n\
             {}\n\
             - **code**: bytes of machine code (`.text`) more than the program `{EMPTY}` has, which does all but multiply. Its own\n  \
               row has all of its code, most of it the standard library's.\n\
             - **file**: bytes of the executable without symbols.\n\
             - **release build**: `cargo build --release` with cargo's own profile and an empty target directory, the\n  \
               dependencies downloaded.\n\
             - **release rebuild**: the same after a change of the program's main.rs.\n\
             - **debug rebuild**: `cargo build` after such a change, in a program that has optimised dependencies in debug\n  \
               builds too, by two lines in its Cargo.toml:\n\
             \n\
             ```toml\n\
             [profile.dev.package.\"*\"]\n\
             opt-level = 3\n\
             ```\n",
            self.machine,
            self.table()
        )
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let bad =
            |expected: &str, found: &str| Error::BadPage { expected: expected.into(), found: found.into() };
        let line = text.lines().find_map(|line| line.strip_prefix(MEASURED_ON)?.strip_suffix('.'));
        let line = line.ok_or_else(|| bad(&format!("a line {MEASURED_ON:?}"), "none"))?;
        let machine = parse_machine(line).ok_or_else(|| bad("CPU, N cores; rustc; target TRIPLE", line))?;
        let lines = text.lines().skip_while(|line| !line.starts_with("|:--")).skip(1);
        let rows: Result<Vec<Row>, Error> = lines
            .take_while(|line| line.starts_with('|'))
            .map(|line| {
                parse_row(line).ok_or_else(|| bad("a row of a name, bytes of code and of the file", line))
            })
            .collect();
        let rows = rows?;
        if rows.is_empty() {
            return Err(bad("a table with a row for each program", "no row"));
        }
        Ok(Self { machine, rows })
    }
}

fn parse_machine(line: &str) -> Option<Machine> {
    let (line, target) = line.rsplit_once("; target ")?;
    let (line, rustc) = line.rsplit_once("; ")?;
    let (cpu, cores) = line.strip_suffix(" cores")?.rsplit_once(", ")?;
    let [cpu, rustc, target] = [cpu, rustc, target].map(String::from);
    Some(Machine { cpu, cores: cores.parse().ok()?, rustc, target })
}

/// The columns that are compared; seconds are the machine's and are not read back.
fn parse_row(line: &str) -> Option<Row> {
    let cells: Vec<&str> =
        line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [name, code, file, _, _, _] = cells[..] else { return None };
    Some(Row { name: name.into(), seconds: None, code: code.parse().ok()?, file: file.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::super::figures::row;
    use super::*;

    fn page() -> Page {
        let machine = Machine {
            cpu: "A CPU; of four, words".into(),
            cores: 2,
            rustc: "rustc 1.89.0 (29483883e 2025-08-04)".into(),
            target: "x86_64-unknown-linux-gnu".into(),
        };
        Page { machine, rows: vec![row(EMPTY, 300_000), row("simd", 456_789)] }
    }

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let read = Page::parse(&page().text()).unwrap();
        let untimed = |row: &Row| Row { seconds: None, ..row.clone() };
        assert_eq!(read, Page { rows: page().rows.iter().map(untimed).collect(), ..page() });
        assert!(page().table().contains("| simd | 456789 | 1234567 | 12.34 | 0.50 | 0.25 |"));
        assert!(read.table().contains("| simd | 456789 | 1234567 | - | - | - |"));
    }

    #[test]
    fn other_pages_are_refused() {
        let text = page().text();
        let without = |word: &str| -> String {
            text.lines().filter(|line| !line.contains(word)).map(|line| line.to_owned() + "\n").collect()
        };
        let pages = [
            without(MEASURED_ON),
            without("| "),
            text.replace("; target ", "; "),
            text.replace("| 456789 |", "| 456.8 KB |"),
            text.replace("| 12.34 |", "|"),
            String::new(),
        ];
        for page in pages {
            assert!(matches!(Page::parse(&page), Err(Error::BadPage { .. })), "{page}");
        }
        assert!(matches!(Page::read(Path::new("no such page")), Err(Error::NoPage)));
    }

    #[test]
    fn this_machine_has_a_compiler() {
        let machine = machine().unwrap();
        assert!(machine.rustc.starts_with("rustc "), "{machine}");
        assert!(machine.target.contains(std::env::consts::ARCH), "{machine}");
    }
}
