//! What the plan says: orders, merged axes and copies.

use matmul_einsum::{Einsum, Operation, Path, Search};
use ndarray::Array3;

fn path(subscripts: &str, shapes: &[&[usize]]) -> Path {
    Einsum::new(subscripts).and_then(|einsum| einsum.path_for_shapes(shapes)).expect("a valid expression")
}

/// The only step's products, and how many operands it copies.
fn lowered(subscripts: &str, shapes: &[&[usize]]) -> (Operation, usize) {
    let path = path(subscripts, shapes);
    assert_eq!(path.steps().len(), 1, "{path}");
    (path.steps()[0].operation, path.steps()[0].copies.len())
}

fn products(count: usize, m: usize, n: usize, k: usize) -> Operation {
    Operation::Products { count, m, n, k }
}

#[test]
fn axes_merge_into_one_product_without_a_copy() {
    assert_eq!(lowered("bik,bkj->bij", &[&[5, 2, 3], &[5, 3, 4]]), (products(5, 2, 4, 3), 0));
    assert_eq!(lowered("bqc,bchw->bqhw", &[&[5, 2, 3], &[5, 3, 4, 6]]), (products(5, 2, 24, 3), 0));
    // A batch that only one operand has is more rows.
    assert_eq!(lowered("bij,jk->bik", &[&[5, 2, 3], &[3, 4]]), (products(1, 10, 4, 3), 0));
    assert_eq!(lowered("ijk,jkl->il", &[&[5, 2, 3], &[2, 3, 4]]), (products(1, 5, 4, 6), 0));
    // Heads between the axes of the matrices: a loop, no copy.
    assert_eq!(lowered("bqhd,bkhd->bhqk", &[&[2, 5, 3, 4], &[2, 6, 3, 4]]), (products(6, 5, 6, 4), 0));
    assert_eq!(lowered("ij,ij->ij", &[&[2, 3], &[2, 3]]), (Operation::Elementwise, 0));
    assert_eq!(lowered("ij->ji", &[&[2, 3]]), (Operation::Copy, 0));
    assert_eq!(lowered("ijk->i", &[&[2, 3, 4]]), (products(1, 2, 1, 12), 0));
}

#[test]
fn only_summed_axes_without_one_stride_are_copied() {
    assert_eq!(lowered("ijk,jil->kl", &[&[3, 4, 5], &[4, 3, 2]]), (products(1, 5, 2, 12), 1));
    assert_eq!(lowered("ijk->j", &[&[2, 3, 4]]), (products(1, 3, 1, 8), 1));
    // The same operand with its axes exchanged in memory needs none.
    let (a, b) = (Array3::<f32>::ones((3, 4, 5)), Array3::<f32>::ones((3, 4, 2)));
    let einsum = Einsum::new("ijk,jil->kl").expect("valid");
    let path = einsum.path(&[&a, &b.view().permuted_axes([1, 0, 2])]).expect("agreeing shapes");
    assert!(path.steps()[0].copies.is_empty(), "{path}");
}

#[test]
fn orders_and_costs() {
    let chain = path("ij,jk,kl->il", &[&[2, 30], &[30, 40], &[40, 3]]);
    assert_eq!(chain.search(), Search::Optimal);
    assert_eq!(chain.flops(), 2.0 * (2.0 * 30.0 * 40.0 + 2.0 * 40.0 * 3.0));
    assert_eq!(chain.naive_flops(), 3.0 * 2.0 * 30.0 * 40.0 * 3.0);
    assert_eq!(chain.largest_intermediate(), 80.0);
    // The first sum: what only one operand has.
    let lone = path("ij,jk->k", &[&[100, 10], &[10, 5]]);
    assert_eq!(lone.steps()[0].subscripts, "ij->j");
    assert_eq!(lone.flops(), 100.0 * 10.0 + 2.0 * 10.0 * 5.0);
}

/// `cases.py` wrote the file and says what is in it.
#[test]
fn past_eight_operands_the_order_is_opt_einsums_greedy_one() {
    let cases = include_str!("orders.tsv");
    for case in cases.lines() {
        let [subscripts, shapes, pairs, flops] = case.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four fields in {case:?}")
        };
        let shapes: Vec<Vec<usize>> = shapes.split('/').map(numbers).collect();
        let path = path(subscripts, &shapes.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let expected: Vec<Vec<usize>> = pairs.split(' ').map(numbers).collect();
        assert_eq!(path.search(), Search::Greedy, "{path}");
        assert_eq!(contracted(&path, shapes.len()), expected, "{path}");
        assert_eq!(path.flops(), flops.parse::<f64>().expect("FLOPs"), "{path}");
    }
    assert_eq!(cases.lines().count(), 64);
}

fn numbers(text: &str) -> Vec<usize> {
    text.split_terminator(',').map(|number| number.parse().expect("a number")).collect()
}

/// A path's pairs, its tensors numbered as if the sums of single operands were no steps.
fn contracted(path: &Path, operands: usize) -> Vec<Vec<usize>> {
    let (mut names, mut pairs): (Vec<usize>, _) = ((0..operands).collect(), Vec::new());
    for step in path.steps() {
        let named: Vec<usize> = step.operands.iter().map(|&tensor| names[tensor]).collect();
        if let [alone] = named[..] {
            names.push(alone);
        } else {
            names.push(operands + pairs.len());
            pairs.push(named);
        }
    }
    pairs
}

#[test]
fn the_table_is_readable() {
    let expected = "\
ijk,jil->kl: optimal order, 2400000 FLOPs (2400000 in one loop nest), largest intermediate 1000 elements
 out  in       subscripts               operation                             FLOPs   elements  copies
   2  0 1      ijk,jil->kl              1 of m 50, n 20, k 1200             2400000       1000  1
";
    assert_eq!(path("ijk,jil->kl", &[&[30, 40, 50], &[40, 30, 20]]).to_string(), expected);
}
