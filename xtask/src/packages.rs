//! Debian packages, unpacked below target/cross and not installed: nothing of the system changes, and nobody need be
//! root. Works wherever apt-get does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Error;
use crate::folders::target;
use matmul_lab::tell;

/// Other architectures of which single packages are fetched.
const ARCHITECTURES: &str = "\"amd64\"; \"arm64\"; \"i386\"; \"s390x\";";

/// A folder of unpacked packages.
pub(crate) struct Packages {
    dir: PathBuf,
}

impl Packages {
    /// Those of this checkout, kept from run to run.
    pub(crate) fn open() -> Result<Self, Error> {
        let dir = target()?.join("cross");
        for folder in ["root", "sets", "apt/lists/partial", "apt/archives/partial"] {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder).map_err(Error::write(&folder))?;
        }
        // apt's own state, lists and lock below target/cross.
        let config = format!(
            "APT::Architectures {{ {ARCHITECTURES} }};\nDir::State::Lists \"{0}/lists\";\nDir::Cache \"{0}\";\n\
             Debug::NoLocking \"1\";\n",
            dir.join("apt").display()
        );
        let path = dir.join("apt.conf");
        fs::write(&path, config).map_err(Error::write(&path))?;
        Ok(Packages { dir })
    }

    /// The folder, for what else belongs there.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether anything was fetched before.
    pub(crate) fn has_any(&self) -> bool {
        self.dir.join("sets").read_dir().is_ok_and(|mut sets| sets.next().is_some())
    }

    /// Whether [`Self::fetch`] has brought this set.
    pub(crate) fn has(&self, set: &str) -> bool {
        self.dir.join("sets").join(set).exists()
    }

    /// Unpacks `names` with all they depend on that the system lacks, and `alone` without. The error is apt's last line.
    pub(crate) fn fetch(&self, set: &str, names: &[String], alone: &[String]) -> Result<(), String> {
        if self.has(set) {
            return Ok(());
        }
        tell!("fetching {} to {}", [names, alone].concat().join(" "), self.dir.display());
        let archives = self.dir.join("apt/archives");
        let install = ["install", "--download-only", "-qq", "-y", "--no-install-recommends"];
        with_update(
            || {
                output(self.apt("apt-get").args(install).args(names))?;
                if !alone.is_empty() {
                    let mut download = self.apt("apt-get");
                    output(download.args(["download", "-qq"]).args(alone).current_dir(&archives))?;
                }
                Ok(())
            },
            || self.update(),
        )?;
        let message = |err: std::io::Error| err.to_string();
        for entry in fs::read_dir(&archives).map_err(message)? {
            let deb = entry.map_err(message)?.path();
            if deb.extension().is_some_and(|extension| extension == "deb") {
                output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(self.dir.join("root")))?;
                fs::remove_file(&deb).map_err(message)?;
            }
        }
        fs::write(self.dir.join("sets").join(set), "").map_err(message)
    }

    /// The newest version of a package, `name` or `name:architecture`, that begins so.
    pub(crate) fn version(&self, package: &str, begins: &str) -> Result<String, String> {
        let newest = || {
            let table = output(self.apt("apt-cache").args(["madison", package]))?;
            // package | version | source
            let mut versions = table.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim()));
            let version = versions.find(|version| version.starts_with(begins));
            version.map(str::to_owned).ok_or(format!("apt knows no {package} {begins}"))
        };
        with_update(newest, || self.update())
    }

    /// What the one package that `package` depends on is called.
    pub(crate) fn dependency(&self, package: &str) -> Result<String, String> {
        let text = output(self.apt("apt-cache").args(["depends", "--important", package]))?;
        let name = text.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
        name.map(str::to_owned).ok_or(format!("apt knows no {package}"))
    }

    /// A file of a package, unpacked or installed.
    pub(crate) fn file(&self, path: &str) -> Result<PathBuf, String> {
        let candidates = [self.dir.join("root").join(path), Path::new("/").join(path)];
        let found = candidates.into_iter().find(|candidate| candidate.exists());
        found.ok_or_else(|| format!("no package brought {path}"))
    }

    /// A program that finds the unpacked libraries.
    pub(crate) fn program(&self, path: &str) -> Result<Command, String> {
        let mut command = Command::new(self.file(path)?);
        command.env("LD_LIBRARY_PATH", self.libraries());
        Ok(command)
    }

    /// The folder of unpacked libraries.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.dir.join("root/usr/lib/x86_64-linux-gnu")
    }

    fn update(&self) -> Result<(), String> {
        output(self.apt("apt-get").args(["update", "-qq"])).map(drop)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.dir.join("apt.conf")).env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// An installation or a question about packages, after an update if it fails with the lists there are.
pub(crate) fn with_update<T>(
    install: impl Fn() -> Result<T, String>,
    update: impl Fn() -> Result<(), String>,
) -> Result<T, String> {
    install().or_else(|_| {
        // An update that reaches some of its mirrors may be enough.
        let update = update();
        install().map_err(|why| update.err().unwrap_or(why))
    })
}

/// A program's standard output. The error is its last line.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } =
        command.output().map_err(|err| format!("cannot start {program}: {err}"))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&stderr);
    Err(format!("{program}: {}", stderr.lines().last().unwrap_or("no message").trim()))
}
