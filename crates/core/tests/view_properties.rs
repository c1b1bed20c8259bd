//! Any sequence of transposing, reversing, slicing and splitting, against a grid of plain indices.

use std::collections::BTreeSet;
use std::ops::Range;

use matmul_core::{Error, MatMut, MatRef};
use proptest::collection::vec;
use proptest::prelude::*;

const LEN: usize = 100;

/// The slice under every view: element x is x.
fn numbers() -> Vec<i32> {
    (0..LEN as i32).collect()
}

/// Shape, strides and the place of element (0, 0), valid or not.
#[derive(Clone, Copy, Debug)]
struct Strided {
    offset: usize,
    nrows: usize,
    ncols: usize,
    rs: isize,
    cs: isize,
}

fn strided() -> impl Strategy<Value = Strided> {
    (0..LEN, 0..6usize, 0..6usize, -9..=9isize, -9..=9isize)
        .prop_map(|(offset, nrows, ncols, rs, cs)| Strided { offset, nrows, ncols, rs, cs })
}

/// The model of a view: the index of each element in the slice, row after row.
#[derive(Clone, Debug, PartialEq)]
struct Grid {
    ncols: usize,
    rows: Vec<Vec<i32>>,
}

impl Grid {
    fn new(view: Strided) -> Self {
        let index = |i: usize, j: usize| view.offset as isize + i as isize * view.rs + j as isize * view.cs;
        let row = |i| (0..view.ncols).map(|j| index(i, j) as i32).collect();
        Self { ncols: view.ncols, rows: (0..view.nrows).map(row).collect() }
    }

    fn places(&self) -> Vec<i32> {
        self.rows.concat()
    }

    fn lies_in_the_slice(&self) -> bool {
        self.places().iter().all(|x| (0..LEN as i32).contains(x))
    }

    fn is_disjoint(&self) -> bool {
        let places = self.places();
        places.iter().collect::<BTreeSet<_>>().len() == places.len()
    }

    fn t(&self) -> Self {
        let column = |j: usize| self.rows.iter().map(|row| row[j]).collect();
        Self { ncols: self.rows.len(), rows: (0..self.ncols).map(column).collect() }
    }

    fn reversed_rows(&self) -> Self {
        let mut grid = self.clone();
        grid.rows.reverse();
        grid
    }

    fn reversed_cols(&self) -> Self {
        let mut grid = self.clone();
        grid.rows.iter_mut().for_each(|row| row.reverse());
        grid
    }

    fn block(&self, rows: Range<usize>, cols: Range<usize>) -> Self {
        let ncols = cols.len();
        Self { ncols, rows: self.rows[rows].iter().map(|row| row[cols.clone()].to_vec()).collect() }
    }
}

/// What is done to a view. Numbers choose places in whatever shape it has then.
#[derive(Clone, Copy, Debug)]
enum Step {
    Transpose,
    ReverseRows,
    ReverseCols,
    Slice([usize; 4]),
    SplitRows(usize),
    SplitCols(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(
        prop_oneof![
            Just(Step::Transpose),
            Just(Step::ReverseRows),
            Just(Step::ReverseCols),
            any::<[usize; 4]>().prop_map(Step::Slice),
            any::<usize>().prop_map(Step::SplitRows),
            any::<usize>().prop_map(Step::SplitCols),
        ],
        0..7,
    )
}

/// A range within `0..=len`, from any two numbers.
fn range(x: usize, y: usize, len: usize) -> Range<usize> {
    let (x, y) = (x % (len + 1), y % (len + 1));
    x.min(y)..x.max(y)
}

/// One step on a shared view and on its model. Of a split, the second part goes on.
fn step<'a>(view: MatRef<'a, i32>, grid: &Grid, step: Step) -> Result<(MatRef<'a, i32>, Grid), Error> {
    let (nrows, ncols) = (grid.rows.len(), grid.ncols);
    let block = |rows: Range<usize>, cols: Range<usize>| {
        Ok((view.submatrix(rows.clone(), cols.clone())?, grid.block(rows, cols)))
    };
    match step {
        Step::Transpose => Ok((view.t(), grid.t())),
        Step::ReverseRows => Ok((view.reverse_rows(), grid.reversed_rows())),
        Step::ReverseCols => Ok((view.reverse_cols(), grid.reversed_cols())),
        Step::Slice([a, b, c, d]) => block(range(a, b, nrows), range(c, d, ncols)),
        Step::SplitRows(i) => {
            let i = i % (nrows + 1);
            Ok((view.split_rows(i).1, grid.block(i..nrows, 0..ncols)))
        }
        Step::SplitCols(j) => {
            let j = j % (ncols + 1);
            Ok((view.split_cols(j).1, grid.block(0..nrows, j..ncols)))
        }
    }
}

