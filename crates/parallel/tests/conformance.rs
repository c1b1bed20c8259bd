//! The loops on rayon's threads: certified at 1 to 8 threads, inside and outside pools.

use matmul_blocked::plan::Limits;
use matmul_blocked::{Blocked, Engine, Functions, Raw, panel, portable, portable_facts, run_f64};
use matmul_conformance::{Plan, check, check_same_bits};
use matmul_core::{
    BatchMut, BatchProblem, BatchRef, Fold, Kernel, MatMut, MatRef, Problem, Promise, Real, Sizes, Summation,
};
use matmul_parallel::{Parallel, Rayon};
use matmul_simd::{Isa, Simd};

fn with_threads<T: Real>(f: impl FnOnce(&[&dyn Kernel<T>])) {
    let kernels: Vec<Parallel> = (1..=8).map(Parallel::with_threads).collect();
    let kernels: Vec<&dyn Kernel<T>> = kernels.iter().map(|kernel| kernel as &dyn Kernel<T>).collect();
    assert!(kernels[0].availability() == matmul_core::Availability::Available);
    f(&kernels);
}

fn certify<T: Real>() {
    with_threads::<T>(|kernels| {
        for kernel in [kernels[1], kernels[4]] {
            check(kernel, &plan().with_family_limit(1 << 27)).assert_passed();
        }
        check_same_bits(kernels, &plan().with_family_limit(1 << 26)).assert_passed();
    });
}

#[test]
fn one_to_eight_threads_f32() {
    certify::<f32>();
}

#[test]
fn one_to_eight_threads_f64() {
    certify::<f64>();
}

/// Splits every product, however small, into pieces of any size: what `Parallel` keeps on one thread goes to the pool
/// too.
struct Eager<T: Real> {
    engine: Engine<T>,
    threads: usize,
}

impl<T: Real> Eager<T> {
    fn new(isa: Isa, threads: usize) -> Self {
        let engine = isa.engines().and_then(|engines| engines.of::<T>()).expect("an engine of this CPU");
        let limits = Limits {
            piece_work: 1,
            piece_work_outside: 1,
            piece_panels: 1,
            piece_panels_copied: 1,
            piece_chunks: 1,
            // Small blocks, so that small products have several.
            block_depth: 256,
            least_block: 32 << 10,
            most_block: 32 << 10,
            ..engine.facts().limits
        };
        Self { engine: engine.with_limits(limits), threads }
    }
}

impl<T: Real> Kernel<T> for Eager<T> {
    fn name(&self) -> &str {
        "eager"
    }
    fn promise(&self) -> Promise {
        Promise::SameBits
    }
    fn sizes(&self) -> Option<Sizes> {
        Some(self.engine.sizes())
    }
    fn threads(&self) -> usize {
        self.threads
    }
    fn run(&self, mut problem: Problem<'_, T>) {
        self.engine.gemm(&mut problem, Summation::Contract, &Rayon::of(self.threads));
    }
    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        self.engine.gemm_batch(batch, Summation::Contract, &Rayon::of(self.threads));
    }
}

#[test]
fn splitting_small_products_is_right_too() {
    // The best instruction set has every path to be split.
    let best = Isa::best().expect("MATMUL_MAX_ISA and MATMUL_REQUIRE can be satisfied");
    for threads in [2, 3, 8] {
        check(&Eager::<f32>::new(best, threads), &Plan::quick()).assert_passed();
        check(&Eager::<f64>::new(best, threads), &Plan::quick()).assert_passed();
    }
}

/// `b.count()` products of 70 x 60 by 60 x 50, by a batch call or one at a time.
fn batch(kernel: &dyn Kernel<f32>, b: BatchRef<'_, f32>, at_once: bool) -> Vec<f32> {
    let (count, m, (k, n)) = (b.count(), 70, b.shape());
    let a: Vec<f32> = (0..count * m * k).map(|x| (x % 101) as f32 / 7.0 - 5.0).collect();
    let a = BatchRef::from_row_major(&a, count, m, k).unwrap();
    let mut c: Vec<f32> = (0..count * m * n).map(|x| x as f32 / 3.0).collect();
    let mut out = BatchMut::from_row_major(&mut c, count, m, n).unwrap();
    if at_once {
        kernel.gemm_batch(0.7, a, b, 0.3, out).unwrap();
    } else {
        for l in 0..count {
            kernel.gemm(0.7, a.get(l).unwrap(), b.get(l).unwrap(), 0.3, out.get_mut(l).unwrap()).unwrap();
        }
    }
    c
}

