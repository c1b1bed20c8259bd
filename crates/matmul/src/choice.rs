//! Which kernel computes: by name, by the environment, or the best.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use matmul_blocked::{Blocked, Engines};
use matmul_core::{Availability, Element, Error, Kernel};
use matmul_naive::{Broadcast, Elementwise, Loops};
use matmul_simd::Isa;

use crate::nearest::nearest;
use crate::trace;

/// The variable that overrides the choice.
const VARIABLE: &str = "MATMUL_KERNEL";

/// A kernel, as far as it does not depend on the element type.
#[derive(Clone, Copy)]
pub(crate) enum Choice {
    /// The engines of an instruction set, on any threads.
    Engines {
        name: &'static str,
        /// The name of its [`Summation::Fast`](crate::Summation::Fast).
        fast: &'static str,
        engines: &'static Engines,
        /// Whether it uses the pool's threads unless it is told a number.
        pooled: bool,
        /// Whether its products are taken down.
        traced: bool,
    },
    /// An instruction set that this machine lacks.
    Missing { name: &'static str, needs: &'static str },
    /// A kernel with ways of its own.
    Other(Other),
}

/// One kernel for both element types.
#[derive(Clone, Copy)]
pub(crate) struct Other {
    pub(crate) name: &'static str,
    f32: &'static dyn Kernel<f32>,
    f64: &'static dyn Kernel<f64>,
}

impl Other {
    fn new<K: Kernel<f32> + Kernel<f64>>(kernel: &'static K) -> Self {
        Self { name: Kernel::<f32>::name(kernel), f32: kernel, f64: kernel }
    }

    /// The kernel for `T`, if it has one.
    pub(crate) fn of<T: Element>(&self) -> Option<&'static dyn Kernel<T>> {
        let (f32, f64): (&dyn Any, &dyn Any) = (&self.f32, &self.f64);
        f32.downcast_ref().or_else(|| f64.downcast_ref()).copied()
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Choice {
    /// What `MATMUL_KERNEL` names, else the best. Read once per process.
    #[inline]
    pub(crate) fn default() -> &'static Result<Choice, Error> {
        static DEFAULT: OnceLock<Result<Choice, Error>> = OnceLock::new();
        DEFAULT.get_or_init(|| {
            // What is not Unicode is no name, which the error then says.
            let value = std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().trim().to_owned());
            match value.filter(|name| !name.is_empty()) {
                Some(name) => Self::named(&name, Some(VARIABLE)),
                None => Ok(Self::best()),
            }
        })
    }

    /// The kernel of a name; names are not case-sensitive. `variable` is where the name came from.
    pub(crate) fn named(name: &str, variable: Option<&'static str>) -> Result<Self, Error> {
        let all = Self::all();
        if let Some(choice) = all.iter().find(|choice| choice.name().eq_ignore_ascii_case(name)) {
            return Ok(*choice);
        }
        let known: Vec<_> = all.iter().map(Choice::name).collect();
        Err(Error::UnknownKernel { name: name.into(), variable, nearest: nearest(name, &known), known })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Choice::Engines { name, .. } | Choice::Missing { name, .. } => name,
            Choice::Other(other) => other.name,
        }
    }

    /// Whether it can compute products of `T` here.
    pub(crate) fn availability<T: Element>(&self) -> Availability {
        match self {
            Choice::Engines { engines, .. } => Engines::availability::<T>(Ok(engines)),
            Choice::Missing { needs, .. } => Availability::Unavailable { needs: (*needs).into() },
            Choice::Other(other) => match other.of::<T>() {
                Some(kernel) => kernel.availability(),
                None => {
                    Availability::Unavailable { needs: format!("a product of f32 or f64, not {}", T::NAME) }
                }
            },
        }
    }

    /// All that have names, slowest first, the best last but for a BLAS.
    fn all() -> Vec<Self> {
        let mut all: Vec<Self> = vec![
            Self::Other(Other::new(&Loops)),
            Self::Other(Other::new(&Elementwise)),
            Self::Other(Other::new(&Broadcast)),
            Self::Engines {
                name: "blocked",
                fast: "blocked-fast",
                engines: Blocked::new().engines(),
                pooled: false,
                traced: trace::global().is_some(),
            },
        ];
        let of = |isa: &Isa| Self::simd(isa.kernel_name(), "simd-fast", Ok(*isa), false);
        all.extend(Isa::ALL.iter().map(of));
        all.push(Self::simd("simd", "simd-fast", Isa::best(), false));
        #[cfg(feature = "parallel")]
        all.push(Self::best());
        #[cfg(feature = "blas")]
        all.push(Self::Other(blas()));
        all
    }

    /// The fastest here that keeps the numeric contract.
    fn best() -> Self {
        match cfg!(feature = "parallel") {
            true => Self::simd("parallel", "parallel-fast", Isa::best(), true),
            false => Self::simd("simd", "simd-fast", Isa::best(), false),
        }
    }

    fn simd(name: &'static str, fast: &'static str, isa: Result<Isa, &'static str>, pooled: bool) -> Self {
        match isa.and_then(|isa| isa.engines().ok_or(isa.needs())) {
            Ok(engines) => Self::Engines { name, fast, engines, pooled, traced: trace::global().is_some() },
            Err(needs) => Self::Missing { name, needs },
        }
    }
}

/// The BLAS that this build links.
#[cfg(feature = "blas")]
fn blas() -> Other {
    static BLAS: std::sync::LazyLock<matmul_blas::Blas> = std::sync::LazyLock::new(matmul_blas::Blas::linked);
    Other::new(&*BLAS)
}

/// The names that [`Gemm::kernel`](crate::Gemm::kernel) and the variable `MATMUL_KERNEL` take, slowest first.
///
/// ```
/// let names = matmul::kernel::names();
/// assert!(names.contains(&"blocked") && names.contains(&"simd-avx2"));
/// ```
pub fn names() -> Vec<&'static str> {
    Choice::all().iter().map(Choice::name).collect()
}
