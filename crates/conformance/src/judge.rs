//! One case: its inputs, the kernel's answer, and the verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;

use matmul_core::{Kernel, Promise, Real};

use crate::case::{Case, Fill, Operand, Place};
use crate::memory::{Matrix, canary};
use crate::oracle::{self, Reference};
use crate::rng::{exp2, unit, word};
use crate::{Family, Layout, underflow};

/// Threads that call a kernel at once in the family `threads`.
const CALLERS: usize = 4;

/// The inputs of a case as dense matrices, and what the product should be.
struct Product<T> {
    /// The case without what changes no value.
    key: Case,
    a: Vec<T>,
    b: Vec<T>,
    c: Vec<T>,
    expected: Expected<T>,
}

/// How an answer is judged.
enum Expected<T> {
    /// These values; zeros of either sign.
    Values(Vec<T>),
    /// These bits, save that one NaN is as good as another.
    Bits(Vec<T>),
    /// These values within the componentwise bound.
    Within(Reference),
}

/// Runs cases on one kernel. Cases that differ in layout or memory alone share inputs and oracle when they follow
/// each other.
pub(crate) struct Judge<'k, T: Real> {
    kernel: &'k dyn Kernel<T>,
    product: Option<Product<T>>,
    trace: bool,
}

impl<'k, T: Real> Judge<'k, T> {
    pub(crate) fn new(kernel: &'k dyn Kernel<T>) -> Self {
        let trace = std::env::var_os("MATMUL_CONFORMANCE_TRACE").is_some_and(|v| v != "0");
        Judge { kernel, product: None, trace }
    }

    /// The largest error as a part of the bound, where the case has one.
    pub(crate) fn run(&mut self, case: &Case) -> Result<Option<f64>, String> {
        if !self.trace {
            return self.verdict(case);
        }
        trace(self.kernel.name(), case);
        self.verdict(case).inspect_err(|detail| trace(self.kernel.name(), format_args!("failed: {detail}")))
    }

    fn verdict(&mut self, case: &Case) -> Result<Option<f64>, String> {
        let key = value_key(case);
        if self.product.as_ref().is_none_or(|product| product.key != key) {
            self.product = None;
            self.product = Some(Product::new(key, self.kernel.promise())?);
        }
        let Some(product) = &self.product else { return Err("no product".into()) };
        if case.family != Family::Threads {
            return product.expected.judge(case, &product.compute(self.kernel, case)?);
        }
        for answer in product.compute_at_once(self.kernel, case)? {
            product.expected.judge(case, &answer)?;
        }
        Ok(None)
    }
}

/// The bits of C that a kernel computes, row after row; memory is watched as always.
pub(crate) fn answer<T: Real>(kernel: &dyn Kernel<T>, case: &Case) -> Result<Vec<T>, String> {
    let (a, b, c) = inputs(case);
    compute(kernel, case, (&a, &b, &c))
}

/// Written past the test harness's capture, which a crash would lose.
fn trace(kernel: &str, what: impl std::fmt::Display) {
    use std::io::Write;
    // Nobody to tell if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{kernel}: {what}");
}

/// The case with everything that does not change a value made equal.
fn value_key(case: &Case) -> Case {
    Case { a: case.a.class(), b: case.b.class(), c: Layout::Row, mem: Place::Heap, ..case.clone() }
}

/// A, B and C of a case, dense.
pub(crate) fn inputs<T: Real>(case: &Case) -> (Vec<T>, Vec<T>, Vec<T>) {
    let (m, n, k) = (case.m, case.n, case.k);
    let dense = |operand, nrows: usize, ncols: usize, layout: Layout| -> Vec<T> {
        let value = |i, j| {
            let (i, j) = layout.source(i, j);
            value(case, operand, i, j)
        };
        let mut dense: Vec<T> = (0..nrows).flat_map(|i| (0..ncols).map(move |j| value(i, j))).collect();
        if let Some(put) = case.put.filter(|put| put.operand == operand) {
            dense[put.i * ncols + put.j] = T::from_f64(put.value);
        }
        dense
    };
    (dense(Operand::A, m, k, case.a), dense(Operand::B, k, n, case.b), dense(Operand::C, m, n, case.c))
}

