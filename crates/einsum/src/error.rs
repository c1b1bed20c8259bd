use std::fmt;

/// Why an expression could not be evaluated. Nothing has been written to the output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The subscripts are wrong, or do not fit the operands; `at` is the byte that shows it.
    #[error("{}", Caret { subscripts, at: *at, fault })]
    Subscripts {
        /// The whole subscripts string.
        subscripts: String,
        /// Index of the byte at fault, or the string's length if something is missing at its end.
        at: usize,
        /// What is wrong there.
        fault: Fault,
    },
    /// The subscripts are for another number of operands.
    #[error("the subscripts \"{subscripts}\" are for {expected} operands, found {found}")]
    Operands {
        /// The whole subscripts string.
        subscripts: String,
        /// Operands that the subscripts name.
        expected: usize,
        /// Operands given.
        found: usize,
    },
    /// Two shapes do not form a product.
    #[error("cannot multiply {a:?} by {b:?}: {fault}")]
    Shapes {
        /// Lengths of the left operand's axes.
        a: Vec<usize>,
        /// Lengths of the right operand's axes.
        b: Vec<usize>,
        /// The axes that disagree.
        fault: ShapeFault,
    },
    /// Two shapes do not broadcast to one.
    #[error("{a:?} and {b:?} do not broadcast: {fault}")]
    Broadcast {
        /// Lengths of the left operand's axes.
        a: Vec<usize>,
        /// Lengths of the right operand's axes.
        b: Vec<usize>,
        /// The axes that disagree.
        fault: ShapeFault,
    },
    /// The array to write to has another shape than the result.
    #[error("the result has shape {expected:?}, but the array to write to has {found:?}")]
    OutputShape {
        /// Lengths of the result's axes.
        expected: Vec<usize>,
        /// Lengths of the given array's axes.
        found: Vec<usize>,
    },
    /// More different axes than one expression may have.
    #[error("an expression may have {max} different axes, found {found}")]
    TooManyAxes {
        /// How many there may be.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// There is no memory for a result or an intermediate.
    #[error("a result of shape {shape:?} has more elements than memory")]
    TooLarge {
        /// Lengths of its axes.
        shape: Vec<usize>,
    },
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] matmul_core::Error),
}

/// What is wrong at one character of the subscripts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Only the letters a-z and A-Z, `...`, `,`, `->` and spaces have a meaning.
    #[error("{0:?} is no label: labels are the letters a-z and A-Z")]
    NotALabel(char),
    /// A dot that is not part of an ellipsis.
    #[error("a dot must be part of an ellipsis \"...\"")]
    LoneDot,
    /// A second ellipsis in one operand or the output.
    #[error("a second ellipsis in one operand or the output")]
    SecondEllipsis,
    /// Half an arrow, or a second one.
    #[error("expected one arrow \"->\" before the output")]
    Arrow,
    /// A comma after the arrow.
    #[error("there is one output, so no ',' behind \"->\"")]
    OutputComma,
    /// An output label that no operand has.
    #[error("output label '{0}' is in no operand")]
    UnknownOutput(char),
    /// An output label that occurs twice.
    #[error("output label '{0}' occurs twice")]
    RepeatedOutput(char),
    /// The ellipsis stands for axes, but the output has none to receive them.
    #[error("the ellipsis stands for {axes} axes, so the output needs an ellipsis too")]
    OutputEllipsis {
        /// How many axes.
        axes: usize,
    },
    /// An operand has another number of axes than labels.
    #[error("operand {operand} has {found} axes, but subscripts for {expected}{}", if *ellipsis { " or more" } else { "" })]
    Rank {
        /// Which operand, from 0.
        operand: usize,
        /// Labels.
        expected: usize,
        /// Axes.
        found: usize,
        /// Whether an ellipsis may stand for further axes.
        ellipsis: bool,
    },
    /// Axes with one label have different lengths, neither of which is 1.
    #[error("{name} has length {found} in operand {operand}, but {expected} before")]
    Length {
        /// The label, or the axis of the ellipsis.
        name: String,
        /// Which operand, from 0.
        operand: usize,
        /// The length before.
        expected: usize,
        /// The length here.
        found: usize,
    },
}

/// Which axes of two shapes disagree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeFault {
    /// An operand without axes.
    #[error("the {0} operand is a scalar, use the elementwise product")]
    Real(Side),
    /// Axes that must agree do not.
    #[error("axis {a_axis} of the left has length {a_len}, axis {b_axis} of the right has {b_len}")]
    Lengths {
        /// Axis of the left operand, from 0.
        a_axis: usize,
        /// Its length.
        a_len: usize,
        /// Axis of the right operand, from 0.
        b_axis: usize,
        /// Its length.
        b_len: usize,
    },
    /// An axis that an operand does not have, or that is named twice.
    #[error("axis {axis} of the {side} does not exist or is named twice")]
    Axis {
        /// Which operand.
        side: Side,
        /// The axis; negative ones count from the end.
        axis: isize,
    },
    /// More axes to be summed than an operand has.
    #[error("{count} axes cannot be summed: the left has {a}, the right {b}")]
    Count {
        /// How many are to be summed.
        count: usize,
        /// Axes of the left operand.
        a: usize,
        /// Axes of the right operand.
        b: usize,
    },
    /// The operands' lists of axes have different lengths.
    #[error("{a} axes of the left cannot be paired with {b} of the right")]
    Pairs {
        /// Axes named of the left operand.
        a: usize,
        /// Axes named of the right operand.
        b: usize,
    },
}

/// One of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Left => "left",
            Side::Right => "right",
        })
    }
}

/// Characters that are shown on each side of a fault.
const CONTEXT: usize = 60;

/// The fault, then the subscripts with a caret under the character.
struct Caret<'a> {
    subscripts: &'a str,
    at: usize,
    fault: &'a Fault,
}

impl fmt::Display for Caret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscripts, at, fault } = self;
        // Columns are characters, not bytes: everything but labels may be any Unicode.
        let column = subscripts.char_indices().take_while(|(i, _)| i < at).count();
        // What stands around the fault: nobody reads more, and formatting pads no further than 65535.
        let first = column.saturating_sub(CONTEXT);
        let count = 2 * CONTEXT + 1;
        let shown: String = subscripts.chars().skip(first).take(count).collect();
        let before = if first > 0 { "..." } else { "" };
        let after = if subscripts.chars().nth(first + count).is_some() { "..." } else { "" };
        let indent = before.len() + column - first;
        write!(f, "{fault}\n  {before}{shown}{after}\n  {:indent$}^", "")
    }
}
