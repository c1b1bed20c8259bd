//! The calling thread's floating-point mode: rounding, and whether subnormal numbers are flushed to zero.

/// The mode at one moment, set again when this is dropped.
///
/// A library that was linked with `-ffast-math` sets flush-to-zero when it is loaded (GCC's crtfastmath), for the thread
/// that loads it and for all threads that this one starts later: every kernel of the process would compute other bits.
pub(crate) struct Mode {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    mxcsr: u32,
    #[cfg(target_arch = "aarch64")]
    fpcr: u64,
}

impl Mode {
    /// The mode as it is.
    pub(crate) fn now() -> Self {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
        {
            let mut mxcsr = 0u32;
            // SAFETY: stores 32 bits; SSE is part of the target.
            unsafe {
                core::arch::asm!("stmxcsr [{}]", in(reg) &mut mxcsr, options(nostack, preserves_flags))
            };
            Self { mxcsr }
        }
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        {
            let fpcr: u64;
            // SAFETY: reads a register.
            unsafe {
                core::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags))
            };
            Self { fpcr }
        }
        // Elsewhere nothing is known that sets another.
        #[cfg(not(all(
            any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"),
            not(miri)
        )))]
        Self {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            mxcsr: 0x1f80,
            #[cfg(target_arch = "aarch64")]
            fpcr: 0,
        }
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
        // SAFETY: the mode that this thread had before.
        unsafe {
            core::arch::asm!("ldmxcsr [{}]", in(reg) &self.mxcsr, options(nostack, readonly, preserves_flags));
        }
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        // SAFETY: the mode that this thread had before.
        unsafe {
            core::arch::asm!("msr fpcr, {}", in(reg) self.fpcr, options(nomem, nostack, preserves_flags));
        }
    }
}
