//! What a line of the table of instruction sets becomes. The table itself is in `lib.rs`, beside the files that it names.

use matmul_blocked::plan::{Facts, Limits, Strips};
use matmul_core::Element;

/// The instruction sets, lowest first: name, what a machine must have, facts, engines. One line each, and one file.
macro_rules! isa_table {
    ($($(#[$cfg:meta])? $isa:ident = $name:literal, $needs:literal, $facts:expr, $engines:expr;)*) => {
        /// An instruction set that has engines of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Isa {
            $(#[doc = concat!("`", $name, "`: needs ", $needs, ".")] $isa,)*
        }

        impl Isa {
            /// All of them, lowest first.
            pub const ALL: &[Isa] = &[$(Isa::$isa),*];

            /// The name in `MATMUL_MAX_ISA`.
            pub const fn name(self) -> &'static str {
                match self { $(Isa::$isa => $name,)* }
            }

            /// The name of its kernel, [`Simd::with_isa`](crate::Simd::with_isa).
            pub const fn kernel_name(self) -> &'static str {
                match self { $(Isa::$isa => concat!("simd-", $name),)* }
            }

            /// What a machine must have; or the compiler, if this build has none of it.
            pub const fn needs(self) -> &'static str {
                if let Some(build) = self.needs_build() {
                    return build;
                }
                match self { $(Isa::$isa => $needs,)* }
            }

            /// What a plan knows of its engine for `T`. On any host, whether or not it has the instruction set.
            pub const fn facts<T: matmul_core::Element>(self) -> matmul_blocked::plan::Facts {
                match self { $(Isa::$isa => $facts,)* }
            }

            /// Its engines, if this CPU and build have it: the proof that the CPU has the instructions.
            pub fn engines(self) -> Option<&'static matmul_blocked::Engines> {
                match self {
                    $($(#[$cfg])? Isa::$isa => $engines,)*
                    #[allow(unreachable_patterns)]
                    _ => None,
                }
            }
        }
    };
}

/// The facts of an instruction set with vectors of so many bytes, so many of the ones that are loaded across rows, and
/// tiles of so many rows with one, two and three vectors.
pub(crate) const fn facts<T: Element>(
    isa: &'static str,
    vector: usize,
    across: usize,
    (narrow, mr, wide): (usize, usize, usize),
    strips: &'static [Strips],
    limits: Limits,
) -> Facts {
    let size = size_of::<T>();
    Facts {
        isa,
        dtype: T::NAME,
        size,
        lanes: vector / size,
        across: across / size,
        mr,
        vectors: 2,
        narrow,
        wide,
        rows: 10,
        strips,
        limits,
    }
}
