//! C ← X·Y over labelled axes, as matrix products directly from strides.

use matmul_core::{BatchMut, BatchRef, Kernel, MatMut, MatRef, Real};

use crate::axes::Axis;
use crate::error::Error;
use crate::gather::{Gather, depth};
use crate::layout::Layout;

/// A loop over `len` elements, with the steps that it takes in X, Y and C; 0 in a tensor without that axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    pub(crate) len: usize,
    strides: [isize; 3],
}

impl Loop {
    pub(crate) fn new(len: usize, strides: [isize; 3]) -> Self {
        Self { len, strides }
    }

    /// The step in X, Y or C.
    pub(crate) fn stride(&self, tensor: usize) -> isize {
        self.strides[tensor]
    }

    /// The same with so many rounds.
    pub(crate) fn of(self, len: usize) -> Self {
        Self { len, ..self }
    }
}

const ONCE: Loop = Loop { len: 1, strides: [0; 3] };

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

/// Computes C ← X by loops in which nothing is summed.
///
/// # Safety
/// As for [`Lowering::multiply`], for X and C.
pub(crate) unsafe fn assign<T: Real>(loops: &[Loop], x: *const T, c: *mut T) {
    // SAFETY: as promised by the caller; Y is X, in which the loops do not step.
    unsafe { map(loops, x, x, c, |x, _| x) }
}

/// Loops in the order of the steps that they take in C, long ones outside, merged where one goes on where another ends.
pub(crate) fn nest(mut loops: Vec<Loop>) -> Vec<Loop> {
    loops.sort_by_key(|l| {
        let [x, y, c] = l.strides.map(isize::unsigned_abs);
        std::cmp::Reverse((c, x, y))
    });
    merge(loops)
}

/// Merges each loop with the one inside it where, in all three tensors, one step outside is as far as all steps inside.
pub(crate) fn merge(loops: Vec<Loop>) -> Vec<Loop> {
    let mut merged: Vec<Loop> = Vec::with_capacity(loops.len());
    for inner in loops {
        let goes_on = |outer: &&mut Loop| {
            let ends = inner.strides.map(|stride| stride.checked_mul(inner.len as isize));
            ends == outer.strides.map(Some) && outer.len.checked_mul(inner.len).is_some()
        };
        match merged.last_mut().filter(goes_on) {
            Some(outer) => *outer = Loop { len: outer.len * inner.len, ..inner },
            None => merged.push(inner),
        }
    }
    merged
}

/// Takes out the longest loop, the inner one of two as long.
fn take_longest(loops: &mut Vec<Loop>) -> Loop {
    let longest = (0..loops.len()).max_by_key(|&i| loops[i].len);
    longest.map_or(ONCE, |i| loops.remove(i))
}

/// Calls `f` with the offsets in X, Y and C for every round of the loops.
fn for_each<E>(
    loops: &[Loop],
    at: [isize; 3],
    f: &mut impl FnMut([isize; 3]) -> Result<(), E>,
) -> Result<(), E> {
    let Some((first, rest)) = loops.split_first() else { return f(at) };
    (0..first.len as isize)
        .try_for_each(|i| for_each(rest, [0, 1, 2].map(|t| at[t] + i * first.strides[t]), f))
}

/// C ← f(X, Y), element by element.
///
/// # Safety
/// As for [`Lowering::multiply`].
pub(crate) unsafe fn map<T: Copy>(
    loops: &[Loop],
    x: *const T,
    y: *const T,
    c: *mut T,
    f: impl Fn(T, T) -> T,
) {
    let (inner, outer) = loops.split_last().unwrap_or((&ONCE, &[]));
    // SAFETY: the loops enumerate the elements of the three tensors.
    let row = |[sx, sy, sc]: [isize; 3], [x0, y0, c0]: [isize; 3]| unsafe {
        let (x, y, c) = (x.offset(x0), y.offset(y0), c.offset(c0));
        for i in 0..inner.len as isize {
            *c.offset(i * sc) = f(*x.offset(i * sx), *y.offset(i * sy));
        }
    };
    let Ok(()) = for_each(outer, [0; 3], &mut |at| {
        // Constant strides, for the vectoriser.
        match inner.strides {
            [1, 1, 1] => row([1, 1, 1], at),
            [1, 0, 1] => row([1, 0, 1], at),
            [0, 1, 1] => row([0, 1, 1], at),
            strides => row(strides, at),
        }
        Ok::<(), std::convert::Infallible>(())
    });
}
