//! `cargo xtask doctor`: what this machine and checkout have, what is doubtful, and the command that mends it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use matmul_lab::terminal;
use matmul_report::{Machine, machine_doubts};
use matmul_simd::Isa;

use crate::folders::{root, target};
use crate::{Error, blas, openblas};

/// How it is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// As JSON: a list of objects with topic, found, doubt and mend
    #[arg(long)]
    json: bool,
    /// Instead, load this OpenBLAS and print its core, for another process of this program
    #[arg(long = openblas::CORE_OF, hide = true, value_name = "PATH")]
    core_of: Option<PathBuf>,
}

/// One thing that was looked at.
#[derive(Debug, serde::Serialize)]
struct Finding {
    topic: &'static str,
    found: String,
    /// What is wrong or missing, if anything is.
    doubt: Option<String>,
    /// The command that mends it, if one does.
    mend: Option<String>,
}

/// Prints the findings. 0, whatever they are.
pub(crate) fn run(options: &Options) -> Result<u8, Error> {
    if let Some(path) = &options.core_of {
        terminal::out(format_args!("{}\n", openblas::core_of(path)?));
        return Ok(0);
    }
    let machine = matmul_lab::machine();
    let mut findings = facts(&machine);
    findings.extend(machine_doubts(&machine).into_iter().map(|doubt| Finding {
        topic: "machine",
        found: String::new(),
        doubt: Some(doubt.found),
        mend: doubt.mend,
    }));
    findings.extend([linked_blas(), data()]);
    findings.extend(TOOLS.iter().map(Tool::look));
    findings.extend(EMULATORS.map(emulator));
    let text = if options.json {
        serde_json::to_string_pretty(&findings).map_err(Error::Json)? + "\n"
    } else {
        findings.iter().map(line).collect()
    };
    terminal::out(format_args!("{text}"));
    Ok(0)
}

fn line(Finding { topic, found, doubt, mend }: &Finding) -> String {
    let mark = if doubt.is_some() { "!" } else { " " };
    let mut text =
        format!("{mark} {topic:13} {}", [found.as_str(), doubt.as_deref().unwrap_or("")].join(" ").trim());
    if let Some(mend) = mend {
        text += &format!("\n{:16}`{mend}`", "");
    }
    text + "\n"
}

fn fact(topic: &'static str, found: String) -> Finding {
    Finding { topic, found, doubt: None, mend: None }
}

fn facts(m: &Machine) -> Vec<Finding> {
    let told = |text: &str| if text.is_empty() { "not told".to_owned() } else { text.to_owned() };
    let isas: Vec<&str> = Isa::ALL.iter().filter(|isa| isa.is_available()).map(|isa| isa.name()).collect();
    let best = Isa::best().map_or_else(|needs| format!("none: {needs}"), |isa| isa.to_string());
    let cache =
        |c: &matmul_report::Cache| format!("L{} {} KiB, shared by {}", c.level, c.bytes >> 10, c.shared_by);
    let caches: Vec<String> = m.caches.iter().map(cache).collect();
    let granted = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = format!("{:?} by affinity, {granted} by quota", m.affinity);
    let one =
        (m.affinity.len().min(granted) == 1).then(|| "nothing can be measured on several threads".to_owned());
    vec![
        fact("CPU", format!("{} ({}{})", m.cpu, m.arch, if m.virtual_machine { ", virtual" } else { "" })),
        fact("instructions", format!("{}; {best} is used", isas.join(", "))),
        fact("caches", told(&caches.join("; "))),
        Finding { doubt: one, ..fact("CPUs", cpus) },
        fact("memory", format!("{} MiB", m.memory_bytes >> 20)),
        fact("huge pages", told(&m.huge_pages)),
        fact("governor", told(&m.governor)),
        fact(
            "steal",
            m.steal.map_or_else(|| told(""), |steal| format!("{:.2} % since the start", 100.0 * steal)),
        ),
        fact("compiler", m.rustc.clone()),
    ]
}

