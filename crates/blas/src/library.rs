//! The functions of one BLAS library, however it came into the process.

use core::any::Any;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt;
use std::mem::transmute_copy;
use std::sync::{PoisonError, RwLock};

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};
use matmul_core::Real;

/// `cblas_?gemm`, with `I` the library's integer: order, flags of A and B, m, n, k, α, A, lda, B, ldb, β, C, ldc.
pub(crate) type GemmFn<T, I> = unsafe extern "C" fn(
    CBLAS_LAYOUT,
    CBLAS_TRANSPOSE,
    CBLAS_TRANSPOSE,
    I,
    I,
    I,
    T,
    *const T,
    I,
    *const T,
    I,
    T,
    *mut T,
    I,
);

/// `cblas_?gemm_batch_strided` of OpenBLAS (from 0.3.30) and MKL: as [`GemmFn`], with the elements from a matrix to
/// the next behind each leading dimension, and the number of products at the end.
pub(crate) type BatchFn<T, I> = unsafe extern "C" fn(
    CBLAS_LAYOUT,
    CBLAS_TRANSPOSE,
    CBLAS_TRANSPOSE,
    I,
    I,
    I,
    T,
    *const T,
    I,
    I,
    *const T,
    I,
    I,
    T,
    *mut T,
    I,
    I,
    I,
);

/// The batch call of one element type, in the width of the library's integers.
#[derive(Clone, Copy)]
pub(crate) enum Batch<T> {
    Lp64(BatchFn<T, c_int>),
    Ilp64(BatchFn<T, i64>),
}

/// The product of one element type, in the width of the library's integers.
#[derive(Clone, Copy)]
pub(crate) enum Gemm<T> {
    Lp64(GemmFn<T, c_int>),
    Ilp64(GemmFn<T, i64>),
}

/// How a library is asked for its number of threads. BLIS counts in `dim_t`, as wide as a pointer; the others in int.
#[derive(Clone, Copy)]
enum Threads {
    Int { get: unsafe extern "C" fn() -> c_int, set: unsafe extern "C" fn(c_int) },
    Dim { get: unsafe extern "C" fn() -> isize, set: unsafe extern "C" fn(isize) },
}

impl Threads {
    fn get(self) -> usize {
        // SAFETY: a getter has no preconditions. BLIS says -1 for "not set", which is one thread.
        let count = unsafe {
            match self {
                Threads::Int { get, .. } => get() as isize,
                Threads::Dim { get, .. } => get(),
            }
        };
        usize::try_from(count).unwrap_or(1).max(1)
    }

    /// # Safety
    /// No product of the library is running.
    unsafe fn set(self, count: usize) {
        let count = c_int::try_from(count).unwrap_or(c_int::MAX).max(1);
        // SAFETY: setters take any positive count; the caller keeps products away.
        unsafe {
            match self {
                Threads::Int { set, .. } => set(count),
                Threads::Dim { set, .. } => set(count as isize),
            }
        }
    }
}

/// Products hold it for reading; whoever changes a number of threads, or may not run beside others, for writing.
/// One lock for all libraries, because one library may have come into the process twice, linked and loaded.
static LOCK: RwLock<()> = RwLock::new(());

/// One BLAS library.
pub(crate) struct Library {
    sgemm: Gemm<f32>,
    dgemm: Gemm<f64>,
    sbatch: Option<Batch<f32>>,
    dbatch: Option<Batch<f64>>,
    threads: Option<Threads>,
    /// Calls must take turns, and the count is set before each.
    exclusive: bool,
    description: String,
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

/// The decorations of a library's names: OpenBLAS can be built with both, and ILP64 libraries use the suffixes.
struct Names<'a, F> {
    symbol: F,
    prefix: &'a str,
    suffix: &'static str,
}

