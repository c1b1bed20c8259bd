//! What an expression may allocate: its results, and copies of bounded size.
#![cfg(target_pointer_width = "64")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use matmul_einsum::{Error, ShapeFault, einsum, matmul, tensordot};
use ndarray::{Array1, Array2, ArrayView2, array};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The tests look at one allocator.
static ALONE: Mutex<()> = Mutex::new(());

struct Counting;

// SAFETY: the system's allocator does everything.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Ordering::SeqCst) + layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were live at once, beyond those before.
fn peak<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = LIVE.load(Ordering::SeqCst);
    PEAK.store(before, Ordering::SeqCst);
    let result = work();
    (result, PEAK.load(Ordering::SeqCst) - before)
}

fn numbers(len: usize) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * 0.7311).sin()).collect()
}

/// A row that is broadcast times a column that is: as one sum, 512 MB of copies each if they were copied whole.
#[test]
fn operands_that_are_broadcast_are_not_copied_whole() {
    let _alone = ALONE.lock();
    let n = 8000;
    let (row, column) = (Array1::from_vec(numbers(n)), Array1::from_vec(vec![0.5; n]));
    let row = row.view().insert_axis(ndarray::Axis(0));
    let column = column.view().insert_axis(ndarray::Axis(1));
    let (row, column) = (row.broadcast((n, n)).unwrap(), column.broadcast((n, n)).unwrap());
    let (sum, bytes) = peak(|| einsum("ij,ij->", &[&row, &column]).expect("agreeing shapes"));
    let expected = 0.5 * n as f64 * numbers(n).iter().sum::<f64>();
    assert!((sum[[]] - expected).abs() < 1e-6, "{sum} is not {expected}");
    assert!(bytes < 100 << 20, "{bytes} bytes");

    // One operand, and one that keeps an axis.
    let (sum, bytes) = peak(|| einsum("ij->", &[&column]).expect("one operand"));
    assert_eq!(sum[[]], 0.5 * (n * n) as f64);
    assert!(bytes < 100 << 20, "{bytes} bytes");
}

/// A sum that is computed piece by piece has the bits of one that is not.
#[test]
fn pieces_have_the_bits_of_the_whole() {
    let _alone = ALONE.lock();
    // More than a copy may have, and no multiple of its row.
    let (m, n) = (2100, 2111);
    let (x, y) = (numbers(m * n), numbers(m * n + 1));
    let x = ArrayView2::from_shape((m, n), &x).unwrap();
    let y = ArrayView2::from_shape((n, m), &y[1..]).unwrap();
    let (sum, bytes) = peak(|| einsum("ij,ji->", &[&x, &y]).expect("agreeing shapes"));
    assert!(bytes < 40 << 20, "{bytes} bytes");
    let flat = y.t().as_standard_layout().into_owned();
    let whole = einsum("ij,ij->", &[&x, &flat]).expect("agreeing shapes");
    assert_eq!(sum[[]].to_bits(), whole[[]].to_bits());

    // With axes that stay: k of 401 · 53 in rows of few terms, so that a piece begins and ends within one.
    let (r, i, j) = (300, 401, 53);
    let x = ndarray::Array3::from_shape_vec((r, i, j), numbers(r * i * j)).unwrap();
    let y = ndarray::Array3::from_shape_vec((j, i, 3), numbers(3 * i * j)).unwrap();
    let swapped = einsum("rij,jis->rs", &[&x, &y]).expect("agreeing shapes");
    let far = x.view().permuted_axes([1, 2, 0]).as_standard_layout().into_owned();
    let backwards = far.view().permuted_axes([2, 0, 1]);
    let copied = x.view().permuted_axes([0, 2, 1]).as_standard_layout().into_owned();
    let copied = copied.view().permuted_axes([0, 2, 1]);
    for x in [backwards, copied] {
        let again = einsum("rij,jis->rs", &[&x, &y]).expect("agreeing shapes");
        let bits = |c: &ndarray::ArrayD<f64>| c.iter().map(|c| c.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&again), bits(&swapped));
    }
}

#[test]
fn results_that_memory_does_not_hold_are_errors() {
    let _alone = ALONE.lock();
    let one = Array1::<f64>::ones(1);
    let long = one.broadcast(1 << 29).expect("a view");
    // 2⁶¹ bytes: what an array could have, and no machine.
    let tall = one.broadcast((1 << 29, 1)).expect("a view");
    let wide = one.broadcast((1, 1 << 28)).expect("a view");
    for result in [
        einsum("i,j->ij", &[&long, &one.broadcast(1 << 28).expect("a view")]),
        matmul(&tall, &wide),
        tensordot(&tall, &wide, 1),
    ] {
        assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
    }
}

#[test]
fn no_number_of_axes_wraps() {
    let _alone = ALONE.lock();
    let (a, b) = (Array2::<f64>::ones((3, 4)), Array1::<f64>::ones(4));
    for n in [2, 3, 1 << 20, 1 << 40, 1 << 63, usize::MAX] {
        let (result, bytes) = peak(|| tensordot(&a, &b, n));
        let fault = ShapeFault::Count { count: n, a: 2, b: 1 };
        assert_eq!(result.unwrap_err(), Error::Shapes { a: vec![3, 4], b: vec![4], fault });
        assert!(bytes < 1 << 16, "{bytes} bytes");
    }
    assert_eq!(tensordot(&a, &b, 1).unwrap(), array![4.0, 4.0, 4.0].into_dyn());
    for axis in [isize::MIN, isize::MAX, -3] {
        assert!(matches!(tensordot(&a, &b, ([axis], [0])), Err(Error::Shapes { .. })));
    }
}
