/// The number of an axis within one expression.
pub(crate) type Axis = usize;

/// How many axes an [`AxisSet`] can tell apart.
pub(crate) const MAX_AXES: usize = 128;

/// A set of axes of one expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The axes in the order of their numbers.
    pub(crate) fn iter(self) -> impl Iterator<Item = Axis> {
        (0..MAX_AXES).filter(move |&axis| self.contains(axis))
    }

    /// The product of the axes' lengths, as a float: it orders costs, and may exceed every integer.
    pub(crate) fn size(self, lens: &[usize]) -> f64 {
        let mut rest = self.0;
        let mut size = 1.0;
        while rest != 0 {
            size *= lens[rest.trailing_zeros() as usize] as f64;
            rest &= rest - 1;
        }
        size
    }
}

impl FromIterator<Axis> for AxisSet {
    fn from_iter<I: IntoIterator<Item = Axis>>(axes: I) -> Self {
        Self(axes.into_iter().fold(0, |set, axis| set | 1 << axis))
    }
}
