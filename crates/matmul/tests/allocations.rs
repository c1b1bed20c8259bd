//! A warm call allocates nothing: packing uses buffers that stay with their threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use matmul::{BatchMut, BatchRef, Gemm, Identity, MatMut, MatRef, PackedA, PackedB, Relu};

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a call, by any thread of the process.
fn allocations(mut call: impl FnMut()) -> usize {
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    call();
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

/// One test, so that no other runs beside it and is counted.
#[test]
fn warm_calls_allocate_nothing() {
    // A tile, small, thin both ways, packed with rows 4 KiB apart, and for several threads.
    for (m, n, k) in
        [(4, 4, 4), (33, 33, 33), (300, 10, 784), (3, 700, 300), (130, 1024, 1024), (400, 410, 420)]
    {
        let (a, b, mut c) = (vec![1.0f32; m * k], vec![2.0; k * n], vec![0.0; m * n]);
        let a = MatRef::from_row_major(&a, m, k).unwrap();
        // Both layouts of B: row-contiguous is often read in place, column-contiguous is packed.
        for b in [MatRef::from_row_major(&b, k, n).unwrap(), MatRef::from_col_major(&b, k, n).unwrap()] {
            let packed = PackedB::new(b).unwrap();
            let packed_a = PackedA::new(a).unwrap();
            let layer = Gemm::new().kernel("simd").threads(0).epilogue(Relu);
            let mut run = || {
                let c_view = MatMut::from_row_major(&mut c, m, n).unwrap();
                matmul::gemm(1.0, a, b, 0.0, c_view).unwrap();
                let c_view = MatMut::from_row_major(&mut c, m, n).unwrap();
                packed.gemm(1.0, a, 0.0, c_view, Identity).unwrap();
                packed_a.gemm(1.0, b, 0.0, MatMut::from_col_major(&mut c, m, n).unwrap(), Relu).unwrap();
                layer.gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, m, n).unwrap()).unwrap();
                let (a, b) = (BatchRef::shared(a, 1), BatchRef::shared(b, 1));
                matmul::gemm_batch(1.0, a, b, 0.0, BatchMut::from_row_major(&mut c, 1, m, n).unwrap())
                    .unwrap();
            };
            // Whichever threads of the pool take the pieces, each allocates its buffers once, so among so many calls
            // one more allocates nothing; a call that allocated each time never would.
            let fewest = (0..20).map(|_| allocations(&mut run)).min();
            assert_eq!(fewest, Some(0), "{m}x{n}x{k}");
            // On one thread the second call is warm.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let warm = pool.install(|| {
                run();
                allocations(&mut run)
            });
            assert_eq!(warm, 0, "{m}x{n}x{k} on one thread");
        }
    }
}
