//! Every kernel that can be a row: ours, the Rust peers, the linked BLAS and libraries loaded at run time.

use matmul::kernel::{Availability, Kernel, Parallel, Problem, Promise, Sizes};
use matmul::{BatchMut, BatchRef, Gemm, MatMut, MatRef, Real};
use matmul_blas::Blas;
use matmul_report::{Dtype, Owner};
use matmul_simd::{Isa, Simd};
use regex_lite::Regex;

use crate::catalogue::names::detail;
use crate::error::Error;
use crate::options::OptionsError;

/// One kernel at one thread count.
pub(crate) struct Entry<T> {
    pub(crate) owner: Owner,
    /// What runs behind the name: the instruction set chosen, or what a library says of itself.
    pub(crate) detail: String,
    pub(crate) kernel: Box<dyn Kernel<T>>,
}

impl<T: matmul::Real> Entry<T> {
    pub(crate) fn name(&self) -> &str {
        self.kernel.name()
    }

    /// What is missing, if it cannot run here.
    pub(crate) fn needs(&self) -> Option<String> {
        match self.kernel.availability() {
            Availability::Available => None,
            Availability::Unavailable { needs } => Some(needs),
        }
    }
}

/// The BLAS libraries of a run: the linked one first, then those of `--blas-lib`.
#[derive(Clone, Debug)]
pub(crate) struct Libraries(Vec<Blas>);

impl Libraries {
    /// Loads each `PATH[:prefix]`. Names that are taken get a number: `openblas-2`.
    ///
    /// # Errors
    /// [`Error::Library`] if one cannot be loaded.
    pub(crate) fn load(specs: &[String]) -> Result<Self, Error> {
        let mut libraries = Self(vec![Blas::linked()]);
        for spec in specs {
            // SAFETY: the person who names a file on the command line vouches for it.
            let blas = unsafe { Blas::open(spec) }?;
            let name = Kernel::<f32>::name(&blas).to_owned();
            let number = |n: usize| if n == 1 { name.clone() } else { format!("{name}-{n}") };
            let free = (1..).map(number).find(|name| !libraries.has(name)).unwrap_or_default();
            libraries.0.push(blas.with_name(free));
        }
        Ok(libraries)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|blas| Kernel::<f32>::name(blas) == name)
    }
}

/// The public calls, [`matmul::gemm`] and [`matmul::gemm_batch`], as people link them: on as many threads as the pool
/// that they are called from has.
struct Facade {
    threads: usize,
}

impl<T: Real> Kernel<T> for Facade {
    fn name(&self) -> &str {
        "matmul"
    }

    fn availability(&self) -> Availability {
        Kernel::<T>::availability(&Gemm::new())
    }

    fn promise(&self) -> Promise {
        Kernel::<T>::promise(&Gemm::new())
    }

    fn sizes(&self) -> Option<Sizes> {
        Kernel::<T>::sizes(&Gemm::new())
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&self, problem: Problem<'_, T>) {
        Kernel::run(&Gemm::new(), problem);
    }

    #[inline]
    fn gemm(
        &self,
        alpha: T,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        beta: T,
        c: MatMut<'_, T>,
    ) -> Result<(), matmul::Error> {
        matmul::gemm(alpha, a, b, beta, c)
    }

    fn gemm_batch(
        &self,
        alpha: T,
        a: BatchRef<'_, T>,
        b: BatchRef<'_, T>,
        beta: T,
        c: BatchMut<'_, T>,
    ) -> Result<(), matmul::Error> {
        matmul::gemm_batch(alpha, a, b, beta, c)
    }
}

/// The kernels of a thread count. With more than one thread, only those that use exactly that many.
pub(crate) fn entries<T: Real>(threads: usize, libraries: &Libraries) -> Vec<Entry<T>> {
    let own = if threads == 1 { matmul::kernel::all() } else { vec![parallel(threads)] };
    let mut entries: Vec<Entry<T>> = own
        .into_iter()
        // `all` lists the parallel kernel too, at a count that is a row of another cell, and the linked BLAS if the
        // facade was built with one.
        .filter(|kernel| threads > 1 || (kernel.name() != "parallel" && !libraries.has(kernel.name())))
        .map(|kernel| Entry { owner: Owner::Own, detail: detail(kernel.name()), kernel })
        .collect();
    entries.push(Entry { owner: Owner::Own, detail: detail("matmul"), kernel: Box::new(Facade { threads }) });
    entries.extend(matmul_peers::all(threads).into_iter().map(|kernel| Entry {
        owner: Owner::Peer,
        detail: detail(kernel.name()),
        kernel,
    }));
    for blas in &libraries.0 {
        let blas = blas.clone().with_threads(threads);
        let described = blas.describe().unwrap_or_default().to_owned();
        let kernel = Box::new(blas);
        let entry = Entry { owner: Owner::Blas, detail: described, kernel };
        // A library that cannot be told a count, or has no threads, has no row at this one.
        if entry.needs().is_some() || entry.kernel.threads() == threads {
            entries.push(entry);
        }
    }
    entries
}

fn parallel<T: Real>(threads: usize) -> Box<dyn Kernel<T>> {
    Box::new(Parallel::with_threads(threads))
}

/// The parallel kernel on one thread, which [`entries`] leaves out because it is the same code as `simd`.
pub(crate) fn own_parallel<T: Real>(threads: usize) -> Entry<T> {
    Entry { owner: Owner::Own, detail: detail("parallel"), kernel: parallel(threads) }
}

