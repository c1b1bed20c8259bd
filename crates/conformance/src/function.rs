use matmul_core::{Kernel, Problem, Real};

/// A function as a kernel; see [`from_fn`].
#[derive(Clone, Debug)]
pub struct FromFn<F> {
    name: String,
    run: F,
}

/// A function of a checked [`Problem`] as a kernel that promises the error bound: the shortest way to [`check`] one's
/// own multiplication.
///
/// [`check`]: crate::check
pub fn from_fn<T: Real, F: Fn(Problem<'_, T>) + Send + Sync>(name: &str, run: F) -> FromFn<F> {
    FromFn { name: name.into(), run }
}

impl<T: Real, F: Fn(Problem<'_, T>) + Send + Sync> Kernel<T> for FromFn<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, problem: Problem<'_, T>) {
        (self.run)(problem);
    }
}
