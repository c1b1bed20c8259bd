//! What must hold of the public API for any integers whatsoever: a view is accepted exactly if it lies in its slice, and
//! what was accepted multiplies, to the right values, touching nothing else. The fuzz targets and the tests of crates/einsum
//! share this file.
#![allow(dead_code, reason = "each target uses a part of it")]

use std::collections::BTreeSet;

use matmul::{BatchMut, BatchRef, Identity, MatMut, MatRef, Matrix, PackedB};
use matmul_einsum::{Einsum, Operand, tensordot};
use ndarray::{ArrayD, IxDyn};

/// Multiply-adds that a product may take.
const WORK: u128 = 1 << 14;
/// Elements of a slice.
const LEN: usize = 96;

/// Integers out of bytes: small ones, those around powers of two and at the ends of the range, and any. All are 0 at the end.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn small(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % (most + 1)
    }

    fn size(&mut self) -> usize {
        let how = self.byte();
        match how % 8 {
            0..=4 => usize::from(how / 8) % 8,
            5 => {
                (1usize << (self.byte() as u32 % usize::BITS)).wrapping_add_signed(isize::from(how / 64) - 1)
            }
            6 => usize::MAX - usize::from(how / 8),
            _ => (0..8).fold(0, |x, _| x << 8 | usize::from(self.byte())),
        }
    }

    fn stride(&mut self) -> isize {
        let how = self.byte();
        if how < 224 { isize::from(how % 29) - 14 } else { self.size() as isize }
    }
}

/// Shape, strides and offset of matrices, as many as `count`, each `step` behind the one before.
#[derive(Clone, Copy, Debug)]
struct View {
    offset: usize,
    count: usize,
    step: isize,
    shape: (usize, usize),
    strides: (isize, isize),
}

impl View {
    fn new(numbers: &mut Numbers<'_>) -> Self {
        let offset = if numbers.small(15) == 0 { numbers.size() } else { numbers.small(LEN) };
        let (count, step) = (numbers.size(), numbers.stride());
        let (shape, strides) = ((numbers.size(), numbers.size()), (numbers.stride(), numbers.stride()));
        Self { offset, count, step, shape, strides }
    }

    fn elements(&self, count: usize) -> Option<u128> {
        let lens = [count, self.shape.0, self.shape.1];
        if lens.contains(&0) {
            return Some(0);
        }
        lens.iter().try_fold(1u128, |product, &len| product.checked_mul(len as u128))
    }

    /// The index of each element in the slice, if there are few enough to be written down. Few have none that is beyond
    /// i128.
    fn places(&self, count: usize) -> Option<Vec<i128>> {
        let (m, n) = self.shape;
        if self.elements(count)? > WORK {
            return None;
        }
        let mut places = Vec::new();
        if self.elements(count) == Some(0) {
            return Some(places);
        }
        for l in 0..count as i128 {
            for i in 0..m as i128 {
                for j in 0..n as i128 {
                    let (step, (rs, cs)) = (self.step as i128, self.strides);
                    places.push(self.offset as i128 + l * step + i * rs as i128 + j * cs as i128);
                }
            }
        }
        Some(places)
    }
}

fn lies_within(places: &[i128], len: usize) -> bool {
    places.iter().all(|place| (0..len as i128).contains(place))
}

fn is_apart(places: &[i128]) -> bool {
    places.iter().collect::<BTreeSet<_>>().len() == places.len()
}

/// A matrix view is accepted if and only if the model says so; one of many elements only lies in a short slice if they share
/// places.
fn shared<'a>(data: &'a [f64], view: View) -> Option<MatRef<'a, f64>> {
    let ((m, n), (rs, cs)) = (view.shape, view.strides);
    let found = MatRef::from_strided(data, view.offset, m, n, rs, cs);
    if let Some(places) = view.places(1) {
        assert_eq!(found.is_ok(), lies_within(&places, data.len()), "{view:?}");
    }
    let found = found.ok()?;
    if m > 0 && n > 0 {
        // The corners are elements.
        for (i, j) in [(0, 0), (m - 1, 0), (0, n - 1), (m - 1, n - 1)] {
            let place = view.offset as i128 + i as i128 * rs as i128 + j as i128 * cs as i128;
            assert_eq!(found.at(i, j), data[place as usize], "{view:?}");
        }
    }
    Some(found)
}

/// The same for a mutable one.
fn accepts_unique(data: &mut [f64], view: View) -> bool {
    let ((m, n), (rs, cs)) = (view.shape, view.strides);
    let accepted = MatMut::from_strided(data, view.offset, m, n, rs, cs).is_ok();
    match view.places(1) {
        Some(places) => {
            assert_eq!(accepted, lies_within(&places, data.len()) && is_apart(&places), "{view:?}")
        }
        None => assert!(!accepted, "{view:?} has more elements than the slice"),
    }
    accepted
}

