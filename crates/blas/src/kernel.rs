use std::sync::OnceLock;

use matmul_core::{Availability, BatchMut, BatchProblem, BatchRef, Error, Kernel, Problem, Real};

use crate::batch::multiply_batch;
use crate::library::Library;
use crate::linked::provider;
use crate::load::{LoadError, kernel_name, load, parse};
use crate::multiply::{Limits, multiply};

/// A BLAS library as a kernel: `cblas_sgemm` for `f32`, `cblas_dgemm` for `f64`.
#[derive(Clone, Debug)]
pub struct Blas {
    name: String,
    /// None if this build links no BLAS.
    library: Option<&'static Library>,
    threads: usize,
}

impl Blas {
    /// The BLAS linked by a cargo feature, named after its provider, on as many threads as the library chooses.
    ///
    /// Without such a feature the kernel is called `blas` and is unavailable: its
    /// [`availability`](Kernel::availability) names the features and the command that brings one.
    pub fn linked() -> Self {
        static LINKED: OnceLock<Option<Library>> = OnceLock::new();
        let provider = provider();
        let library = LINKED.get_or_init(|| {
            // SAFETY: the provider's functions are part of this process, under the names of its own headers.
            provider.and_then(|(_, symbol)| unsafe { Library::new(symbol, "") }.ok())
        });
        Self::new(provider.map_or("blas", |(name, _)| name).to_owned(), library.as_ref())
    }

    /// Loads a CBLAS library from a file, as `PATH` or `PATH:prefix`, and keeps it loaded; it runs on as many threads
    /// as it chooses. The kernel is named after the file: `libmkl_rt.so.2` is `mkl-rt`.
    ///
    /// The functions are called `{prefix}cblas_sgemm` and `{prefix}cblas_dgemm`; if there are none,
    /// `{prefix}cblas_sgemm64_` and `{prefix}cblas_sgemm_64` are looked for. These take 64-bit integers, as the plain
    /// ones do if an OpenBLAS (by `openblas_get_config`) or a BLIS (by `bli_info_get_blas_int_type_size`) says so.
    /// A path without a directory is searched for as the system's loader does.
    ///
    /// # Errors
    /// [`LoadError::Open`] if the loader refuses the file, [`LoadError::Symbol`] if a function is missing.
    ///
    /// # Safety
    /// Loading the file runs its code. Its functions must be what their names say: those of the CBLAS with 32-bit
    /// integers (or 64-bit, where that shows as above: a 64-bit library with plain names that is neither OpenBLAS nor
    /// BLIS cannot be told apart and must not be loaded), safe for calls from several threads.
    pub unsafe fn open(spec: &str) -> Result<Self, LoadError> {
        let (path, prefix) = parse(spec);
        // SAFETY: the caller vouches for the file.
        let library = unsafe { load(path, prefix) }?;
        Ok(Self::new(kernel_name(path), Some(Box::leak(Box::new(library)))))
    }

    fn new(name: String, library: Option<&'static Library>) -> Self {
        let threads = library.map_or(1, Library::threads);
        Self { name, library, threads }
    }

    /// The same library on that many threads; 0 means 1. [`Kernel::threads`] says what the library makes of it:
    /// OpenBLAS has a largest count, and a library that cannot be asked stays at 1.
    ///
    /// This changes the count of the whole process at once; see the crate's page on threads.
    pub fn with_threads(self, threads: usize) -> Self {
        let threads = self.library.map_or(1, |library| library.set_threads(threads));
        Self { threads, ..self }
    }

    /// The same kernel under another name, for two libraries whose files are called alike.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// What the library says of itself (version, build options, the CPU it takes this one for), the width of its
    /// integers, and the file it lies in. `None` if no library is linked.
    pub fn describe(&self) -> Option<&str> {
        self.library.map(Library::description)
    }
}

impl<T: Real> Kernel<T> for Blas {
    fn name(&self) -> &str {
        &self.name
    }

    fn availability(&self) -> Availability {
        match self.library {
            Some(library) if library.gemm::<T>().is_some() => Availability::Available,
            Some(_) => {
                Availability::Unavailable { needs: format!("a product of f32 or f64, not {}", T::NAME) }
            }
            None => Availability::Unavailable {
                needs:
                    "a linked BLAS (matmul-blas feature openblas-system, openblas-static or blis-bundled): \
                        `apt-get install libopenblas-dev`, then `cargo xtask bench --blas system`"
                        .to_owned(),
            },
        }
    }

    fn threads(&self) -> usize {
        self.threads
    }

    /// # Panics
    /// If the kernel is unavailable; [`Kernel::gemm`] returns an error instead.
    fn run(&self, problem: Problem<'_, T>) {
        let library = self.library.expect("no BLAS is linked");
        let gemm = library.gemm::<T>().expect("an available kernel has a product");
        library.run(self.threads, || {
            let (alpha, beta, a, b) = (problem.alpha(), problem.beta(), problem.a(), problem.b());
            multiply(gemm, Limits::of(gemm), alpha, a, b, beta, problem.into_c())
                .expect("blocks lie inside the problem");
        });
    }

    /// By the library's own batch call, if it has one that can express the operands; else product by product.
    fn gemm_batch(
        &self,
        alpha: T,
        a: BatchRef<'_, T>,
        b: BatchRef<'_, T>,
        beta: T,
        mut c: BatchMut<'_, T>,
    ) -> Result<(), Error> {
        let Some(library) = self.library else {
            let needs = match Kernel::<T>::availability(self) {
                Availability::Unavailable { needs } => needs,
                Availability::Available => String::new(),
            };
            return Err(Error::Unavailable { kernel: self.name.clone(), needs });
        };
        let mut done = false;
        if let Some(batch) = library.batch::<T>() {
            library.run(self.threads, || done = multiply_batch(batch, alpha, a, b, beta, c.reborrow()));
        }
        if done {
            return Ok(());
        }
        if let Some(batch) = BatchProblem::new(alpha, a, b, beta, c)? {
            self.run_batch(batch);
        }
        Ok(())
    }
}
