//! Other architectures of Linux: a compiler for each, and QEMU's user-mode emulation to run what it makes.
//!
//! The standard library comes from rustup; where that cannot download, from Debian, whose Rust is the same version on
//! all architectures. Linkers and QEMU are Debian's. Programs are linked statically, so that the emulator needs no
//! libraries of the other architecture.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::cargo;
use crate::packages::{Packages, output};
use matmul_lab::tell;

/// An architecture that this mechanism knows.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    /// Names in `MATMUL_REQUIRE`, and in Debian's compilers.
    pub(crate) names: &'static [&'static str],
    /// What the kernels are to find in their environment.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    debian: &'static str,
    /// Debian's cross libc, which the linker needs.
    libc: &'static str,
    gnu: &'static str,
    qemu: Option<&'static str>,
}

/// i686 has no emulator: it runs on any x86-64 kernel.
pub(crate) const TARGETS: [Target; 3] = [
    Target {
        triple: "aarch64-unknown-linux-gnu",
        names: &["neon", "aarch64"],
        // A run that silently used another instruction set would fail.
        environment: &[("MATMUL_REQUIRE", "neon")],
        debian: "arm64",
        libc: "libc6-dev-arm64-cross",
        gnu: "aarch64-linux-gnu",
        qemu: Some("qemu-aarch64-static"),
    },
    Target {
        triple: "s390x-unknown-linux-gnu",
        names: &["s390x"],
        environment: &[],
        debian: "s390x",
        libc: "libc6-dev-s390x-cross",
        gnu: "s390x-linux-gnu",
        qemu: Some("qemu-s390x-static"),
    },
    Target {
        triple: "i686-unknown-linux-gnu",
        names: &["i686"],
        // The C library takes the CPU's FMA if there is one; here it must do without.
        environment: &[("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-FMA,-FMA4")],
        debian: "i386",
        libc: "libc6-dev-i386-cross",
        gnu: "i686-linux-gnu",
        qemu: None,
    },
];

/// The compiler and emulator of a target.
pub(crate) struct Cross<'p> {
    target: &'static Target,
    packages: &'p Packages,
    debian_rust: bool,
}

impl<'p> Cross<'p> {
    /// Brings what is missing. The error says what could not be had.
    pub(crate) fn set_up(target: &'static Target, packages: &'p Packages) -> Result<Self, String> {
        let mut tools = vec![format!("gcc-{}", target.gnu), target.libc.into()];
        tools.extend(target.qemu.map(|_| "qemu-user-static".into()));
        packages.fetch(target.gnu, &tools, &[])?;
        let debian_rust = !has_std(target) && !rustup_add(target);
        if debian_rust {
            fetch_rust(target, packages)?;
        }
        Ok(Cross { target, packages, debian_rust })
    }

    /// A cargo that builds for the target, and runs and tests by the emulator.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<Command, String> {
        let Cross { target, packages, .. } = self;
        let mut command = cargo();
        command.args(arguments).args(["--release", "--target", target.triple]);
        command.arg("--target-dir").arg(packages.dir().join("build"));
        let prefix = format!("CARGO_TARGET_{}", target.triple.to_uppercase().replace('-', "_"));
        command.env(format!("{prefix}_LINKER"), packages.file(&format!("usr/bin/{}-gcc", target.gnu))?);
        if let Some(qemu) = target.qemu {
            command.env(format!("{prefix}_RUNNER"), packages.file(&format!("usr/bin/{qemu}"))?);
        }
        make_static(&mut command, target.triple);
        command.env("LD_LIBRARY_PATH", packages.libraries());
        if self.debian_rust {
            // Older than what the tools of the workspace ask for; what is built here does without.
            command.arg("--ignore-rust-version").env("RUSTC", packages.file("usr/bin/rustc")?);
        }
        Ok(command)
    }

    /// How programs of the target run here, for the record.
    pub(crate) fn how(&self) -> Result<String, String> {
        let Some(qemu) = self.target.qemu else { return Ok("native, without FMA".into()) };
        let text = output(self.packages.program(&format!("usr/bin/{qemu}"))?.arg("--version"))?;
        // qemu-aarch64 version 7.2.22 (Debian ...)
        let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
        Ok(format!("qemu-user {}", version.unwrap_or("of unknown version")))
    }
}

/// Links libc too. RUSTFLAGS of the caller would take the place of these flags.
pub(crate) fn make_static(command: &mut Command, triple: &str) {
    let triple = triple.to_uppercase().replace('-', "_");
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env(format!("CARGO_TARGET_{triple}_RUSTFLAGS"), "-C target-feature=+crt-static");
}

/// Whether the compiler in use has the target's standard library.
fn has_std(target: &Target) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = output(Command::new(rustc).args(["--print", "target-libdir", "--target", target.triple]));
    libdir.is_ok_and(|libdir| {
        let files = Path::new(libdir.trim()).read_dir().into_iter().flatten().flatten();
        files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-"))
    })
}

fn rustup_add(target: &Target) -> bool {
    let added = output(Command::new("rustup").args(["target", "add", target.triple]));
    if let Err(why) = &added {
        tell!("rustup has no {} ({why}); trying Debian's Rust", target.triple);
    }
    added.is_ok() && has_std(target)
}

/// Debian's Rust, in the version that it has for the target too.
fn fetch_rust(target: &Target, packages: &Packages) -> Result<(), String> {
    let std = format!("libstd-rust-web-dev:{}", target.debian);
    let version = packages.version(&std, "")?;
    fetch_rustc(packages, &version)?;
    packages.fetch(&format!("std-{}", target.debian), &[], &[format!("{std}={version}")])
}

/// Debian's compiler for this machine, in a version of its package. There is one at a time.
pub(crate) fn fetch_rustc(packages: &Packages, version: &str) -> Result<(), String> {
    let minor = version.split('.').take(2).collect::<Vec<_>>().join(".");
    let rustc = [
        "rustc-web:amd64".into(),
        format!("libstd-rust-web-{minor}:amd64"),
        "libstd-rust-web-dev:amd64".into(),
    ];
    let exactly = |name: &String| format!("{name}={version}");
    // LLVM is what the second of them depends on; the others would pull in libraries of the other architecture.
    packages.fetch("rustc", &[exactly(&rustc[1])], &rustc.each_ref().map(exactly))
}
