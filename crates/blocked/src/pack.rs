//! Packing: a block of A or B rewritten as panels that the micro-kernel reads front to back.
//!
//! ```text
//!            A block, m x k                        B block, k x n
//!   panel 0: a00 a10 .. a(MR-1)0  a01 a11 ..       panel 0: b00 b01 .. b0(NR-1)  b10 b11 ..
//!   panel 1: aMR,0 ...                             panel 1: b0,NR ...
//! ```
//!
//! Packing A is packing the rows of Aᵀ, so one routine serves both. A panel of fewer than `width` columns keeps
//! its row length; the places behind its last column stay unwritten and are never read.

use matmul_core::{MatRef, Scalar};

/// Rows that are read side by side when columns are contiguous: 8 rows of a 16-wide f32 panel are 512 B of
/// destination, and each source column gives 8 contiguous elements, half a cache line.
const STEP: usize = 8;

/// Writes `src` (k × n, n ≤ `width`) as one panel: row p at `dst + p·width`.
///
/// # Safety
/// `dst` has room for `k · width` elements that nothing else uses.
pub(crate) unsafe fn panel<T: Scalar>(src: MatRef<'_, T>, width: usize, dst: *mut T) {
    let (k, n) = src.shape();
    debug_assert!(n <= width);
    // SAFETY: indices stay below (k, n) for src, whose view vouches for them, and below k * width for dst.
    unsafe {
        if src.cs() == 1 {
            for p in 0..k {
                let row = src.as_ptr().offset(p as isize * src.rs());
                copy_row(row, n, width, dst.add(p * width));
            }
            return;
        }
        let mut p = 0;
        while p < k {
            let step = STEP.min(k - p);
            for j in 0..n {
                let column = src.as_ptr().offset(p as isize * src.rs() + j as isize * src.cs());
                for q in 0..step {
                    *dst.add((p + q) * width + j) = *column.offset(q as isize * src.rs());
                }
            }
            p += step;
        }
    }
}

/// Copies `n` contiguous elements; the full width has a constant length for the usual tiles, which the compiler
/// turns into vector moves instead of a call.
///
/// # Safety
/// `n` elements of `src` may be read and of `dst` written; they do not overlap.
#[inline(always)]
unsafe fn copy_row<T: Copy>(src: *const T, n: usize, width: usize, dst: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        match (n == width, width) {
            (true, 4) => *dst.cast::<[T; 4]>() = *src.cast::<[T; 4]>(),
            (true, 6) => *dst.cast::<[T; 6]>() = *src.cast::<[T; 6]>(),
            (true, 8) => *dst.cast::<[T; 8]>() = *src.cast::<[T; 8]>(),
            (true, 12) => *dst.cast::<[T; 12]>() = *src.cast::<[T; 12]>(),
            (true, 16) => *dst.cast::<[T; 16]>() = *src.cast::<[T; 16]>(),
            (true, 32) => *dst.cast::<[T; 32]>() = *src.cast::<[T; 32]>(),
            _ => core::ptr::copy_nonoverlapping(src, dst, n),
        }
    }
}