#[test]
fn batches_have_the_bits_of_their_products() {
    let b: Vec<f32> = (0..20 * 60 * 50).map(|x| (x % 89) as f32 / 11.0 - 4.0).collect();
    let shared = MatRef::from_row_major(&b[..60 * 50], 60, 50).unwrap();
    // 20 products for up to 8 threads, and 5, of which each is cut for 8.
    let few = BatchRef::from_row_major(&b[..5 * 60 * 50], 5, 60, 50).unwrap();
    for b in [BatchRef::from_row_major(&b, 20, 60, 50).unwrap(), few, BatchRef::shared(shared, 20)] {
        let want = batch(&Blocked::new(), b, false);
        assert_eq!(batch(&Blocked::new(), b, true), want);
        with_threads::<f32>(|kernels| {
            for kernel in kernels {
                assert_eq!(batch(*kernel, b, true), want, "{} threads", kernel.threads());
            }
        });
    }
}

/// 200 x 200 x 200, enough for several threads.
fn product(kernel: &dyn Kernel<f64>) -> Vec<f64> {
    let a: Vec<f64> = (0..200 * 200).map(|x| (x % 17) as f64 - 8.0).collect();
    let mut c = vec![f64::NAN; 200 * 200];
    let view = MatRef::from_row_major(&a, 200, 200).unwrap();
    kernel.gemm(1.0, view, view.t(), 0.0, MatMut::from_row_major(&mut c, 200, 200).unwrap()).unwrap();
    c
}

#[test]
fn works_in_any_pool_and_nested() {
    let kernel = Parallel::with_threads(4);
    let want = product(&Blocked::new());
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            assert_eq!(Kernel::<f64>::threads(&Parallel::new()), threads);
            assert_eq!(product(&kernel), want);
            // A product in each of several tasks: a waiting thread may steal another product's piece.
            rayon::scope(|scope| {
                for _ in 0..6 {
                    scope.spawn(|_| assert_eq!(product(&kernel), want));
                }
            });
        });
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(product(&kernel), want));
        }
    });
}

/// A tile that panics.
unsafe fn broken(_: &Raw<f64>, _: Fold<f64>) {
    panic!("broken tile");
}

struct Broken(Engine<f64>);

impl Kernel<f64> for Broken {
    fn name(&self) -> &str {
        "broken"
    }
    fn run(&self, mut problem: Problem<'_, f64>) {
        self.0.gemm(&mut problem, Summation::Contract, &Rayon::of(4));
    }
}

#[test]
fn a_panic_reaches_the_caller_and_leaves_the_pool_usable() {
    let functions = Functions::of_tile(broken, panel::<f64>, run_f64);
    let facts = matmul_blocked::plan::Facts { rows: 0, ..portable_facts::<f64>() };
    // SAFETY: the tile touches nothing, and there are no other paths.
    let broken = Broken(unsafe { Engine::new(facts, functions) });
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| product(&broken)));
    assert!(result.is_err());
    assert_eq!(product(&Parallel::with_threads(4)), product(&Blocked::new()));
}

/// A product of the portable engines on threads has the bits of one thread.
#[test]
fn any_engine_takes_threads() {
    assert_eq!(portable().f64.facts().isa, "portable");
    let kernel = Parallel::of(Simd::with_isa(Isa::Portable), Rayon::of(3));
    assert_eq!(product(&kernel), product(&Blocked::new()));
}

/// Standard, or what an emulated run asks for.
fn plan() -> Plan {
    Plan::from_env().expect("MATMUL_CONFORMANCE_PLAN names a plan")
}
