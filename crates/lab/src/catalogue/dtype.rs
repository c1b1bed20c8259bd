use matmul::Real;
use matmul_report::Dtype;

/// The name of an element type in options, messages and reports.
pub(crate) fn dtype<T: Real>() -> Dtype {
    T::NAME.parse().expect("reports know every type that kernels here multiply")
}
