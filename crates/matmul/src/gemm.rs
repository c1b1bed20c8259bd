use matmul_blocked::{Engine, Engines, Epilogue, Identity, Join, Serial, finish};
use matmul_core::{
    AsMat, AsMatMut, Availability, BatchMut, BatchProblem, BatchRef, Element, Error, Kernel, MatMut, MatRef,
    Matrix, Problem, Promise, Sizes, Summation,
};

use crate::choice::Choice;
use crate::trace::{self, Key};

/// The threads that a product may use.
#[cfg(feature = "parallel")]
pub(crate) type Threads = matmul_parallel::Rayon;
#[cfg(not(feature = "parallel"))]
pub(crate) type Threads = Serial;

/// How to multiply: on how many threads, by which kernel, in which order of summation, with what done to C at the end.
/// Unless it is told otherwise it does what [`matmul`](crate::matmul) and [`gemm`](crate::gemm) do.
///
/// ```
/// use matmul::{Bias, Gemm, Summation};
///
/// let (a, b) = ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, -1.0]]);
/// let one_thread = Gemm::new().threads(1);
/// assert_eq!(one_thread.matmul(a, b)?.as_slice(), [1.0, -2.0, 3.0, -4.0]);
///
/// let layer = Gemm::new().epilogue(Bias { bias: &[0.5, 1.0], relu: true });
/// assert_eq!(layer.matmul(a, b)?.as_slice(), [1.5, 0.0, 3.5, 0.0]);
///
/// let named = Gemm::new().threads(4).summation(Summation::Fast).kernel("blocked");
/// let mut c = [[1.0; 2]; 2];
/// named.gemm(2.0, a, b, 1.0, &mut c)?;
/// assert_eq!(c, [[3.0, -3.0], [7.0, -7.0]]);
/// # Ok::<(), matmul::Error>(())
/// ```
///
/// It is a [`Kernel`](crate::kernel::Kernel), for functions that take one.
#[derive(Clone, Debug)]
pub struct Gemm<E = Identity> {
    kernel: Option<Result<Choice, Error>>,
    threads: Option<usize>,
    summation: Summation,
    epilogue: E,
}

impl Gemm {
    /// The kernel that `MATMUL_KERNEL` names, else the best here; large products on rayon's threads.
    pub const fn new() -> Self {
        Self { kernel: None, threads: None, summation: Summation::Contract, epilogue: Identity }
    }
}

impl Default for Gemm {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Gemm<E> {
    /// On up to so many threads of the current rayon pool, the calling one among them: 1 starts no pool and uses none, 0 is
    /// as many as the pool has. The result has the same bits.
    ///
    /// Unless it is called, `simd`, `simd-*` and `blocked` use the calling thread, and `parallel` as many as the pool has.
    /// A kernel that cannot be told, and more than one thread without the feature `parallel`, is an
    /// [`Error::Unavailable`] of the product.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// In which order terms are added; unless it is called that of the numeric contract.
    ///
    /// Kernels that do not promise the contract's bits have an order of their own in either case.
    pub fn summation(self, summation: Summation) -> Self {
        Self { summation, ..self }
    }

    /// By the kernel of this name, one of [`kernel::names`](crate::kernel::names), whatever `MATMUL_KERNEL` says. Names are not
    /// case-sensitive.
    ///
    /// ```
    /// use matmul::{Error, Gemm};
    ///
    /// let error = Gemm::new().kernel("blokced").matmul([[1.0]], [[2.0]]).unwrap_err();
    /// assert!(matches!(error, Error::UnknownKernel { nearest: Some("blocked"), .. }), "{error}");
    /// ```
    ///
    /// A name that there is not is an [`Error::UnknownKernel`] of the product, and one that this machine or build cannot run
    /// an [`Error::Unavailable`].
    pub fn kernel(self, name: &str) -> Self {
        Self { kernel: Some(Choice::named(name, None)), ..self }
    }

