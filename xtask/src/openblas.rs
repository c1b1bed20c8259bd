//! The OpenBLAS that pkg-config finds, and the core whose code it chose for this CPU.
//!
//! Only the library knows the core. It is loaded by another process of this program: one that crashes or hangs takes
//! nothing else with it.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::{CStr, c_char};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The option of `doctor` that makes it that other process.
pub(crate) const CORE_OF: &str = "core-of";

/// How long a library may take to load and answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Its names in OpenBLAS of 32-bit and of 64-bit integers.
const CORENAME: [&str; 2] = ["openblas_get_corename", "openblas_get_corename64_"];

/// Why the core is not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CoreError {
    #[error("pkg-config names no folder of a shared {library}", library = library())]
    NoFolder,
    #[error("no shared {library} in {}", folder.display(), library = library())]
    NoLibrary { folder: PathBuf },
    #[error("{0}")]
    Load(#[from] libloading::Error),
    #[error("the library has no {}", CORENAME[0])]
    NoFunction,
    #[error("the library names no core")]
    NoName,
    #[error("no process to load the library in: {0}")]
    Process(#[from] io::Error),
    #[error("the library said nothing for {PATIENCE:?}")]
    Silent,
    #[error("{0}")]
    Child(String),
}

fn library() -> String {
    format!("{DLL_PREFIX}openblas{DLL_SUFFIX}")
}

/// The version, if there is one.
pub(crate) fn version() -> Option<String> {
    pkg_config("--modversion")
}

/// The core, as the library calls it.
pub(crate) fn core() -> Result<String, CoreError> {
    let folder = pkg_config("--variable=libdir").filter(|folder| !folder.is_empty());
    let path = find(Path::new(&folder.ok_or(CoreError::NoFolder)?))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("doctor").arg(format!("--{CORE_OF}")).arg(path);
    ask(&mut command, PATIENCE)
}

/// What pkg-config answers to a question on OpenBLAS.
fn pkg_config(question: &str) -> Option<String> {
    let program = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let out = Command::new(program).args([question, "openblas"]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    out.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The library in a folder. Without the packages for developers it has the number of its interface behind its name.
fn find(folder: &Path) -> Result<PathBuf, CoreError> {
    let names = [library(), format!("{}.0", library())];
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.ok_or_else(|| CoreError::NoLibrary { folder: folder.into() })
}

/// The line that a process prints in time.
fn ask(command: &mut Command, patience: Duration) -> Result<String, CoreError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, start) = (command.spawn()?, Instant::now());
    while child.try_wait()?.is_none() {
        if start.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Err(CoreError::Silent);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let out = child.wait_with_output()?;
    let last = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().last().unwrap_or_default().to_owned();
    match last(&out.stderr).as_str() {
        _ if out.status.success() => Ok(last(&out.stdout)),
        "" => Err(CoreError::Child(format!("the process that loaded it ended ({})", out.status))),
        why => Err(CoreError::Child(why.trim_start_matches("error: ").to_owned())),
    }
}

/// Loads a library and asks it: what the other process does.
pub(crate) fn core_of(path: &Path) -> Result<String, CoreError> {
    type Corename = unsafe extern "C" fn() -> *const c_char;
    // SAFETY: a library's initialisers do what they like. This process has nothing but them to do.
    let library = unsafe { libloading::Library::new(path) }?;
    let found = CORENAME.iter().find_map(|name| {
        // SAFETY: the prototype of OpenBLAS, which has those names to itself.
        unsafe { library.get::<Corename>(name.as_bytes()) }.ok()
    });
    let corename = found.ok_or(CoreError::NoFunction)?;
    // SAFETY: it takes nothing, and the library is loaded.
    let name = unsafe { corename() };
    if name.is_null() {
        return Err(CoreError::NoName);
    }
    // SAFETY: a string of the library's own, which is still loaded.
    Ok(unsafe { CStr::from_ptr(name) }.to_string_lossy().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn whatever_ends_the_process_is_a_reason() {
        let ask = |script: &str, patience| ask(Command::new("sh").args(["-c", script]), patience);
        assert_eq!(ask("echo noise; echo Zen", PATIENCE).unwrap(), "Zen");
        let why = |script: &str, patience| ask(script, patience).unwrap_err().to_string();
        assert_eq!(why("echo 'error: no such thing' >&2; exit 2", PATIENCE), "no such thing");
        assert!(why("kill -SEGV $$", PATIENCE).starts_with("the process that loaded it ended (signal: 11"));
        assert!(matches!(ask("exec sleep 60", Duration::from_millis(20)), Err(CoreError::Silent)));
    }

    #[test]
    fn what_is_no_library_is_said() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(matches!(find(here), Err(CoreError::NoLibrary { folder }) if folder == here));
        assert!(matches!(core_of(&here.join("Cargo.toml")), Err(CoreError::Load(_))));
    }
}
