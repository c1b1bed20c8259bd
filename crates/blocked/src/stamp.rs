//! The one macro: what an instruction set compiles for itself, and the table of it.

/// `engine!(NAME: Engine<f32> = run_f32, facts, Vector, Across, tile_name(rows), [attributes], columns [..], strips [..])`
/// stamps the static `NAME` of an [`Engine`](crate::Engine): the inner function of each path, with the target features
/// enabled, on `Vector`; packing and products with a single column load `Across` across rows.
///
/// The tile has `rows` rows and two vectors of columns. `columns` are the numbers of columns that rows in lanes take,
/// from 2 without gaps; `strips` are (columns, vectors) of the facts' strips and of what they leave.
///
/// # Safety
/// The static must be given out only where the CPU has the features that the attributes enable.
#[macro_export]
macro_rules! engine {
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident: Engine<$t:ty> = $run:path;
        facts $facts:expr;
        features [$($(#[$feature:meta])+)?];
        vector $vector:ty, across $across:ty;
        tile $tile:ident, $mr:literal rows;
        columns [$($n:literal)*];
        strips [$(($columns:literal, $vectors:literal))*];
    ) => {
        $(#[$doc])*
        $vis static $name: $crate::Engine<$t> = {
            use $crate::stamp::*;

            $($(#[$feature])+)?
            unsafe fn $tile(t: &Raw<$t>, fold: Fold<<$t as Element>::Out>) {
                // SAFETY: the caller's promise; the features are enabled here.
                unsafe { tile::run::<$t, $vector, $mr>(t, fold) }
            }

            $($(#[$feature])+)?
            unsafe fn pack(src: MatRef<'_, $t>, width: usize, dst: *mut $t) {
                // SAFETY: as above.
                unsafe { pack_panel::<$t, $across>(src, width, dst) }
            }

            $($(#[$feature])+)?
            unsafe fn column_groups(t: &Raw<$t>, p: Span, totals: *mut <$t as Element>::Out) {
                // SAFETY: as above.
                unsafe { rows::rows::<$t, $across, 1, GROUPS, { rows::ANY }>(t, p, totals) }
            }

            $($(#[$feature])+)?
            unsafe fn one_column(t: &Raw<$t>, p: Span, totals: *mut <$t as Element>::Out) {
                // SAFETY: as above.
                unsafe { rows::rows::<$t, $across, 1, 1, { rows::ANY }>(t, p, totals) }
            }

            // An engine may have none.
            #[allow(dead_code)]
            $($(#[$feature])+)?
            unsafe fn several<const N: usize, const HOW: u8>(
                t: &Raw<$t>,
                p: Span,
                totals: *mut <$t as Element>::Out,
            ) {
                // SAFETY: as above.
                unsafe { rows::rows::<$t, $vector, N, 1, HOW>(t, p, totals) }
            }

            // An engine may have none.
            #[allow(dead_code)]
            $($(#[$feature])+)?
            unsafe fn strip<const N: usize, const G: usize>(
                t: &Raw<$t>,
                i: Span,
                p: Span,
                out: *mut <$t as Element>::Out,
                out_cs: isize,
            ) {
                // SAFETY: as above.
                unsafe { strips::strip_of::<$t, $vector, N, G>(t, i, p, out, out_cs) }
            }

            $($(#[$feature])+)?
            unsafe fn column(t: &Raw<$t>, block: usize) {
                // SAFETY: as above.
                unsafe { column::run::<$t, $vector>(t, block) }
            }

            $($(#[$feature])+)?
            unsafe fn dot(t: &Raw<$t>) {
                // SAFETY: as above.
                unsafe { dot::run::<$t, $vector>(t) }
            }

            $($(#[$feature])+)?
            unsafe fn fma_chain(steps: u64) -> u64 {
                // SAFETY: as above.
                unsafe { probe::fma_chain::<$t, $vector>(steps) }
            }

            $($(#[$feature])+)?
            unsafe fn read(data: &[$t], passes: usize) -> u64 {
                // SAFETY: as above.
                unsafe { probe::read::<$t, $vector>(data, passes) }
            }

            const FACTS: Facts = $facts;
            const {
                assert!(FACTS.lanes == <$vector as Vector<<$t as Element>::Out>>::LANES);
                assert!(FACTS.across == <$across as Vector<<$t as Element>::Out>>::LANES);
                assert!(FACTS.mr == $mr && FACTS.vectors == 2 && FACTS.mr * FACTS.nr() <= STAGE);
                assert!(FACTS.size == size_of::<$t>() && FACTS.lanes <= MAX_LANES);
            };
            const ROWS: &[[RowsFn<$t>; 2]] = &[
                [column_groups, column_groups],
                [one_column, one_column],
                $([several::<$n, { rows::ANY }>, several::<$n, { rows::UNIT }>],)*
            ];
            const { assert!(FACTS.rows + 1 == ROWS.len()) };
            let functions = Functions {
                tile: $tile,
                pack,
                rows: ROWS,
                strips: &[$(($columns, $vectors, strip::<$columns, $vectors>)),*],
                column: Some(column),
                dot: Some(dot),
                fma_chain,
                read,
                run: $run,
            };
            // SAFETY: they are the paths' own functions, with the sizes of the facts as asserted; that the static is
            // given out only where the CPU has the features is for the macro's user to prove.
            unsafe { Engine::new(FACTS, functions) }
        };
    };
}

pub use matmul_core::{Element, Fold, MatRef};

pub use crate::engine::{Engine, Functions, RowsFn};
pub use crate::memory::pack::pack_panel;
pub use crate::paths::{column, dot, rows, strips, tile};
pub use crate::plan::{Facts, GROUPS, STAGE};
pub use crate::probe;
pub use crate::raw::{Raw, Span};
pub use crate::vector::{MAX_LANES, Vector};