    /// With this done to each element of C when its sum is complete. One that was given before is replaced.
    ///
    /// ```
    /// use matmul::{Clamp, Gemm, Relu};
    ///
    /// let (a, b) = ([[1.0f32, -3.0]], [[2.0], [4.0]]);
    /// assert_eq!(Gemm::new().epilogue(Relu).matmul(a, b)?[(0, 0)], 0.0);
    /// assert_eq!(Gemm::new().epilogue(Clamp { min: -1.0, max: 1.0 }).matmul(a, b)?[(0, 0)], -1.0);
    /// let square = |_row: usize, _column: usize, c: f32| c * c;
    /// assert_eq!(Gemm::new().epilogue(square).matmul(a, b)?[(0, 0)], 100.0);
    /// # Ok::<(), matmul::Error>(())
    /// ```
    pub fn epilogue<F>(self, epilogue: F) -> Gemm<F> {
        let Self { kernel, threads, summation, .. } = self;
        Gemm { kernel, threads, summation, epilogue }
    }

    /// A·B as a new row-major matrix.
    ///
    /// # Errors
    /// As [`matmul`](crate::matmul), and what [`Gemm::kernel`], [`Gemm::threads`] and the epilogue say.
    #[inline]
    pub fn matmul<T: Element>(
        &self,
        a: impl AsMat<Elem = T>,
        b: impl AsMat<Elem = T>,
    ) -> Result<Matrix<T::Out>, Error>
    where
        E: Epilogue<T::Out>,
    {
        let (a, b) = (a.as_mat(), b.as_mat());
        if a.ncols() != b.nrows() {
            return Err(Error::Shape { a: a.shape(), b: b.shape(), c: (a.nrows(), b.ncols()) });
        }
        let mut c = Matrix::try_zeros(a.nrows(), b.ncols())?;
        self.gemm(T::Out::ONE, a, b, T::Out::ZERO, c.as_mut())?;
        Ok(c)
    }

    /// C ← epilogue(α·A·B + β·C) for any strides. α = 0 reads neither A nor B, β = 0 does not read C.
    ///
    /// # Errors
    /// As [`gemm`](crate::gemm), and what [`Gemm::kernel`], [`Gemm::threads`] and the epilogue say. C is unchanged then.
    #[inline]
    pub fn gemm<T: Element>(
        &self,
        alpha: T::Out,
        a: impl AsMat<Elem = T>,
        b: impl AsMat<Elem = T>,
        beta: T::Out,
        mut c: impl AsMatMut<Elem = T::Out>,
    ) -> Result<(), Error>
    where
        E: Epilogue<T::Out>,
    {
        self.multiply(alpha, a.as_mat(), b.as_mat(), beta, c.as_mat_mut()?)
    }

    /// C ← epilogue(α·A·B + β·C) for each product of a batch. With an epilogue, whose rows and columns are those of one matrix,
    /// products are computed one after the other.
    ///
    /// # Errors
    /// As [`gemm_batch`](crate::gemm_batch), and what [`Gemm::kernel`], [`Gemm::threads`] and the epilogue say. C is unchanged
    /// then.
    pub fn gemm_batch<T: Element>(
        &self,
        alpha: T::Out,
        a: BatchRef<'_, T>,
        b: BatchRef<'_, T>,
        beta: T::Out,
        mut c: BatchMut<'_, T::Out>,
    ) -> Result<(), Error>
    where
        E: Epilogue<T::Out>,
    {
        let way = self.way::<T>()?;
        if self.epilogue.is_identity() {
            if let Some(batch) = BatchProblem::new(alpha, a, b, beta, c)? {
                way.run_batch(batch, self.summation);
            }
            return Ok(());
        }
        let (nrows, ncols) = c.shape();
        self.epilogue.check((nrows, ncols))?;
        match BatchProblem::new(alpha, a, b, beta, c.reborrow())? {
            Some(batch) => {
                batch.for_each(|problem| way.run_finished(problem, self.summation, &self.epilogue))
            }
            None if nrows == 0 || ncols == 0 => {}
            None => (0..c.count()).for_each(|i| {
                if let Some(c) = c.get_mut(i) {
                    finish(&self.epilogue, c);
                }
            }),
        }
        Ok(())
    }

