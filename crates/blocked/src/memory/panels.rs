//! The format of packed B, and the owner of one that is packed once and used for many products: the weights of a layer.

use core::marker::PhantomData;

use matmul_core::{Element, Error, K_CHUNK, MatMut, MatRef};

use super::arena::Buffer;
use super::pack::{PackFn, SLACK};
use crate::epilogue::{Epilogue, finish};
use crate::raw::{Span, all};

/// Rows of B that are packed side by side: a panel takes 64 or 128 B of each, and going down a whole chunk would
/// touch 256 pages for each panel.
const ROWS: usize = 16;

/// A packed block of B: for each chunk of 256 its panels one after the other, `width` elements a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels<T> {
    pub(crate) ptr: *mut T,
    pub(crate) width: usize,
    /// Columns that are packed, rounded up to a multiple of `width`.
    pub(crate) padded: usize,
    /// The first row and column of B in the block, multiples of `K_CHUNK` and `width`.
    pub(crate) corner: (usize, usize),
    /// Packed columns before that one, in a part of a packed matrix.
    pub(crate) first: usize,
}

impl<T> Panels<T> {
    /// The same panels for the columns from `j` on, a multiple of `width`, which is then column 0.
    pub(crate) fn skip(self, j: usize) -> Self {
        Self { first: self.first + j, ..self }
    }

    /// The panel that holds row `p` of B (a multiple of `K_CHUNK`, in a chunk `k` rows deep) and column `j` (a
    /// multiple of `width`).
    #[inline(always)]
    pub(crate) fn panel(&self, p: usize, k: usize, j: usize) -> *mut T {
        let (p0, j0) = self.corner;
        self.ptr.wrapping_add((p - p0) * self.padded + (j - j0 + self.first) * k)
    }
}

impl<T: Element> Panels<T> {
    /// Packs rows `p` and columns `j` of B, in the order in which its memory lies.
    ///
    /// # Safety
    /// The spans lie in B and begin at `corner`, the block has room for them and `SLACK` elements more, and the CPU has
    /// the instructions of `pack`.
    pub(crate) unsafe fn fill(&self, pack: PackFn<T>, b: MatRef<'_, T>, p: Span, j: Span) {
        let rows = if b.cs().unsigned_abs() == 1 { ROWS } else { K_CHUNK };
        for chunk in p.cut(K_CHUNK) {
            for q in chunk.cut(rows) {
                for columns in j.cut(self.width) {
                    // SAFETY: the caller's promise. What is written behind these rows of the panel is written again
                    // by the next, or slack.
                    unsafe {
                        let corner = b.as_ptr().offset(q.at as isize * b.rs() + columns.at as isize * b.cs());
                        let src = MatRef::from_raw_parts(corner, q.len, columns.len, b.rs(), b.cs());
                        let panel = self.panel(chunk.at, chunk.len, columns.at);
                        pack(src, self.width, panel.add((q.at - chunk.at) * self.width));
                    }
                }
            }
        }
    }
}

/// B, k × n, as the panels of one engine. A product with it has the same bits as one with B itself.
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

impl<T: Element> PackedB<T> {
    /// Packs B for panels of `width` columns by `pack`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if there is no memory for its k · n elements, n rounded up to whole panels.
    ///
    /// # Safety
    /// The CPU has the instructions of `pack`.
    pub(crate) unsafe fn new(pack: PackFn<T>, width: usize, b: MatRef<'_, T>) -> Result<Self, Error> {
        let (k, n) = b.shape();
        let buffer = packed_bytes::<T>(k, n, width).and_then(Buffer::new);
        let buffer = buffer.ok_or(Error::TooLarge { nrows: k, ncols: n, element: size_of::<T>() })?;
        let packed = Self { buffer, k, n, width, _elements: PhantomData };
        if k > 0 && n > 0 {
            // SAFETY: the whole of B; the buffer has padded * k elements and the slack; the caller's promise.
            unsafe { packed.panels().fill(pack, b, all(k), all(n)) };
        }
        Ok(packed)
    }

    /// Rows of B.
    pub fn nrows(&self) -> usize {
        self.k
    }

    /// Columns of B.
    pub fn ncols(&self) -> usize {
        self.n
    }

    /// Columns of a panel.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The whole as one block, if there are elements.
    pub(crate) fn panels(&self) -> Panels<T> {
        let padded = self.n.next_multiple_of(self.width);
        Panels { ptr: self.buffer.as_ptr().cast(), width: self.width, padded, corner: (0, 0), first: 0 }
    }
}

/// Bytes of a packed B, n rounded up to whole panels, and of the slack behind it; None if more than can be addressed.
fn packed_bytes<T>(k: usize, n: usize, width: usize) -> Option<usize> {
    let len = match k == 0 || n == 0 {
        true => 0,
        false => n.checked_next_multiple_of(width)?.checked_mul(k)?,
    };
    len.checked_add(SLACK)?.checked_mul(size_of::<T>())
}

impl<T> core::fmt::Debug for PackedB<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PackedB {}x{} in panels of {}", self.k, self.n, self.width)
    }
}

/// C ← epilogue(α·A·B + β·C) with B packed before; the shapes agree.
pub struct PackedProblem<'a, T: Element> {
    pub(crate) alpha: T::Out,
    pub(crate) a: MatRef<'a, T>,
    pub(crate) b: &'a PackedB<T>,
    pub(crate) beta: T::Out,
    pub(crate) c: MatMut<'a, T::Out>,
    pub(crate) epilogue: &'a dyn Epilogue<T::Out>,
}

impl<'a, T: Element> PackedProblem<'a, T> {
    /// Checks the shapes. `Ok(None)` means that there was nothing to multiply (m, n or k is 0, or α is 0), and that
    /// C ← epilogue(β·C) is already done: the epilogue is applied to every element all the same.
    ///
    /// # Errors
    /// [`Error::Shape`] unless A is m × k and C m × n, or what the epilogue says of C's shape. C is unchanged then.
    pub fn new(
        (alpha, a, b): (T::Out, MatRef<'a, T>, &'a PackedB<T>),
        (beta, mut c): (T::Out, MatMut<'a, T::Out>),
        epilogue: &'a dyn Epilogue<T::Out>,
    ) -> Result<Option<Self>, Error> {
        let (m, k) = a.shape();
        if k != b.k || c.shape() != (m, b.n) {
            return Err(Error::Shape { a: a.shape(), b: (b.k, b.n), c: c.shape() });
        }
        epilogue.check(c.shape())?;
        if m > 0 && b.n > 0 && k > 0 && alpha != T::Out::ZERO {
            return Ok(Some(Self { alpha, a, b, beta, c, epilogue }));
        }
        c.scale(beta);
        finish(epilogue, c);
        Ok(None)
    }
}

impl<T: Element> core::fmt::Debug for PackedProblem<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PackedProblem A {:?}, {:?}, C {:?}", self.a, self.b, self.c)
    }
}
