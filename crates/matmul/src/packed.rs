use matmul_blocked::{Blocking, Epilogue, MicroKernel};
use matmul_core::{Availability, Error, MatMut, MatRef, Scalar};
use matmul_simd::{Element, Isa, Visitor};

use crate::chosen;

/// A right factor that is packed once and used for many products, as the weights of a layer are.
///
/// ```
/// use matmul::{Bias, MatMut, MatRef, PackedB};
///
/// // A layer of two units on three inputs, with bias and ReLU fused into the product.
/// let weights = PackedB::new(MatRef::from_row_major(&[1.0f32, -1.0, 2.0, 0.0, 0.5, 1.0], 3, 2)?)?;
/// let x = [1.0, 2.0, 4.0];
/// let mut y = [f32::NAN; 2];
/// let layer = Bias { bias: &[0.5, -4.0], relu: true };
/// weights.gemm(1.0, MatRef::from_row_major(&x, 1, 3)?, 0.0, MatMut::from_row_major(&mut y, 1, 2)?, layer)?;
/// assert_eq!(y, [7.5, 0.0]);
/// # Ok::<(), matmul::Error>(())
/// ```
#[derive(Debug)]
pub struct PackedB<T> {
    panels: matmul_blocked::PackedB<T>,
    isa: Isa,
}

struct Pack<'a, T>(MatRef<'a, T>);

impl<T: Scalar> Visitor<T> for Pack<'_, T> {
    type Output = matmul_blocked::PackedB<T>;
    fn visit<U: MicroKernel<T>>(self, kernel: U) -> Self::Output {
        matmul_blocked::PackedB::new(kernel, self.0)
    }
}

struct Gemm<'a, T, E> {
    alpha: T,
    a: MatRef<'a, T>,
    b: &'a matmul_blocked::PackedB<T>,
    beta: T,
    c: MatMut<'a, T>,
    epilogue: E,
}

impl<T: Scalar, E: Epilogue<T>> Visitor<T> for Gemm<'_, T, E> {
    type Output = Result<(), Error>;
    fn visit<U: MicroKernel<T>>(self, kernel: U) -> Self::Output {
        let (blocking, ab) = (Blocking::of::<T, U>(), (self.alpha, self.a, self.b.as_ref()));
        #[cfg(feature = "parallel")]
        return matmul_parallel::gemm_packed(
            kernel,
            rayon::current_num_threads,
            blocking,
            ab,
            (self.beta, self.c),
            self.epilogue,
        );
        #[cfg(not(feature = "parallel"))]
        return matmul_blocked::gemm_packed(kernel, blocking, ab, (self.beta, self.c), self.epilogue);
    }
}

impl<T: Element> PackedB<T> {
    /// Packs B, k × n, for the tiles of this CPU: k · n elements, n rounded up to whole tiles.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if `MATMUL_MAX_ISA` or `MATMUL_REQUIRE` cannot be satisfied.
    ///
    /// # Panics
    /// If they do not fit in memory.
    pub fn new(b: MatRef<'_, T>) -> Result<Self, Error> {
        let kernel = crate::best::<T>();
        if let Availability::Unavailable { needs } = kernel.availability() {
            return Err(Error::Unavailable { kernel: kernel.name().into(), needs });
        }
        let isa = chosen().isa().unwrap_or(Isa::Portable);
        let panels = T::with_isa(isa, Pack(b)).expect("the chosen instruction set is available");
        Ok(Self { panels, isa })
    }

    /// Rows of B.
    pub fn nrows(&self) -> usize {
        self.panels.nrows()
    }

    /// Columns of B.
    pub fn ncols(&self) -> usize {
        self.panels.ncols()
    }

    /// C ← epilogue(α·A·B + β·C), with the bits of [`gemm`](crate::gemm). [`Identity`](crate::Identity) is no
    /// epilogue; any other is applied to every element, also where α or k is 0.
    ///
    /// Rows of C should be contiguous; otherwise each tile takes a detour.
    ///
    /// # Errors
    /// [`Error::Shape`] unless A is m × k and C m × n. C is unchanged then.
    pub fn gemm<E: Epilogue<T>>(
        &self,
        alpha: T,
        a: MatRef<'_, T>,
        beta: T,
        c: MatMut<'_, T>,
        epilogue: E,
    ) -> Result<(), Error> {
        let gemm = Gemm { alpha, a, b: &self.panels, beta, c, epilogue };
        T::with_isa(self.isa, gemm).expect("the instruction set that it was packed for is available")
    }
}
