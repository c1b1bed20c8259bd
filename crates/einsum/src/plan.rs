use matmul_core::{Kernel, Matrix, Real, elements};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, IxDyn};

use crate::axes::{Axis, AxisSet, MAX_AXES};
use crate::error::Error;
use crate::gather::Gather;
use crate::layout::Layout;
use crate::loops;
use crate::lowering::{Lowered, Lowering};
use crate::order::{self, Search};
use crate::pair;
use crate::subscripts::Resolved;

/// One step: the sum or the copy of one tensor, or the product of two. Tensors are numbered: operands first, then the
/// results of the steps.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) left: usize,
    pub(crate) right: Option<usize>,
    pub(crate) lowered: Lowered,
}

/// Everything that is decided before the first multiplication.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) search: Search,
    /// The layout of every tensor.
    pub(crate) layouts: Vec<Layout>,
}

impl Plan {
    /// Sums what only one operand has and the output has not, then contracts pairs until one tensor is left.
    pub(crate) fn new(resolved: &Resolved, operands: Vec<Layout>, output: Layout) -> Result<Self, Error> {
        let (count, found) = (operands.len(), resolved.lens.len());
        if found > MAX_AXES {
            return Err(Error::TooManyAxes { max: MAX_AXES, found });
        }
        let lens = &resolved.lens;
        let mut plan = Self { steps: Vec::new(), search: Search::Optimal, layouts: operands };
        if count == 1 {
            plan.push(0, None, output, lens);
            return Ok(plan);
        }
        let mut live = Vec::with_capacity(2 * count);
        for operand in 0..count {
            let axes = plan.layouts[operand].axes();
            let others = (0..count).filter(|&other| other != operand).map(|other| plan.layouts[other].axes());
            let kept = pair::kept(axes, others, output.axes());
            live.push(match kept == axes {
                true => operand,
                false => plan.push(operand, None, intermediate(kept, resolved)?, lens),
            });
        }
        let terms: Vec<AxisSet> = live.iter().map(|&tensor| plan.layouts[tensor].axes()).collect();
        let (pairs, search) = order::find(&terms, output.axes(), lens);
        plan.search = search;
        for (i, pair) in (1..).zip(&pairs) {
            let layout = match i == pairs.len() {
                true => output.clone(),
                false => intermediate(pair.kept, resolved)?,
            };
            live.push(plan.push(live[pair.left], Some(live[pair.right]), layout, lens));
        }
        Ok(plan)
    }

    /// Adds a step and returns the number of its result.
    fn push(&mut self, left: usize, right: Option<usize>, output: Layout, lens: &[usize]) -> usize {
        // The sum of one tensor is its product with a 1 that is the same everywhere.
        let one = Layout::default();
        let y = right.map_or(&one, |right| &self.layouts[right]);
        let lowered = Lowered::new(&self.layouts[left], y, &output, lens);
        self.steps.push(Step { left, right, lowered });
        self.layouts.push(output);
        self.layouts.len() - 1
    }

