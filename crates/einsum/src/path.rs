use std::fmt;

use crate::axes::{Axis, AxisSet};
use crate::layout::Layout;
use crate::lowering::{Lowered, Lowering};
use crate::order::{Search, pair_flops};
use crate::plan::Plan;
use crate::subscripts::Resolved;

/// What an [`Einsum`](crate::Einsum) will do with operands of given shapes and strides; `Display` prints it as a table.
///
/// FLOPs are counted as opt_einsum counts them: a product over some axes takes one multiplication for each element of
/// their space, and one addition if any of them is summed. They are floats because they may exceed every integer.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    subscripts: String,
    steps: Vec<PathStep>,
    search: Search,
    naive_flops: f64,
}

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PathStep {
    /// Its one or two operands: the expression's are numbered from 0, and the results of the steps go on from there.
    pub operands: Vec<usize>,
    /// The step as an expression of its own. Axes of an ellipsis have Greek letters, and axes of length 1 are left out.
    pub subscripts: String,
    /// What computes it.
    pub operation: Operation,
    /// Additions and multiplications.
    pub flops: f64,
    /// Elements of its result.
    pub elements: f64,
    /// Those of `operands` that are copied first, because their summed axes have no single stride.
    pub copies: Vec<usize>,
}

/// What computes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// The operand's elements are copied to their places in the result.
    Copy,
    /// Products of elements, with nothing to sum.
    Elementwise,
    /// Matrix products by the kernel. The sum of one operand is its product with a 1 of stride 0.
    Products {
        /// How many.
        count: usize,
        /// Rows of each.
        m: usize,
        /// Columns of each.
        n: usize,
        /// Terms in each sum.
        k: usize,
    },
}

impl Path {
    pub(crate) fn new(text: &str, resolved: &Resolved, plan: &Plan) -> Self {
        let inputs = resolved.inputs.len();
        let sets: Vec<AxisSet> = plan.layouts.iter().map(Layout::axes).collect();
        let steps = plan.steps.iter().enumerate().map(|(i, step)| {
            let operands: Vec<usize> = [Some(step.left), step.right].into_iter().flatten().collect();
            let all = operands.iter().fold(AxisSet::default(), |all, &tensor| all.union(sets[tensor]));
            let result = sets[inputs + i];
            let operation = operation(&step.lowered, operands.len());
            let flops = match operands.len() {
                1 if all == result => 0.0,
                1 => all.size(&resolved.lens),
                _ => pair_flops(all, result, &resolved.lens),
            };
            let names = |tensor: usize| -> String {
                plan.layouts[tensor].dims().iter().map(|dim| name(dim.axis, resolved)).collect()
            };
            let left: Vec<String> = operands.iter().map(|&tensor| names(tensor)).collect();
            PathStep {
                subscripts: format!("{}->{}", left.join(","), names(inputs + i)),
                operation,
                flops,
                elements: result.size(&resolved.lens),
                copies: (0..operands.len())
                    .filter(|&side| step.lowered.copies[side].is_some())
                    .map(|side| operands[side])
                    .collect(),
                operands,
            }
        });
        let all = sets[..inputs].iter().fold(AxisSet::default(), |all, &set| all.union(set));
        let output: AxisSet = resolved.output.iter().copied().filter(|&axis| all.contains(axis)).collect();
        let factors = (inputs - 1).max(1) + usize::from(all != output);
        Self {
            subscripts: text.to_owned(),
            steps: steps.collect(),
            search: plan.search,
            naive_flops: all.size(&resolved.lens) * factors as f64,
        }
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }

    /// How the order was found.
    pub fn search(&self) -> Search {
        self.search
    }

    /// Additions and multiplications of all steps.
    pub fn flops(&self) -> f64 {
        self.steps.iter().map(|step| step.flops).sum()
    }

    /// The same for one loop nest over all axes, without intermediates.
    pub fn naive_flops(&self) -> f64 {
        self.naive_flops
    }

    /// Elements of the largest result of a step; the output is one.
    pub fn largest_intermediate(&self) -> f64 {
        self.steps.iter().map(|step| step.elements).fold(0.0, f64::max)
    }
}

fn operation(lowered: &Lowered, operands: usize) -> Operation {
    match &lowered.lowering {
        Lowering::Elementwise(_) if operands == 1 => Operation::Copy,
        Lowering::Elementwise(_) => Operation::Elementwise,
        Lowering::Products { outer, batch, m, n, k } => {
            let count = outer.iter().fold(batch.len, |count, l| count.saturating_mul(l.len));
            Operation::Products { count, m: m.len, n: n.len, k: k.len }
        }
    }
}

/// An axis's label; those of an ellipsis are α, β, γ, ..., of which there are enough for any array with elements.
fn name(axis: Axis, resolved: &Resolved) -> char {
    let greek = || char::from_u32('α' as u32 + axis as u32).unwrap_or('?');
    resolved.names[axis].unwrap_or_else(greek)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let search = match self.search {
            Search::Optimal => "optimal",
            Search::Greedy => "greedy",
        };
        writeln!(
            f,
            "{}: {search} order, {} FLOPs ({} in one loop nest), largest intermediate {} elements",
            self.subscripts,
            count(self.flops()),
            count(self.naive_flops),
            count(self.largest_intermediate())
        )?;
        let list = |numbers: &[usize]| {
            let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
            if numbers.is_empty() { "-".to_owned() } else { numbers.join(" ") }
        };
        writeln!(
            f,
            "{:>4}  {:8} {:24} {:32} {:>10} {:>10}  copies",
            "out", "in", "subscripts", "operation", "FLOPs", "elements"
        )?;
        let first = self.subscripts.split("->").next().unwrap_or("").split(',').count();
        for (out, step) in (first..).zip(&self.steps) {
            writeln!(
                f,
                "{out:>4}  {:8} {:24} {:32} {:>10} {:>10}  {}",
                list(&step.operands),
                step.subscripts,
                step.operation.to_string(),
                count(step.flops),
                count(step.elements),
                list(&step.copies)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Copy => f.write_str("copy"),
            Operation::Elementwise => f.write_str("elementwise"),
            Operation::Products { count, m, n, k } => write!(f, "{count} of m {m}, n {n}, k {k}"),
        }
    }
}

/// A whole number as such while it is short.
fn count(x: f64) -> String {
    if x < 1e9 { format!("{x:.0}") } else { format!("{x:.3e}") }
}
