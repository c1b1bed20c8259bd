//! In which order to contract many operands: opt_einsum's choices, by its count of floating-point operations.
//!
//! Source: D. G. A. Smith and J. Gray, opt_einsum, Journal of Open Source Software 3(26), 753 (2018).

use crate::axes::AxisSet;
use crate::greedy::greedy;
use crate::pair::{Pair, kept};

/// Up to this many operands the best of all orders is found: 3⁸ = 6561 ways to part a subset in two.
const MAX_OPTIMAL: usize = 8;

/// How an order was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// No order has fewer floating-point operations.
    Optimal,
    /// Again and again the pair whose product is smallest compared with its operands: opt_einsum's greedy order.
    Greedy,
}

/// Floating-point operations of a product over `axes`: one multiplication each, and one addition if some are summed.
pub(crate) fn pair_flops(axes: AxisSet, kept: AxisSet, lens: &[usize]) -> f64 {
    let inner = axes != kept;
    axes.size(lens) * if inner { 2.0 } else { 1.0 }
}

/// The pairs to contract, one after the other.
pub(crate) fn find(terms: &[AxisSet], output: AxisSet, lens: &[usize]) -> (Vec<Pair>, Search) {
    if terms.len() <= MAX_OPTIMAL {
        (optimal(terms, output, lens), Search::Optimal)
    } else {
        (greedy(terms, output, lens), Search::Greedy)
    }
}

/// The cheapest way to contract a subset of the operands.
#[derive(Clone, Copy)]
struct Best {
    axes: AxisSet,
    flops: f64,
    /// Elements of all intermediates, which decides between equal flops.
    elements: f64,
    /// The part that is contracted on its own first; its complement in the subset is the other.
    part: usize,
}

/// Every subset (a bit mask) from its best two parts, smaller subsets first.
fn optimal(terms: &[AxisSet], output: AxisSet, lens: &[usize]) -> Vec<Pair> {
    let n = terms.len();
    let members = |subset: usize| (0..n).filter(move |i| subset >> i & 1 == 1).map(|i| terms[i]);
    let mut best: Vec<Best> = Vec::with_capacity(1 << n);
    for subset in 0..1usize << n {
        let all = members(subset).fold(AxisSet::default(), AxisSet::union);
        let axes = kept(all, members(!subset & ((1 << n) - 1)), output);
        let mut found = Best { axes, flops: f64::INFINITY, elements: f64::INFINITY, part: 0 };
        if subset.count_ones() < 2 {
            // An operand is there already.
            found = Best { axes: all, flops: 0.0, elements: 0.0, part: 0 };
        }
        // Each pair of parts once: `part` is the one that holds the subset's lowest operand.
        let mut part = subset.wrapping_sub(1) & subset;
        while part > 0 && subset.count_ones() > 1 {
            if part & subset & subset.wrapping_neg() != 0 {
                let (a, b) = (best[part], best[subset ^ part]);
                let flops = a.flops + b.flops + pair_flops(a.axes.union(b.axes), axes, lens);
                let elements = a.elements + b.elements + axes.size(lens);
                if (flops, elements) < (found.flops, found.elements) || found.part == 0 {
                    found = Best { axes, flops, elements, part };
                }
            }
            part = (part - 1) & subset;
        }
        best.push(found);
    }
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    emit((1 << n) - 1, n, &best, &mut pairs);
    pairs
}

/// Appends the pairs of a subset and returns the number of its result.
fn emit(subset: usize, n: usize, best: &[Best], pairs: &mut Vec<Pair>) -> usize {
    if subset.count_ones() < 2 {
        return subset.trailing_zeros() as usize;
    }
    let part = best[subset].part;
    let (left, right) = (emit(part, n, best, pairs), emit(subset ^ part, n, best, pairs));
    pairs.push(Pair { left, right, kept: best[subset].axes });
    n + pairs.len() - 1
}
