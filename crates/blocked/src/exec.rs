/// Who runs the independent pieces of a product.
///
/// # Safety
/// [`Executor::for_each`] calls its task exactly once for each index. Loops rely on it when they hand each piece
/// of C or of a packed block to one index alone.
pub unsafe trait Executor: Sync {
    /// How many pieces can run at the same time.
    fn threads(&self) -> usize;

    /// Calls `task(0)`, …, `task(tasks - 1)`, each exactly once, in any order and perhaps at the same time, and
    /// returns when all are done.
    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// Everything on the calling thread, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serial;

// SAFETY: the loop calls each index exactly once.
unsafe impl Executor for Serial {
    fn threads(&self) -> usize {
        1
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        for index in 0..tasks {
            task(index);
        }
    }
}
