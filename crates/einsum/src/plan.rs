use matmul_core::{Kernel, Real};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, IxDyn};

use crate::axes::{Axis, AxisSet, MAX_AXES};
use crate::error::Error;
use crate::layout::Layout;
use crate::lowering::{self, Lowered, Lowering};
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
            let gathered = |tensor: usize, to: &Option<Layout>| {
                // SAFETY: operands have the plan's layouts by the caller's word, results as they are made below.
                to.as_ref().map(|to| unsafe { gather(start(tensor), &self.layouts[tensor], to) })
            };
            let [copy_x, copy_y] = &lowered.copies;
            let copy_x = gathered(*left, copy_x);
            let copy_y = right.and_then(|right| gathered(right, copy_y));
            let x = copy_x.as_ref().map_or_else(|| start(*left), Vec::as_ptr);
            let y = copy_y.as_ref().map_or_else(|| right.map_or(&raw const one, start), Vec::as_ptr);
            let last = i == self.steps.len();
            let mut result = if last { Vec::new() } else { zeros(&self.layouts[operands.len() + i - 1]) };
            let c = if last { output } else { result.as_mut_ptr() };
            // SAFETY: X, Y and C have the layouts that this step was lowered for, where not copied as above; the 1 of
            // a sum has no axes. C is borrowed mutably or new.
            unsafe {
                match (right, &lowered.lowering) {
                    (None, Lowering::Elementwise(loops)) => lowering::assign(loops, x, c),
                    (_, lowering) => lowering.multiply(kernel, x, y, c)?,
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

fn zeros<T: Real>(layout: &Layout) -> Vec<T> {
    vec![T::ZERO; layout.len()]
}

/// A copy in another layout, a row-major one.
///
/// # Safety
/// `from` is the layout of the readable tensor at `x`.
unsafe fn gather<T: Real>(x: *const T, from: &Layout, to: &Layout) -> Vec<T> {
    let mut copy = zeros(to);
    // SAFETY: by the caller's word; the copy is new and row-major.
    unsafe { lowering::assign(&lowering::copy_loops(from, to), x, copy.as_mut_ptr()) };
    copy
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
    let mut output = ArrayD::from_elem(IxDyn(&shape), T::ZERO);
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