/// The portable tile, compiled for hardware that fuses multiply-adds and for any: [`entries`] leaves it out, because
/// `blocked` is the faster of the two. A fused multiply-add of the second may be a call of the C library.
pub(crate) fn own_portable<T: Real>() -> [Entry<T>; 2] {
    [Isa::PortableFma, Isa::Portable].map(|isa| Entry {
        owner: Owner::Own,
        detail: String::new(),
        kernel: Box::new(Simd::with_isa(isa)),
    })
}

/// The names that `--kernels` and `--filter` leave, checked against what exists at any thread count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    /// Exact names; empty for all.
    pub(crate) names: Vec<String>,
    /// What finds something in `kernel/shape/dtype/threads`.
    pub(crate) filter: Option<Regex>,
    /// Shapes with their element types, of a trace; empty for all.
    pub(crate) cells: Vec<(String, Dtype)>,
}

impl Chosen {
    /// # Errors
    /// [`OptionsError::Kernel`] if a name is none of `known`.
    pub(crate) fn check(&self, known: &[String]) -> Result<(), OptionsError> {
        match self.names.iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(OptionsError::Kernel { name: name.clone(), known: known.join(", ") }),
        }
    }

    /// Whether this row is to be measured.
    pub(crate) fn has(&self, kernel: &str, shape: &str, dtype: Dtype, threads: usize) -> bool {
        let row = format!("{kernel}/{shape}/{dtype}/{threads}");
        (self.names.is_empty() || self.names.iter().any(|name| name == kernel))
            && (self.cells.is_empty()
                || self.cells.iter().any(|cell| (cell.0.as_str(), cell.1) == (shape, dtype)))
            && self.filter.as_ref().is_none_or(|filter| filter.is_match(&row))
    }
}

/// The names of all kernels at one thread and at several.
pub(crate) fn names(libraries: &Libraries) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in entries::<f32>(1, libraries).iter().chain(&entries::<f32>(2, libraries)) {
        if !names.iter().any(|name| name == entry.name()) {
            names.push(entry.name().to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_each_thread_count() {
        let libraries = Libraries::load(&[]).unwrap();
        let serial = entries::<f64>(1, &libraries);
        for name in ["matmul", "simd", "blocked", "faer", "gemm", "matrixmultiply"] {
            assert_eq!(serial.iter().filter(|e| e.name() == name).count(), 1, "{name}");
        }
        assert!(serial.iter().all(|e| e.name() != "parallel"));
        let threaded = entries::<f32>(2, &libraries);
        assert_eq!(threaded.iter().filter(|e| e.owner == Owner::Own).count(), 2);
        assert!(threaded.iter().all(|e| e.needs().is_some() || e.kernel.threads() == 2));
    }

    #[test]
    fn a_missing_blas_is_still_a_row() {
        let entries = entries::<f32>(1, &Libraries::load(&[]).unwrap());
        let blas = entries.iter().find(|e| e.owner == Owner::Blas).unwrap();
        assert_eq!(blas.needs().is_some(), blas.name() == "blas");
    }

    #[test]
    fn unknown_kernels_list_the_known() {
        let known = names(&Libraries::load(&[]).unwrap());
        let chosen = Chosen { names: vec!["fast".into()], filter: None, cells: Vec::new() };
        let message = chosen.check(&known).unwrap_err().to_string();
        assert!(message.contains("\"fast\"") && message.contains("parallel"), "{message}");
    }

    /// What is listed without building a kernel is what there is, in the same order, and can run where that can.
    #[test]
    fn the_static_names_are_those_of_the_kernels() {
        use crate::catalogue::names::{KERNELS, LINKED, Name, PORTABLE};
        let libraries = Libraries::load(&[]).unwrap();
        let rows = |threads| -> Vec<(String, Option<String>, String)> {
            let entries = entries::<f32>(threads, &libraries).into_iter().filter(|e| e.owner != Owner::Blas);
            entries.map(|e| (e.name().to_owned(), e.needs(), e.detail)).collect()
        };
        let listed = |keep: fn(&&Name) -> bool| -> Vec<(String, Option<String>, String)> {
            let kept = KERNELS.iter().filter(keep);
            kept.map(|k| (k.name.to_owned(), k.needs().map(Into::into), detail(k.name))).collect()
        };
        assert_eq!(rows(1), listed(|kernel| kernel.serial));
        assert_eq!(rows(2), listed(|kernel| kernel.threaded));
        assert_eq!(own_portable::<f32>().each_ref().map(|e| e.name().to_owned()), PORTABLE);
        let linked = entries::<f32>(1, &libraries).into_iter().find(|e| e.owner == Owner::Blas).unwrap();
        assert!(LINKED.contains(&linked.name()), "{}", linked.name());
    }

    #[test]
    fn filters_see_the_whole_row() {
        let has = |filter: &str, kernel, dtype| {
            let chosen =
                Chosen { names: Vec::new(), filter: Some(Regex::new(filter).unwrap()), cells: Vec::new() };
            chosen.has(kernel, "16x16x16", dtype, 1)
        };
        assert!(
            has("faer/16x16x16/f32", "faer", Dtype::F32) && !has("faer/16x16x16/f32", "faer", Dtype::F64)
        );
        assert!(
            has("^(simd|gemm)/.*/1$", "gemm", Dtype::F64)
                && !has("^(simd|gemm)/.*/1$", "simd-avx2", Dtype::F64)
        );
    }
}
