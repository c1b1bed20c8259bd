//! Carries plans out: one product, a batch with one plan for all, a packed B; on one thread or several.

use matmul_core::{BatchProblem, Element, Fold, K_CHUNK, Problem, Summation};

use crate::engine::Engine;
use crate::epilogue::{Epilogue, Finish};
use crate::memory::arena::{Lease, Slot};
use crate::memory::pack::SLACK;
use crate::memory::panels::{PackedProblem, Panels};
use crate::paths::update::Run;
use crate::paths::{rows, strips, tiles};
use crate::plan::{Caches, Cut, Facts, Halves, Order, Path, Plan, Query, most_pieces};
use crate::raw::{Raw, Span, all};
use crate::work::{Join, Serial, Work};

/// The only way from work to paths, for any engine. [`run_f32`] and [`run_f64`] are compiled in this crate; the
/// [`Functions`](crate::Functions) of another element type have an instance of this.
pub fn run<T: Element>(engine: &Engine<T>, work: Work<'_, '_, T>, summation: Summation, join: &dyn Join) {
    match work {
        Work::One(problem) => one(engine, problem, None, summation, join),
        Work::Finished(problem, epilogue) => one(engine, problem, Some(epilogue), summation, join),
        Work::Many(batch) => many(engine, batch, summation, join),
        Work::Packed(problem) => packed(engine, problem, join),
    }
}

/// [`Functions::run`](crate::Functions::run) of an `Engine<f32>`, compiled here and not in the crates of instruction sets
/// and users.
pub fn run_f32(engine: &Engine<f32>, work: Work<'_, '_, f32>, summation: Summation, join: &dyn Join) {
    run(engine, work, summation, join);
}

/// [`Functions::run`](crate::Functions::run) of an `Engine<f64>`.
pub fn run_f64(engine: &Engine<f64>, work: Work<'_, '_, f64>, summation: Summation, join: &dyn Join) {
    run(engine, work, summation, join);
}

fn one<T: Element>(
    engine: &Engine<T>,
    problem: &mut Problem<'_, T>,
    epilogue: Option<&dyn Epilogue<T::Out>>,
    summation: Summation,
    join: &dyn Join,
) {
    let mut raw = Raw::new(problem);
    let plan = plan(engine, &query(engine, &raw, summation, join));
    let context = Context { epilogue, ..Context::new(engine, &plan, join) };
    // SAFETY: the problem is borrowed until the end of this function, and the plan is this product's.
    unsafe { carry_out(&context, &mut raw) };
}

/// Products first, because whole ones share nothing; each is cut where there are fewer of them than threads.
#[inline(never)]
fn many<T: Element>(
    engine: &Engine<T>,
    mut batch: BatchProblem<'_, T>,
    summation: Summation,
    join: &dyn Join,
) {
    if let Some(mut problem) = batch.take_single() {
        return one(engine, &mut problem, None, summation, join);
    }
    let count = batch.len();
    let Some(raw) = batch.first().map(|mut problem| Raw::new(&mut problem)) else { return };
    let alone = ask(engine, &raw, summation, &Serial);
    let whole = Query { m: alone.m.saturating_mul(count), ..alone };
    let pieces = match pieces_for(&whole, engine.facts(), join) {
        1 => 1,
        most => join.threads().min(most),
    };
    if count < pieces {
        let plan = plan(engine, &ask(engine, &raw, summation, join));
        each(&Context::new(engine, &plan, join), batch);
    } else {
        let plan = plan(engine, &alone);
        share_out(&Context::new(engine, &plan, join), batch, pieces);
    }
}

#[inline(never)]
fn packed<T: Element>(engine: &Engine<T>, problem: PackedProblem<'_, T>, join: &dyn Join) {
    let PackedProblem { alpha, a, b, beta, mut c, epilogue } = problem;
    let (m, k) = a.shape();
    // B's address and strides are not used: tiles find its panels.
    let mut raw = Raw {
        m,
        n: b.ncols(),
        k,
        alpha,
        a: a.as_ptr(),
        a_rs: a.rs(),
        a_cs: a.cs(),
        b: core::ptr::null(),
        b_rs: 1,
        b_cs: 1,
        beta,
        c: c.as_mut_ptr(),
        c_rs: c.rs(),
        c_cs: c.cs(),
    };
    raw.make_canonical();
    let plan = plan(engine, &Query { packed: true, ..ask(engine, &raw, Summation::Contract, join) });
    let epilogue = (!epilogue.is_identity()).then_some(epilogue);
    let context = Context { packed: Some(b.panels()), epilogue, ..Context::new(engine, &plan, join) };
    // SAFETY: A, B and C are borrowed until the end of this function, their shapes agree, and the plan is this
    // product's; the engine's panels have B's width, as its caller has checked.
    unsafe { carry_out(&context, &mut raw) };
}

