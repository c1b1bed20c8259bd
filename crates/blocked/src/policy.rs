//! What is copied before use, and what is read where it lies: the thresholds of packing, with their measurements.

use matmul_core::{MatRef, Problem, Scalar};

use crate::MicroKernel;

/// Panels of B that a panel of A must meet before a packed copy of A pays.
const PACK_A_MIN_PANELS: usize = 4;
/// Panels of A that a panel of B must meet before a packed copy of a row-contiguous B pays: many while B fits L2,
/// where reading in place costs little (AVX2 at 48³: 91 % against 82 %).
const PACK_B_MIN_PANELS_L2: usize = 24;
/// The same for a larger B, which each panel of A would fetch from L3 or memory again.
const PACK_B_MIN_PANELS: usize = 8;
/// The same for tiles that take two whole cache lines of each row of a B that fits L2: f32 at 512³ 98 % in place,
/// 96 % packed, f64 at 256³ 97 % and 95 %. (With one line, AVX2 falls to 63 % at 512³.)
const PACK_B_MIN_PANELS_WIDE: usize = 64;
/// Half of a 512 KiB L2.
const L2_BYTES: usize = 256 << 10;
/// The L2 of a CPU with tiles of two cache lines, AVX-512.
const L2_BYTES_WIDE: usize = 1 << 20;
/// Rows that lie a multiple of this many bytes apart fall into one set of an L1 with 64 sets of 64 B lines, so that
/// MR of them evict each other. At half of it reading in place is still the better choice (512³: 92 % against 88 %).
const ALIASING_BYTES: usize = 4096;
/// The most rows that aliased rows of A are read in place by, the ways of L1: tiles of 12 rows with AVX-512 take 8
/// (f32 at 64 × 4096 × 64 97 % instead of 85 %, at 1024³ as fast as copies, f64 at 128 × 512 × 128 98 % instead of
/// 96 %). Tiles of fewer rows, AVX2's, have copies (512 × 1024 × 512 87 % instead of 83 %).
const ALIASED_ROWS: usize = 8;

/// Whether panels of A are copied before use: when its columns are not contiguous, each step of k would touch a
/// cache line of its own; when its rows alias in L1, they would not stay there.
pub fn packs_a<T: Scalar, U: MicroKernel<T>>(problem: &Problem<'_, T>) -> bool {
    packs_rows_of::<T, U>(problem.a(), problem.n())
}

/// The same for the rows of a product with a B of n columns.
pub(crate) fn packs_rows_of<T: Scalar, U: MicroKernel<T>>(a: MatRef<'_, T>, n: usize) -> bool {
    let hostile = a.cs().unsigned_abs() != 1 || (aliased(a) && U::MR <= ALIASED_ROWS);
    hostile && n.div_ceil(U::NR) >= PACK_A_MIN_PANELS
}

/// Rows of A that a tile takes: fewer than MR where rows alias and were not copied.
pub(crate) fn rows_at_once<T: Scalar, U: MicroKernel<T>>(a: MatRef<'_, T>, packed: bool) -> usize {
    if !packed && aliased(a) { U::MR.min(ALIASED_ROWS) } else { U::MR }
}

/// Whether B is copied into panels: when its rows are not contiguous, which tiles need, or when it is used often
/// enough.
pub(crate) fn packs_b<T: Scalar, U: MicroKernel<T>>(problem: &Problem<'_, T>) -> bool {
    let b = problem.b();
    let bytes = problem.k().saturating_mul(problem.n()).saturating_mul(size_of::<T>());
    let wide = U::NR * size_of::<T>() >= 128;
    let enough = match (aliased(b), wide) {
        (false, true) if bytes <= L2_BYTES_WIDE => PACK_B_MIN_PANELS_WIDE,
        (false, false) if bytes <= L2_BYTES => PACK_B_MIN_PANELS_L2,
        _ => PACK_B_MIN_PANELS,
    };
    (b.cs() != 1 && b.ncols() != 1) || problem.m().div_ceil(U::MR) >= enough
}

/// Whether the rows fall into one set of L1.
fn aliased<T>(v: MatRef<'_, T>) -> bool {
    v.rs().unsigned_abs().wrapping_mul(size_of::<T>()) % ALIASING_BYTES == 0
}
