use matmul::{Kernel, Listed};
use matmul_blas::Blas;
use matmul_peers::Peer;
use matmul_report::Dtype;
use matmul_simd::probe::Peak;

/// An element type that every kernel here can multiply: `f32` or `f64`.
pub(crate) trait Number: Listed + Peak + Peer {
    /// Its name in options, messages and reports.
    const DTYPE: Dtype;

    /// A BLAS as a kernel for this type.
    fn boxed(blas: Blas) -> Box<dyn Kernel<Self>>;
}

impl Number for f32 {
    const DTYPE: Dtype = Dtype::F32;

    fn boxed(blas: Blas) -> Box<dyn Kernel<Self>> {
        Box::new(blas)
    }
}

impl Number for f64 {
    const DTYPE: Dtype = Dtype::F64;

    fn boxed(blas: Blas) -> Box<dyn Kernel<Self>> {
        Box::new(blas)
    }
}
