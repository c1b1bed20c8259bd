/// The number of an axis within one expression.
pub(crate) type Axis = usize;

/// How many axes an [`AxisSet`] can tell apart.
pub(crate) const MAX_AXES: usize = 128;

/// A set of axes of one expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AxisSet(u128);

impl AxisSet {
    pub(crate) fn contains(self, axis: Axis) -> bool {
        self.0 >> axis & 1 == 1
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The axes in the order of their numbers.
    pub(crate) fn iter(self) -> impl Iterator<Item = Axis> {
        let lowest = |rest: u128| (rest != 0).then_some(rest);
        std::iter::successors(lowest(self.0), move |rest| lowest(rest & (rest - 1)))
            .map(|rest| rest.trailing_zeros() as Axis)
    }

    /// The product of the axes' lengths, as a float: it orders costs, and may exceed every integer.
    pub(crate) fn size(self, lens: &[usize]) -> f64 {
        self.iter().map(|axis| lens[axis] as f64).product()
    }
}

impl FromIterator<Axis> for AxisSet {
    fn from_iter<I: IntoIterator<Item = Axis>>(axes: I) -> Self {
        Self(axes.into_iter().fold(0, |set, axis| set | 1 << axis))
    }
}
