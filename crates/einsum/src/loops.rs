//! Nested loops over the elements of three tensors.

use matmul_core::Real;

/// A loop over `len` elements, with the steps that it takes in X, Y and C; 0 in a tensor without that axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    pub(crate) len: usize,
    pub(crate) strides: [isize; 3],
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

pub(crate) const ONCE: Loop = Loop { len: 1, strides: [0; 3] };

/// Computes C ← X by loops in which nothing is summed.
///
/// # Safety
/// The loops step through elements of X that can be read and of C that can be written.
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
pub(crate) fn take_longest(loops: &mut Vec<Loop>) -> Loop {
    let longest = (0..loops.len()).max_by_key(|&i| loops[i].len);
    longest.map_or(ONCE, |i| loops.remove(i))
}

/// Calls `f` with the offsets in X, Y and C for every round of the loops.
pub(crate) fn for_each<E>(
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
/// The loops step through elements of X and Y that can be read and of C that can be written.
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