    /// Carries the plan out.
    ///
    /// # Safety
    /// The plan was made for the layouts of these operands and of the output, whose first element is at `output` and
    /// which is borrowed mutably. No axis has length 0.
    unsafe fn run<T: Real>(
        &self,
        kernel: &dyn Kernel<T>,
        operands: &[ArrayViewD<'_, T>],
        output: *mut T,
    ) -> Result<(), Error> {
        let one = T::ONE;
        let mut results: Vec<Vec<T>> = Vec::with_capacity(self.steps.len());
        for (i, Step { left, right, lowered }) in (1..).zip(&self.steps) {
            let start = |tensor: usize| match operands.get(tensor) {
                Some(operand) => operand.as_ptr(),
                None => results[tensor - operands.len()].as_ptr(),
            };
            let (x, y) = (start(*left), right.map_or(&raw const one, start));
            let last = i == self.steps.len();
            let layout = &self.layouts[operands.len() + i - 1];
            let mut result = if last { Vec::new() } else { zeros(layout.len(), || layout.shape())? };
            let c = if last { output } else { result.as_mut_ptr() };
            // SAFETY: X, Y and C have the layouts that this step was lowered for: operands by the caller's word, results
            // as they are made here; the 1 of a sum has no axes. C is borrowed mutably or new.
            unsafe {
                match (right, &lowered.lowering) {
                    (None, Lowering::Elementwise(loops)) => loops::assign(loops, x, c),
                    _ => lowered.run(kernel, x, y, c)?,
                }
            }
            // Each tensor is used once.
            for used in
                [Some(*left), *right].into_iter().flatten().filter_map(|t| t.checked_sub(operands.len()))
            {
                results[used] = Vec::new();
            }
            results.push(result);
        }
        Ok(())
    }
}

/// A new tensor with these axes: those that the output has as they stand there, then the others by number.
fn intermediate(axes: AxisSet, resolved: &Resolved) -> Result<Layout, Error> {
    let kept = resolved.output.iter().copied().filter(|&axis| axes.contains(axis));
    let summed = axes.iter().filter(|axis| !resolved.output.contains(axis));
    let order: Vec<Axis> = kept.chain(summed).collect();
    let shape: Vec<usize> = order.iter().map(|&axis| resolved.lens[axis]).collect();
    check_size(&shape)?;
    Ok(Layout::row_major(order.into_iter(), &resolved.lens))
}

/// Refuses shapes that no array can have.
pub(crate) fn check_size(shape: &[usize]) -> Result<(), Error> {
    let len = shape.iter().filter(|&&len| len > 0).try_fold(1usize, |len, &axis| len.checked_mul(axis));
    // 8 bytes an element, and no object has more than isize::MAX.
    match len {
        Some(len) if len <= isize::MAX as usize / 8 => Ok(()),
        _ => Err(Error::TooLarge { shape: shape.to_vec() }),
    }
}

/// So many zeros, for a tensor of this shape.
fn zeros<T: Real>(len: usize, shape: impl FnOnce() -> Vec<usize>) -> Result<Vec<T>, Error> {
    Matrix::try_zeros(len, 1).map(Matrix::into_vec).map_err(|_| Error::TooLarge { shape: shape() })
}

impl Lowered {
    /// Computes C ← X·Y, so many terms at a time as the copies take.
    ///
    /// # Safety
    /// As for [`Lowering::multiply`], for the tensors that this was lowered for.
    unsafe fn run<T: Real>(
        &self,
        kernel: &dyn Kernel<T>,
        x: *const T,
        y: *const T,
        c: *mut T,
    ) -> Result<(), Error> {
        let buffer = |gather: &Option<Gather>| match gather {
            Some(gather) => zeros(gather.len, || vec![gather.len]),
            None => Ok(Vec::new()),
        };
        let mut copies = [buffer(&self.copies[0])?, buffer(&self.copies[1])?];
        for start in (0..self.terms).step_by(self.depth) {
            let terms = self.depth.min(self.terms - start);
            let mut from = [x, y];
            for (t, at) in self.starts(start).into_iter().enumerate() {
                // SAFETY: by the caller's word; the terms are some of the tensor's.
                unsafe {
                    if let Some(gather) = &self.copies[t] {
                        gather.copy(from[t], (start, start + terms), &mut copies[t]);
                        from[t] = copies[t].as_ptr();
                    } else {
                        from[t] = from[t].offset(at);
                    }
                }
            }
            let beta = if start == 0 { T::ZERO } else { T::ONE };
            // SAFETY: by the caller's word, and the copies have the layouts that this was lowered for.
            unsafe { self.lowering.multiply(kernel, (from[0], from[1], c), terms, beta)? };
        }
        Ok(())
    }
}

/// The layouts of the operands of an expression.
pub(crate) fn layouts<T>(resolved: &Resolved, operands: &[ArrayViewD<'_, T>]) -> Vec<Layout> {
    let layout =
        |(axes, view): (&Vec<Axis>, &ArrayViewD<'_, T>)| Layout::new(axes, view.shape(), view.strides());
    resolved.inputs.iter().zip(operands).map(layout).collect()
}

/// The value of an expression as a new array.
pub(crate) fn evaluate<T: Real>(
    kernel: &dyn Kernel<T>,
    resolved: &Resolved,
    operands: &[ArrayViewD<'_, T>],
) -> Result<ArrayD<T>, Error> {
    let shape = resolved.output_shape();
    check_size(&shape)?;
    let len = elements(&shape).ok_or_else(|| Error::TooLarge { shape: shape.clone() })?;
    let data = zeros(len, || shape.clone())?;
    let mut output = ArrayD::from_shape_vec(IxDyn(&shape), data).expect("as many elements as the shape has");
    evaluate_into(kernel, resolved, operands, output.view_mut())?;
    Ok(output)
}

/// The same, into an array that there is.
pub(crate) fn evaluate_into<T: Real>(
    kernel: &dyn Kernel<T>,
    resolved: &Resolved,
    operands: &[ArrayViewD<'_, T>],
    mut output: ArrayViewMutD<'_, T>,
) -> Result<(), Error> {
    let expected = resolved.output_shape();
    if output.shape() != expected {
        return Err(Error::OutputShape { expected, found: output.shape().to_vec() });
    }
    if resolved.lens.contains(&0) {
        // Sums of nothing, or no elements at all.
        output.fill(T::ZERO);
        return Ok(());
    }
    let c = Layout::new(&resolved.output, output.shape(), output.strides());
    let plan = Plan::new(resolved, layouts(resolved, operands), c)?;
    // SAFETY: the plan was made for these operands and this output.
    unsafe { plan.run(kernel, operands, output.as_mut_ptr()) }
}