/// The values of C after a product in plain loops.
fn expected(a: &MatRef<'_, f64>, b: &MatRef<'_, f64>, beta: f64, old: &[f64], view: View) -> Vec<f64> {
    let mut c = old.to_vec();
    let (m, n) = view.shape;
    for i in 0..if n == 0 { 0 } else { m } {
        for j in 0..n {
            let place = view.offset as isize + i as isize * view.strides.0 + j as isize * view.strides.1;
            let sum: f64 = (0..a.ncols()).map(|p| a.at(i, p) * b.at(p, j)).sum();
            c[place as usize] = sum + if beta == 0.0 { 0.0 } else { beta * c[place as usize] };
        }
    }
    c
}

/// Views from arbitrary integers, and the product of what was accepted: by every entry. Whether there was one.
pub(crate) fn products(bytes: &[u8]) -> bool {
    let mut numbers = Numbers(bytes);
    // Integers, of which every sum is exact.
    let data: Vec<f64> = (0..LEN).map(|i| (i * 7 % 11) as f64 - 5.0).collect();
    let (x, mut y, mut z) = (View::new(&mut numbers), View::new(&mut numbers), View::new(&mut numbers));
    // Shapes that fit each other more often than chance has it.
    if numbers.small(7) > 0 {
        y.shape.0 = x.shape.1;
        z.shape = (x.shape.0, y.shape.1);
        (y.count, z.count) = (x.count, x.count);
    }
    let beta = [0.0, 1.0, 2.0][numbers.small(2)];
    let mut c = data.clone();
    let (a, b) = (shared(&data, x), shared(&data, y));
    let unique = accepts_unique(&mut c, z);
    batches(&data, [x, y, z]);
    let (Some(a), Some(b)) = (a, b) else { return false };
    let work = [x.shape.0, x.shape.1, y.shape.1].map(|len| len.max(1) as u128);
    let work = work.into_iter().fold(1u128, u128::saturating_mul);
    let agree = x.shape.1 == y.shape.0;
    if agree && work > WORK {
        // Real work without end; where there is nothing to do there is an answer all the same.
        let nothing = x.shape.0 == 0 || y.shape.1 == 0;
        if nothing {
            assert!(matmul::matmul(a, b).is_ok());
        }
        return false;
    }
    assert_eq!(matmul::matmul(a, b).is_ok(), agree);
    if !unique {
        return false;
    }
    let fits = agree && z.shape == (x.shape.0, y.shape.1);
    let want = if fits { expected(&a, &b, beta, &data, z) } else { data.clone() };
    let run = |name: &str, multiply: &mut dyn FnMut(MatMut<'_, f64>) -> bool| {
        let mut c = data.clone();
        let ((m, n), (rs, cs)) = (z.shape, z.strides);
        let view = MatMut::from_strided(&mut c, z.offset, m, n, rs, cs).expect("accepted before");
        assert_eq!(multiply(view), fits, "{name}: {x:?} {y:?} {z:?}");
        assert_eq!(c, want, "{name}: {x:?} {y:?} {z:?}");
    };
    run("gemm", &mut |c| matmul::gemm(1.0, a, b, beta, c).is_ok());
    run("turned", &mut |c| matmul::gemm(1.0, b.t(), a.t(), beta, c.t()).is_ok());
    for kernel in matmul::kernel::all::<f64>() {
        if kernel.availability() == matmul::kernel::Availability::Available {
            run(kernel.name(), &mut |c| kernel.gemm(1.0, a, b, beta, c).is_ok());
        }
    }
    // A copy of all elements, however often one is repeated.
    let copies = y.elements(1).is_some_and(|elements| elements <= WORK);
    if copies {
        let packed = PackedB::new(b).expect("memory for a few elements");
        run("packed", &mut |c| packed.gemm(1.0, a, beta, c, Identity).is_ok());
    }
    fits
}