impl<F: Fn(&str) -> Option<*const c_void>> Names<'_, F> {
    fn decorated(&self, name: &str) -> String {
        format!("{}{name}{}", self.prefix, self.suffix)
    }

    /// The function of that name, decorated or plain.
    ///
    /// # Safety
    /// `Function` is a function pointer type, and the prototype of every function that can be found under the name.
    unsafe fn function<Function: Copy>(&self, name: &str) -> Option<Function> {
        let address = (self.symbol)(&self.decorated(name)).or_else(|| (self.symbol)(name))?;
        // SAFETY: a function pointer is as large as a data pointer on every target with dlsym; the type is right by
        // the caller's promise.
        Some(unsafe { transmute_copy(&address) })
    }

    /// Calls a function without arguments.
    ///
    /// # Safety
    /// If there is such a function, `R` is its result, and it may be called at any time.
    unsafe fn call<R>(&self, name: &str) -> Option<R> {
        // SAFETY: as promised by the caller.
        unsafe { self.function::<unsafe extern "C" fn() -> R>(name).map(|f| f()) }
    }

    /// What a function that returns a C string says.
    ///
    /// # Safety
    /// If there is such a function, it takes nothing and returns a string that stays, or null.
    unsafe fn text(&self, name: &str) -> Option<String> {
        // SAFETY: as promised by the caller.
        unsafe {
            let text = self.call::<*const c_char>(name)?;
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().trim().to_owned())
        }
    }

    fn threads(&self) -> Option<Threads> {
        // SAFETY: the prototypes of OpenBLAS, MKL and BLIS.
        unsafe {
            for (get, set) in [
                ("openblas_get_num_threads", "openblas_set_num_threads"),
                ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
            ] {
                if let (Some(get), Some(set)) = (self.function(get), self.function(set)) {
                    return Some(Threads::Int { get, set });
                }
            }
            let get = self.function("bli_thread_get_num_threads")?;
            let set = self.function("bli_thread_set_num_threads")?;
            Some(Threads::Dim { get, set })
        }
    }

    /// What the library says of itself.
    fn about(&self) -> Option<String> {
        // SAFETY: the prototypes of OpenBLAS, BLIS and MKL.
        unsafe {
            if let Some(config) = self.text("openblas_get_config") {
                let core = self.text("openblas_get_corename");
                return Some(format!("{config}, core {}", core.as_deref().unwrap_or("unknown")));
            }
            if let Some(version) = self.text("bli_info_get_version_str") {
                let arch =
                    self.call("bli_arch_query_id").zip(
                        self.function::<unsafe extern "C" fn(c_int) -> *const c_char>("bli_arch_string"),
                    );
                let arch = arch.map(|(id, name)| name(id)).filter(|name| !name.is_null());
                let arch = arch.map_or("unknown".into(), |name| CStr::from_ptr(name).to_string_lossy());
                return Some(format!("BLIS {version}, core {arch}"));
            }
            let version =
                self.function::<unsafe extern "C" fn(*mut c_char, c_int)>("MKL_Get_Version_String")?;
            let mut text = [0u8; 256];
            version(text.as_mut_ptr().cast(), text.len() as c_int - 1);
            Some(String::from_utf8_lossy(&text).trim_matches(['\0', ' ']).to_owned())
        }
    }
}

impl Library {
    /// The product of an element type, if the library has one.
    pub(crate) fn gemm<T: Real>(&self) -> Option<Gemm<T>> {
        let gemms: [&dyn Any; 2] = [&self.sgemm, &self.dgemm];
        gemms.into_iter().find_map(|gemm| gemm.downcast_ref().copied())
    }

    /// The batch call of an element type, if the library has one.
    pub(crate) fn batch<T: Real>(&self) -> Option<Batch<T>> {
        let batches: [&dyn Any; 2] = [&self.sbatch, &self.dbatch];
        batches.into_iter().find_map(|batch| batch.downcast_ref::<Option<Batch<T>>>().copied()).flatten()
    }

