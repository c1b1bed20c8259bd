//! The end of a virtual machine whose only process this is.

/// Powers the machine off if this process is its init, which must never return. Elsewhere does nothing.
#[cfg(target_os = "linux")]
pub(crate) fn power_off_if_init() {
    if std::process::id() == 1 {
        // What the serial line still holds would be lost.
        std::thread::sleep(std::time::Duration::from_millis(300));
        // SAFETY: the call takes a plain number. Nothing is mounted that could lose data.
        unsafe { libc::reboot(libc::RB_POWER_OFF) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn power_off_if_init() {}
