use crate::axes::{Axis, AxisSet};

/// One axis of a tensor: `len` elements, `stride` elements apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dim {
    pub(crate) axis: Axis,
    pub(crate) len: usize,
    pub(crate) stride: isize,
}

/// Where a tensor's elements lie: every axis at most once, and none of length 1, along which there is nowhere to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout(Vec<Dim>);

impl Layout {
    /// The layout of an array whose axes have these numbers. An axis that is named twice is its diagonal, along which
    /// a step goes one element ahead in both.
    pub(crate) fn new(axes: &[Axis], shape: &[usize], strides: &[isize]) -> Self {
        let mut dims: Vec<Dim> = Vec::with_capacity(axes.len());
        for ((&axis, &len), &stride) in axes.iter().zip(shape).zip(strides).filter(|((_, len), _)| **len != 1)
        {
            match dims.iter_mut().find(|dim| dim.axis == axis) {
                // Beyond every address only in an array without elements.
                Some(dim) => dim.stride = dim.stride.wrapping_add(stride),
                None => dims.push(Dim { axis, len, stride }),
            }
        }
        Self(dims)
    }

    /// The layout of a new array with these axes, the last one contiguous.
    pub(crate) fn row_major(axes: impl DoubleEndedIterator<Item = Axis>, lens: &[usize]) -> Self {
        let mut dims = Vec::new();
        let mut stride = 1isize;
        for axis in axes.rev().filter(|&axis| lens[axis] != 1) {
            dims.push(Dim { axis, len: lens[axis], stride });
            stride = stride.wrapping_mul(lens[axis] as isize);
        }
        dims.reverse();
        Self(dims)
    }

    /// The layout of rows of `depth` elements, one for each index of `outer`, in which `inner` axes lie as in an array of
    /// their own.
    pub(crate) fn with_row(outer: &[Axis], inner: &[Axis], lens: &[usize], depth: usize) -> Self {
        let row = Self::row_major(inner.iter().copied(), lens);
        let mut rows = Self::row_major(outer.iter().copied(), lens);
        rows.0.iter_mut().for_each(|dim| dim.stride = dim.stride.wrapping_mul(depth as isize));
        rows.0.extend(row.0);
        rows
    }

    pub(crate) fn dims(&self) -> &[Dim] {
        &self.0
    }

    pub(crate) fn axes(&self) -> AxisSet {
        self.0.iter().map(|dim| dim.axis).collect()
    }

    /// The step along an axis; 0 along one that this tensor does not have: it is the same everywhere on it.
    pub(crate) fn stride(&self, axis: Axis) -> isize {
        self.0.iter().find(|dim| dim.axis == axis).map_or(0, |dim| dim.stride)
    }

    /// Length of each axis.
    pub(crate) fn shape(&self) -> Vec<usize> {
        self.0.iter().map(|dim| dim.len).collect()
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|dim| dim.len).product()
    }
}