/// Takes a mutable view apart and writes its number into every part; the model says where each should go.
fn write_parts(view: MatMut<'_, i32>, grid: Grid, steps: &[Step], want: &mut [i32]) -> Result<(), Error> {
    let (nrows, ncols) = (grid.rows.len(), grid.ncols);
    let Some((first, rest)) = steps.split_first() else {
        let mut view = view;
        let value = -1 - want.iter().filter(|x| **x < 0).count() as i32;
        view.fill(value);
        grid.places().iter().for_each(|place| want[*place as usize] = value);
        return Ok(());
    };
    match *first {
        Step::Transpose => write_parts(view.t(), grid.t(), rest, want),
        Step::ReverseRows => write_parts(view.reverse_rows(), grid.reversed_rows(), rest, want),
        Step::ReverseCols => write_parts(view.reverse_cols(), grid.reversed_cols(), rest, want),
        Step::Slice([a, b, c, d]) => {
            let (rows, cols) = (range(a, b, nrows), range(c, d, ncols));
            let block = view.submatrix(rows.clone(), cols.clone())?;
            write_parts(block, grid.block(rows, cols), rest, want)
        }
        Step::SplitRows(i) => {
            let i = i % (nrows + 1);
            let (top, bottom) = view.split_rows(i);
            write_parts(bottom, grid.block(i..nrows, 0..ncols), rest, want)?;
            write_parts(top, grid.block(0..i, 0..ncols), rest, want)
        }
        Step::SplitCols(j) => {
            let j = j % (ncols + 1);
            let (left, right) = view.split_cols(j);
            write_parts(right, grid.block(0..nrows, j..ncols), rest, want)?;
            write_parts(left, grid.block(0..nrows, 0..j), rest, want)
        }
    }
}

proptest! {
    // Miri is some hundred times slower, and has no file to remember failures in.
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 1024 },
        failure_persistence: None,
        max_global_rejects: 1 << 16,
        ..ProptestConfig::default()
    })]

    /// A view is accepted exactly if all its elements lie in the slice, a mutable one if they also lie apart.
    #[test]
    fn valid_views_and_no_others(view in strided()) {
        let Strided { offset, nrows, ncols, rs, cs } = view;
        let (mut data, grid) = (numbers(), Grid::new(view));
        let shared = MatRef::from_strided(&data, offset, nrows, ncols, rs, cs);
        prop_assert_eq!(shared.is_ok(), grid.lies_in_the_slice());
        let unique = MatMut::from_strided(&mut data, offset, nrows, ncols, rs, cs);
        prop_assert_eq!(unique.is_ok(), grid.lies_in_the_slice() && grid.is_disjoint());
    }

    #[test]
    fn steps_keep_every_element(view in strided(), steps in steps()) {
        let (data, mut grid) = (numbers(), Grid::new(view));
        prop_assume!(grid.lies_in_the_slice());
        let Strided { offset, nrows, ncols, rs, cs } = view;
        let mut view = MatRef::from_strided(&data, offset, nrows, ncols, rs, cs)?;
        for next in steps {
            (view, grid) = step(view, &grid, next)?;
            prop_assert_eq!(view.shape(), (grid.rows.len(), grid.ncols));
            prop_assert_eq!(view.to_vec(), grid.places());
            for i in 0..=view.nrows() {
                for j in 0..=view.ncols() {
                    prop_assert_eq!(view.get(i, j), grid.rows.get(i).and_then(|row| row.get(j)).copied());
                }
            }
        }
    }

    /// Parts have no element in common, have all of them together, and nothing outside is written.
    #[test]
    fn parts_are_written_where_they_lie(view in strided(), steps in steps()) {
        let (mut data, grid) = (numbers(), Grid::new(view));
        prop_assume!(grid.lies_in_the_slice() && grid.is_disjoint());
        let Strided { offset, nrows, ncols, rs, cs } = view;
        let mut want = data.clone();
        let view = MatMut::from_strided(&mut data, offset, nrows, ncols, rs, cs)?;
        write_parts(view, grid, &steps, &mut want)?;
        prop_assert_eq!(data, want);
    }

    #[test]
    fn ranges_outside_are_refused(
        (nrows, ncols) in (0..6usize, 0..6usize),
        (a, b, c, d) in (0..8usize, 0..8usize, 0..8usize, 0..8usize),
    ) {
        let data = numbers();
        let view = MatRef::from_strided(&data, 0, nrows, ncols, ncols as isize, 1)?;
        let fits = |start: usize, end: usize, len: usize| start <= end && end <= len;
        let block = view.submatrix(a..b, c..d);
        prop_assert_eq!(block.is_ok(), fits(a, b, nrows) && fits(c, d, ncols));
        let is_range_error = matches!(block, Ok(_) | Err(Error::Range { .. }));
        prop_assert!(is_range_error);
    }
}