    #[inline(always)]
    fn multiply<T: Element>(
        &self,
        alpha: T::Out,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        beta: T::Out,
        c: MatMut<'_, T::Out>,
    ) -> Result<(), Error>
    where
        E: Epilogue<T::Out>,
    {
        if !self.epilogue.is_identity() {
            return self.multiply_and_finish(alpha, a, b, beta, c);
        }
        // Engines by themselves: a `Way` takes longer to hand on than the smallest products to compute.
        if let Some((engines, threads)) = self.engines::<T>(false) {
            if let Some(problem) = Problem::new(alpha, a, b, beta, c)? {
                Engines::gemm(Some(engines), problem, self.summation, &threads);
            }
            return Ok(());
        }
        let way = self.way::<T>()?;
        if let Some(problem) = Problem::new(alpha, a, b, beta, c)? {
            way.run(problem, self.summation);
        }
        Ok(())
    }

    fn multiply_and_finish<T: Element>(
        &self,
        alpha: T::Out,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        beta: T::Out,
        mut c: MatMut<'_, T::Out>,
    ) -> Result<(), Error>
    where
        E: Epilogue<T::Out>,
    {
        let way = self.way::<T>()?;
        self.epilogue.check(c.shape())?;
        match Problem::new(alpha, a, b, beta, c.reborrow())? {
            Some(problem) => way.run_finished(problem, self.summation, &self.epilogue),
            None => finish(&self.epilogue, c),
        }
        Ok(())
    }

    /// What was chosen.
    #[inline(always)]
    fn choice(&self) -> Result<&Choice, &Error> {
        match &self.kernel {
            None => Choice::default().as_ref(),
            Some(named) => named.as_ref(),
        }
    }

    /// The engines that were chosen, if they can compute products of `T` on the threads asked for; those whose products are
    /// taken down, which only a [`Way`] does, only if `even_traced`.
    #[inline(always)]
    fn engines<T: Element>(&self, even_traced: bool) -> Option<(&'static Engines, Threads)> {
        match self.choice() {
            Ok(&Choice::Engines { engines, pooled, traced, .. })
                if (even_traced || !traced) && engines.of::<T>().is_some() =>
            {
                Some((engines, self.threads_of(pooled)?))
            }
            _ => None,
        }
    }

    /// What was chosen, if it can compute products of `T` here.
    #[cold]
    #[inline(never)]
    fn way<T: Element>(&self) -> Result<Way<T>, Error> {
        if let Some((engines, threads)) = self.engines::<T>(true) {
            return Ok(Way::Engines(engines, threads));
        }
        self.other_way(self.choice().map_err(Error::clone)?)
    }

    #[cold]
    fn other_way<T: Element>(&self, choice: &Choice) -> Result<Way<T>, Error> {
        let unavailable = |needs| Error::Unavailable { kernel: choice.name().into(), needs };
        if let Availability::Unavailable { needs } = choice.availability::<T>() {
            return Err(unavailable(needs));
        }
        let Choice::Other(other) = choice else {
            let needs = "the feature parallel of the crate matmul for more than one thread";
            return Err(unavailable(needs.into()));
        };
        let kernel = other.of::<T>().expect("an available kernel has the type");
        let has = kernel.threads();
        match self.threads {
            Some(asked) if asked != 0 && asked != has => Err(unavailable(format!(
                "threads({has}), since it cannot be told another number than its own"
            ))),
            _ => Ok(Way::Other(kernel)),
        }
    }

    /// The threads for engines; None if this build has none.
    #[cfg(feature = "parallel")]
    #[inline(always)]
    fn threads_of(&self, pooled: bool) -> Option<Threads> {
        Some(match self.threads {
            None if pooled => Threads::current(),
            None => Threads::of(1),
            Some(0) => Threads::current(),
            Some(threads) => Threads::of(threads),
        })
    }

    #[cfg(not(feature = "parallel"))]
    #[inline]
    fn threads_of(&self, _: bool) -> Option<Threads> {
        (self.threads.unwrap_or(0) < 2).then_some(Serial)
    }

    /// The engine of what was chosen, and its threads: what packing takes.
    pub(crate) fn engine<T: Element>(&self) -> Result<(&'static Engine<T>, Threads), Error> {
        match self.way::<T>()? {
            Way::Engines(engines, threads) => {
                Ok((engines.of().expect("a way has the engine of its type"), threads))
            }
            Way::Other(kernel) => Err(Error::Unavailable {
                kernel: kernel.name().into(),
                needs: "an engine, which packs: the kernels simd, parallel and blocked have one".into(),
            }),
        }
    }
}

impl<T: Element> Kernel<T> for Gemm {
    fn name(&self) -> &str {
        match (self.choice(), self.summation) {
            (Ok(Choice::Engines { fast, .. }), Summation::Fast) => fast,
            (Ok(choice), _) => choice.name(),
            (Err(Error::UnknownKernel { name, .. }), _) => name,
            (Err(_), _) => "unknown",
        }
    }

