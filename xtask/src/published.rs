//! `cargo xtask package` and `msrv`: what people who depend on these crates rely on. Every package builds from what is in
//! it, and builds and passes its tests with the oldest compiler that it names.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cross::fetch_rustc;
use crate::folders::{root, target};
use crate::packages::{Packages, output};
use crate::{Error, cargo, spawn_error, status};
use matmul_lab::{say, tell};

/// Its `fetch` brings a TLS library, C and all, which takes longer to build than everything else that is published.
const LARGE: &str = "matmul-mnist";

/// Those whose conformance tests run with the oldest compiler: all unsafe code of a product, on each instruction set.
const KERNELS: [&str; 3] = ["matmul-blocked", "matmul-simd", "matmul-parallel"];

/// What cargo knows of a package that may be published.
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) library: String,
    pub(crate) rust_version: String,
    pub(crate) folder: PathBuf,
}

/// The packages without `publish = false`.
pub(crate) fn published() -> Result<Vec<Published>, Error> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
    let output = command.arg(root().join("Cargo.toml")).output();
    let output = output.map_err(|source| spawn_error(&command, source))?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|_| Error::Packages { found: text.clone() })?;
    let packages = metadata["packages"].as_array().ok_or(Error::Packages { found: text })?;
    let is_published = |package: &&serde_json::Value| package["publish"].is_null();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let published = packages.iter().filter(is_published);
    Ok(published
        .map(|package| Published {
            name: text(&package["name"]),
            version: text(&package["version"]),
            library: library(package),
            rust_version: text(&package["rust_version"]),
            folder: Path::new(&text(&package["manifest_path"]))
                .parent()
                .map(Path::to_owned)
                .unwrap_or_default(),
        })
        .collect())
}

/// The name of a package's library, which need not be its own.
fn library(package: &serde_json::Value) -> String {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut libraries = targets.filter(|target| target["kind"][0] == "lib");
    libraries.find_map(|target| target["name"].as_str()).unwrap_or_default().to_owned()
}

/// Makes each package and builds it from what is in it, with the others of this repository as packages too.
pub(crate) fn package() -> Result<u8, Error> {
    let mut all = cargo_package()?;
    let names: Vec<_> = published()?.into_iter().map(|package| package.name).collect();
    all.args(names.iter().filter(|name| *name != LARGE).flat_map(|name| ["--package", name]));
    match status(&mut all)? {
        0 => {
            status(cargo_package()?.args(["--package", LARGE, "--no-default-features", "--features", "cli"]))
        }
        code => Ok(code),
    }
}

/// A working tree with changes is packaged as it is: this asks whether the packages are whole, and uploads nothing.
fn cargo_package() -> Result<Command, Error> {
    let mut command = cargo();
    command.args(["package", "--quiet", "--allow-dirty", "--manifest-path"]).arg(root().join("Cargo.toml"));
    // One for all of them, and not the workspace's, whose profiles no package has.
    command.arg("--target-dir").arg(target()?.join("packages"));
    Ok(command)
}

/// Builds what is published with the oldest compiler, and runs the kernels' tests with it; or says loudly why it cannot,
/// which `MATMUL_REQUIRE=msrv` makes a failure.
pub(crate) fn msrv() -> Result<u8, Error> {
    let published = published()?;
    let version = published.iter().map(|package| package.rust_version.as_str()).max().unwrap_or_default();
    let rustc = match by_rustup(version).or_else(|why| by_debian(version).map_err(|debian| (why, debian))) {
        Ok(rustc) => rustc,
        Err((rustup, debian)) => {
            let required = env::var("MATMUL_REQUIRE").unwrap_or_default();
            let is_required = required.split(',').any(|name| name.trim() == "msrv");
            let verdict = if is_required { "FAILED, as MATMUL_REQUIRE names it" } else { "SKIPPED" };
            say!("{verdict}: Rust {version} because rustup has none ({rustup}), and Debian none ({debian})");
            return Ok(u8::from(is_required));
        }
    };
    say!("{}", output(rustc.command("--version").arg("-v")).unwrap_or_default());
    let names: Vec<_> = published.iter().map(|package| package.name.as_str()).collect();
    let others = names.iter().filter(|name| **name != LARGE).flat_map(|name| ["--package", name]);
    let mut check = rustc.cargo(&["check"])?;
    match status(check.args(others))? {
        0 => {}
        code => return Ok(code),
    }
    let mut test = rustc.cargo(&["test", "--lib", "--test", "conformance"])?;
    test.args(KERNELS.iter().flat_map(|name| ["--package", name]));
    test.env("MATMUL_CONFORMANCE_PLAN", "quick").env_remove("MATMUL_REQUIRE");
    status(&mut test)
}

/// A compiler, and where its own libraries are.
struct Rustc {
    path: PathBuf,
    libraries: Option<PathBuf>,
}

impl Rustc {
    fn command(&self, argument: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.arg(argument);
        command.envs(self.libraries.iter().map(|libraries| ("LD_LIBRARY_PATH", libraries)));
        command
    }

    /// The cargo that started us, which may be newer: only the compiler must be old.
    fn cargo(&self, arguments: &[&str]) -> Result<Command, Error> {
        let mut command = cargo();
        command.args(arguments).arg("--target-dir").arg(target()?.join("msrv"));
        command.env("RUSTC", &self.path).env_remove("RUSTUP_TOOLCHAIN").current_dir(root());
        command.envs(self.libraries.iter().map(|libraries| ("LD_LIBRARY_PATH", libraries)));
        Ok(command)
    }

    fn is(&self, version: &str) -> Result<(), String> {
        let said = output(&mut self.command("--version"))?;
        let is_it = said.split(' ').nth(1).is_some_and(|found| found.starts_with(&format!("{version}.")));
        if is_it { Ok(()) } else { Err(format!("it is {}", said.trim())) }
    }
}

fn by_rustup(version: &str) -> Result<Rustc, String> {
    let which = || output(Command::new("rustup").args(["which", "rustc", "--toolchain", version]));
    let path = which().or_else(|_| {
        tell!("rustup installs Rust {version}");
        output(Command::new("rustup").args(["toolchain", "install", version, "--profile", "minimal"]))?;
        which()
    })?;
    let rustc = Rustc { path: path.trim().into(), libraries: None };
    rustc.is(version).map(|()| rustc)
}

fn by_debian(version: &str) -> Result<Rustc, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("its packages are used on x86-64 Linux alone".into());
    }
    let packages = Packages::open().map_err(|err| err.to_string())?;
    fetch_rustc(&packages, &packages.version("rustc-web", &format!("{version}."))?)?;
    let rustc = Rustc { path: packages.file("usr/bin/rustc")?, libraries: Some(packages.libraries()) };
    rustc.is(version).map(|()| rustc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_are_published_for_one_compiler() {
        let published = published().unwrap();
        let find = |name: &str| published.iter().find(|package| package.name == name);
        assert!(KERNELS.iter().all(|name| find(name).is_some()) && find(LARGE).is_some());
        assert!(find("xtask").is_none() && find("matmul-peers").is_none());
        assert!(published.iter().all(|package| package.rust_version == "1.85"));
    }
}
