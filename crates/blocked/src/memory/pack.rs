//! Packing: a block of A or B rewritten as panels that the micro-kernel reads front to back.
//!
//! ```text
//!            A block, m x k                        B block, k x n
//!   panel 0: a00 a10 .. a(MR-1)0  a01 a11 ..       panel 0: b00 b01 .. b0(NR-1)  b10 b11 ..
//!   panel 1: aMR,0 ...                             panel 1: b0,NR ...
//! ```
//!
//! Packing A is packing the rows of Aᵀ, so one routine serves both. A panel of fewer than `width` columns keeps
//! its row length; what stands behind its last column is never read.

use matmul_core::{Element, MatRef};

use crate::vector::{MAX_LANES, Rows, Transpose};

/// Elements that a panel's buffer has behind its k · width: vector stores may reach that far.
pub const SLACK: usize = MAX_LANES;

/// Writes a block as one panel of the given width: [`pack_panel`] for the vectors of an instruction set, or [`panel`].
pub type PackFn<T> = unsafe fn(src: MatRef<'_, T>, width: usize, dst: *mut T);

/// Rows that are read side by side when columns are contiguous: each source column gives 8 contiguous elements,
/// half a cache line of f32.
const STEP: usize = 8;

/// Writes `src` (k × n, n ≤ `width`) as one panel: row p at `dst + p·width`.
///
/// # Safety
/// `dst` has room for `k · width + SLACK` elements that nothing else uses.
#[inline(always)]
pub unsafe fn panel<T: Element>(src: MatRef<'_, T>, width: usize, dst: *mut T) {
    let (k, n) = src.shape();
    debug_assert!(n <= width);
    if src.cs().unsigned_abs() == 1 && n > 0 {
        for p in 0..k {
            // SAFETY: row p of src has n contiguous elements, the last of them first in memory if cs is -1, and row p
            // of the panel room for as many.
            unsafe {
                let row = src.as_ptr().offset(p as isize * src.rs());
                match src.cs() {
                    1 => copy_row::<T, false>(row, n, width, dst.add(p * width)),
                    _ => copy_row::<T, true>(row.sub(n - 1), n, width, dst.add(p * width)),
                }
            }
        }
        return;
    }
    for p in (0..k).step_by(STEP) {
        let step = STEP.min(k - p);
        for j in 0..n {
            for q in p..p + step {
                // SAFETY: (q, j) lies in src, and q * width + j < k * width.
                unsafe {
                    let place = src.as_ptr().offset(q as isize * src.rs() + j as isize * src.cs());
                    *dst.add(q * width + j) = *place;
                }
            }
        }
    }
}

/// Writes `src` (k × n, n ≤ `width`) as one panel, row p at `dst + p·width`; contiguous columns are transposed in
/// registers. Call it from a function with the vector's target features.
///
/// # Safety
/// `dst` has room for `k · width` elements and `SLACK` behind them, which nothing else
/// uses, and the CPU has `V`'s instructions.
#[inline(always)]
pub unsafe fn pack_panel<T: Element<Out = T>, V: Transpose<T>>(
    src: MatRef<'_, T>,
    width: usize,
    dst: *mut T,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if src.rs() == 1 && src.cs() != 1 {
            transposed_panel::<T, V>(src, width, dst);
        } else {
            panel(src, width, dst);
        }
    }
}

/// [`panel`] for a source whose columns are contiguous: `LANES` columns by `DEPTH` rows at a time.
///
/// # Safety
/// As for [`pack_panel`], and columns of `src` are contiguous (rs = 1).
#[inline(always)]
unsafe fn transposed_panel<T: Element<Out = T>, V: Transpose<T>>(
    src: MatRef<'_, T>,
    width: usize,
    dst: *mut T,
) {
    let (k, n) = src.shape();
    debug_assert!(n <= width && src.rs() == 1);
    let whole = k - k % V::DEPTH;
    // The last columns first: what they store behind column n is in the way of the next row's first columns, which
    // are written after it.
    for j in (0..n.div_ceil(V::LANES)).rev().map(|group| group * V::LANES) {
        let columns = addresses(src, j, V::LANES.min(n - j));
        for p in (0..whole).step_by(V::DEPTH) {
            // SAFETY: the addresses are columns j.. of src, each with DEPTH contiguous elements from row p. The
            // stores end within LANES behind the panel's last row, where there is room.
            unsafe {
                for (q, row) in V::columns(&columns, p).into_iter().enumerate().take(V::DEPTH) {
                    row.store(dst.add((p + q) * width + j));
                }
            }
        }
    }
    for p in whole..k {
        for j in 0..n {
            // SAFETY: (p, j) lies in src, and p * width + j < k * width.
            unsafe { *dst.add(p * width + j) = *src.as_ptr().offset(p as isize + j as isize * src.cs()) };
        }
    }
}

/// The addresses of the first `n` columns of `src` from `j`; from there on the last one again, so that every lane has
/// one that may be read.
fn addresses<T: Element>(src: MatRef<'_, T>, j: usize, n: usize) -> Rows<T> {
    core::array::from_fn(|i| src.as_ptr().wrapping_offset((j + i.min(n - 1)) as isize * src.cs()))
}

/// Copies `n` contiguous elements, the last one first if `REVERSED`; the full width has a constant length for the
/// usual tiles, which the compiler turns into vector moves instead of a call.
///
/// # Safety
/// `n` elements of `src` may be read and of `dst` written; they do not overlap.
#[inline(always)]
unsafe fn copy_row<T: Copy, const REVERSED: bool>(src: *const T, n: usize, width: usize, dst: *mut T) {
    macro_rules! pick {
        ($($width:literal)*) => {
            match (n == width, width) {
                $((true, $width) => {
                    // SAFETY: the caller's promise.
                    let mut row = unsafe { *src.cast::<[T; $width]>() };
                    if REVERSED {
                        row.reverse();
                    }
                    // SAFETY: as above.
                    unsafe { *dst.cast::<[T; $width]>() = row }
                })*
                // SAFETY: as above.
                _ => unsafe {
                    core::ptr::copy_nonoverlapping(src, dst, n);
                    if REVERSED {
                        core::slice::from_raw_parts_mut(dst, n).reverse();
                    }
                },
            }
        };
    }
    pick!(4 6 8 12 16 32)
}