/// Element (i, j) of a matrix, from the seed and the index alone.
fn value<T: Real>(case: &Case, operand: Operand, i: usize, j: usize) -> T {
    let unread = if operand == Operand::C { case.beta == 0.0 } else { case.alpha == 0.0 };
    if unread {
        return canary();
    }
    let tag = operand as u64 + 1;
    let w = word(case.seed, tag, i, j);
    // Exponents at which one factor is subnormal, two multiply to a subnormal, two multiply to an infinity.
    let (min, half_min, half_max) = match T::NAME {
        "f32" => (-126, -66, 65),
        "f64" => (-1022, -514, 513),
        other => unreachable!("the kit makes f32 and f64, not {other}"),
    };
    // The index along k, which decides how terms that underflow do so.
    let p = if operand == Operand::A { j } else { i };
    T::from_f64(match case.fill {
        Fill::Int | Fill::PosInt => integer::<T>(case, operand, w) as f64,
        Fill::Unit => unit::<T>(w),
        Fill::PosUnit => unit::<T>(w).abs(),
        Fill::Scaled => unit::<T>(w) * exp2(scale(case.seed, operand, i, j)),
        Fill::Tiny => match operand {
            Operand::A => unit::<T>(w) * exp2(if p % 2 == 0 { min } else { half_min }),
            Operand::B => unit::<T>(w) * exp2(if p % 2 == 0 { 0 } else { half_min }),
            Operand::C => unit::<T>(w) * exp2(min),
        },
        Fill::Huge => unit::<T>(w) * exp2(half_max),
        Fill::SignedZero => [0.0, -0.0, 0.0, -0.0, 1.0, -1.0, 0.0, -0.0][(w >> 61) as usize],
    })
}

/// An integer so small that k products of two, times alpha up to 2.5 in quarters, stay exact: k·r² ≤ 2^20 in f32.
fn integer<T: Real>(case: &Case, operand: Operand, w: u64) -> i64 {
    let exact = T::EXACT_INT_MAX / 16 / case.k.max(1) as i64;
    let r = if operand == Operand::C { 1000 } else { exact.isqrt().clamp(1, 1000) };
    let magnitude = (w >> 8) as i64;
    if case.fill == Fill::PosInt {
        1 + magnitude % r
    } else if w & 3 == 0 {
        0
    } else {
        magnitude % (2 * r + 1) - r
    }
}

/// Exponents s(i) - t(p) for A, t(p) + r(j) for B and s(i) + r(j) for C, each of s, t, r in -12..=12.
fn scale(seed: u64, operand: Operand, i: usize, j: usize) -> i32 {
    let exponent = |tag, index| (word(seed, tag, index, 0) % 25) as i32 - 12;
    match operand {
        Operand::A => exponent(4, i) - exponent(5, j),
        Operand::B => exponent(5, i) + exponent(6, j),
        Operand::C => exponent(4, i) + exponent(6, j),
    }
}

impl<T: Real> Product<T> {
    fn new(key: Case, promise: Promise) -> Result<Self, String> {
        let (a, b, c) = inputs::<T>(&key);
        let shape = (key.m, key.n, key.k);
        let (alpha, beta) = (T::from_f64(key.alpha), T::from_f64(key.beta));
        let by_contract = || {
            let mut c = c.clone();
            oracle::contract(shape, alpha, &a, &b, beta, &mut c);
            c
        };
        let same_bits = promise == Promise::SameBits;
        let finite = key.alpha.is_finite() && key.beta.is_finite() && key.put.is_none();
        let expected = match key.fill {
            Fill::Int | Fill::PosInt if key.family == Family::Contract => Expected::Bits(by_contract()),
            Fill::Int | Fill::PosInt if finite => {
                Expected::Values(oracle::integer(shape, alpha, &a, &b, beta, &c)?)
            }
            // One exceptional value among integers: any order of summation gives the same.
            Fill::Int | Fill::PosInt if same_bits => Expected::Bits(by_contract()),
            Fill::Int | Fill::PosInt => Expected::Values(by_contract()),
            Fill::Unit | Fill::PosUnit | Fill::Scaled if key.family == Family::Bound || !same_bits => {
                Expected::Within(oracle::reference(shape, alpha, &a, &b, beta, &c))
            }
            _ => Expected::Bits(by_contract()),
        };
        Ok(Product { key, a, b, c, expected })
    }

    fn compute(&self, kernel: &dyn Kernel<T>, case: &Case) -> Result<Vec<T>, String> {
        compute(kernel, case, (&self.a, &self.b, &self.c))
    }

    /// Several callers at once. Each has the rows of A and C in another order, so that scratch memory which they
    /// wrongly share would show; the answers come back in the order of the case.
    fn compute_at_once(&self, kernel: &dyn Kernel<T>, case: &Case) -> Result<Vec<Vec<T>>, String> {
        let start = Barrier::new(CALLERS);
        let call = |turn: usize| {
            start.wait();
            // Rows of a Hankel matrix share elements and cannot change places.
            let turn = if case.m == 0 || case.a == Layout::Hankel { 0 } else { turn % case.m };
            let (mut a, mut c) = (self.a.clone(), self.c.clone());
            a.rotate_left(turn * case.k);
            c.rotate_left(turn * case.n);
            let mut answer = compute(kernel, case, (&a, &self.b, &c))?;
            answer.rotate_right(turn * case.n);
            Ok(answer)
        };
        let call = &call;
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS).map(|turn| scope.spawn(move || call(turn))).collect();
            let answers = callers.into_iter().map(|caller| caller.join());
            answers.map(|answer| answer.unwrap_or_else(|panic| Err(panicked(&*panic)))).collect()
        })
    }
}

