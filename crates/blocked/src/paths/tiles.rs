//! The loops around the micro-kernel, in the terms of the BLIS papers, with the two inner ones exchanged.
//!
//! ```text
//! LOOP 4  jc   columns of C, NC at a time   packed B (KC x NC) stays in L3
//! LOOP 3  pc   k, KC at a time              B is packed here
//! LOOP 2  ir   rows of C, MR at a time      a panel of A (MR x 256) stays in L1, chunk by chunk of KC
//! LOOP 1  jr   columns, NR at a time        the micro-kernel: MR x NR of C in registers
//! ```
//!
//! BLIS keeps a panel of B in L1 and goes through a packed block of A in L2. Here a panel of A stays in L1 while
//! the tiles pass along it: A needs no blocks of its own (BLIS's loop over ic) and need not be packed unless its
//! layout is hostile, and B is read front to back, which the prefetchers keep up with. KC is several chunks deep: an
//! MR × NC strip of C is folded KC / 256 times while it is in L1 or L2 instead of being fetched from memory for each
//! chunk (docs/performance.md, "Squares from 64").
//!
//! Packing is an optimisation that the micro-kernel cannot see, since it reads any strides of A and any row
//! stride of B: an operand that is used too seldom to repay the copy is read in place.

use matmul_core::{Element, Fold, K_CHUNK, MatRef};

use crate::engine::Engine;
use crate::epilogue::Finish;
use crate::memory::arena::{Lease, Slot};
use crate::memory::pack::SLACK;
use crate::memory::panels::Panels;
use crate::plan::{STAGE, Source, Tiles};
use crate::raw::{Raw, Span, all};

/// Where tiles find B.
#[derive(Clone, Copy)]
enum Columns<T> {
    InPlace,
    Packed(Panels<T>),
}

/// Computes columns of the product as `how` says; `packed` has B where that says `Packed`. `finish` is the epilogue.
/// Small products are moved over C in place, and are whole again afterwards.
///
/// # Safety
/// The contract of [`Raw`] holds; rows of B are contiguous where it is read in place; and `packed`, if it is used, holds
/// all of B for this engine.
pub(crate) unsafe fn run<T: Element>(
    engine: &Engine<T>,
    t: &mut Raw<T>,
    columns: Span,
    how: &Tiles,
    packed: Option<Panels<T>>,
    finish: Option<&Finish<'_, T::Out>>,
) {
    let Tiles { blocks, a, b: source, .. } = *how;
    if (a, source) == (Source::InPlace, Source::InPlace) && t.c_cs == 1 && finish.is_none() {
        // SAFETY: the caller's promise.
        return unsafe { in_place(engine, t, columns, how) };
    }
    let loops = Loops { engine, t, how, finish };
    if source == Source::InPlace {
        // Nothing to cut for.
        // SAFETY: the caller's promise.
        return unsafe { loops.loop2(all(t.k), columns, Columns::InPlace) };
    }
    let width = how.columns;
    let mut lease = packed.is_none().then(|| Lease::take(Slot::B, blocks.kc * blocks.nc + SLACK));
    for j in columns.cut(blocks.nc) {
        for p in all(t.k).cut(blocks.kc) {
            // SAFETY: the spans lie in B and begin at the corner; the lease has kc * nc elements and the slack.
            unsafe {
                let panels = match (&mut lease, packed) {
                    (Some(lease), _) => {
                        let padded = j.len.next_multiple_of(width);
                        let ptr = lease.as_mut_ptr();
                        let panels = Panels { ptr, width, padded, corner: (p.at, j.at), first: 0 };
                        panels.fill(
                            engine.functions().pack,
                            MatRef::from_raw_parts(t.b, t.k, t.n, t.b_rs, t.b_cs),
                            p,
                            j,
                        );
                        panels
                    }
                    (None, Some(panels)) => panels,
                    (None, None) => unreachable!("there is a lease where nothing was packed"),
                };
                loops.loop2(p, j, Columns::Packed(panels));
            }
        }
    }
}

/// LOOP 2 and LOOP 1 where nothing is copied. Most of what runs here takes less than a microsecond, so there is nothing in
/// the loops but the addresses of the next tile.
///
/// # Safety
/// The contract of [`Raw`] holds, and rows of B and C are contiguous.
unsafe fn in_place<T: Element>(engine: &Engine<T>, t: &mut Raw<T>, columns: Span, how: &Tiles) {
    let (tile, width) = (engine.functions().tile, how.columns);
    let (m, n, k, a, b, c, fold) = (t.m, t.n, t.k, t.a, t.b, t.c, t.fold(0));
    for i in all(m).cut_level(how.rows) {
        t.m = i.len;
        for p in all(k).cut(K_CHUNK) {
            t.k = p.len;
            t.a = a.wrapping_offset(i.at as isize * t.a_rs + p.at as isize * t.a_cs);
            let b = b.wrapping_offset(p.at as isize * t.b_rs);
            let c = c.wrapping_offset(i.at as isize * t.c_rs);
            let fold = if p.at == 0 { fold } else { Fold::Add };
            for j in columns.cut(width) {
                (t.n, t.b, t.c) = (j.len, b.wrapping_add(j.at), c.wrapping_add(j.at));
                // SAFETY: a tile of at most MR rows and NR columns, whose parts lie in A, B and C.
                unsafe { tile(t, fold) };
            }
        }
    }
    (t.m, t.n, t.k, t.a, t.b, t.c) = (m, n, k, a, b, c);
}

