//! What the paths need of a register: a dozen operations, implemented once per instruction set and element type.

use matmul_core::{Element, Fold};

/// A register of `LANES` sums, elements of C.
///
/// # Safety
/// Loads and stores touch exactly the elements that they name.
pub unsafe trait Vector<T: Element<Out = T>>: Copy {
    /// Elements in a register.
    const LANES: usize;

    /// Registers of this kind that the CPU has.
    const REGISTERS: usize;

    /// Whether a multiply-add of two scalars is an instruction too where this vector is used: [`Element::fused`].
    const FUSED: bool = true;

    /// All lanes `x`.
    ///
    /// # Safety
    /// The CPU has this vector's instructions; the same holds for every function of this trait.
    unsafe fn splat(x: T) -> Self;

    /// `LANES` elements from `p`.
    ///
    /// # Safety
    /// They may be read. No alignment is asked for.
    unsafe fn load(p: *const T) -> Self;

    /// The first `n` elements from `p` in the low lanes, zero in the others.
    ///
    /// # Safety
    /// 1 ≤ `n` ≤ `LANES`, and `n` elements may be read; no others are.
    unsafe fn load_first(p: *const T, n: usize) -> Self;

    /// Stores all lanes to `p`.
    ///
    /// # Safety
    /// `LANES` elements may be written.
    unsafe fn store(self, p: *mut T);

    /// Stores the low `n` lanes to `p`.
    ///
    /// # Safety
    /// 1 ≤ `n` ≤ `LANES`, and `n` elements may be written; no others are.
    unsafe fn store_first(self, p: *mut T, n: usize);

    /// `self · b`.
    ///
    /// # Safety
    /// As for [`Vector::splat`].
    unsafe fn mul(self, b: Self) -> Self;

    /// `self · b + c`, rounded once.
    ///
    /// # Safety
    /// As for [`Vector::splat`].
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;

    /// The sum of all lanes, in whichever order is fast.
    ///
    /// # Safety
    /// As for [`Vector::splat`].
    unsafe fn sum(self) -> T;
}

/// How elements of A and B enter the lanes of sums.
///
/// A type that is summed in itself enters as it is. A narrower one is widened on its way, by an implementation of its
/// own on the register of its sums.
///
/// # Safety
/// As for [`Vector`].
pub unsafe trait Operand<T: Element>: Vector<T::Out> {
    /// All lanes the element at `p`.
    ///
    /// # Safety
    /// It may be read.
    unsafe fn broadcast(p: *const T) -> Self;

    /// `LANES` elements from `p`.
    ///
    /// # Safety
    /// They may be read. No alignment is asked for.
    unsafe fn operand(p: *const T) -> Self;

    /// The first `n` elements from `p` in the low lanes, zero in the others.
    ///
    /// # Safety
    /// 1 ≤ `n` ≤ `LANES`, and `n` elements may be read; no others are.
    unsafe fn operand_first(p: *const T, n: usize) -> Self;
}

/// A value at any address.
#[repr(C, packed)]
struct Unaligned<R>(R);

/// What stands at `p`, aligned or not.
///
/// In a user's debug build the library's own unaligned loads check for an overlap with their destination, and a dereference
/// its alignment, which in the hot loops costs more than half of the speed. This is neither; for the same reason the loops
/// compute addresses by wrapping operations.
///
/// # Safety
/// It may be read, and is an `R`.
#[inline(always)]
pub unsafe fn read<T, R>(p: *const T) -> R
where
    R: Copy,
{
    // SAFETY: the caller's promise.
    unsafe { (*p.cast::<Unaligned<R>>()).0 }
}

/// Writes to `p`, aligned or not; see [`read`].
///
/// # Safety
/// An `R` may be written there.
#[inline(always)]
pub unsafe fn write<T, R: Copy>(p: *mut T, value: R) {
    // SAFETY: the caller's promise.
    unsafe { *p.cast::<Unaligned<R>>() = Unaligned(value) }
}

// SAFETY: exactly the elements named are touched, as the vector promises.
unsafe impl<T: Element<Out = T>, V: Vector<T>> Operand<T> for V {
    #[inline(always)]
    unsafe fn broadcast(p: *const T) -> Self {
        // SAFETY: the caller's promise.
        unsafe { V::splat(read(p)) }
    }
    #[inline(always)]
    unsafe fn operand(p: *const T) -> Self {
        // SAFETY: the caller's promise.
        unsafe { V::load(p) }
    }
    #[inline(always)]
    unsafe fn operand_first(p: *const T, n: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { V::load_first(p, n) }
    }
}

/// Lanes of the widest vector, AVX-512's in f32.
pub const MAX_LANES: usize = 16;

/// The addresses of rows that are loaded across.
pub type Rows<T> = [*const T; MAX_LANES];

/// A register that can be loaded across rows: rows in lanes, consecutive k in consecutive registers.
///
/// # Safety
/// As for [`Vector`].
pub unsafe trait Transpose<T: Element>: Operand<T> {
    /// Consecutive elements of each row that [`Transpose::columns`] takes: those of 128 bits, 4 or 2.
    const DEPTH: usize;

    /// Register d has lane i from `rows[i] + q + d`, for i < `LANES` and d < `DEPTH`; the other registers are
    /// unspecified.
    ///
    /// # Safety
    /// `DEPTH` elements from `q` may be read in each of the first `LANES` rows.
    unsafe fn columns(rows: &Rows<T>, q: usize) -> [Self; 4];
}

