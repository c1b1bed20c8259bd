//! Copies of operands whose summed axes have no single stride: so many terms of k at a time as bounded memory takes.

use matmul_core::{K_CHUNK, Real};

use crate::axes::Axis;
use crate::layout::Layout;
use crate::loops::{Loop, map, merge, nest};

/// Elements that a copy may have: 32 MiB of f64. One chunk of k is copied in any case, as the numeric contract cuts sums
/// nowhere else.
const MOST: usize = 1 << 22;

/// How many of `terms` of each sum are copied at a time where an operand has so many elements for each of them.
pub(crate) fn depth(terms: usize, elements: usize) -> usize {
    let chunks = MOST / elements.max(1) / K_CHUNK;
    terms.min(chunks.max(1) * K_CHUNK)
}

/// An operand that is copied for a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gather {
    /// The layout of the copy: the summed axes last, as if all of their terms stood there.
    pub(crate) to: Layout,
    /// Elements of the copy.
    pub(crate) len: usize,
    kept: Vec<Loop>,
    /// Outer ones first: the order of k.
    summed: Vec<Loop>,
}

impl Gather {
    /// A copy with these axes, `depth` terms at a time.
    pub(crate) fn new(from: &Layout, kept: &[Axis], summed: &[Axis], lens: &[usize], depth: usize) -> Self {
        let to = Layout::with_row(kept, summed, lens, depth);
        let step = |&axis: &Axis| Loop::new(lens[axis], [from.stride(axis), 0, to.stride(axis)]);
        Self {
            len: kept.iter().map(|&axis| lens[axis]).product::<usize>() * depth,
            kept: kept.iter().map(step).collect(),
            summed: merge(summed.iter().map(step).collect()),
            to,
        }
    }

    /// Copies the terms from `start` to `end`, the first of them to the start of each row.
    ///
    /// # Safety
    /// `x` is the first element of a tensor in the layout that this was made for and can be read; `copy` has `len`
    /// elements, and there are at most `depth` terms.
    pub(crate) unsafe fn copy<T: Real>(&self, x: *const T, (start, end): (usize, usize), copy: &mut [T]) {
        debug_assert_eq!(copy.len(), self.len);
        let copy = copy.as_mut_ptr();
        boxes(&self.summed, (start, end), (0, 0), &mut |(at, to), summed| {
            let loops = nest(self.kept.iter().chain(summed).copied().collect());
            // SAFETY: a box of the tensor's elements, and as many of the copy's: term p of the sums is at p - start in
            // its row.
            unsafe { map(&loops, x.offset(at), x.offset(at), copy.offset(to), |x, _| x) }
        });
    }
}

/// Cuts the rounds `start..end` of nested loops into boxes, whole loops as far as they go: for each calls `f` with its
/// offsets in X and in the copy and its loops.
fn boxes(
    loops: &[Loop],
    (start, end): (usize, usize),
    (mut at, mut to): (isize, isize),
    f: &mut impl FnMut((isize, isize), &[Loop]),
) {
    if start >= end {
        return;
    }
    let Some((first, rest)) = loops.split_first() else { return f((at, to), &[]) };
    let inner: usize = rest.iter().map(|l| l.len).product();
    let ((i, head), (last, tail)) = ((start / inner, start % inner), (end / inner, end % inner));
    at += i as isize * first.stride(0);
    if i == last {
        return boxes(rest, (head, tail), (at, to), f);
    }
    let mut whole = last - i;
    if head > 0 {
        boxes(rest, (head, inner), (at, to), f);
        at += first.stride(0);
        to += (inner - head) as isize;
        whole -= 1;
    }
    if whole > 0 {
        let middle: Vec<Loop> = [first.of(whole)].into_iter().chain(rest.iter().copied()).collect();
        f((at, to), &middle);
        at += whole as isize * first.stride(0);
        to += (whole * inner) as isize;
    }
    boxes(rest, (0, tail), (at, to), f);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_bounded_and_cut_at_chunks() {
        assert_eq!(depth(300, 10), 300);
        assert_eq!(depth(1 << 40, 1), MOST);
        assert_eq!(depth(1 << 40, 1000), MOST / 1000 / 256 * 256);
        // One chunk however many elements it has.
        assert_eq!(depth(1 << 40, usize::MAX), 256);
        assert_eq!(depth(100, usize::MAX), 100);
    }

    /// Every cut of three loops visits the rounds in order, each once.
    #[test]
    fn boxes_are_the_rounds() {
        // Offsets in X are the numbers of the rounds in digits; in the copy, the numbers themselves.
        let loops = [Loop::new(3, [100, 0, 20]), Loop::new(4, [10, 0, 5]), Loop::new(5, [1, 0, 1])];
        for start in 0..=60 {
            for end in start..=60 {
                let mut copy = vec![None; end - start];
                boxes(&loops, (start, end), (0, 0), &mut |(at, to), loops| {
                    let mut visited = vec![(at, to)];
                    for l in loops {
                        let steps = |i| {
                            move |&(at, to): &(isize, isize)| (at + i * l.stride(0), to + i * l.stride(2))
                        };
                        visited = (0..l.len as isize)
                            .flat_map(|i| visited.iter().map(steps(i)).collect::<Vec<_>>())
                            .collect();
                    }
                    for (at, to) in visited {
                        assert_eq!(copy[to as usize].replace(at), None, "visited twice");
                    }
                });
                let digits = |round: usize| (round / 20 * 100 + round / 5 % 4 * 10 + round % 5) as isize;
                let expected: Vec<_> = (start..end).map(|round| Some(digits(round))).collect();
                assert_eq!(copy, expected, "{start}..{end}");
            }
        }
    }
}
