//! An engine of one path whose tile's sides divide nothing, in blocks so small that every loop turns several times.

use matmul_blocked::plan::{Facts, Limits};
use matmul_blocked::{Engine, Functions, Raw, Work, panel, run_f32, run_f64};
use matmul_conformance::check;
use matmul_core::{Fold, Kernel, MatMut, MatRef, Problem, Real, Summation};

/// One tile and chunk, element by element.
unsafe fn tile<T: Real>(t: &Raw<T>, fold: Fold<T>) {
    for i in 0..t.m as isize {
        for j in 0..t.n as isize {
            // SAFETY: the elements lie in A, B and C; rows of B and C are contiguous.
            unsafe {
                let a = |p: isize| *t.a.offset(i * t.a_rs + p * t.a_cs);
                let b = |p: isize| *t.b.offset(p * t.b_rs + j);
                let sum = (0..t.k as isize).fold(T::ZERO, |sum, p| a(p).mul_add(b(p), sum));
                let c = t.c.offset(i * t.c_rs + j);
                *c = fold.apply(t.alpha, sum, || *c);
            }
        }
    }
}

type Run<T> = fn(&Engine<T>, Work<'_, '_, T>, Summation, &dyn matmul_blocked::Join);

fn odd<T: Real>(run: Run<T>, (kc, nc): (usize, usize)) -> Engine<T> {
    let size = size_of::<T>();
    let block = kc.saturating_mul(nc).saturating_mul(size);
    let limits = Limits { block_depth: kc, least_block: block, most_block: block, ..Limits::AVX2 };
    let facts = Facts {
        isa: "odd",
        dtype: T::NAME,
        size,
        lanes: 1,
        across: 1,
        mr: 3,
        vectors: 5,
        narrow: 3,
        wide: 0,
        rows: 0,
        strips: &[],
        limits,
    };
    let functions = Functions::of_tile(tile::<T>, panel::<T>, run);
    // SAFETY: a tile of 3 x 5 and nothing else, for any CPU.
    unsafe { Engine::new(facts, functions) }
}

#[test]
fn loops_with_odd_tiles_and_tiny_blocks() {
    let plan = super::plan().with_family_limit(1 << 26);
    check(&odd::<f32>(run_f32, (512, 15)), &plan).assert_passed();
    check(&odd::<f64>(run_f64, (512, 15)), &plan).assert_passed();
}

/// Blocks that fit neither tiles nor chunks are rounded: the same bits, and no panel outside its buffer.
#[test]
fn any_block_sizes_give_the_same_bits() {
    // Miri takes microseconds for each multiply-add.
    let (m, k, n) = if cfg!(miri) { (7, 300, 17) } else { (80, 700, 37) };
    let a: Vec<f32> = (0..m * k).map(|x| (x % 13) as f32 / 7.0 - 0.9).collect();
    let b: Vec<f32> = (0..k * n).map(|x| (x % 11) as f32 / 3.0 - 1.7).collect();
    let product = |blocks| {
        let mut c = vec![f32::NAN; m * n];
        let view = MatMut::from_row_major(&mut c, m, n).unwrap();
        let (a, b) = (MatRef::from_row_major(&a, m, k).unwrap(), MatRef::from_row_major(&b, k, n).unwrap());
        let problem = Problem::new(1.0, a, b, 0.0, view).unwrap().unwrap();
        Kernel::run(&odd::<f32>(run_f32, blocks), problem);
        c
    };
    let want = product((512, 15));
    for blocks in [(0, 0), (1, 1), (300, 7), (257, 13), (1 << 20, 1 << 10)] {
        assert_eq!(product(blocks), want, "KC and NC {blocks:?}");
    }
}
