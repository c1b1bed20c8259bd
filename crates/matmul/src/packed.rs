use matmul_blocked::{Engine, Epilogue, Join, PackedProblem};
use matmul_core::{Availability, Element, Error, MatMut, MatRef};

use crate::engines;

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
pub struct PackedB<T: Element> {
    panels: matmul_blocked::PackedB<T>,
    engine: &'static Engine<T>,
}

impl<T: Element> PackedB<T> {
    /// Packs B, k × n, for the tiles of this CPU: k · n elements, n rounded up to whole tiles.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if `MATMUL_MAX_ISA` or `MATMUL_REQUIRE` cannot be satisfied; [`Error::TooLarge`] if there is
    /// no memory for them.
    pub fn new(b: MatRef<'_, T>) -> Result<Self, Error> {
        let kernel = crate::best::<T>();
        if let Availability::Unavailable { needs } = kernel.availability() {
            return Err(Error::Unavailable { kernel: kernel.name().into(), needs });
        }
        let engine = engines().and_then(|engines| engines.of()).expect("an available kernel has an engine");
        Ok(Self { panels: engine.pack(b)?, engine })
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
    pub fn gemm<E: Epilogue<T::Out>>(
        &self,
        alpha: T::Out,
        a: MatRef<'_, T>,
        beta: T::Out,
        c: MatMut<'_, T::Out>,
        epilogue: E,
    ) -> Result<(), Error> {
        if let Some(problem) = PackedProblem::new((alpha, a, &self.panels), (beta, c), &epilogue)? {
            self.engine.gemm_packed(problem, join());
        }
        Ok(())
    }
}

/// The threads of the facade.
fn join() -> &'static dyn Join {
    #[cfg(feature = "parallel")]
    {
        static RAYON: crate::Rayon = crate::Rayon::current();
        &RAYON
    }
    #[cfg(not(feature = "parallel"))]
    &matmul_blocked::Serial
}