/// [`query`] for what is asked less often, or is larger, than [`one`]: a copy of its code less.
#[inline(never)]
fn ask<T: Element>(engine: &Engine<T>, t: &Raw<T>, summation: Summation, join: &dyn Join) -> Query {
    query(engine, t, summation, join)
}

/// What the plan is asked. Threads are only counted where there is work for two.
#[inline(always)]
fn query<T: Element>(engine: &Engine<T>, t: &Raw<T>, summation: Summation, join: &dyn Join) -> Query {
    let query = Query {
        m: t.m,
        k: t.k,
        n: t.n,
        a: (t.a_rs, t.a_cs),
        b: (t.b_rs, t.b_cs),
        c: (t.c_rs, t.c_cs),
        packed: false,
        summation,
        threads: 1,
        outside: false,
    };
    match pieces_for(&query, engine.facts(), join) {
        1 => query,
        _ => Query { threads: join.threads(), outside: join.outside(), ..query },
    }
}

/// The most pieces that work is worth on these threads. Where the caller stands is only asked where it matters.
#[inline(always)]
fn pieces_for(query: &Query, facts: &Facts, join: &dyn Join) -> usize {
    match most_pieces(query, facts) {
        1 => 1,
        inside if !join.outside() => inside,
        _ => most_pieces(&Query { outside: true, ..*query }, facts),
    }
}

#[inline(always)]
fn plan<T: Element>(engine: &Engine<T>, query: &Query) -> Plan {
    Plan::new(query, engine.facts(), Caches::get())
}

/// What all pieces of a product have in common.
struct Context<'a, T: Element> {
    engine: &'a Engine<T>,
    plan: &'a Plan,
    packed: Option<Panels<T>>,
    epilogue: Option<&'a dyn Epilogue<T::Out>>,
    join: &'a dyn Join,
}

impl<'a, T: Element> Context<'a, T> {
    fn new(engine: &'a Engine<T>, plan: &'a Plan, join: &'a dyn Join) -> Self {
        Self { engine, plan, packed: None, epilogue: None, join }
    }
}

// SAFETY: the panels are read only.
unsafe impl<T: Element> Sync for Context<'_, T> {}

/// Each product of a batch by the plan.
fn each<T: Element>(context: &Context<'_, T>, batch: BatchProblem<'_, T>) {
    for mut problem in batch {
        let mut raw = Raw::new(&mut problem);
        // SAFETY: the problem is borrowed until the end of this turn; it has the shape and strides of the first, whose
        // plan this is.
        unsafe { carry_out(context, &mut raw) };
    }
}

/// Halves a batch of at least `pieces` products and joins the halves, until one piece is left.
fn share_out<T: Element>(context: &Context<'_, T>, batch: BatchProblem<'_, T>, pieces: usize) {
    if pieces < 2 {
        return each(context, batch);
    }
    let first = pieces / 2;
    let cut = (batch.len() as u128 * first as u128 / pieces as u128) as usize;
    let (front, back) = batch.split(cut).expect("a piece for each of at least as many products");
    let (mut front, mut back) = (Some(front), Some(back));
    context
        .join
        .join(&mut || share_out(context, front.take().expect("a half runs once"), first), &mut || {
            share_out(context, back.take().expect("a half runs once"), pieces - first)
        });
}

/// A product by its plan. It is lent all the way to the tiles, which move it over C: a copy of numbers that were just
/// written would wait for their stores (docs/performance.md, "Squares below 64").
///
/// # Safety
/// The contract of [`Raw`] holds, and the plan was made for its shape and strides and for the context's engine, of which
/// B is packed if there are panels.
unsafe fn carry_out<T: Element>(context: &Context<'_, T>, raw: &mut Raw<T>) {
    if context.plan.turned {
        *raw = raw.turned();
    }
    let edge = context.plan.edge;
    // SAFETY: the caller's promise.
    unsafe {
        match context.plan.cut {
            None => run_piece(context, raw, (0, 0), edge),
            Some(cut) if cut.order == Order::Chunks => by_chunks(context, raw, cut.pieces),
            Some(cut) => Part { raw: *raw, i: 0, j: 0, edge }.split(context, cut, cut.pieces),
        }
    }
}

/// A part of C.
#[derive(Clone, Copy)]
struct Part<T: Element> {
    raw: Raw<T>,
    /// Its first row in the whole.
    i: usize,
    /// Its first column in the whole: where its panels of a packed B begin.
    j: usize,
    /// The last columns that have a path of their own; 0 in a part without the last columns of C.
    edge: usize,
}