    /// Looks the functions up. Suffixes of 64-bit names are tried after the plain name.
    ///
    /// # Errors
    /// The names tried for the product that is missing.
    ///
    /// # Safety
    /// Functions that `symbol` finds are callable for the rest of the process and have the prototypes that their names
    /// have in CBLAS, OpenBLAS, BLIS and MKL; the products take 32-bit integers unless their name or the library says
    /// otherwise (see [`Blas::open`](crate::Blas::open)).
    pub(crate) unsafe fn new(
        symbol: impl Fn(&str) -> Option<*const c_void>,
        prefix: &str,
    ) -> Result<Self, Vec<String>> {
        let mut names = Names { symbol, prefix, suffix: "" };
        let suffixes = ["", "64_", "_64"];
        let found = suffixes.into_iter().find(|suffix| {
            names.suffix = suffix;
            (names.symbol)(&names.decorated("cblas_sgemm")).is_some()
        });
        let Some(suffix) = found else {
            return Err(suffixes.map(|suffix| format!("{prefix}cblas_sgemm{suffix}")).into());
        };
        names.suffix = suffix;
        let address = |name| {
            let name = names.decorated(name);
            (names.symbol)(&name).ok_or_else(|| vec![name])
        };
        let (sgemm, dgemm) = (address("cblas_sgemm")?, address("cblas_dgemm")?);
        let about = names.about();
        // SAFETY: the prototypes of BLIS (gint_t is as wide as a pointer) and OpenBLAS.
        let (blis_bits, parallel) = unsafe {
            (
                names.call::<isize>("bli_info_get_blas_int_type_size"),
                names.call::<c_int>("openblas_get_parallel"),
            )
        };
        let ilp64 = !suffix.is_empty()
            || blis_bits == Some(64)
            || about.as_deref().is_some_and(|about| about.contains("USE64BITINT"));
        let integers = if ilp64 { "64-bit integers" } else { "32-bit integers" };
        // 0 is without threads, 1 with its own, 2 with OpenMP.
        let exclusive = matches!(parallel, Some(parallel) if parallel != 1);
        let mut description = about.unwrap_or_else(|| "a BLAS that does not say what it is".to_owned());
        for detail in [Some(integers.to_owned()), file_of(sgemm)].into_iter().flatten() {
            description = format!("{description}, {detail}");
        }
        // SAFETY: addresses of cblas_sgemm and cblas_dgemm, whose integers are as wide as just found out.
        let (sgemm, dgemm) = unsafe {
            if ilp64 {
                (Gemm::Ilp64(transmute_copy(&sgemm)), Gemm::Ilp64(transmute_copy(&dgemm)))
            } else {
                (Gemm::Lp64(transmute_copy(&sgemm)), Gemm::Lp64(transmute_copy(&dgemm)))
            }
        };
        let batch = |name: &str| (names.symbol)(&names.decorated(name));
        let (sbatch, dbatch) = (batch("cblas_sgemm_batch_strided"), batch("cblas_dgemm_batch_strided"));
        // SAFETY: the prototypes of OpenBLAS and MKL, whose integers are as wide as those of the products.
        let (sbatch, dbatch) = unsafe {
            if ilp64 {
                (
                    sbatch.map(|f| Batch::Ilp64(transmute_copy(&f))),
                    dbatch.map(|f| Batch::Ilp64(transmute_copy(&f))),
                )
            } else {
                (
                    sbatch.map(|f| Batch::Lp64(transmute_copy(&f))),
                    dbatch.map(|f| Batch::Lp64(transmute_copy(&f))),
                )
            }
        };
        Ok(Self { sgemm, dgemm, sbatch, dbatch, threads: names.threads(), exclusive, description })
    }

    /// What the library says of itself, the width of its integers, and the file it lies in.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// How many threads the library uses as things are; 1 if it does not tell.
    pub(crate) fn threads(&self) -> usize {
        let _shared = LOCK.read().unwrap_or_else(PoisonError::into_inner);
        self.threads.map_or(1, Threads::get)
    }

    /// Asks for that many threads and returns what the library makes of it; 1 if it cannot be asked.
    pub(crate) fn set_threads(&self, count: usize) -> usize {
        let Some(threads) = self.threads else { return 1 };
        let _alone = LOCK.write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: products hold the lock for reading at least.
        unsafe { threads.set(count) };
        threads.get()
    }

    /// Runs products on that many threads.
    pub(crate) fn run(&self, count: usize, products: impl FnOnce()) {
        if !self.exclusive {
            let _shared = LOCK.read().unwrap_or_else(PoisonError::into_inner);
            // Asked each time: anybody may have changed it, and it costs a load. BLIS keeps one per calling thread.
            if self.threads.is_none_or(|threads| threads.get() == count) {
                return products();
            }
        }
        // The products run under this lock too, so that the count still holds; std's lock cannot be downgraded.
        let _alone = LOCK.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = self.threads {
            // SAFETY: the lock keeps all products away.
            unsafe { threads.set(count) };
        }
        products();
    }
}

/// The file that holds a function.
#[cfg(unix)]
fn file_of(address: *const c_void) -> Option<String> {
    let mut info = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: dladdr takes any address and fills the info if it returns non-zero; the name is then null or a string
    // that lives as long as the library is loaded, which is for ever.
    let name = unsafe {
        if libc::dladdr(address, info.as_mut_ptr()) == 0 || info.assume_init().dli_fname.is_null() {
            return None;
        }
        CStr::from_ptr(info.assume_init().dli_fname)
    };
    let file = std::fs::canonicalize(name.to_string_lossy().as_ref()).ok()?;
    if std::env::current_exe().ok().and_then(|exe| exe.canonicalize().ok()).as_ref() == Some(&file) {
        return Some("linked statically".to_owned());
    }
    Some(file.display().to_string())
}

/// The file that holds a function: not known here.
#[cfg(not(unix))]
fn file_of(_address: *const c_void) -> Option<String> {
    None
}