/// Calls the kernel and looks at memory afterwards.
fn compute<T: Real>(
    kernel: &dyn Kernel<T>,
    case: &Case,
    (a, b, c): (&[T], &[T], &[T]),
) -> Result<Vec<T>, String> {
    let (m, n, k) = (case.m, case.n, case.k);
    let a = Matrix::new(a, (m, k), case.a, case.mem)?;
    let b = Matrix::new(b, (k, n), case.b, case.mem)?;
    let mut c = Matrix::new(c, (m, n), case.c, case.mem)?;
    let (a_before, b_before, c_before) = (a.snapshot(), b.snapshot(), c.snapshot());
    let (alpha, beta) = (T::from_f64(case.alpha), T::from_f64(case.beta));
    let view = |error: matmul_core::Error| format!("the case has no valid view: {error}");
    let (a_view, b_view) = (a.view().map_err(view)?, b.view().map_err(view)?);
    let c_view = c.view_mut().map_err(view)?;
    // A kernel that panics may leave C half-written, and C is not looked at then.
    match catch_unwind(AssertUnwindSafe(|| kernel.gemm(alpha, a_view, b_view, beta, c_view))) {
        Ok(result) => result.map_err(|error| format!("returned an error: {error}"))?,
        Err(panic) => return Err(panicked(&*panic)),
    }
    if !underflow::is_gradual::<T>() {
        return Err("left its thread without gradual underflow: something set flush-to-zero".into());
    }
    if let Some(at) = a.changed(a_before, true) {
        return Err(format!("A was written to, {at} elements from A[0,0]"));
    }
    if let Some(at) = b.changed(b_before, true) {
        return Err(format!("B was written to, {at} elements from B[0,0]"));
    }
    if let Some(at) = c.changed(c_before, false) {
        return Err(format!("memory that is no element of C was written to, {at} elements from C[0,0]"));
    }
    Ok(c.dense())
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

impl<T: Real> Expected<T> {
    fn judge(&self, case: &Case, found: &[T]) -> Result<Option<f64>, String> {
        match self {
            Expected::Values(want) => compare(case, found, want, |x, y| x == y).map(|()| None),
            Expected::Bits(want) => compare(case, found, want, |x, y| x.bits() == y.bits()).map(|()| None),
            Expected::Within(reference) => within(case, found, reference).map(Some),
        }
    }
}

/// Compares element by element; a NaN equals every NaN.
pub(crate) fn compare<T: Real>(
    case: &Case,
    found: &[T],
    want: &[T],
    same: impl Fn(T, T) -> bool,
) -> Result<(), String> {
    let differs = |(x, y): (&T, &T)| !(same(*x, *y) || (x.is_nan() && y.is_nan()));
    let Some(first) = found.iter().zip(want).position(differs) else { return Ok(()) };
    let count = found.iter().zip(want).filter(|pair| differs(*pair)).count();
    let (x, y) = (found[first], want[first]);
    Err(format!(
        "C[{},{}] is {x:?} ({:#x}), expected {y:?} ({:#x}); {count} of {} elements differ",
        first / case.n,
        first % case.n,
        x.bits(),
        y.bits(),
        found.len()
    ))
}

/// The worst |c - ref| / (γ(k + 3)·(|α||A||B| + |β||C|)).
fn within<T: Real>(case: &Case, found: &[T], reference: &Reference) -> Result<f64, String> {
    let gamma = gamma::<T>(case.k + 3);
    let mut worst = 0.0;
    for (index, x) in found.iter().enumerate() {
        let (hi, lo, abs) = (reference.hi[index], reference.lo[index], reference.abs[index]);
        let error = ((x.to_f64() - hi) - lo).abs();
        let bound = gamma * abs;
        let ratio = if error == 0.0 { 0.0 } else { error / bound };
        if ratio > 1.0 || ratio.is_nan() {
            let (i, j) = (index / case.n, index % case.n);
            return Err(format!("C[{i},{j}] is {x:?}, expected {hi:?} within {bound:e}, off by {error:e}"));
        }
        worst = ratio.max(worst);
    }
    Ok(worst)
}

/// γ(n) = n·u / (1 - n·u).
pub(crate) fn gamma<T: Real>(n: usize) -> f64 {
    let nu = n as f64 * T::UNIT_ROUNDOFF;
    nu / (1.0 - nu)
}