fn linked_blas() -> Finding {
    let core = || match openblas::core() {
        Ok(core) => format!("its core here is {core}"),
        Err(why) => format!("its core is not told: {why}"),
    };
    match openblas::version() {
        Some(version) => fact("BLAS", format!("OpenBLAS {version}, by pkg-config; {}", core())),
        None => Finding {
            doubt: Some("pkg-config finds no OpenBLAS: its row is missing from every table".into()),
            mend: Some(blas::INSTALL.into()),
            ..fact("BLAS", String::new())
        },
    }
}

/// Whether MNIST is there; which of it is good is found out by whoever loads it.
fn data() -> Finding {
    if let Some(from) = env::var("MATMUL_MNIST").ok().filter(|from| !from.is_empty()) {
        return fact("MNIST", format!("from {from} (MATMUL_MNIST)"));
    }
    let files = root().join("data").read_dir().into_iter().flatten().flatten();
    let kept = |name: &str| name != "README.md";
    let count = files.filter(|file| file.file_name().to_str().is_some_and(kept)).count();
    if count > 0 {
        return fact("MNIST", format!("data/ has {count} files and folders of it"));
    }
    Finding {
        doubt: Some("not fetched yet: a run fetches it, or measures on synthetic data".into()),
        mend: Some("cargo xtask data".into()),
        ..fact("MNIST", String::new())
    }
}

/// Emulators, and the task that fetches each by itself, to below `target/cross`.
const EMULATORS: [(&str, &str, &str); 3] = [
    ("NEON", "qemu-aarch64-static", "cargo xtask conform --target aarch64-unknown-linux-gnu"),
    ("big-endian", "qemu-s390x-static", "cargo xtask conform --target s390x-unknown-linux-gnu"),
    ("AVX-512", "bochs-bin", "cargo xtask conform --isa avx512 --emulate"),
];

/// What can be checked that this machine is not. One that is not there is no doubt: its task brings it.
fn emulator((what, program, task): (&'static str, &str, &str)) -> Finding {
    let cross = target().unwrap_or_else(|_| root().join("target")).join("cross/root");
    let places = [cross, PathBuf::from("/")].map(|root| root.join("usr/bin").join(program));
    let found = match places.iter().find(|place| place.exists()) {
        Some(place) => format!("{what} in {}", place.display()),
        None => format!("{what}: no {program} yet, fetched by"),
    };
    let mend = places.iter().all(|place| !place.exists()).then(|| task.to_owned());
    Finding { mend, ..fact("emulator", found) }
}

/// A program that some task needs.
struct Tool {
    topic: &'static str,
    /// Asked for its version.
    command: &'static [&'static str],
    needed: &'static str,
    mend: &'static str,
}

const TOOLS: [Tool; 5] = [
    Tool {
        topic: "C compiler",
        command: &["cc", "--version"],
        needed: "no dependency in C is built",
        mend: "apt-get install gcc",
    },
    Tool {
        topic: "clippy",
        command: &["cargo", "clippy", "--version"],
        needed: "the lints do not run",
        mend: "rustup component add clippy",
    },
    Tool {
        topic: "rustfmt",
        command: &["cargo", "fmt", "--version"],
        needed: "nothing is formatted",
        mend: "rustup component add rustfmt",
    },
    Tool {
        topic: "nightly",
        command: &["rustc", "+nightly", "--version"],
        needed: "no test runs under AddressSanitizer",
        mend: "rustup toolchain install nightly",
    },
    Tool {
        topic: "browser",
        command: &["chromium", "--version"],
        needed: "report.html is not looked at by its test",
        mend: "apt-get install chromium",
    },
];

impl Tool {
    fn look(&self) -> Finding {
        let Self { topic, command, needed, mend } = self;
        match command.split_first().and_then(|(program, args)| output(Command::new(program).args(args))) {
            Some(version) => fact(topic, version),
            None => Finding {
                doubt: Some(format!("missing: {needed}")),
                mend: Some((*mend).to_owned()),
                ..fact(topic, String::new())
            },
        }
    }
}

/// The first line of a program that succeeds.
fn output(command: &mut Command) -> Option<String> {
    let out = command.current_dir(Path::new(&root())).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    out.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}
