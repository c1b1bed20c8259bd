//! The names of instruction sets, and the choice of one, made once per process.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::Isa;

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not in the ISA table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownIsa(String);

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Isa::ALL.iter().map(|isa| isa.name()).collect();
        write!(f, "unknown instruction set {:?}, expected one of {}", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownIsa {}

/// Names are not case-sensitive.
impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        let is_meant = |isa: &Isa| isa.name().eq_ignore_ascii_case(name);
        Isa::ALL.iter().copied().find(is_meant).ok_or_else(|| UnknownIsa(name.into()))
    }
}

impl Isa {
    /// What this build lacks of it, whatever the CPU: AVX-512 is compiled by Rust 1.89 or later.
    pub const fn needs_build(self) -> Option<&'static str> {
        match self {
            #[cfg(all(target_arch = "x86_64", not(has_avx512)))]
            Isa::Avx512 => Some(concat!(
                "a build with Rust 1.89 or later, which has AVX-512 (this one is with ",
                env!("MATMUL_SIMD_RUSTC"),
                ")"
            )),
            _ => None,
        }
    }

    /// Whether this CPU and build have it.
    pub fn is_available(self) -> bool {
        self.engines().is_some()
    }

    /// The highest that is available, but none above `MATMUL_MAX_ISA` if that is set. Read once per process.
    ///
    /// # Errors
    /// What is wrong, as a noun phrase, if `MATMUL_MAX_ISA` names no instruction set, or `MATMUL_REQUIRE` names
    /// one that is above the chosen one or missing.
    pub fn best() -> Result<Isa, &'static str> {
        static BEST: OnceLock<Result<Isa, String>> = OnceLock::new();
        match BEST.get_or_init(|| choose(env("MATMUL_MAX_ISA"), env("MATMUL_REQUIRE"), Isa::is_available)) {
            Ok(isa) => Ok(*isa),
            Err(needs) => Err(needs),
        }
    }
}

fn env(name: &str) -> Option<String> {
    // What is not Unicode is no name, which the error then says.
    let value = std::env::var_os(name)?.to_string_lossy().trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// Applies the two environment variables. Names in `require` that are no instruction set (`blas`) are the
/// harness's business.
fn choose(
    max: Option<String>,
    require: Option<String>,
    is_available: impl Fn(Isa) -> bool,
) -> Result<Isa, String> {
    let max = match max {
        None => None,
        Some(name) => Some(name.parse::<Isa>().map_err(|err| format!("another MATMUL_MAX_ISA ({err})"))?),
    };
    let best = Isa::ALL
        .iter()
        .copied()
        .rfind(|&isa| is_available(isa) && max.is_none_or(|max| isa <= max))
        .unwrap_or(Isa::Portable);
    for name in require.iter().flat_map(|names| names.split(',')) {
        match name.trim().parse::<Isa>() {
            Ok(isa) if !is_available(isa) => return Err(format!("{} (MATMUL_REQUIRE={name})", isa.needs())),
            Ok(isa) if max.is_some_and(|max| isa > max) => {
                return Err(format!("a MATMUL_MAX_ISA that allows {name}, which MATMUL_REQUIRE names"));
            }
            _ => {}
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(name: &str) -> Option<String> {
        Some(name.into())
    }

    #[test]
    fn the_highest_available_is_chosen() {
        assert_eq!(choose(None, None, |_| false), Ok(Isa::Portable));
        let last = *Isa::ALL.last().unwrap();
        assert_eq!(choose(None, None, |_| true), Ok(last));
        assert_eq!(choose(some("portable"), None, |_| true), Ok(Isa::Portable));
    }

    #[test]
    fn what_is_not_compiled_in_says_so() {
        // AVX-512 alone, of an older compiler alone; what is missing never has engines.
        for &isa in Isa::ALL {
            let lacks = cfg!(all(target_arch = "x86_64", not(has_avx512))) && isa == Isa::Avx512;
            assert_eq!(isa.needs_build().is_some(), lacks, "{isa}");
            assert!(!lacks || !isa.is_available());
            assert_eq!(isa.needs().contains(env!("MATMUL_SIMD_RUSTC")), lacks, "{}", isa.needs());
        }
    }

    #[test]
    fn names_are_not_case_sensitive() {
        for &isa in Isa::ALL {
            let name = isa.name();
            for name in [name.to_owned(), name.to_uppercase(), name[..1].to_uppercase() + &name[1..]] {
                assert_eq!(name.parse(), Ok(isa));
                assert_eq!(choose(Some(name.clone()), None, |_| true), Ok(isa));
                assert!(
                    choose(None, Some(name), |isa| isa == Isa::Portable).is_err() || isa == Isa::Portable
                );
            }
        }
    }

    #[test]
    fn an_unknown_maximum_is_named() {
        let err = choose(some("sse9"), None, |_| true).unwrap_err();
        assert!(err.contains("sse9") && err.contains("portable"), "{err}");
    }

    #[test]
    fn a_missing_requirement_is_an_error() {
        let last = Isa::ALL.last().unwrap().name();
        assert!(choose(None, some(last), |isa| isa == Isa::Portable).unwrap_err().contains(last));
        assert!(choose(some("portable"), some(last), |_| true).unwrap_err().contains("MATMUL_MAX_ISA"));
        assert!(choose(None, some("blas"), |_| true).is_ok());
    }
}
