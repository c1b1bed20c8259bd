//! The portable kernel and the loops around it, certified.

use matmul_blocked::{Blocked, Blocking, MicroKernel, gemm};
use matmul_conformance::{Plan, check, check_same_bits};
use matmul_core::{Fold, Kernel, MatMut, MatRef, Problem, Promise, Scalar, TileShape};

#[test]
fn portable_f32() {
    check::<f32>(&Blocked::new(), &plan()).assert_passed();
}

#[test]
fn portable_f64() {
    check::<f64>(&Blocked::new(), &plan()).assert_passed();
}

/// The build for any CPU of the target, where a fused multiply-add may be a call of the C library.
#[test]
fn baseline_has_the_same_bits() {
    let plan = Plan::quick();
    check_same_bits::<f32>(&[&Blocked::new(), &Blocked::baseline()], &plan).assert_passed();
    check_same_bits::<f64>(&[&Blocked::new(), &Blocked::baseline()], &plan).assert_passed();
}

/// A tile whose sides divide nothing, in blocks so small that every loop turns several times.
#[derive(Clone, Copy)]
struct Odd;

const ODD_BLOCKS: Blocking = Blocking { nc: 15, kc: 512 };

impl<T: Scalar> MicroKernel<T> for Odd {
    const MR: usize = 3;
    const NR: usize = 5;

    fn run(self, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, fold: Fold<T>, mut c: MatMut<'_, T>) {
        for i in 0..c.nrows() {
            for j in 0..c.ncols() {
                let sum = (0..a.ncols()).fold(T::ZERO, |sum, p| a.at(i, p).mul_add(b.at(p, j), sum));
                let new = fold.apply(alpha, sum, || c.at(i, j));
                c.set(i, j, new);
            }
        }
    }
}

impl<T: Scalar> Kernel<T> for Odd {
    fn name(&self) -> &str {
        "odd"
    }
    fn promise(&self) -> Promise {
        Promise::SameBits
    }
    fn tile_shape(&self) -> Option<TileShape> {
        let Blocking { nc, kc } = ODD_BLOCKS;
        Some(TileShape { mr: 3, nr: 5, mc: 3, kc, nc })
    }
    fn run(&self, problem: Problem<'_, T>) {
        gemm(*self, ODD_BLOCKS, problem);
    }
}

#[test]
fn loops_with_odd_tiles_and_tiny_blocks() {
    let plan = plan().with_family_limit(1 << 26);
    check::<f32>(&Odd, &plan).assert_passed();
    check::<f64>(&Odd, &plan).assert_passed();
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
        gemm(Odd, blocks, Problem::new(1.0, a, b, 0.0, view).unwrap().unwrap());
        c
    };
    let want = product(ODD_BLOCKS);
    for (nc, kc) in [(0, 0), (1, 1), (7, 300), (13, 257), (usize::MAX, usize::MAX)] {
        assert_eq!(product(Blocking { nc, kc }), want, "nc {nc}, kc {kc}");
    }
}

/// Standard, or what an emulated run asks for.
fn plan() -> Plan {
    Plan::from_env().expect("MATMUL_CONFORMANCE_PLAN names a plan")
}
