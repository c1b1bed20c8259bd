//! A B that is packed once and used for many products: the weights of a layer.

use core::marker::PhantomData;

use matmul_core::{Error, MatMut, MatRef, Problem, Scalar};

use crate::arena::Buffer;
use crate::loops::{Packed, gemm_prepacked};
use crate::{Blocking, Epilogue, MicroKernel, PACK_SLACK};

/// B, k × n, as the panels of one micro-kernel. A product with it has the same bits as one with B itself.
pub struct PackedB<T> {
    buffer: Buffer,
    k: usize,
    n: usize,
    width: usize,
    _elements: PhantomData<T>,
}

// SAFETY: the buffer is owned, and written to in `new` alone.
unsafe impl<T: Send> Send for PackedB<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for PackedB<T> {}

impl<T: Scalar> PackedB<T> {
    /// Packs B for the tiles of `kernel`: k · n elements, n rounded up to a multiple of NR.
    ///
    /// # Panics
    /// If they do not fit in memory.
    pub fn new<U: MicroKernel<T>>(kernel: U, b: MatRef<'_, T>) -> Self {
        let ((k, n), width) = (b.shape(), U::NR);
        let len = n.checked_next_multiple_of(width).and_then(|padded| padded.checked_mul(k));
        let bytes = len.and_then(|len| (len + PACK_SLACK).checked_mul(size_of::<T>()));
        let bytes = bytes.filter(|&bytes| bytes <= isize::MAX as usize / 2);
        let buffer = Buffer::new(bytes.expect("a packed matrix has more elements than memory"));
        let packed = Self { buffer, k, n, width, _elements: PhantomData };
        // SAFETY: the whole of B; the buffer has padded * k elements and the slack.
        unsafe { packed.as_ref().panels().fill(kernel, b, (0, k), (0, n)) };
        packed
    }

    /// Rows of B.
    pub fn nrows(&self) -> usize {
        self.k
    }

    /// Columns of B.
    pub fn ncols(&self) -> usize {
        self.n
    }

    /// A view of it.
    pub fn as_ref(&self) -> PackedRef<'_, T> {
        PackedRef { b: self, j0: 0, n: self.n }
    }
}

impl<T> core::fmt::Debug for PackedB<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PackedB {}x{} in panels of {}", self.k, self.n, self.width)
    }
}

/// Consecutive panels of a [`PackedB`].
#[derive(Clone, Copy, Debug)]
pub struct PackedRef<'a, T> {
    b: &'a PackedB<T>,
    j0: usize,
    n: usize,
}

impl<'a, T: Scalar> PackedRef<'a, T> {
    /// Rows.
    pub fn nrows(&self) -> usize {
        self.b.k
    }

    /// Columns.
    pub fn ncols(&self) -> usize {
        self.n
    }

    /// Columns of a panel.
    pub fn width(&self) -> usize {
        self.b.width
    }

    /// The first `panels` panels and the others.
    ///
    /// # Errors
    /// [`Error::Range`] if there are fewer.
    pub fn split(self, panels: usize) -> Result<(Self, Self), Error> {
        match panels.checked_mul(self.b.width).filter(|&j| j <= self.n) {
            Some(j) => Ok((Self { n: j, ..self }, Self { j0: self.j0 + j, n: self.n - j, ..self })),
            None => Err(Error::Range { range: (0, panels), len: self.n.div_ceil(self.b.width) }),
        }
    }

    /// For the loops, in which the first column of this view is number 0.
    pub(crate) fn panels(&self) -> Packed<T> {
        let PackedB { buffer, n, width, .. } = self.b;
        let padded = n.next_multiple_of(*width);
        Packed { ptr: buffer.as_ptr().cast(), width: *width, padded, first: self.j0, corner: (0, 0) }
    }
}

/// C ← epilogue(α·A·B + β·C) with B packed before, on the calling thread. α, β, k = 0 as for any kernel; the epilogue
/// is applied to every element, also where nothing was multiplied.
///
/// Rows of C should be contiguous; otherwise each tile takes a detour through the stack.
///
/// # Errors
/// [`Error::Shape`] unless A is m × k and C m × n. C is unchanged then.
///
/// # Panics
/// If B was packed for tiles of another width.
pub fn gemm_packed<T, U, E>(
    kernel: U,
    blocking: Blocking,
    (alpha, a, b): (T, MatRef<'_, T>, PackedRef<'_, T>),
    (beta, mut c): (T, MatMut<'_, T>),
    epilogue: E,
) -> Result<(), Error>
where
    T: Scalar,
    U: MicroKernel<T>,
    E: Epilogue<T>,
{
    assert!(b.width() == U::NR, "B was packed for panels of {} columns, not {}", b.width(), U::NR);
    if a.ncols() == b.nrows() && c.shape() == (a.nrows(), b.ncols()) && a.ncols() > 0 && alpha != T::ZERO {
        gemm_prepacked(kernel, blocking, (alpha, a, b), (beta, c), epilogue);
        return Ok(());
    }
    // Nothing to multiply, or shapes that disagree: as for any product, with a B that is not read.
    let shape_of_b = [T::ZERO];
    let b = MatRef::from_strided(&shape_of_b, 0, b.nrows(), b.ncols(), 0, 0)?;
    Problem::new(T::ZERO, a, b, beta, c.reborrow())?;
    for i in 0..c.nrows() {
        for j in 0..c.ncols() {
            let mut element = [c.at(i, j)];
            epilogue.apply(i, j, &mut element);
            c.set(i, j, element[0]);
        }
    }
    Ok(())
}
