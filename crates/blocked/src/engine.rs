//! An engine: the functions of one instruction set for one element type, and their facts.

use matmul_core::{
    Availability, BatchProblem, Element, Fold, K_CHUNK, Kernel, MatMut, MatRef, Problem, Promise, Sizes,
    Summation,
};

use crate::epilogue::{Epilogue, finish};
use crate::memory::pack::PackFn;
use crate::memory::panels::{PackedB, PackedProblem};
use crate::paths::update::Run;
use crate::plan::{Caches, Facts, Limits, Plan, Query, sizes};
use crate::raw::{Raw, Span, all};
use crate::work::{Join, Serial, Work};

/// One tile and chunk of k.
pub type TileFn<T> = unsafe fn(t: &Raw<T>, fold: Fold<<T as Element>::Out>);
/// The sums of a group of rows in lanes, for one chunk of k or the terms of it that are returned.
pub type RowsFn<T> = unsafe fn(t: &Raw<T>, p: Span, sums: *mut <T as Element>::Out) -> usize;
/// Adds the terms that a [`RowsFn`] left to its sums, of so many rows.
pub type RestFn<T> = unsafe fn(t: &Raw<T>, p: Span, sums: *mut <T as Element>::Out, height: usize);
/// The sums of a strip for one chunk of k.
pub type StripFn<T> = unsafe fn(t: &Raw<T>, i: Span, p: Span, sums: *mut <T as Element>::Out);
/// Folds sums, so many rows of them, into columns of C.
pub type FoldFn<T> = unsafe fn(
    t: &Raw<T>,
    fold: Fold<<T as Element>::Out>,
    sums: *const <T as Element>::Out,
    height: usize,
    out: Run<<T as Element>::Out>,
);

/// The functions of one instruction set for one element type. [`engine!`](crate::engine!) stamps them.
///
/// Each may be called where the CPU has the instructions and the contract of [`Raw`] holds, with what its path asks
/// beyond that.
#[derive(Clone, Copy)]
pub struct Functions<T: Element> {
    /// A tile of up to MR rows and NR columns, one chunk of k.
    pub tile: TileFn<T>,
    /// A block copied as a panel.
    pub pack: PackFn<T>,
    /// Rows in lanes for n columns, at index n, with any column stride of B and with 1; at index 0 the groups side by
    /// side of a single column.
    pub rows: &'static [[RowsFn<T>; 2]],
    /// Strips by columns and vectors; with one vector they take what is left.
    pub strips: &'static [(usize, usize, StripFn<T>)],
    /// What rows in lanes leave of a chunk.
    pub rest: RestFn<T>,
    /// The end of a chunk for rows in lanes and strips.
    pub fold: FoldFn<T>,
    /// A column-contiguous A times a vector, with so many sums in L1.
    pub column: Option<unsafe fn(t: &Raw<T>, block: usize)>,
    /// Dot products, outside the contract.
    pub dot: Option<unsafe fn(t: &Raw<T>)>,
    /// Steps of chains of multiply-adds in registers; the floating-point operations done.
    pub fma_chain: unsafe fn(steps: u64) -> u64,
    /// Reads all of a slice so many times; the bytes read.
    pub read: unsafe fn(data: &[T], passes: usize) -> u64,
    /// [`run_f32`](crate::run_f32) or its like.
    pub run: fn(&Engine<T>, Work<'_, '_, T>, Summation, &dyn Join),
}

impl<T: Element> Functions<T> {
    /// A tile, its packing and the way to them, and nothing else: enough for every product. The facts have 0 `rows` and no
    /// strips; no peak can be measured.
    pub const fn of_tile(
        tile: TileFn<T>,
        pack: PackFn<T>,
        run: fn(&Engine<T>, Work<'_, '_, T>, Summation, &dyn Join),
    ) -> Self {
        Self {
            tile,
            pack,
            rows: &[],
            strips: &[],
            rest: |_, _, _, _| {},
            fold: |_, _, _, _, _| {},
            column: None,
            dot: None,
            fma_chain: |_| 0,
            read: |_, _| 0,
            run,
        }
    }
}

/// The functions of one instruction set for one element type, and their facts.
///
/// A reference is the proof that this CPU has the instructions: whoever has the statics gives one out only after
/// detection.
pub struct Engine<T: Element> {
    facts: Facts,
    functions: Functions<T>,
}

impl<T: Element> Engine<T> {
    /// An engine of these functions.
    ///
    /// # Safety
    /// The functions keep what [`Functions`] says of them, with the sizes and paths of the facts; and safe code gets a
    /// reference only where the CPU has their instructions.
    pub const unsafe fn new(facts: Facts, functions: Functions<T>) -> Self {
        Self { facts, functions }
    }