struct Loops<'a, T: Element> {
    engine: &'a Engine<T>,
    t: &'a Raw<T>,
    how: &'a Tiles,
    finish: Option<&'a Finish<'a, T::Out>>,
}

impl<T: Element> Loops<'_, T> {
    /// LOOP 2 and LOOP 1: columns `j`, all of rows `p` of B for one panel of rows of A before the next.
    ///
    /// # Safety
    /// As for [`run`]; the spans lie in B, and in what was packed if it was.
    unsafe fn loop2(&self, p: Span, j: Span, columns: Columns<T>) {
        let (t, height) = (self.t, self.how.rows);
        let copies = self.how.a == Source::Copied;
        let mut lease = copies.then(|| Lease::<T>::take(Slot::A, height * K_CHUNK + SLACK));
        // One tile is moved over C, number by number: a copy of the whole right after its numbers were written would wait
        // for their stores, at each tile (docs/performance.md, "Squares below 64").
        let mut tile = *t;
        for i in all(t.m).cut_level(height) {
            tile.m = i.len;
            for chunk in p.cut(K_CHUNK) {
                tile.k = chunk.len;
                tile.a = t.a.wrapping_offset(i.at as isize * t.a_rs + chunk.at as isize * t.a_cs);
                if let Some(lease) = &mut lease {
                    let copy = lease.as_mut_ptr();
                    // SAFETY: the rows and the chunk lie in A; the lease holds height * k elements and the slack.
                    unsafe {
                        let block = MatRef::from_raw_parts(tile.a, i.len, chunk.len, t.a_rs, t.a_cs);
                        (self.engine.functions().pack)(block.t(), height, copy);
                    }
                    (tile.a, tile.a_rs, tile.a_cs) = (copy, 1, height as isize);
                }
                // SAFETY: the parts lie in A, B and C.
                unsafe { self.loop1(&mut tile, chunk, i.at, j, columns) };
            }
        }
    }

    /// LOOP 1: a panel of A and a chunk of k for columns `j`.
    ///
    /// # Safety
    /// As for [`Loops::loop2`]; the tile has its m rows from `i` and its chunk of A.
    #[inline(always)]
    unsafe fn loop1(&self, tile: &mut Raw<T>, chunk: Span, i: usize, j: Span, columns: Columns<T>) {
        let (t, width) = (self.t, self.how.columns);
        let fold = t.fold(chunk.at);
        let last = chunk.end() == t.k;
        let b = t.b.wrapping_offset(chunk.at as isize * t.b_rs);
        let c = t.c.wrapping_offset(i as isize * t.c_rs);
        for j in j.cut(width) {
            tile.n = j.len;
            tile.c = c.wrapping_offset(j.at as isize * t.c_cs);
            match columns {
                Columns::InPlace => tile.b = b.wrapping_offset(j.at as isize * t.b_cs),
                Columns::Packed(panels) => {
                    tile.b = panels.panel(chunk.at, chunk.len, j.at);
                    (tile.b_rs, tile.b_cs) = (width as isize, 1);
                }
            }
            let finish = match self.finish {
                Some(finish) if last => Some(finish.at(i, j.at)),
                _ => None,
            };
            // SAFETY: a tile of at most MR rows and NR columns, whose parts lie in A, B and C.
            unsafe {
                if tile.c_cs != 1 {
                    self.staged(tile, fold, finish);
                    continue;
                }
                (self.engine.functions().tile)(tile, fold);
                if let Some(finish) = finish {
                    finish.run(tile.c, (tile.m, tile.n), (tile.c_rs, 1));
                }
            }
        }
    }

    /// A tile of a C whose rows are not contiguous, by way of a buffer on the stack.
    ///
    /// # Safety
    /// The contract of [`Raw`] holds, and it is a tile with contiguous rows of B.
    #[cold]
    #[inline(never)]
    unsafe fn staged(&self, tile: &Raw<T>, fold: Fold<T::Out>, finish: Option<Finish<'_, T::Out>>) {
        let mut buffer = [T::Out::ZERO; STAGE];
        let (m, n) = (tile.m, tile.n);
        let places = || (0..m).flat_map(|i| (0..n).map(move |j| (i, j)));
        let at =
            |(i, j): (usize, usize)| tile.c.wrapping_offset(i as isize * tile.c_rs + j as isize * tile.c_cs);
        // SAFETY: the places lie in C; m * n <= MR * NR <= STAGE elements, row after row, in the buffer.
        unsafe {
            if fold != Fold::Overwrite {
                places().for_each(|(i, j)| buffer[i * n + j] = *at((i, j)));
            }
            let staged = Raw { c: buffer.as_mut_ptr(), c_rs: n as isize, c_cs: 1, ..*tile };
            (self.engine.functions().tile)(&staged, fold);
            if let Some(finish) = finish {
                finish.run(staged.c, (m, n), (staged.c_rs, 1));
            }
            places().for_each(|(i, j)| *at((i, j)) = buffer[i * n + j]);
        }
    }
}
