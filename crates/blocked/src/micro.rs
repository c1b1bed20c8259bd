use matmul_core::{Fold, MatMut, MatRef, Problem, Scalar};

use crate::pack;

/// A register tile on one instruction set: C (m × n) ← fold(α · A (m × k) · B (k × n)) with m ≤ MR and n ≤ NR.
///
/// A value is the proof that the CPU has the instructions; it can only be got where they were detected. One call
/// sums one chunk, k ≤ [`K_CHUNK`](matmul_core::K_CHUNK), as the numeric contract says: for each element one chain
/// of fused multiply-adds from +0, in the order of k.
pub trait MicroKernel<T: Scalar>: Copy + Send + Sync + 'static {
    /// Rows of a full tile.
    const MR: usize;
    /// Columns of a full tile.
    const NR: usize;

    /// Computes one tile. A may have any strides; rows of B and C are contiguous.
    ///
    /// # Panics
    /// If the shapes disagree, exceed MR or NR, or rows of B or C are not contiguous.
    fn run(self, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, fold: Fold<T>, c: MatMut<'_, T>);

    /// Computes a product of few columns and row-contiguous A with rows of A in the lanes, if this instruction set
    /// can and the product is one; otherwise gives it back.
    #[inline]
    fn thin(self, problem: Problem<'_, T>) -> Result<(), Problem<'_, T>> {
        Err(problem)
    }

    /// Computes a product of few elements of C and a long k with k in the lanes, if this instruction set can and the
    /// product is one; otherwise gives it back. Outside the contract, for [`Fast`] alone.
    #[inline]
    fn dot(self, problem: Problem<'_, T>) -> Result<(), Problem<'_, T>> {
        Err(problem)
    }

    /// Writes `src` (k × n, n ≤ `width`) as one panel: row p at `dst + p·width`.
    ///
    /// # Safety
    /// `dst` has room for `k · width` elements and [`PACK_SLACK`] behind them, which nothing else uses.
    #[inline]
    unsafe fn pack(self, src: MatRef<'_, T>, width: usize, dst: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { pack::panel(src, width, dst) }
    }
}

/// A micro-kernel for [`Order::Fast`](matmul_core::Order): the same tiles, but dot products where they are faster.
#[derive(Clone, Copy, Debug)]
pub struct Fast<U>(pub U);

impl<T: Scalar, U: MicroKernel<T>> MicroKernel<T> for Fast<U> {
    const MR: usize = U::MR;
    const NR: usize = U::NR;

    #[inline(always)]
    fn run(self, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, fold: Fold<T>, c: MatMut<'_, T>) {
        self.0.run(alpha, a, b, fold, c);
    }

    #[inline]
    fn thin(self, problem: Problem<'_, T>) -> Result<(), Problem<'_, T>> {
        self.0.dot(problem).or_else(|problem| self.0.thin(problem))
    }

    #[inline]
    unsafe fn pack(self, src: MatRef<'_, T>, width: usize, dst: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { self.0.pack(src, width, dst) }
    }
}

/// Elements behind a panel that [`MicroKernel::pack`] may overwrite.
pub const PACK_SLACK: usize = pack::SLACK;

/// What a tile computes on, checked: the addresses and strides that a micro-kernel's inner loops use.
#[derive(Debug)]
pub struct TileArgs<T> {
    /// Rows of A and C, 1 to MR.
    pub(crate) m: usize,
    /// Columns of B and C, 1 to NR.
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: *const T,
    pub(crate) a_rs: isize,
    pub(crate) a_cs: isize,
    pub(crate) b: *const T,
    pub(crate) b_rs: isize,
    pub(crate) alpha: T,
    pub(crate) fold: Fold<T>,
    pub(crate) c: *mut T,
    pub(crate) c_rs: isize,
}

impl<T: Scalar> TileArgs<T> {
    /// Checks that the views form a tile of at most `mr` × `nr`.
    ///
    /// # Panics
    /// If they do not.
    #[inline(always)]
    pub fn new(
        (mr, nr): (usize, usize),
        alpha: T,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        fold: Fold<T>,
        mut c: MatMut<'_, T>,
    ) -> Self {
        let ((m, k), n) = (a.shape(), b.ncols());
        assert!(b.nrows() == k && c.shape() == (m, n), "tile shapes disagree");
        assert!(m >= 1 && m <= mr && n >= 1 && n <= nr, "tile is empty or too large");
        assert!(b.cs() == 1 && c.cs() == 1, "rows of B and C are not contiguous");
        Self {
            m,
            n,
            k,
            a: a.as_ptr(),
            a_rs: a.rs(),
            a_cs: a.cs(),
            b: b.as_ptr(),
            b_rs: b.rs(),
            alpha,
            fold,
            c: c.as_mut_ptr(),
            c_rs: c.rs(),
        }
    }
}