    /// The same functions with other thresholds. They change the way of a product, never its bits.
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self { facts: Facts { limits, ..self.facts }, functions: self.functions }
    }

    /// What the plan knows of it.
    #[inline(always)]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    #[inline(always)]
    pub(crate) fn functions(&self) -> &Functions<T> {
        &self.functions
    }

    /// Runs chains of fused multiply-adds in registers alone, and returns the floating-point operations done, two for
    /// each.
    pub fn fma_chain(&self, steps: u64) -> u64 {
        // SAFETY: a reference to the engine proves that the CPU has its instructions.
        unsafe { (self.functions.fma_chain)(steps) }
    }

    /// Reads all of `data` `passes` times with its vectors, and returns the bytes read. What stands before the first
    /// whole cache line, and a remainder of less than a dozen vectors, are left out.
    pub fn read(&self, data: &[T], passes: usize) -> u64 {
        let start = data.as_ptr().align_offset(64).min(data.len());
        // SAFETY: as above.
        unsafe { (self.functions.read)(&data[start..], passes) }
    }

    /// Runs a full tile `repeats` times, `k` deep, and returns the floating-point operations done.
    ///
    /// # Panics
    /// Unless A is MR × k, B k × NR and C MR × NR, with contiguous rows of B and C and k at most [`K_CHUNK`].
    pub fn tile(&self, repeats: u64, a: MatRef<'_, T>, b: MatRef<'_, T>, mut c: MatMut<'_, T::Out>) -> u64 {
        let (mr, nr, k) = (self.facts.mr, self.facts.nr(), a.ncols());
        assert!(a.nrows() == mr && b.shape() == (k, nr) && c.shape() == (mr, nr), "no full tile");
        assert!((1..=K_CHUNK).contains(&k) && b.cs() == 1 && c.cs() == 1, "no chunk, or rows not contiguous");
        for _ in 0..repeats {
            let product = Problem::new(T::Out::ONE, a, b, T::Out::ZERO, c.reborrow());
            if let Ok(Some(mut problem)) = product {
                let raw = Raw::as_given(&mut problem);
                // SAFETY: the problem is borrowed and one tile, as was just checked; a reference to the engine proves
                // that the CPU has its instructions.
                unsafe { (self.functions.tile)(&raw, raw.fold(0)) };
            }
        }
        2 * repeats * (mr * nr * k) as u64
    }

    /// The whole product, if it is one tile and one chunk of k; otherwise false, and nothing is done.
    ///
    /// It is inlined into its caller and takes the product by reference: at 4³ the moving of its views from function to
    /// function takes longer than the arithmetic (docs/performance.md, "Squares below 64").
    #[inline(always)]
    pub fn gemm_one_tile(&self, problem: &mut Problem<'_, T>) -> bool {
        let (rows, columns) = self.facts.tile_for(problem.n());
        let fits = problem.m() <= rows && problem.n() <= columns && problem.k() <= K_CHUNK;
        let one_tile = fits && problem.b().cs() == 1 && problem.c().cs() == 1;
        if one_tile {
            let raw = Raw::as_given(problem);
            // SAFETY: the problem is borrowed, its shapes agree, and it is one tile with contiguous rows; a reference
            // to the engine proves that the CPU has its instructions.
            unsafe { (self.functions.tile)(&raw, raw.fold(0)) };
        }
        one_tile
    }

    /// C ← α·A·B + β·C on up to as many threads as `join` has; a small product stays on the calling one.
    /// By reference, as [`Engine::gemm_one_tile`].
    pub fn gemm(&self, problem: &mut Problem<'_, T>, summation: Summation, join: &dyn Join) {
        (self.functions.run)(self, Work::One(problem), summation, join);
    }

    /// C ← epilogue(α·A·B + β·C): [`Engine::gemm`], and the epilogue by whoever computed a part of C. The shape of C is
    /// one that the epilogue has checked.
    pub fn gemm_finished(
        &self,
        problem: &mut Problem<'_, T>,
        epilogue: &dyn Epilogue<T::Out>,
        summation: Summation,
        join: &dyn Join,
    ) {
        (self.functions.run)(self, Work::Finished(problem, epilogue), summation, join);
    }

    /// The same for each product of a batch: they are shared out over the threads before any of them is cut.
    pub fn gemm_batch(&self, batch: BatchProblem<'_, T>, summation: Summation, join: &dyn Join) {
        (self.functions.run)(self, Work::Many(batch), summation, join);
    }

    /// The same with a B that was packed before, in the contract's order.
    ///
    /// # Panics
    /// If B was packed for panels of another width.
    pub fn gemm_packed(&self, problem: PackedProblem<'_, T>, join: &dyn Join) {
        let (found, width) = (problem.b.width(), self.facts.nr());
        assert!(found == width, "B was packed for panels of {found} columns, not {width}");
        (self.functions.run)(self, Work::Packed(problem), Summation::Contract, join);
    }

    /// B packed for this engine.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) if there is no memory for its k · n elements, n rounded up to whole
    /// panels.
    pub fn pack(&self, b: MatRef<'_, T>) -> Result<PackedB<T>, crate::Error> {
        // SAFETY: a reference to the engine proves that the CPU has its instructions.
        unsafe { PackedB::new(self.functions.pack, self.facts.nr(), b) }
    }

    /// The plan of a product here, on this machine's caches.
    pub fn plan(&self, query: &Query) -> Plan {
        Plan::new(query, &self.facts, Caches::get())
    }

    /// The sizes at which it changes its way of working.
    pub fn sizes(&self) -> Sizes {
        sizes(&self.facts, Caches::get())
    }

    /// The function for strips of so many columns and vectors.
    pub(crate) fn strip(&self, n: usize, vectors: usize) -> StripFn<T> {
        let found = self.functions.strips.iter().find(|strip| (strip.0, strip.1) == (n, vectors));
        found.expect("an engine has the strips of its facts").2
    }
}

