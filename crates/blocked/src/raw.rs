//! A product in addresses: what the paths compute on. The safety contract of them all stands here, once.

use matmul_core::{Element, Fold, Problem};

/// C (m × n) ← α·A·B + β·C as addresses and strides in elements; m, n, k > 0.
///
/// # Safety contract
/// A path may be given a `Raw` only while the views that it was made from are borrowed, for reading A and B and for
/// writing C: then element (i, p) of A may be read for i < m, p < k, and so on. `Raw::rows` and `Raw::columns`
/// keep the contract for a part that lies in the whole. What a path asks beyond that (contiguous rows, a largest m)
/// stands with it, and is what the plan looked at.
#[derive(Clone, Copy, Debug)]
pub struct Raw<T: Element> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A and rows of B.
    pub k: usize,
    /// The factor of A·B.
    pub alpha: T::Out,
    /// Element (0, 0) of A.
    pub a: *const T,
    /// Row stride of A.
    pub a_rs: isize,
    /// Column stride of A.
    pub a_cs: isize,
    /// Element (0, 0) of B.
    pub b: *const T,
    /// Row stride of B.
    pub b_rs: isize,
    /// Column stride of B.
    pub b_cs: isize,
    /// The factor of the old C; zero means that C is not read.
    pub beta: T::Out,
    /// Element (0, 0) of C.
    pub c: *mut T::Out,
    /// Row stride of C.
    pub c_rs: isize,
    /// Column stride of C.
    pub c_cs: isize,
}

// SAFETY: by the contract A and B are shared and C is mutable borrows of elements, which are Send and Sync; parts of
// C that go to different threads have no element in common.
unsafe impl<T: Element> Send for Raw<T> {}
// SAFETY: as above.
unsafe impl<T: Element> Sync for Raw<T> {}

impl<T: Element> Raw<T> {
    /// The addresses of a checked product, with a stride of 1 wherever there is only one row or column, so that
    /// "contiguous" is one comparison.
    #[inline]
    pub(crate) fn new(problem: &mut Problem<'_, T>) -> Self {
        let mut raw = Self::as_given(problem);
        raw.make_canonical();
        raw
    }

    /// Gives strides that are never used the value 1.
    #[inline]
    pub(crate) fn make_canonical(&mut self) {
        if self.m == 1 {
            (self.a_rs, self.c_rs) = (1, 1);
        }
        if self.k == 1 {
            (self.a_cs, self.b_rs) = (1, 1);
        }
        if self.n == 1 {
            (self.b_cs, self.c_cs) = (1, 1);
        }
    }

    /// The same with all strides as they are: for a tile, which asks nothing of a single column.
    #[inline(always)]
    pub(crate) fn as_given(problem: &mut Problem<'_, T>) -> Self {
        let (a, b) = (problem.a(), problem.b());
        let (alpha, beta) = (problem.alpha(), problem.beta());
        let mut c = problem.c();
        Self {
            m: c.nrows(),
            n: c.ncols(),
            k: a.ncols(),
            alpha,
            a: a.as_ptr(),
            a_rs: a.rs(),
            a_cs: a.cs(),
            b: b.as_ptr(),
            b_rs: b.rs(),
            b_cs: b.cs(),
            beta,
            c_rs: c.rs(),
            c_cs: c.cs(),
            c: c.as_mut_ptr(),
        }
    }

    /// Cᵀ ← α·Bᵀ·Aᵀ + β·Cᵀ: the same bits, as every product commutes.
    pub(crate) fn turned(self) -> Self {
        Self {
            m: self.n,
            n: self.m,
            a: self.b,
            a_rs: self.b_cs,
            a_cs: self.b_rs,
            b: self.a,
            b_rs: self.a_cs,
            b_cs: self.a_rs,
            c_rs: self.c_cs,
            c_cs: self.c_rs,
            ..self
        }
    }

    /// Rows `i` of A and C. They lie in them, or nothing is computed with the part.
    #[inline(always)]
    pub(crate) fn rows(self, i: Span) -> Self {
        let at = i.at as isize;
        let (a, c) = (self.a.wrapping_offset(at * self.a_rs), self.c.wrapping_offset(at * self.c_rs));
        Self { m: i.len, a, c, ..self }
    }

    /// Columns `j` of B and C. They lie in them, or nothing is computed with the part.
    #[inline(always)]
    pub(crate) fn columns(self, j: Span) -> Self {
        let at = j.at as isize;
        let (b, c) = (self.b.wrapping_offset(at * self.b_cs), self.c.wrapping_offset(at * self.c_cs));
        Self { n: j.len, b, c, ..self }
    }

    /// Terms `p` of the sums. They lie in k, or nothing is computed with the part.
    #[inline(always)]
    pub(crate) fn terms(self, p: Span) -> Self {
        let at = p.at as isize;
        let (a, b) = (self.a.wrapping_offset(at * self.a_cs), self.b.wrapping_offset(at * self.b_rs));
        Self { k: p.len, a, b, ..self }
    }

    /// How the chunk of k from `p` enters C.
    #[inline(always)]
    pub(crate) fn fold(&self, p: usize) -> Fold<T::Out> {
        if p == 0 { Fold::first(self.beta) } else { Fold::Add }
    }
}

/// A range of rows, columns or k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub at: usize,
    /// How many.
    pub len: usize,
}

impl Span {
    /// One past the last.
    #[inline(always)]
    pub fn end(self) -> usize {
        self.at + self.len
    }

    /// Cuts it into spans of `step`, the last one shorter. `step_by` would divide to know its length, which at 4³ costs
    /// more than the product.
    #[inline(always)]
    pub(crate) fn cut(self, step: usize) -> impl Iterator<Item = Span> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let span = Span { len: step.min(rest.len), ..rest };
            rest = Span { at: span.end(), len: rest.len - span.len };
            (span.len > 0).then_some(span)
        })
    }

    /// As [`Span::cut`], but the last two spans share what is left equally: one or two rows would be too few chains of
    /// multiply-adds to hide their latency (docs/performance.md, "The tile").
    #[inline(always)]
    pub(crate) fn cut_level(self, step: usize) -> impl Iterator<Item = Span> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let two_left = rest.len > step && rest.len < 2 * step;
            let len = if two_left { rest.len.div_ceil(2) } else { step.min(rest.len) };
            let span = Span { len, ..rest };
            rest = Span { at: span.end(), len: rest.len - len };
            (len > 0).then_some(span)
        })
    }
}

/// 0..`len`.
#[inline(always)]
pub(crate) fn all(len: usize) -> Span {
    Span { at: 0, len }
}