/// The same for batches, of which the mutable ones may be refused although their elements are apart.
fn batches(data: &[f64], [x, y, z]: [View; 3]) {
    let batch = |view: View| {
        let found =
            BatchRef::from_strided(data, view.offset, (view.count, view.step), view.shape, view.strides);
        if let Some(places) = view.places(view.count) {
            assert_eq!(found.is_ok(), lies_within(&places, data.len()), "{view:?}");
        }
        found.ok()
    };
    let (a, b) = (batch(x), batch(y));
    let mut c = data.to_vec();
    let unique = BatchMut::from_strided(&mut c, z.offset, (z.count, z.step), z.shape, z.strides);
    if unique.is_ok() {
        let places = z.places(z.count).expect("no more elements than the slice has");
        assert!(lies_within(&places, data.len()) && is_apart(&places), "{z:?}");
    }
    for (count, (m, n)) in [(x.count, x.shape), (z.count, z.shape)] {
        let whole = BatchRef::from_row_major(data, count, m, n).is_ok();
        assert_eq!(whole, View { shape: (m, n), ..x }.elements(count) == Some(LEN as u128));
    }
    let (Some(a), Some(b), Ok(c_view)) = (a, b, unique) else { return };
    let work = [x.count, x.shape.0, x.shape.1, y.shape.1].map(|len| len.max(1) as u128);
    let nothing = z.elements(z.count) == Some(0);
    if !nothing && work.into_iter().fold(1u128, u128::saturating_mul) > WORK {
        return;
    }
    let fits = x.count == y.count
        && x.count == z.count
        && x.shape.1 == y.shape.0
        && z.shape == (x.shape.0, y.shape.1);
    assert_eq!(matmul::gemm_batch(1.0, a, b, 0.0, c_view).is_ok(), fits, "{x:?} {y:?} {z:?}");
    let mut want = data.to_vec();
    for l in 0..if fits && !nothing { z.count } else { 0 } {
        let view = View { offset: (z.offset as isize + l as isize * z.step) as usize, ..z };
        let (a, b) = (a.get(l).expect("in the batch"), b.get(l).expect("in the batch"));
        want = expected(&a, &b, 0.0, &want, view);
    }
    assert_eq!(c, want, "{x:?} {y:?} {z:?}");
}

/// Subscripts and shapes from arbitrary bytes: an error or an answer, and for few elements the right one. Whether there was
/// one.
pub(crate) fn einsum(bytes: &[u8]) -> bool {
    const LETTERS: [&str; 8] = ["i", "j", "k", "B", "i", "j", "...", "?"];
    let mut numbers = Numbers(bytes);
    let lens: [usize; 4] = std::array::from_fn(|_| numbers.size());
    let (mut terms, mut shapes) = (Vec::new(), Vec::new());
    for _ in 0..=numbers.small(2) {
        let count = numbers.small(3);
        // Mostly labels, and mostly the length of each.
        let most = if numbers.small(15) == 0 { 7 } else { 3 };
        let labels: Vec<usize> = (0..count).map(|_| numbers.small(most)).collect();
        let mut len = |&label: &usize| if numbers.small(15) == 0 { numbers.size() } else { lens[label % 4] };
        shapes.push(labels.iter().map(&mut len).collect::<Vec<usize>>());
        terms.push(labels.iter().map(|&label| LETTERS[label]).collect::<String>());
    }
    let output = ["", "->", "->i", "->ij", "->ji", "->...", " -> kB", "-"][numbers.small(7)];
    let text = terms.join(",") + output;
    let lists: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let ran = match Einsum::new(&text) {
        Err(error) => {
            assert!(error.to_string().contains('^'));
            false
        }
        Ok(einsum) => {
            // Pure arithmetic, on shapes of any size.
            match einsum.path_for_shapes(&lists) {
                Ok(path) => assert!(!path.to_string().is_empty()),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
            run(&einsum, &shapes)
        }
    };
    let (a, b) = (ArrayD::<f64>::ones(IxDyn(&[2, 3])), ArrayD::ones(IxDyn(&[3, 2, 2])));
    let count = numbers.size();
    assert_eq!(tensordot(&a, &b, count).is_ok(), count <= 1);
    let pairs = (vec![numbers.stride()], vec![numbers.stride()]);
    let _ = tensordot(&a, &b, matmul_einsum::Axes::Pairs(pairs.0, pairs.1));
    let _ = Matrix::<f64>::try_zeros(numbers.size() | (usize::MAX / 16 + 1), numbers.size());
    ran
}

/// Operands of a single element, broadcast to the shapes: the sums of ones are counts.
fn run(einsum: &Einsum, shapes: &[Vec<usize>]) -> bool {
    let one = ArrayD::<f64>::ones(IxDyn(&[]));
    let views: Option<Vec<_>> = shapes.iter().map(|shape| one.broadcast(IxDyn(shape))).collect();
    let Some(views) = views else { return false };
    let elements =
        |shape: &Vec<usize>| shape.iter().fold(1u128, |all, &len| all.saturating_mul(len.max(1) as u128));
    // Axes of one length in different operands may all be different axes.
    let work = shapes.iter().map(elements).fold(1u128, u128::saturating_mul);
    if work > WORK {
        return false;
    }
    let operands: Vec<&dyn Operand<f64>> = views.iter().map(|view| view as &dyn Operand<f64>).collect();
    let Ok(result) = einsum.run(&matmul::Gemm::new(), &operands) else { return false };
    let own: Vec<ArrayD<f64>> = views.iter().map(|view| view.to_owned()).collect();
    let operands: Vec<&dyn Operand<f64>> = own.iter().map(|array| array as &dyn Operand<f64>).collect();
    assert_eq!(einsum.run(&matmul::Gemm::new(), &operands).expect("as before"), result);
    true
}
