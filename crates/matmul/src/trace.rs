//! Which products a program really computes: a layer around a kernel that counts them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use matmul_core::{Availability, BatchProblem, Element, Kernel, MatRef, Problem, Promise, Sizes};

/// How often the file is written while products are computed.
const EVERY: Duration = Duration::from_millis(500);

/// A kernel that takes down what it is asked for: a line of JSON for each shape, layout and element type, with the number
/// of calls and their seconds. `cargo xtask bench --trace FILE` measures those shapes.
///
/// The public calls of this crate are traced when the environment variable `MATMUL_TRACE` names a file; products with a
/// [`PackedB`](crate::PackedB) are not. The file is written twice a second while products are computed, when a thread ends
/// that has computed one, and when a `Traced` is dropped. If it cannot be written, that is said once on standard error,
/// and the products go on.
///
/// ```
/// use matmul::kernel::{Kernel, Simd};
/// use matmul::{MatMut, MatRef, Traced};
///
/// let path = std::env::temp_dir().join(format!("matmul-trace-{}.jsonl", std::process::id()));
/// let kernel = Traced::new(Simd::new(), &path);
/// let (a, b, mut c) = ([1.0f32; 6], [1.0; 12], [0.0; 8]);
/// let (a, b) = (MatRef::from_row_major(&a, 2, 3)?, MatRef::from_row_major(&b, 3, 4)?);
/// kernel.gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 2, 4)?)?;
/// drop(kernel);
/// let line = std::fs::read_to_string(&path).unwrap_or_default();
/// assert!(line.starts_with(r#"{"m":2,"k":3,"n":4,"a":"n","b":"n","batch":1,"dtype":"f32","calls":1,"#), "{line}");
/// # let _ = std::fs::remove_file(path);
/// # Ok::<(), matmul::Error>(())
/// ```
#[derive(Debug)]
pub struct Traced<K> {
    kernel: K,
    log: Arc<Log>,
}

impl<K> Traced<K> {
    /// `kernel`, whose products are taken down in `path`.
    pub fn new(kernel: K, path: impl Into<PathBuf>) -> Self {
        Self { kernel, log: Arc::new(Log::new(path.into(), false)) }
    }
}

/// The log of the public calls: none unless `MATMUL_TRACE` names a file. Read once per process.
pub(crate) fn global() -> Option<&'static Arc<Log>> {
    static GLOBAL: OnceLock<Option<Arc<Log>>> = OnceLock::new();
    let path = || std::env::var_os("MATMUL_TRACE").filter(|path| !path.is_empty());
    GLOBAL.get_or_init(|| path().map(|path| Arc::new(Log::new(path.into(), true)))).as_ref()
}

/// Computes a product of the public calls, and takes it down if that is asked for.
pub(crate) fn product(key: Key, compute: impl FnOnce()) {
    match global() {
        None => compute(),
        Some(log) => taken_down(log, key, compute),
    }
}

/// Computes a product and takes it down.
#[cold]
fn taken_down(log: &Arc<Log>, key: Key, compute: impl FnOnce()) {
    let start = Instant::now();
    compute();
    log.add(key, start.elapsed());
    if log.until_exit {
        // The threads' last words: there is nobody who drops a static.
        let _ =
            ENDING.try_with(|ending| _ = ending.borrow_mut().get_or_insert_with(|| Ending(Arc::clone(log))));
    }
}

/// The kernel that is traced.
impl<K> Deref for Traced<K> {
    type Target = K;

    #[inline]
    fn deref(&self) -> &K {
        &self.kernel
    }
}

impl<T: Element, K: Kernel<T>> Kernel<T> for Traced<K> {
    fn name(&self) -> &str {
        self.kernel.name()
    }

    #[inline]
    fn availability(&self) -> Availability {
        self.kernel.availability()
    }

    fn promise(&self) -> Promise {
        self.kernel.promise()
    }

    fn sizes(&self) -> Option<Sizes> {
        self.kernel.sizes()
    }

    fn threads(&self) -> usize {
        self.kernel.threads()
    }

    #[inline]
    fn run(&self, problem: Problem<'_, T>) {
        taken_down(&self.log, Key::of(&problem, 1), || self.kernel.run(problem));
    }

    #[inline]
    fn run_batch(&self, mut batch: BatchProblem<'_, T>) {
        let count = batch.len();
        if let Some(key) = batch.first().map(|first| Key::of(&first, count)) {
            taken_down(&self.log, key, || self.kernel.run_batch(batch));
        }
    }
}

/// What is counted as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// m, k and n.
    sizes: [usize; 3],
    /// Of A and B: `n` where rows are contiguous, `t` where columns are.
    layouts: [char; 2],
    batch: usize,
    dtype: &'static str,
}

impl Key {
    pub(crate) fn of<T: Element>(problem: &Problem<'_, T>, batch: usize) -> Self {
        let layout = |x: MatRef<'_, T>| if x.rs() == 1 && x.cs() != 1 { 't' } else { 'n' };
        Self {
            sizes: [problem.m(), problem.k(), problem.n()],
            layouts: [layout(problem.a()), layout(problem.b())],
            batch,
            dtype: T::NAME,
        }
    }
}

/// What was counted until now.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Whether it belongs to nobody who drops it.
    until_exit: bool,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    products: BTreeMap<Key, (u64, Duration)>,
    /// When the file was written last.
    written: Instant,
    /// Whether the file has all of them.
    whole: bool,
    /// Whether it was said that it cannot be written.
    told: bool,
}

impl Log {
    fn new(path: PathBuf, until_exit: bool) -> Self {
        let counts = Counts { products: BTreeMap::new(), written: Instant::now(), whole: true, told: false };
        Self { path, until_exit, counts: Mutex::new(counts) }
    }

    fn add(&self, key: Key, time: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (calls, total) = counts.products.entry(key).or_default();
        *calls += 1;
        *total += time;
        counts.whole = false;
        if counts.written.elapsed() >= EVERY {
            counts.write(&self.path);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.counts.get_mut().unwrap_or_else(PoisonError::into_inner).write(&self.path);
    }
}

impl Counts {
    fn write(&mut self, path: &Path) {
        if self.whole {
            return;
        }
        // Beside it and renamed: whoever reads meanwhile, or a disk that fills, finds the last one whole.
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let written = fs::write(&part, self.text()).and_then(|()| fs::rename(&part, path));
        if let Err(error) = &written {
            let _ = fs::remove_file(&part);
            if !self.told {
                let _ = writeln!(std::io::stderr(), "MATMUL_TRACE: {}: {error}", path.display());
            }
        }
        (self.written, self.whole, self.told) = (Instant::now(), written.is_ok(), written.is_err());
    }

    fn text(&self) -> String {
        let line = |(key, (calls, time)): (&Key, &(u64, Duration))| {
            let Key { sizes: [m, k, n], layouts: [a, b], batch, dtype } = key;
            format!(
                "{{\"m\":{m},\"k\":{k},\"n\":{n},\"a\":\"{a}\",\"b\":\"{b}\",\"batch\":{batch},\"dtype\":\"{dtype}\",\
                 \"calls\":{calls},\"seconds\":{:?}}}\n",
                time.as_secs_f64()
            )
        };
        self.products.iter().map(line).collect()
    }
}

thread_local! {
    /// Of a thread that has computed a product while `MATMUL_TRACE` was set.
    static ENDING: RefCell<Option<Ending>> = const { RefCell::new(None) };
}

struct Ending(Arc<Log>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).write(&self.0.path);
    }
}
