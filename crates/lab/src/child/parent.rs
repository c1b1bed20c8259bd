//! What a child owes its parent.

/// A stopped child would outlive a parent that is killed.
pub(crate) fn die_with_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: this prctl takes a signal number and changes nothing but which signal the parent's death sends.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}
