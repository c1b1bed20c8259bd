//! The cache sizes of this machine.

use std::sync::OnceLock;

/// Data cache sizes in bytes, as one core sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caches {
    /// Level 1, data.
    pub l1d: usize,
    /// Level 2.
    pub l2: usize,
    /// Level 3, the whole of it however many cores share it; 0 if there is none.
    pub l3: usize,
    /// Whether the system said so; otherwise they are those of [`Caches::FALLBACK`].
    pub detected: bool,
}

impl Caches {
    /// A modest machine, for where the system does not tell: the smaller of what Zen, Intel's servers, and Arm's
    /// Neoverse have.
    pub const FALLBACK: Caches = Caches { l1d: 32 << 10, l2: 512 << 10, l3: 16 << 20, detected: false };

    /// This machine's, read once per process: from sysfs on Linux.
    #[inline]
    pub fn get() -> &'static Self {
        static CACHES: OnceLock<Caches> = OnceLock::new();
        CACHES.get_or_init(|| read_sysfs("/sys/devices/system/cpu/cpu0/cache").unwrap_or(Caches::FALLBACK))
    }
}

/// The caches that a folder of Linux's sysfs describes, one subfolder each, if there are a level 1 and a level 2.
fn read_sysfs(folder: &str) -> Option<Caches> {
    let mut levels = [0; 4];
    for index in 0..8 {
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/index{index}/{name}")).ok();
        let (Some(level), Some(kind), Some(size)) = (read("level"), read("type"), read("size")) else {
            break;
        };
        if kind.trim() == "Instruction" {
            continue;
        }
        if let Some(slot) = level.trim().parse().ok().and_then(|level: usize| levels.get_mut(level)) {
            *slot = parse_size(size.trim()).unwrap_or(0);
        }
    }
    let [_, l1d, l2, l3] = levels;
    (l1d > 0 && l2 > 0).then_some(Caches { l1d, l2, l3, detected: true })
}

/// `32K` or `16M` in bytes.
fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    number.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("32K"), Some(32 << 10));
        assert_eq!(parse_size("16M"), Some(16 << 20));
        assert_eq!(parse_size("512"), Some(512));
        assert_eq!(parse_size("K"), None);
        assert_eq!(parse_size(""), None);
    }

    #[test]
    fn a_machine_that_does_not_tell_gets_the_fallback() {
        assert_eq!(read_sysfs("/nonexistent"), None);
        let caches = Caches::get();
        assert!(caches.detected || *caches == Caches::FALLBACK);
        assert!(caches.l1d >= 4 << 10 && caches.l1d <= caches.l2, "{caches:?}");
    }
}