impl<T: Element> Part<T> {
    /// Halves the part and joins the halves, until one piece is left.
    ///
    /// # Safety
    /// As for [`carry_out`].
    unsafe fn split(mut self, context: &Context<'_, T>, cut: Cut, pieces: usize) {
        let first = pieces / 2;
        let (one, two) = match cut.halve((self.raw.m, self.raw.n), pieces) {
            // SAFETY: the caller's promise.
            None => return unsafe { run_piece(context, &mut self.raw, (self.i, self.j), self.edge) },
            Some(Halves::Rows(i)) => {
                (self.rows(Span { at: 0, len: i }), self.rows(Span { at: i, len: self.raw.m - i }))
            }
            Some(Halves::Columns(j)) => (
                Self { edge: 0, ..self.columns(Span { at: 0, len: j }) },
                self.columns(Span { at: j, len: self.raw.n - j }),
            ),
        };
        // SAFETY: the caller's promise; the halves have no element of C in common.
        context.join.join(&mut || unsafe { one.split(context, cut, first) }, &mut || unsafe {
            two.split(context, cut, pieces - first)
        });
    }

    fn rows(self, i: Span) -> Self {
        Self { raw: self.raw.rows(i), i: self.i + i.at, ..self }
    }

    fn columns(self, j: Span) -> Self {
        Self { raw: self.raw.columns(j), j: self.j + j.at, ..self }
    }
}

/// Cuts k: the first piece goes straight into C, while the others sum their chunks elsewhere; then these are folded in their
/// order, as one thread would have (docs/numerics.md).
///
/// # Safety
/// As for [`carry_out`]; rows of C are contiguous, and the engine folds.
unsafe fn by_chunks<T: Element>(whole: &Context<'_, T>, t: &mut Raw<T>, pieces: usize) {
    // The epilogue is for complete sums.
    let context = &Context { epilogue: None, ..*whole };
    let chunks = t.k.div_ceil(K_CHUNK);
    let own = chunks / pieces;
    let area = t.m * t.n;
    // Folding loads whole vectors of sums.
    let mut lease = Lease::<T::Out>::take(Slot::Sums, (chunks - own) * area + SLACK);
    let sums = lease.as_mut_ptr();
    let mut first = Raw { k: own * K_CHUNK, ..*t };
    let rest = t.terms(Span { at: first.k, len: t.k - first.k });
    let rest = Raw { alpha: T::Out::ONE, beta: T::Out::ZERO, c: sums, c_rs: t.n as isize, c_cs: 1, ..rest };
    // SAFETY: the caller's promise; the lease has a C for each chunk of the rest.
    context
        .join
        .join(&mut || unsafe { run_piece(context, &mut first, (0, 0), context.plan.edge) }, &mut || unsafe {
            sum_chunks(context, rest, pieces - 1)
        });
    // Rows of C are folded as columns of the transposed product.
    let rows = Raw { n: t.m, ..*t };
    for chunk in 0..chunks - own {
        let out = Run { at: t.c, stride: t.c_rs, len: t.n };
        // SAFETY: the sums were written, and rows of C lie in it.
        unsafe {
            (context.engine.functions().fold)(&rows, Fold::Add, sums.wrapping_add(chunk * area), t.n, out)
        };
    }
    if let Some(epilogue) = whole.epilogue {
        // SAFETY: the caller's promise; all of C is complete.
        unsafe { finish_piece(&Finish { epilogue, i: 0, j: 0 }, t, whole.plan.turned, 0) };
    }
}

/// The sums of each chunk of `t`, one m × n matrix behind the other in place of C, on up to so many threads.
///
/// # Safety
/// As for [`by_chunks`]; there is room for all.
unsafe fn sum_chunks<T: Element>(context: &Context<'_, T>, t: Raw<T>, pieces: usize) {
    let area = t.m * t.n;
    let part = |p: Span| Raw { c: t.c.wrapping_add(p.at / K_CHUNK * area), ..t.terms(p) };
    if pieces > 1 {
        let at = t.k.div_ceil(K_CHUNK) * (pieces / 2) / pieces * K_CHUNK;
        let (one, two) = (part(Span { at: 0, len: at }), part(Span { at, len: t.k - at }));
        // SAFETY: the caller's promise; the halves have no chunk in common.
        return context.join.join(&mut || unsafe { sum_chunks(context, one, pieces / 2) }, &mut || unsafe {
            sum_chunks(context, two, pieces - pieces / 2)
        });
    }
    for p in all(t.k).cut(K_CHUNK) {
        // SAFETY: the caller's promise: a whole product into its own sums.
        unsafe { run_piece(context, &mut part(p), (0, 0), context.plan.edge) };
    }
}

