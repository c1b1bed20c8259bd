//! Whether results may be subnormal: in a mode that flushes them to zero, an oracle would flush as the kernel does, and
//! what it says would be worth nothing.

use std::hint::black_box;

use matmul_core::Real;

/// What a machine must have where this thread has not.
pub(crate) const NEEDED: &str =
    "gradual underflow: the smallest normal number halved is 0 here, so something set flush-to-zero";

/// Whether the smallest normal number halved is a number, and that number twice the first: neither results nor operands
/// are flushed.
pub(crate) fn is_gradual<T: Real>() -> bool {
    let smallest = T::from_f64(match T::NAME {
        "f32" => f64::from(f32::MIN_POSITIVE),
        _ => f64::MIN_POSITIVE,
    });
    let half = black_box(smallest) * black_box(T::from_f64(0.5));
    // By its bits: a comparison would flush it too.
    black_box(half).bits() != 0 && black_box(half) + black_box(half) == smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_thread_underflows_gradually() {
        assert!(is_gradual::<f32>() && is_gradual::<f64>());
    }

    /// Flush-to-zero and denormals-are-zero, each alone, in a thread of their own.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    fn either_flag_is_seen() {
        for flag in [1u32 << 15, 1 << 6] {
            let seen = std::thread::spawn(move || {
                let mode = 0x1f80 | flag;
                // SAFETY: a mode of the thread's own, with exceptions masked.
                unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &mode, options(nostack, readonly)) };
                !is_gradual::<f32>() && !is_gradual::<f64>()
            });
            assert!(seen.join().unwrap(), "{flag:#x}");
        }
    }
}
