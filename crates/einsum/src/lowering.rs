//! C ← X·Y over labelled axes, as matrix products directly from strides.

use matmul_core::{BatchMut, BatchRef, Kernel, MatMut, MatRef, Real};

use crate::axes::Axis;
use crate::error::Error;
use crate::gather::{Gather, depth};
use crate::layout::Layout;
use crate::loops::{Loop, ONCE, for_each, map, merge, nest, take_longest};

/// How one product of two tensors (or the sum or copy of one) is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lowering {
    /// Nothing is summed and one of m and n is 1: element by element.
    Elementwise(Vec<Loop>),
    /// For each round of `outer`, a batch of m × k by k × n products.
    Products { outer: Vec<Loop>, batch: Loop, m: Loop, n: Loop, k: Loop },
}

/// A lowering, and the operands that have to be copied for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lowered {
    pub(crate) lowering: Lowering,
    pub(crate) copies: [Option<Gather>; 2],
    /// Terms of each sum.
    pub(crate) terms: usize,
    /// How many of them are computed at a time: all, or whole chunks.
    pub(crate) depth: usize,
}

impl Lowered {
    /// Lowers C ← X·Y; axes that are not in C are summed.
    ///
    /// The summed axes become one k in the order of their numbers, whatever the strides, so that a result's bits do
    /// not depend on layouts. An operand is copied only if they do not lie behind each other in that order, and then so
    /// many terms at a time as bounded memory takes: an operand that is broadcast may have far more elements than
    /// memory. Nothing else needs a copy: axes of C that do not merge into one m, n or batch are loops around the
    /// products.
    pub(crate) fn new(x: &Layout, y: &Layout, c: &Layout, lens: &[usize]) -> Self {
        let (all, kept) = (x.axes().union(y.axes()), c.axes());
        let summed: Vec<Axis> = all.iter().filter(|&axis| !kept.contains(axis)).collect();
        let terms = summed.iter().map(|&axis| lens[axis]).product();
        let kept_of = |layout: &Layout| -> Vec<Axis> {
            let axes = c.dims().iter().map(|dim| dim.axis);
            axes.filter(|&axis| layout.axes().contains(axis)).collect()
        };
        let has_one_stride = |layout: &Layout| {
            let own = summed.iter().filter(|&&axis| layout.axes().contains(axis));
            let steps = own.map(|&axis| Loop { len: lens[axis], strides: [layout.stride(axis), 0, 0] });
            merge(steps.collect()).len() <= 1
        };
        let copied = [x, y].map(|layout| (!has_one_stride(layout)).then(|| kept_of(layout)));
        let elements = |kept: &Vec<Axis>| kept.iter().map(|&axis| lens[axis]).product::<usize>();
        let depths = copied.iter().flatten().map(|kept| depth(terms, elements(kept)));
        let depth = depths.min().unwrap_or(terms);
        let [kept_x, kept_y] = copied;
        let gather = |layout, kept: Vec<Axis>| Gather::new(layout, &kept, &summed, lens, depth);
        let copies = [kept_x.map(|kept| gather(x, kept)), kept_y.map(|kept| gather(y, kept))];
        let layout = |copy: &Option<Gather>, own: &Layout| {
            copy.as_ref().map_or_else(|| own.clone(), |copy| copy.to.clone())
        };
        let lowering = Lowering::new(&layout(&copies[0], x), &layout(&copies[1], y), c, lens);
        Self { lowering, copies, terms, depth }
    }

    /// How far on in X and Y the terms from `term` on begin. In a copy they begin its rows.
    pub(crate) fn starts(&self, term: usize) -> [isize; 2] {
        let Lowering::Products { k, .. } = &self.lowering else { return [0, 0] };
        [0, 1].map(|tensor| match self.copies[tensor] {
            Some(_) => 0,
            None => term as isize * k.strides[tensor],
        })
    }
}

impl Lowering {
    fn new(x: &Layout, y: &Layout, c: &Layout, lens: &[usize]) -> Self {
        let (in_x, in_y, in_c) = (x.axes(), y.axes(), c.axes());
        let [mut batch, mut m, mut n, mut k] = [const { Vec::new() }; 4];
        for axis in in_x.union(in_y).iter() {
            let class = match (in_c.contains(axis), in_x.contains(axis), in_y.contains(axis)) {
                (false, ..) => &mut k,
                (true, true, true) => &mut batch,
                (true, true, false) => &mut m,
                (true, false, _) => &mut n,
            };
            class.push(Loop { len: lens[axis], strides: [x, y, c].map(|layout| layout.stride(axis)) });
        }
        if k.is_empty() && (m.is_empty() || n.is_empty()) {
            batch.append(&mut m);
            batch.append(&mut n);
            return Self::Elementwise(nest(batch));
        }
        let (mut m, mut n) = (nest(m), nest(n));
        let (rows, columns) = (take_longest(&mut m), take_longest(&mut n));
        batch.append(&mut m);
        batch.append(&mut n);
        let mut outer = nest(batch);
        let batch = take_longest(&mut outer);
        // The caller has seen to it that k merges.
        let k = merge(k).pop().unwrap_or(ONCE);
        Self::Products { outer, batch, m: rows, n: columns, k }
    }

    /// Computes C ← X·Y + β·C for so many terms of each sum, where β is 0 or 1. Sums that are cut at a multiple of
    /// [`K_CHUNK`](matmul_core::K_CHUNK) have the bits of whole ones.
    ///
    /// # Safety
    /// `x`, `y` and `c` are the first elements of tensors in the layouts that this was made for, as far as so many terms
    /// reach; those of X and Y can be read, those of C can be read and written and are borrowed by nobody else. No axis
    /// has length 0.
    pub(crate) unsafe fn multiply<T: Real>(
        &self,
        kernel: &dyn Kernel<T>,
        (x, y, c): (*const T, *const T, *mut T),
        terms: usize,
        beta: T,
    ) -> Result<(), Error> {
        let (outer, batch, m, n, k) = match self {
            // SAFETY: as promised by the caller. Adding 0 makes -0 into +0, as the kernels' sums that begin at 0 do.
            Self::Elementwise(loops) => unsafe {
                map(loops, x, y, c, |x, y| x * y + T::ZERO);
                return Ok(());
            },
            Self::Products { outer, batch, m, n, k } => (outer, batch, m, n, k.of(terms)),
        };
        for_each(outer, [0; 3], &mut |[at_x, at_y, at_c]| {
            // SAFETY: the loops enumerate exactly the elements of the three tensors, and no two places of the loops
            // over C are one element; the caller vouches for the tensors.
            let (a, b, mut c) = unsafe {
                (
                    MatRef::from_raw_parts(x.offset(at_x), m.len, k.len, m.strides[0], k.strides[0]),
                    MatRef::from_raw_parts(y.offset(at_y), k.len, n.len, k.strides[1], n.strides[1]),
                    MatMut::from_raw_parts(c.offset(at_c), m.len, n.len, m.strides[2], n.strides[2]),
                )
            };
            if batch.len == 1 {
                return kernel.gemm(T::ONE, a, b, beta, c.reborrow()).map_err(Error::from);
            }
            // SAFETY: as above.
            let (a, b, c) = unsafe {
                (
                    BatchRef::from_raw_parts(a, batch.len, batch.strides[0]),
                    BatchRef::from_raw_parts(b, batch.len, batch.strides[1]),
                    BatchMut::from_raw_parts(c, batch.len, batch.strides[2]),
                )
            };
            kernel.gemm_batch(T::ONE, a, b, beta, c).map_err(Error::from)
        })
    }
}