/// Body and edge of a piece on this thread, and the epilogue. It begins at row i and column j of C, and `edge` is that of
/// [`Part`].
///
/// # Safety
/// As for [`carry_out`].
unsafe fn run_piece<T: Element>(
    context: &Context<'_, T>,
    t: &mut Raw<T>,
    (i, j): (usize, usize),
    edge: usize,
) {
    let (engine, turned) = (context.engine, context.plan.turned);
    let edge = engine.facts().edge_of_piece(t.m, edge);
    let body = t.n - edge;
    let finish = context.epilogue.map(|epilogue| Finish { epilogue, i, j });
    // Of a turned product rows of C are columns here.
    let in_tiles = finish.filter(|_| !turned);
    // SAFETY: the caller's promise; the plan has a path only where the engine has it and the operands allow it.
    unsafe {
        match &context.plan.body {
            Path::Tile => (engine.functions().tile)(t, t.fold(0)),
            Path::Tiles(how) => {
                let packed = context.packed.map(|panels| panels.skip(j));
                tiles::run(engine, t, all(body), how, packed, in_tiles.as_ref());
            }
            Path::Rows => rows::run(engine, t),
            Path::Strips(how) => strips::run(engine, t, *how),
            Path::Column { block } => {
                (engine.functions().column.expect("an engine has the paths of its facts"))(t, *block);
            }
            Path::Dot => (engine.functions().dot.expect("an engine has the paths of its facts"))(t),
        }
        if edge > 0 {
            rows::run(engine, &t.columns(Span { at: body, len: edge }));
        }
        if let Some(finish) = &finish {
            let by_tiles = matches!(context.plan.body, Path::Tiles(_)) && in_tiles.is_some();
            finish_piece(finish, t, turned, if by_tiles { body } else { 0 });
        }
    }
}

/// The epilogue, for columns `j ..` of a piece that is complete.
///
/// # Safety
/// As for [`carry_out`].
#[cold]
#[inline(never)]
unsafe fn finish_piece<T: Element>(finish: &Finish<'_, T::Out>, t: &Raw<T>, turned: bool, j: usize) {
    if j == t.n {
        return;
    }
    let c = t.columns(Span { at: j, len: t.n - j });
    // SAFETY: the caller's promise.
    unsafe {
        match turned {
            false => finish.at(0, j).run(c.c, (c.m, c.n), (c.c_rs, c.c_cs)),
            true => {
                let finish = Finish { i: finish.j + j, j: finish.i, ..*finish };
                finish.run(c.c, (c.n, c.m), (c.c_cs, c.c_rs));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use matmul_core::{BatchMut, BatchRef};

    use super::*;
    use crate::portable;
    use crate::work::Serial;

    /// [`many`] asks for the plan of the first product and computes all of them by it.
    #[test]
    fn products_of_a_batch_ask_for_one_plan() {
        let (a, b) = ([1.0f32; 400], [1.0f32; 400]);
        let (m, k, n, count) = (3, 5, 4, 6);
        // Strides from matrix to matrix, and of rows and columns: one behind the other, interleaved, one B for all.
        for (a_step, a_strides) in [(15, (5, 1)), (15, (1, 3)), (1, (30, 6)), (-15, (5, 1))] {
            for (b_step, b_strides) in [(20, (4, 1)), (20, (1, 5)), (0, (4, 1))] {
                for (c_step, c_strides) in [(12, (4, 1)), (12, (1, 3)), (1, (24, 6))] {
                    let mut c = [0.0f32; 400];
                    let at = |step: isize| if step < 0 { 200 } else { 0 };
                    let a = BatchRef::from_strided(&a, at(a_step), (count, a_step), (m, k), a_strides);
                    let b = BatchRef::from_strided(&b, at(b_step), (count, b_step), (k, n), b_strides);
                    let c = BatchMut::from_strided(&mut c, 0, (count, c_step), (m, n), c_strides);
                    let batch = BatchProblem::new(1.0, a.unwrap(), b.unwrap(), 0.0, c.unwrap());
                    let mut batch = batch.unwrap().expect("something to do");
                    let of = |mut problem: Problem<'_, f32>| {
                        query(portable().f32, &Raw::new(&mut problem), Summation::Contract, &Serial)
                    };
                    let first = batch.first().map(of).expect("six products");
                    assert_eq!((first.a, first.b, first.c), (a_strides, b_strides, c_strides));
                    // Of a half too, which may be another thread's.
                    let (front, back) = batch.split(2).expect("two and four");
                    let queries: Vec<Query> = front.map(of).chain(back.map(of)).collect();
                    assert_eq!(queries, vec![first; count]);
                }
            }
        }
    }
}
