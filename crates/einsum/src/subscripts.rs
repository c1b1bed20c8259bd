//! NumPy's grammar: `operands -> output`, operands separated by commas, each a row of letters with at most one `...`.

use crate::axes::Axis;
use crate::error::{Error, Fault};

/// A letter and its place in the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label {
    name: u8,
    at: usize,
}

/// The labels of one operand or of the output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Term {
    labels: Vec<Label>,
    /// How many labels stand before the ellipsis, and the ellipsis's place in the string.
    ellipsis: Option<(usize, usize)>,
    /// Where the term begins.
    at: usize,
}

/// A parsed string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscripts {
    text: String,
    inputs: Vec<Term>,
    output: Term,
}

/// Subscripts applied to shapes: every axis of every operand has a number, and every number a length.
///
/// Numbers follow the string: the ellipsis's axes first, then labels in the order of their first appearance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// For each operand, the number of each of its axes; repeated for a diagonal.
    pub(crate) inputs: Vec<Vec<Axis>>,
    /// The number of each axis of the output.
    pub(crate) output: Vec<Axis>,
    /// The length of each axis by number.
    pub(crate) lens: Vec<usize>,
    /// The label of each axis by number; None for those of an ellipsis.
    pub(crate) names: Vec<Option<char>>,
}

impl Resolved {
    pub(crate) fn output_shape(&self) -> Vec<usize> {
        self.output.iter().map(|&axis| self.lens[axis]).collect()
    }
}

impl Subscripts {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let fail = |at, fault| Error::Subscripts { subscripts: text.to_owned(), at, fault };
        let (mut terms, mut arrow) = (vec![Term::default()], None);
        let mut rest = text.char_indices();
        while let Some((at, c)) = rest.next() {
            let term = terms.last_mut().expect("at least one term");
            match c {
                ' ' => {}
                'a'..='z' | 'A'..='Z' => term.labels.push(Label { name: c as u8, at }),
                '.' if !text[at..].starts_with("...") => return Err(fail(at, Fault::LoneDot)),
                '.' if term.ellipsis.is_some() => return Err(fail(at, Fault::SecondEllipsis)),
                '.' => {
                    term.ellipsis = Some((term.labels.len(), at));
                    rest.nth(1);
                }
                ',' if arrow.is_some() => return Err(fail(at, Fault::OutputComma)),
                ',' => terms.push(Term { at: at + 1, ..Term::default() }),
                '-' if arrow.is_none() && text[at..].starts_with("->") => {
                    rest.next();
                    arrow = Some(at);
                    terms.push(Term { at: at + 2, ..Term::default() });
                }
                '-' | '>' => return Err(fail(at, Fault::Arrow)),
                _ => return Err(fail(at, Fault::NotALabel(c))),
            }
        }
        let output = match arrow {
            Some(_) => terms.pop().expect("the term behind the arrow"),
            None => implicit_output(&terms),
        };
        for (i, &Label { name, at }) in output.labels.iter().enumerate() {
            if !terms.iter().flat_map(|term| &term.labels).any(|label| label.name == name) {
                return Err(fail(at, Fault::UnknownOutput(name as char)));
            }
            if output.labels[..i].iter().any(|label| label.name == name) {
                return Err(fail(at, Fault::RepeatedOutput(name as char)));
            }
        }
        Ok(Self { text: text.to_owned(), inputs: terms, output })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn fail(&self, at: usize, fault: Fault) -> Error {
        Error::Subscripts { subscripts: self.text.clone(), at, fault }
    }

    /// Numbers the axes of operands of these shapes and finds their lengths, of which 1 adapts to any other.
    pub(crate) fn resolve(&self, shapes: &[&[usize]]) -> Result<Resolved, Error> {
        if shapes.len() != self.inputs.len() {
            let (subscripts, expected) = (self.text.clone(), self.inputs.len());
            return Err(Error::Operands { subscripts, expected, found: shapes.len() });
        }
        // How many axes the longest ellipsis stands for; shorter ones line up at its end.
        let mut dots = 0;
        for (operand, (term, shape)) in self.inputs.iter().zip(shapes).enumerate() {
            let (expected, found, ellipsis) = (term.labels.len(), shape.len(), term.ellipsis.is_some());
            match found.checked_sub(expected) {
                Some(more) if more == 0 || ellipsis => dots = dots.max(more),
                _ => return Err(self.fail(term.at, Fault::Rank { operand, expected, found, ellipsis })),
            }
        }
        let mut resolved =
            Resolved { inputs: vec![], output: vec![], lens: vec![1; dots], names: vec![None; dots] };
        let mut numbers = [None; 128];
        for (operand, (term, shape)) in self.inputs.iter().zip(shapes).enumerate() {
            let axes = term.axes(shape.len() - term.labels.len(), dots, |name| {
                *numbers[name as usize].get_or_insert_with(|| {
                    resolved.names.push(Some(name as char));
                    resolved.lens.push(1);
                    resolved.lens.len() - 1
                })
            });
            for (i, (&(axis, at), &len)) in axes.iter().zip(*shape).enumerate() {
                let known = &mut resolved.lens[axis];
                // A diagonal's axes must agree as they are; across operands 1 adapts.
                let expected = match axes[..i].iter().position(|&(before, _)| before == axis) {
                    Some(before) => shape[before],
                    None if len == 1 || *known == 1 => len,
                    None => *known,
                };
                if len != expected {
                    let name = match resolved.names[axis] {
                        Some(name) => format!("'{name}'"),
                        None => format!("axis {axis} of the ellipsis"),
                    };
                    return Err(self.fail(at, Fault::Length { name, operand, expected, found: len }));
                }
                if len != 1 {
                    *known = len;
                }
            }
            resolved.inputs.push(axes.into_iter().map(|(axis, _)| axis).collect());
        }
        if dots > 0 && self.output.ellipsis.is_none() {
            return Err(self.fail(self.text.len(), Fault::OutputEllipsis { axes: dots }));
        }
        let output = self.output.axes(dots, dots, |name| numbers[name as usize].expect("an operand's label"));
        resolved.output = output.into_iter().map(|(axis, _)| axis).collect();
        Ok(resolved)
    }
}

impl Term {
    /// The numbers of this term's axes and the place of each in the string, where its ellipsis stands for the last
    /// `own` of the `dots` axes 0..dots.
    fn axes(&self, own: usize, dots: usize, mut number: impl FnMut(u8) -> Axis) -> Vec<(Axis, usize)> {
        let mut axes: Vec<_> = self.labels.iter().map(|label| (number(label.name), label.at)).collect();
        if let Some((before, at)) = self.ellipsis {
            axes.splice(before..before, (dots - own..dots).map(|axis| (axis, at)));
        }
        axes
    }
}

/// Without an arrow: the ellipsis, then every label that occurs once, in alphabetical order, capitals first.
fn implicit_output(inputs: &[Term]) -> Term {
    let all = || inputs.iter().flat_map(|term| &term.labels);
    let mut counts = [0usize; 128];
    all().for_each(|label| counts[label.name as usize] += 1);
    let once = |label: &&Label| counts[label.name as usize] == 1;
    let mut labels: Vec<_> = all().filter(once).copied().collect();
    labels.sort_unstable_by_key(|label| label.name);
    let ellipsis = inputs.iter().find_map(|term| term.ellipsis).map(|(_, at)| (0, at));
    Term { labels, ellipsis, at: 0 }
}
