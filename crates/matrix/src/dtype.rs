use matmul::{Kernel, Listed};
use matmul_blas::Blas;
use matmul_peers::Peer;
use matmul_simd::probe::Peak;

/// An element type that every kernel here can multiply: `f32` or `f64`.
pub(crate) trait Dtype: Listed + Peak + Peer {
    /// A BLAS as a kernel for this type.
    fn boxed(blas: Blas) -> Box<dyn Kernel<Self>>;
}

impl Dtype for f32 {
    fn boxed(blas: Blas) -> Box<dyn Kernel<Self>> {
        Box::new(blas)
    }
}

impl Dtype for f64 {
    fn boxed(blas: Blas) -> Box<dyn Kernel<Self>> {
        Box::new(blas)
    }
}
