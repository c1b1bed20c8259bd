//! Random expressions against a loop nest over all their axes.

use std::collections::BTreeMap;

use matmul_einsum::{Einsum, Operand};
use ndarray::{ArrayD, Axis, IxDyn};
use proptest::prelude::*;

const LABELS: [char; 6] = ['a', 'b', 'c', 'd', 'B', 'Z'];

/// Labels of each operand and of the output, the length of each label, and how each operand lies in memory.
#[derive(Clone, Debug)]
struct Expression {
    inputs: Vec<Vec<char>>,
    output: Vec<char>,
    lens: BTreeMap<char, usize>,
    layouts: Vec<(u8, u64)>,
}

fn expression() -> impl Strategy<Value = Expression> {
    let term = || prop::collection::vec(prop::sample::select(&LABELS[..]), 0..5);
    let lens = prop::collection::vec(0usize..5, LABELS.len());
    let inputs = prop::collection::vec(term(), 1..12);
    let layouts = prop::collection::vec(any::<(u8, u64)>(), 12);
    (inputs, lens, layouts, any::<[bool; 6]>(), Just(LABELS.to_vec()).prop_shuffle()).prop_map(
        |(inputs, lens, layouts, stays, shuffled)| {
            let used = |label: &char| inputs.iter().any(|term: &Vec<char>| term.contains(label));
            let output = shuffled.into_iter().zip(stays).filter(|(label, stays)| *stays && used(label));
            Expression {
                output: output.map(|(label, _)| label).collect(),
                // 0 is rare enough not to make most expressions empty.
                lens: LABELS
                    .into_iter()
                    .zip(lens.into_iter().map(|len| if len == 0 { 3 } else { len }))
                    .collect(),
                inputs,
                layouts,
            }
        },
    )
}

impl Expression {
    fn text(&self) -> String {
        let terms: Vec<String> = self.inputs.iter().map(|term| term.iter().collect()).collect();
        format!("{}->{}", terms.join(","), self.output.iter().collect::<String>())
    }

    /// Small integers in an array whose axes lie in memory in some order, some of them backwards.
    fn operand(&self, i: usize) -> ArrayD<f64> {
        let (flips, seed) = self.layouts[i];
        let rank = self.inputs[i].len();
        let mut order: Vec<usize> = (0..rank).collect();
        order.sort_by_key(|&axis| seed.rotate_left(7 * axis as u32) % 101);
        let shape: Vec<usize> = order.iter().map(|&axis| self.lens[&self.inputs[i][axis]]).collect();
        let mut state = seed;
        let mut array = ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 61) as f64 - 3.0
        });
        let mut places = vec![0; rank];
        order.iter().enumerate().for_each(|(place, &axis)| places[axis] = place);
        array = array.permuted_axes(IxDyn(&places));
        for axis in (0..rank).filter(|axis| flips >> axis & 1 == 1) {
            array.invert_axis(Axis(axis));
        }
        array
    }

    /// The sum over every combination of indices of the product of the operands' elements there.
    fn oracle(&self, operands: &[ArrayD<f64>]) -> ArrayD<f64> {
        let used: Vec<char> =
            LABELS.into_iter().filter(|label| self.inputs.iter().any(|term| term.contains(label))).collect();
        let shape = |labels: &[char]| -> Vec<usize> { labels.iter().map(|label| self.lens[label]).collect() };
        let mut result = ArrayD::zeros(IxDyn(&shape(&self.output)));
        for index in ndarray::indices(IxDyn(&shape(&used))) {
            let at = |labels: &[char]| -> Vec<usize> {
                let place = |label| used.iter().position(|used| used == label).expect("a used label");
                labels.iter().map(|label| index[place(label)]).collect()
            };
            let factors =
                self.inputs.iter().zip(operands).map(|(labels, operand)| operand[IxDyn(&at(labels))]);
            result[IxDyn(&at(&self.output))] += factors.product::<f64>();
        }
        result
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_expressions_equal_the_loop_nest(expression in expression()) {
        let arrays: Vec<_> = (0..expression.inputs.len()).map(|i| expression.operand(i)).collect();
        let operands: Vec<&dyn Operand<f64>> = arrays.iter().map(|array| array as &dyn Operand<f64>).collect();
        let einsum = Einsum::new(&expression.text()).expect("a valid expression");
        let expected = expression.oracle(&arrays);
        prop_assert_eq!(&einsum.run(&matmul::Gemm::new(), &operands).expect("agreeing shapes"), &expected);

        // Into an array whose axes lie the other way round, and whose old values must not matter.
        let reversed: Vec<usize> = expected.shape().iter().rev().copied().collect();
        let mut output = ArrayD::from_elem(IxDyn(&reversed), f64::NAN).reversed_axes();
        einsum.run_into(&matmul::Gemm::new(), &operands, &mut output).expect("agreeing shapes");
        prop_assert_eq!(output, expected);
    }

    #[test]
    fn any_string_is_parsed_or_refused_at_a_character(text in "[a-cA-C.,> -]{0,12}|\\PC{0,6}") {
        if let Err(error) = Einsum::new(&text) {
            let message = error.to_string();
            let lines: Vec<&str> = message.lines().collect();
            prop_assert_eq!(lines.last().map(|line| line.ends_with('^')), Some(true), "{}", message);
        }
    }
}
