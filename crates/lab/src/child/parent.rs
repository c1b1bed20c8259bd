//! What parent and child owe each other.

use std::process::Command;

/// A group of its own for a child: Ctrl-C goes to the whole group of the parent, which must be able to finish first.
pub(crate) fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// A stopped child would outlive a parent that is killed.
pub(crate) fn die_with_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: this prctl takes a signal number and changes nothing but which signal the parent's death sends.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}