/// An engine by itself, on the calling thread.
impl<T: Element> Kernel<T> for Engine<T> {
    fn name(&self) -> &str {
        self.facts.isa
    }

    fn promise(&self) -> Promise {
        Promise::SameBits
    }

    fn sizes(&self) -> Option<Sizes> {
        Some(self.sizes())
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        self.gemm(&mut problem, Summation::Contract, &Serial);
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        self.gemm_batch(batch, Summation::Contract, &Serial);
    }
}

impl<T: Element> core::fmt::Debug for Engine<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Engine {} {}", self.facts.isa, self.facts.dtype)
    }
}

/// The engines of one instruction set.
#[derive(Debug)]
pub struct Engines {
    /// For f32.
    pub f32: &'static Engine<f32>,
    /// For f64.
    pub f64: &'static Engine<f64>,
}

impl Engines {
    /// The engine of an element type, if it has one.
    #[inline(always)]
    pub fn of<T: Element>(&self) -> Option<&'static Engine<T>> {
        let (f32, f64): (&dyn core::any::Any, &dyn core::any::Any) = (self.f32, self.f64);
        f32.downcast_ref().or_else(|| f64.downcast_ref())
    }
}

/// What kernels do with the engines that they may have: those of an instruction set that this CPU lacks are `None`.
impl Engines {
    /// Whether there is an engine for `T`, in the words of a kernel; `Err` says what the CPU lacks.
    #[inline]
    pub fn availability<T: Element>(engines: Result<&'static Self, &'static str>) -> Availability {
        match engines {
            Ok(engines) if engines.of::<T>().is_some() => Availability::Available,
            _ => unavailable(engines.err(), T::NAME),
        }
    }

    /// [`Engine::gemm_one_tile`] and, for all that is larger, [`Engine::gemm`]. An unavailable kernel is refused by
    /// `Kernel::gemm`; where it is run all the same, it computes the same bits element by element.
    #[inline(always)]
    pub fn gemm<T: Element>(
        engines: Option<&'static Self>,
        mut problem: Problem<'_, T>,
        summation: Summation,
        join: &dyn Join,
    ) {
        match engines.and_then(|engines| engines.of::<T>()) {
            Some(engine) if engine.gemm_one_tile(&mut problem) => {}
            Some(engine) => engine.gemm(&mut problem, summation, join),
            None => by_definition(&mut problem),
        }
    }

    /// [`Engine::gemm_finished`], likewise.
    pub fn gemm_finished<T: Element>(
        engines: Option<&'static Self>,
        mut problem: Problem<'_, T>,
        epilogue: &dyn Epilogue<T::Out>,
        summation: Summation,
        join: &dyn Join,
    ) {
        match engines.and_then(|engines| engines.of::<T>()) {
            Some(engine) => engine.gemm_finished(&mut problem, epilogue, summation, join),
            None => {
                by_definition(&mut problem);
                finish(epilogue, problem.into_c());
            }
        }
    }

    /// [`Engine::gemm_batch`], likewise.
    pub fn gemm_batch<T: Element>(
        engines: Option<&'static Self>,
        batch: BatchProblem<'_, T>,
        summation: Summation,
        join: &dyn Join,
    ) {
        match engines.and_then(|engines| engines.of::<T>()) {
            Some(engine) => engine.gemm_batch(batch, summation, join),
            None => batch.for_each(|mut problem| by_definition(&mut problem)),
        }
    }
}

#[cold]
fn unavailable(cpu_needs: Option<&'static str>, dtype: &str) -> Availability {
    let needs = cpu_needs.map_or_else(|| format!("a product of f32 or f64, not {dtype}"), Into::into);
    Availability::Unavailable { needs }
}

/// The numeric contract, element by element.
#[cold]
fn by_definition<T: Element>(problem: &mut Problem<'_, T>) {
    for i in 0..problem.m() {
        for j in 0..problem.n() {
            define(problem, (i, j));
        }
    }
}

/// One element by the numeric contract. A function of its own, or the compiler has the loops once for each β.
#[cold]
#[inline(never)]
fn define<T: Element>(problem: &mut Problem<'_, T>, (i, j): (usize, usize)) {
    let (a, b, k) = (problem.a(), problem.b(), problem.k());
    let (alpha, beta) = (problem.alpha(), problem.beta());
    let mut c = problem.c();
    for p in all(k).cut(K_CHUNK) {
        let terms = p.at..p.end();
        let sum = terms.fold(T::Out::ZERO, |sum, l| a.at(i, l).mul_add(b.at(l, j), sum));
        let fold = if p.at == 0 { Fold::first(beta) } else { Fold::Add };
        let new = fold.apply(alpha, sum, || c.at(i, j));
        c.set(i, j, new);
    }
}