/// Asks for the cache line at `p`, which need not be an address, to be brought into the cache of `LEVEL` 1 or 2.
#[inline(always)]
pub(crate) fn prefetch<const LEVEL: u8, T>(p: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: hints, for any address; SSE is part of x86-64.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        match LEVEL {
            1 => _mm_prefetch::<_MM_HINT_T0>(p.cast()),
            _ => _mm_prefetch::<_MM_HINT_T1>(p.cast()),
        }
    }
    // No intrinsic of another architecture is stable.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// `x`, of which the compiler knows nothing: what it would compute from another number stays in a register of its own.
#[inline(always)]
pub(crate) fn hidden(x: isize) -> isize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let mut x = x;
        // SAFETY: no instruction at all.
        unsafe {
            core::arch::asm!("/* {0} */", inout(reg) x, options(pure, nomem, nostack, preserves_flags));
        }
        x
    }
    // Elsewhere by way of memory.
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    core::hint::black_box(x)
}

/// `p`, through which the compiler loads nothing before it has loaded all that stands before.
#[inline(always)]
pub(crate) fn barrier<T>(p: *const T) -> *const T {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let mut p = p;
        // SAFETY: no instruction at all.
        unsafe {
            core::arch::asm!("/* {0} */", inout(reg) p, options(nostack, preserves_flags));
        }
        p
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    p
}

/// [`Fold::apply`] on vectors: the new C of the sums of a chunk and of the old C, which [`Fold::Overwrite`] ignores.
///
/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
pub(crate) unsafe fn folded<T, V>(fold: Fold<T>, alpha: V, sum: V, old: V) -> V
where
    T: Element<Out = T>,
    V: Vector<T>,
{
    // SAFETY: the caller's promise.
    unsafe {
        match fold {
            Fold::Overwrite => alpha.mul(sum),
            Fold::Add => alpha.mul_add(sum, old),
            Fold::Scale(beta) => alpha.mul_add(sum, V::splat(beta).mul(old)),
        }
    }
}

/// `a · b + c` on scalars where `V` is used.
#[inline(always)]
pub(crate) fn fused<T: Element, V: Vector<T::Out>>(a: T, b: T, c: T::Out) -> T::Out {
    if V::FUSED { a.fused(b, c) } else { a.mul_add(b, c) }
}

/// `N` elements in an array: a vector for any CPU, or, if `FUSED`, for functions that are compiled for one with a fused
/// multiply-add.
#[derive(Clone, Copy, Debug)]
pub struct Lanes<T, const N: usize, const FUSED: bool = false>([T; N]);

// SAFETY: `load_first` and `store_first` touch the n elements that they name, `load` and `store` all N.
unsafe impl<T: Element<Out = T>, const N: usize, const FUSED: bool> Vector<T> for Lanes<T, N, FUSED> {
    const FUSED: bool = FUSED;
    const LANES: usize = N;
    /// Not known; those of SSE2.
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Self([x; N])
    }

    #[inline(always)]
    unsafe fn load(p: *const T) -> Self {
        // SAFETY: N elements may be read; unaligned, as an element's own alignment is enough.
        Self(unsafe { read(p) })
    }

    #[inline(always)]
    unsafe fn load_first(p: *const T, n: usize) -> Self {
        let mut lanes = [T::ZERO; N];
        // N tests instead of n steps: a loop of unknown length becomes a call of memcpy.
        for (l, lane) in lanes.iter_mut().enumerate() {
            if l < n {
                // SAFETY: l < n, and n elements may be read.
                *lane = unsafe { *p.add(l) };
            }
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut T) {
        // SAFETY: N elements may be written.
        unsafe { write(p, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, p: *mut T, n: usize) {
        for (l, lane) in self.0.into_iter().enumerate() {
            if l < n {
                // SAFETY: l < n, and n elements may be written.
                unsafe { *p.add(l) = lane }
            }
        }
    }

    #[inline(always)]
    unsafe fn mul(mut self, b: Self) -> Self {
        for (x, y) in self.0.iter_mut().zip(b.0) {
            *x = *x * y;
        }
        self
    }

    #[inline(always)]
    unsafe fn mul_add(mut self, b: Self, c: Self) -> Self {
        for ((x, y), z) in self.0.iter_mut().zip(b.0).zip(c.0) {
            *x = fused::<T, Self>(*x, y, z);
        }
        self
    }

    #[inline(always)]
    unsafe fn sum(self) -> T {
        self.0.into_iter().fold(T::ZERO, |sum, x| sum + x)
    }
}

// SAFETY: four elements are read at each of the first N rows.
unsafe impl<T: Element<Out = T>, const N: usize, const FUSED: bool> Transpose<T> for Lanes<T, N, FUSED> {
    const DEPTH: usize = 4;

    #[inline(always)]
    unsafe fn columns(rows: &Rows<T>, q: usize) -> [Self; 4] {
        let mut columns = [Self([T::ZERO; N]); 4];
        for (lane, &row) in rows.iter().enumerate().take(N) {
            for (d, column) in columns.iter_mut().enumerate() {
                // SAFETY: the caller vouches for four elements of each row.
                column.0[lane] = unsafe { *row.add(q + d) };
            }
        }
        columns
    }
}