    fn availability(&self) -> Availability {
        match self.way::<T>() {
            Ok(_) => Availability::Available,
            Err(Error::Unavailable { needs, .. }) => Availability::Unavailable { needs },
            Err(error) => Availability::Unavailable { needs: format!("another name ({error})") },
        }
    }

    fn promise(&self) -> Promise {
        match self.way::<T>() {
            Ok(Way::Other(kernel)) => kernel.promise(),
            _ => self.summation.promise(),
        }
    }

    fn sizes(&self) -> Option<Sizes> {
        match self.way::<T>().ok()? {
            Way::Engines(engines, _) => Some(engines.of::<T>()?.sizes()),
            Way::Other(kernel) => kernel.sizes(),
        }
    }

    fn threads(&self) -> usize {
        match self.way::<T>() {
            Ok(Way::Engines(_, threads)) => Join::threads(&threads),
            Ok(Way::Other(kernel)) => kernel.threads(),
            Err(_) => 1,
        }
    }

    /// Where the kernel is unavailable, by the numeric contract element by element; [`Kernel::gemm`] returns the error.
    fn run(&self, problem: Problem<'_, T>) {
        match self.way::<T>() {
            Ok(way) => way.run(problem, self.summation),
            Err(_) => Engines::gemm(None, problem, self.summation, &Serial),
        }
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        match self.way::<T>() {
            Ok(way) => way.run_batch(batch, self.summation),
            Err(_) => Engines::gemm_batch(None, batch, self.summation, &Serial),
        }
    }

    #[inline]
    fn gemm(
        &self,
        alpha: T::Out,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        beta: T::Out,
        c: MatMut<'_, T::Out>,
    ) -> Result<(), Error> {
        self.multiply(alpha, a, b, beta, c)
    }

    fn gemm_batch(
        &self,
        alpha: T::Out,
        a: BatchRef<'_, T>,
        b: BatchRef<'_, T>,
        beta: T::Out,
        c: BatchMut<'_, T::Out>,
    ) -> Result<(), Error> {
        Gemm::gemm_batch(self, alpha, a, b, beta, c)
    }
}

/// Everything that a product of `T` needs beside its operands.
enum Way<T: Element> {
    /// There is an engine for `T`.
    Engines(&'static Engines, Threads),
    Other(&'static dyn Kernel<T>),
}

impl<T: Element> Way<T> {
    #[inline]
    fn run(&self, problem: Problem<'_, T>, summation: Summation) {
        trace::product(Key::of(&problem, 1), || match self {
            Way::Engines(engines, threads) => Engines::gemm(Some(engines), problem, summation, threads),
            Way::Other(kernel) => kernel.run(problem),
        });
    }

    fn run_batch(&self, mut batch: BatchProblem<'_, T>, summation: Summation) {
        let count = batch.len();
        let Some(key) = batch.first().map(|first| Key::of(&first, count)) else { return };
        trace::product(key, || match self {
            Way::Engines(engines, threads) => Engines::gemm_batch(Some(engines), batch, summation, threads),
            Way::Other(kernel) => kernel.run_batch(batch),
        });
    }

    fn run_finished(
        &self,
        mut problem: Problem<'_, T>,
        summation: Summation,
        epilogue: &dyn Epilogue<T::Out>,
    ) {
        trace::product(Key::of(&problem, 1), || match self {
            Way::Engines(engines, threads) => {
                Engines::gemm_finished(Some(engines), problem, epilogue, summation, threads);
            }
            Way::Other(kernel) => {
                let (alpha, a, b, beta) = (problem.alpha(), problem.a(), problem.b(), problem.beta());
                let c = problem.c();
                if let Ok(Some(product)) = Problem::new(alpha, a, b, beta, c) {
                    kernel.run(product);
                }
                finish(epilogue, problem.into_c());
            }
        });
    }
}
