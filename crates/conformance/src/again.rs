use std::io;
use std::process::Command;

/// The running program, to be started as a child process: with a kernel of its own there, so that its crash does not
/// end the caller.
///
/// It starts through the runner that cargo's environment variable `CARGO_TARGET_<TRIPLE>_RUNNER` names, if there is
/// one for this architecture: a program under a user-mode emulator cannot start a program of its own kind by itself.
///
/// # Errors
/// The system's, if it does not tell the program's path.
pub fn this_program() -> io::Result<Command> {
    let program = std::env::current_exe()?;
    let prefix = format!("CARGO_TARGET_{}_", std::env::consts::ARCH.to_uppercase());
    let is_runner = |name: &str| name.starts_with(&prefix) && name.ends_with("_RUNNER");
    // `vars` panics on what is not Unicode.
    let runner = std::env::vars_os().find(|(name, _)| name.to_str().is_some_and(is_runner));
    let words = runner.and_then(|(_, words)| words.into_string().ok()).unwrap_or_default();
    let mut words = words.split_whitespace();
    let Some(first) = words.next() else { return Ok(Command::new(program)) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    Ok(command)
}
