//! What an engine is given to do, and the threads that it may do it on.

use matmul_core::{BatchProblem, Element, Problem};

use crate::epilogue::Epilogue;
use crate::memory::panels::PackedProblem;

/// Something to compute.
pub enum Work<'w, 'a, T: Element> {
    /// One product. By reference: views that are moved from function to function right after they were made wait for
    /// the stores of their parts.
    One(&'w mut Problem<'a, T>),
    /// One product, and then its epilogue.
    Finished(&'w mut Problem<'a, T>, &'w dyn Epilogue<T::Out>),
    /// A batch of products of one shape.
    Many(BatchProblem<'a, T>),
    /// A product with a B that was packed before.
    Packed(PackedProblem<'a, T>),
}

/// A pool of threads, as far as a product needs one.
pub trait Join: Sync {
    /// How many threads there are. Asked only where a product is large enough for two, since it may start a pool.
    fn threads(&self) -> usize;

    /// Whether the caller is none of these threads, so that they have to be woken, which takes longer than to hand work on
    /// among them.
    fn outside(&self) -> bool {
        false
    }

    /// Runs both, perhaps at the same time, and returns when both are done. A panic in one of them is passed on, after
    /// both ended.
    fn join(&self, a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send));
}

/// The calling thread alone.
///
/// ```
/// use matmul_blocked::{Join, Serial};
///
/// let (mut first, mut second) = (0, 0);
/// Serial.join(&mut || first = 1, &mut || second = 2);
/// assert_eq!((first, second, Serial.threads()), (1, 2, 1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Serial;

impl Join for Serial {
    fn threads(&self) -> usize {
        1
    }

    fn join(&self, a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send)) {
        a();
        b();
    }
}
