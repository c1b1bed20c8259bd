use crate::axes::AxisSet;

/// Two tensors to contract, operands numbered first and results from there on, and the axes of their product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) kept: AxisSet,
}

/// The axes of a product that are still needed.
pub(crate) fn kept(axes: AxisSet, others: impl IntoIterator<Item = AxisSet>, output: AxisSet) -> AxisSet {
    axes.intersection(others.into_iter().fold(output, AxisSet::union))
}
