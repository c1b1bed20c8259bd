use matmul_blocked::{Engine, Epilogue, PackedProblem};
use matmul_core::{AsMat, AsMatMut, Element, Error, MatMut, MatRef};

use crate::gemm::{Gemm, Threads};

/// A right factor that is packed once and used for many products, as the weights of a layer are.
///
/// ```
/// use matmul::{Bias, PackedB};
///
/// // A layer of two units on three inputs, with bias and ReLU fused into the product.
/// let weights = PackedB::new([[1.0f32, -1.0], [2.0, 0.0], [0.5, 1.0]])?;
/// let mut y = [[f32::NAN; 2]];
/// let layer = Bias { bias: &[0.5, -4.0], relu: true };
/// weights.gemm(1.0, [[1.0, 2.0, 4.0]], 0.0, &mut y, layer)?;
/// assert_eq!(y, [[7.5, 0.0]]);
/// # Ok::<(), matmul::Error>(())
/// ```
#[derive(Debug)]
pub struct PackedB<T: Element> {
    panels: matmul_blocked::PackedB<T>,
    engine: &'static Engine<T>,
    threads: Threads,
}

impl<T: Element> PackedB<T> {
    /// Packs B, k × n, for the tiles of this CPU: k · n elements, n rounded up to whole tiles. [`Gemm::pack_b`] does so for
    /// a number of threads or a kernel.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if there is no memory for them; [`Error::Unavailable`] if `MATMUL_MAX_ISA` or `MATMUL_REQUIRE`
    /// cannot be satisfied, or `MATMUL_KERNEL` names a kernel that does not pack; [`Error::UnknownKernel`] if it names none.
    pub fn new(b: impl AsMat<Elem = T>) -> Result<Self, Error> {
        Gemm::new().pack_b(b)
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
    /// [`Error::Shape`] unless A is m × k and C m × n; what the epilogue says of C's shape. C is unchanged then.
    pub fn gemm<E: Epilogue<T::Out>>(
        &self,
        alpha: T::Out,
        a: impl AsMat<Elem = T>,
        beta: T::Out,
        mut c: impl AsMatMut<Elem = T::Out>,
        epilogue: E,
    ) -> Result<(), Error> {
        self.multiply(alpha, a.as_mat(), beta, c.as_mat_mut()?, &epilogue)
    }

    fn multiply(
        &self,
        alpha: T::Out,
        a: MatRef<'_, T>,
        beta: T::Out,
        c: MatMut<'_, T::Out>,
        epilogue: &dyn Epilogue<T::Out>,
    ) -> Result<(), Error> {
        if let Some(problem) = PackedProblem::new((alpha, a, &self.panels), (beta, c), epilogue)? {
            self.engine.gemm_packed(problem, &self.threads);
        }
        Ok(())
    }
}

/// A left factor that is packed once and used for many products.
///
/// ```
/// use matmul::{Identity, PackedA};
///
/// let rotation = PackedA::new([[0.0, -1.0], [1.0, 0.0]])?;
/// let mut c = [[0.0; 3]; 2];
/// rotation.gemm(1.0, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 0.0, &mut c, Identity)?;
/// assert_eq!(c, [[-4.0, -5.0, -6.0], [1.0, 2.0, 3.0]]);
/// # Ok::<(), matmul::Error>(())
/// ```
#[derive(Debug)]
pub struct PackedA<T: Element> {
    /// Cᵀ is Bᵀ·Aᵀ, with the same bits: products commute, and each sum has the order of k.
    transposed: PackedB<T>,
}

impl<T: Element> PackedA<T> {
    /// Packs A, m × k, for the tiles of this CPU: m · k elements, m rounded up to whole tiles. [`Gemm::pack_a`] does so for
    /// a number of threads or a kernel.
    ///
    /// # Errors
    /// As [`PackedB::new`].
    pub fn new(a: impl AsMat<Elem = T>) -> Result<Self, Error> {
        Gemm::new().pack_a(a)
    }

    /// Rows of A.
    pub fn nrows(&self) -> usize {
        self.transposed.ncols()
    }

    /// Columns of A.
    pub fn ncols(&self) -> usize {
        self.transposed.nrows()
    }

    /// C ← epilogue(α·A·B + β·C), with the bits of [`gemm`](crate::gemm). [`Identity`](crate::Identity) is no
    /// epilogue; any other is applied to every element, also where α or k is 0.
    ///
    /// Columns of C should be contiguous; otherwise each tile takes a detour.
    ///
    /// # Errors
    /// [`Error::Shape`] unless B is k × n and C m × n; what the epilogue says of C's shape. C is unchanged then.
    pub fn gemm<E: Epilogue<T::Out>>(
        &self,
        alpha: T::Out,
        b: impl AsMat<Elem = T>,
        beta: T::Out,
        mut c: impl AsMatMut<Elem = T::Out>,
        epilogue: E,
    ) -> Result<(), Error> {
        let (b, c) = (b.as_mat(), c.as_mat_mut()?);
        if b.nrows() != self.ncols() || c.shape() != (self.nrows(), b.ncols()) {
            let a = (self.nrows(), self.ncols());
            return Err(Error::Shape { a, b: b.shape(), c: c.shape() });
        }
        self.transposed.multiply(alpha, b.t(), beta, c.t(), &Transposed(epilogue))
    }
}

/// An epilogue of C for Cᵀ.
struct Transposed<E>(E);

impl<T, E: Epilogue<T>> Epilogue<T> for Transposed<E> {
    fn apply(&self, i: usize, j: usize, row: &mut [T]) {
        for (j, c) in (j..).zip(row) {
            self.0.apply(j, i, core::slice::from_mut(c));
        }
    }

    fn check(&self, (nrows, ncols): (usize, usize)) -> Result<(), Error> {
        self.0.check((ncols, nrows))
    }

    fn is_identity(&self) -> bool {
        self.0.is_identity()
    }
}

impl<E> Gemm<E> {
    /// B packed once for many products, on these threads and by this kernel's engine; the epilogue and the order of
    /// summation are not used.
    ///
    /// # Errors
    /// As [`PackedB::new`], and what [`Gemm::kernel`] and [`Gemm::threads`] say.
    pub fn pack_b<T: Element>(&self, b: impl AsMat<Elem = T>) -> Result<PackedB<T>, Error> {
        let (engine, threads) = self.engine()?;
        Ok(PackedB { panels: engine.pack(b.as_mat())?, engine, threads })
    }

    /// A packed once for many products, on these threads and by this kernel's engine; the epilogue and the order of
    /// summation are not used.
    ///
    /// # Errors
    /// As [`PackedA::new`], and what [`Gemm::kernel`] and [`Gemm::threads`] say.
    pub fn pack_a<T: Element>(&self, a: impl AsMat<Elem = T>) -> Result<PackedA<T>, Error> {
        Ok(PackedA { transposed: self.pack_b(a.as_mat().t())? })
    }
}
