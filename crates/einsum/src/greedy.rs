//! The order past a few operands: opt_einsum's greedy choices, also where costs are equal.
//!
//! Source: `ssa_greedy_optimize` of opt_einsum 3.4.0 (D. G. A. Smith and J. Gray, Journal of Open Source Software
//! 3(26), 753, 2018).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::axes::AxisSet;
use crate::pair::{Pair, kept};

/// First products of tensors with the same axes, then pairs that share a summed axis, then whatever is left, the
/// smallest two at a time.
pub(crate) fn greedy(terms: &[AxisSet], output: AxisSet, lens: &[usize]) -> Vec<Pair> {
    // Only the last product can sum an axis that all operands have. Counted with the output's, it makes no neighbours.
    let everywhere = terms.iter().copied().reduce(AxisSet::intersection).unwrap_or_default();
    let held = output.union(everywhere);
    let (tensors, live) = (terms.to_vec(), BTreeMap::new());
    let mut network = Network { lens, output, held, tensors, live, pairs: Vec::new() };
    for (number, &axes) in terms.iter().enumerate() {
        network.insert(axes, number);
    }
    network.contract_neighbours();
    network.contract_rest();
    network.pairs
}

/// What is left to contract. Tensors are numbered: operands first, then products.
struct Network<'a> {
    lens: &'a [usize],
    output: AxisSet,
    /// The axes that stay until the last product.
    held: AxisSet,
    /// The axes of every tensor by number; none once it is used.
    tensors: Vec<AxisSet>,
    /// The number of each tensor that is left, by its axes. No two have the same.
    live: BTreeMap<AxisSet, usize>,
    pairs: Vec<Pair>,
}

/// A pair to contract, if both are still there when its turn comes.
struct Candidate {
    /// Elements of the product less those of its parts, exact up to 2⁵³.
    cost: f64,
    /// The parts' numbers, the higher one first: the older pair goes first where costs are equal.
    numbers: [usize; 2],
    parts: [AxisSet; 2],
    product: AxisSet,
}

impl Candidate {
    fn order(&self, other: &Self) -> Ordering {
        self.cost.total_cmp(&other.cost).then(self.numbers.cmp(&other.numbers))
    }
}

impl Network<'_> {
    /// Adds a tensor to those that are left, multiplied by the one that has the same axes, if any.
    fn insert(&mut self, axes: AxisSet, mut number: usize) {
        if let Some(same) = self.live.remove(&axes) {
            number = self.contract(same, number);
        }
        self.live.insert(axes, number);
    }

    /// Appends a pair and returns the number of its product.
    fn contract(&mut self, left: usize, right: usize) -> usize {
        let [x, y] = [left, right].map(|number| std::mem::take(&mut self.tensors[number]));
        let kept = kept(x.union(y), self.tensors.iter().copied(), self.output);
        self.pairs.push(Pair { left: left.min(right), right: left.max(right), kept });
        self.tensors.push(kept);
        self.tensors.len() - 1
    }

    fn candidate(&self, x: (AxisSet, usize), y: (AxisSet, usize)) -> Candidate {
        let others = self.live.keys().copied().filter(|&axes| axes != x.0 && axes != y.0);
        let product = kept(x.0.union(y.0), others, self.held);
        let cost = product.size(self.lens) - x.0.size(self.lens) - y.0.size(self.lens);
        Candidate { cost, numbers: [x.1.max(y.1), x.1.min(y.1)], parts: [x.0, y.0], product }
    }

    /// The first in order of a tensor's pairs with those that `is_partner` accepts.
    fn best(&self, x: (AxisSet, usize), is_partner: impl Fn((AxisSet, usize)) -> bool) -> Option<Candidate> {
        let partners = self.live.iter().map(|(&axes, &number)| (axes, number)).filter(|&y| is_partner(y));
        partners.map(|y| self.candidate(x, y)).min_by(Candidate::order)
    }

    /// Contracts tensors that share a summed axis. A tensor's partners are weighed when it comes up, and one of them is
    /// queued: of an operand for each axis the best of the operands behind it, of a product the best of all. Costs and
    /// products stay as they were then.
    fn contract_neighbours(&mut self) {
        let mut queue = Vec::new();
        for (&axes, &number) in &self.live {
            for axis in axes.difference(self.held).iter() {
                queue.extend(self.best((axes, number), |y| y.1 > number && y.0.contains(axis)));
            }
        }
        while let Some(first) = (0..queue.len()).min_by(|&i, &j| Candidate::order(&queue[i], &queue[j])) {
            let Candidate { parts: [x, y], product, .. } = queue.swap_remove(first);
            let (Some(&left), Some(&right)) = (self.live.get(&x), self.live.get(&y)) else { continue };
            self.live.retain(|&axes, _| axes != x && axes != y);
            let number = self.contract(left, right);
            self.insert(product, number);
            let summed = product.difference(self.held);
            let shares = |y: AxisSet| y != product && !y.intersection(summed).is_empty();
            queue.extend(self.best((product, self.live[&product]), |y| shares(y.0)));
        }
    }

    /// Multiplies what shares no summed axis, the smallest two at a time, of equal ones the older.
    fn contract_rest(&mut self) {
        let held = |(axes, &number): (&AxisSet, &usize)| (axes.intersection(self.held), number);
        let sized = |(axes, number): (AxisSet, usize)| (axes.size(self.lens), number, axes);
        let mut rest: Vec<_> = self.live.iter().map(held).map(sized).collect();
        while rest.len() > 1 {
            rest.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
            let (_, a, x) = rest.pop().expect("two are left");
            let (_, b, y) = rest.pop().expect("one is left");
            let axes = x.union(y);
            let number = self.contract(a, b);
            rest.push((axes.size(self.lens), number, axes));
        }
    }
}
