//! The one macro: what an instruction set compiles for itself, and the table of it.

/// Stamps a static [`Engine`](crate::Engine): the inner function of each path, compiled with target features, on
/// vectors.
///
/// ```
/// use matmul_blocked::plan::{Facts, Limits};
/// use matmul_blocked::vector::Lanes;
/// use matmul_blocked::{Kernel, MatMut, MatRef, engine, portable_facts, run_f32};
///
/// engine! {
///     /// Attributes and a visibility may stand before the name.
///     F32: Engine<f32> = run_f32;
///     facts Facts { isa: "four", lanes: 4, across: 4, mr: 3, narrow: 5, rows: 3, ..portable_facts::<f32>() };
///     features [];
///     vector Lanes<f32, 4>, across Lanes<f32, 4>;
///     tile f32_3x8_four, rows 5 3 0;
///     columns [2 3];
///     strips [];
/// }
///
/// let (a, b, mut c) = ([1.0f32; 50], [2.0f32; 150], [0.0f32; 30]);
/// let (a, b) = (MatRef::from_row_major(&a, 10, 5)?, MatRef::from_row_major(&b[..15], 5, 3)?);
/// Kernel::gemm(&F32, 1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 10, 3)?)?;
/// assert_eq!(c, [10.0; 30]);
/// # Ok::<(), matmul_blocked::Error>(())
/// ```
///
/// All lines are needed, in this order:
///
/// - behind `=`, the function through which work enters the engine, compiled in the crate that has it;
/// - `facts`: a constant [`Facts`]. What is stamped must agree with it, or the program does not compile;
/// - `features`: `[#[target_feature(enable = "avx2,fma")]]`, or `[]` for any CPU;
/// - `vector`: a type with [`Operand`](crate::vector::Operand), for all paths but one; `across`: one with
///   [`Transpose`](crate::vector::Transpose), for packing and products with a single column. `vector` needs `Transpose`
///   too if there are `columns`;
/// - `tile`: the name of the tile's function, which is its name in assembly too, and its most rows with one, two (MR) and
///   three vectors of columns, literals; 0 for no tile with three;
/// - `columns`: the numbers of columns that rows in lanes take besides a single one, from 2 without gaps: as many as the
///   facts' `rows` say;
/// - `strips`: `(columns, vectors)` of each part of the facts' strips, and `(columns, 1)` for the rows that they leave.
///
/// # Safety
/// Safe code may get a reference to the static only where the CPU has the features. The macro cannot ask for `unsafe`:
/// who writes `features` vouches for it.
#[macro_export]
macro_rules! engine {
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident: Engine<$t:ty> = $run:path;
        facts $facts:expr;
        features [$($(#[$feature:meta])+)?];
        vector $vector:ty, across $across:ty;
        tile $tile:ident, rows $narrow:literal $mr:literal $wide:literal;
        columns [$($n:literal)*];
        strips [$(($columns:literal, $vectors:literal))*];
    ) => {
        $(#[$doc])*
        $vis static $name: $crate::Engine<$t> = {
            use $crate::stamp::*;

            $($(#[$feature])+)?
            unsafe fn $tile(t: &Raw<$t>, fold: Fold<<$t as Element>::Out>) {
                // SAFETY: the caller's promise; the features are enabled here.
                unsafe { tile::run::<$t, $vector, $across, $narrow, $mr, $wide>(t, fold) }
            }

            $($(#[$feature])+)?
            unsafe fn pack(src: MatRef<'_, $t>, width: usize, dst: *mut $t) {
                // SAFETY: as above.
                unsafe { pack_panel::<$t, $across>(src, width, dst) }
            }

            $($(#[$feature])+)?
            unsafe fn column_groups(t: &Raw<$t>, p: Span, sums: *mut <$t as Element>::Out) -> usize {
                // SAFETY: as above.
                unsafe { rows::rows::<$t, $across, 1, GROUPS, { rows::ANY }>(t, p, sums) }
            }

            $($(#[$feature])+)?
            unsafe fn one_column(t: &Raw<$t>, p: Span, sums: *mut <$t as Element>::Out) -> usize {
                // SAFETY: as above.
                unsafe { rows::rows::<$t, $across, 1, 1, { rows::ANY }>(t, p, sums) }
            }

            // An engine may have none.
            #[allow(dead_code)]
            $($(#[$feature])+)?
            unsafe fn several<const N: usize, const HOW: u8>(
                t: &Raw<$t>,
                p: Span,
                sums: *mut <$t as Element>::Out,
            ) -> usize {
                // SAFETY: as above.
                unsafe { rows::rows::<$t, $vector, N, 1, HOW>(t, p, sums) }
            }

            // An engine may have none.
            #[allow(dead_code)]
            $($(#[$feature])+)?
            unsafe fn strip<const N: usize, const G: usize>(
                t: &Raw<$t>,
                i: Span,
                p: Span,
                sums: *mut <$t as Element>::Out,
            ) {
                // SAFETY: as above.
                unsafe { strips::strip_of::<$t, $vector, N, G>(t, i, p, sums) }
            }

            $($(#[$feature])+)?
            unsafe fn rest(t: &Raw<$t>, p: Span, sums: *mut <$t as Element>::Out, height: usize) {
                // SAFETY: as above.
                unsafe { rows::rest::<$t, $vector>(t, p, sums, height) }
            }

            $($(#[$feature])+)?
            unsafe fn fold(
                t: &Raw<$t>,
                fold: Fold<<$t as Element>::Out>,
                sums: *const <$t as Element>::Out,
                height: usize,
                out: update::Run<<$t as Element>::Out>,
            ) {
                // SAFETY: as above.
                unsafe { update::fold::<$t, $vector>(t, fold, sums, height, out) }
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
                assert!(FACTS.size == size_of::<$t>());
                assert!(FACTS.narrow == $narrow && FACTS.mr == $mr && FACTS.wide == $wide);
                check(&FACTS, &[$($n),*], &[$(($columns, $vectors)),*]);
            };
            const ROWS: &[[RowsFn<$t>; 2]] = &[
                [column_groups, column_groups],
                [one_column, one_column],
                $([several::<$n, { rows::ANY }>, several::<$n, { rows::UNIT }>],)*
            ];
            let functions = Functions {
                tile: $tile,
                pack,
                rows: ROWS,
                strips: &[$(($columns, $vectors, strip::<$columns, $vectors>)),*],
                rest,
                fold,
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

/// Holds what is stamped against the facts and against the buffers of the paths.
///
/// # Panics
/// In a constant, so that it is an error of the compiler, if they do not agree.
pub const fn check(facts: &Facts, columns: &[usize], strips: &[(usize, usize)]) {
    assert!(facts.lanes.is_power_of_two() && facts.lanes <= MAX_LANES, "lanes");
    assert!(facts.across <= MAX_LANES, "lanes across rows");
    assert!(facts.mr >= 1 && facts.mr <= tile::MAX_ROWS, "rows of the tile");
    assert!(facts.narrow >= facts.mr && facts.narrow <= tile::MAX_ROWS, "rows of the narrow tile");
    assert!(facts.wide <= facts.mr, "rows of the wide tile");
    assert!(facts.vectors == 2, "vectors of the tile");
    assert!(facts.mr * facts.nr() <= STAGE && facts.wide * (facts.nr() + facts.lanes) <= STAGE, "elements");
    assert!(facts.rows == columns.len() + 1, "`columns` has not as many as the facts");
    assert!(facts.rows <= rows::MAX_COLUMNS, "too many columns for rows in lanes");
    let mut i = 0;
    while i < columns.len() {
        assert!(columns[i] == i + 2, "`columns` counts from 2 without gaps");
        i += 1;
    }
    let mut i = 0;
    while i < facts.strips.len() {
        let Strips { left, right, vectors } = facts.strips[i];
        assert!(left >= 1 && left + right == i + 2, "the facts' strips count columns from 2 without gaps");
        assert!(left <= strips::MAX_PART && right <= strips::MAX_PART, "too many columns for a strip");
        assert!(vectors >= 1 && vectors <= strips::MAX_VECTORS, "too many vectors for a strip");
        assert!(has(strips, (left, vectors)) && has(strips, (left, 1)), "a left part is not in `strips`");
        let none = right == 0;
        assert!(
            none || (has(strips, (right, vectors)) && has(strips, (right, 1))),
            "a right part is not in `strips`"
        );
        i += 1;
    }
}

const fn has(strips: &[(usize, usize)], strip: (usize, usize)) -> bool {
    let mut i = 0;
    while i < strips.len() {
        if strips[i].0 == strip.0 && strips[i].1 == strip.1 {
            return true;
        }
        i += 1;
    }
    false
}

pub use matmul_core::{Element, Fold, MatRef};

pub use crate::engine::{Engine, Functions, RowsFn};
pub use crate::memory::pack::pack_panel;
pub use crate::paths::{column, dot, rows, strips, tile, update};
pub use crate::plan::{Facts, GROUPS, STAGE, Strips};
pub use crate::probe;
pub use crate::raw::{Raw, Span};
pub use crate::vector::{MAX_LANES, Vector};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Limits;

    const FACTS: Facts = Facts {
        isa: "test",
        dtype: "f32",
        size: 4,
        lanes: 4,
        across: 4,
        mr: 6,
        vectors: 2,
        narrow: 8,
        wide: 4,
        rows: 3,
        strips: &[Strips { left: 2, right: 0, vectors: 4 }, Strips { left: 2, right: 1, vectors: 3 }],
        limits: Limits::AVX2,
    };
    const STRIPS: &[(usize, usize)] = &[(2, 4), (2, 3), (1, 3), (2, 1), (1, 1)];

    #[test]
    fn what_agrees_is_let_through() {
        check(&FACTS, &[2, 3], STRIPS);
        check(&Facts { rows: 1, strips: &[], mr: tile::MAX_ROWS, narrow: tile::MAX_ROWS, ..FACTS }, &[], &[]);
    }

    /// Each of these would be undefined behaviour, a panic in a product, or a path that is never taken.
    #[test]
    fn what_disagrees_is_refused() {
        let refused = |facts: Facts, columns: &[usize], strips: &[(usize, usize)]| {
            std::panic::catch_unwind(|| check(&facts, columns, strips)).is_err()
        };
        let facts = [
            Facts { lanes: 3, ..FACTS },
            Facts { lanes: 2 * MAX_LANES, ..FACTS },
            Facts { across: 2 * MAX_LANES, ..FACTS },
            Facts { mr: tile::MAX_ROWS + 1, ..FACTS },
            Facts { narrow: tile::MAX_ROWS + 1, ..FACTS },
            Facts { narrow: 5, ..FACTS },
            Facts { wide: 7, ..FACTS },
            Facts { vectors: 1, ..FACTS },
            Facts { rows: 4, ..FACTS },
            Facts { strips: &[Strips { left: 3, right: 0, vectors: 3 }], ..FACTS },
        ];
        for facts in facts {
            assert!(refused(facts, &[2, 3], STRIPS), "{facts:?}");
        }
        // What is stamped in full, but too much for the buffers.
        const TALL: Facts = Facts { strips: &[Strips { left: 2, right: 0, vectors: 9 }], ..FACTS };
        assert!(refused(TALL, &[2, 3], &[(2, 9), (2, 1)]));
        const fn one(left: usize) -> Strips {
            Strips { left, right: 0, vectors: 1 }
        }
        const WIDE: Facts = Facts { strips: &[one(2), one(3), one(4), one(5), one(6), one(7)], ..FACTS };
        assert!(refused(WIDE, &[2, 3], &[(2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1)]));
        assert!(refused(FACTS, &[3, 2], STRIPS));
        assert!(refused(Facts { rows: 11, ..FACTS }, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11], STRIPS));
        // Each entry is needed.
        for without in 0..STRIPS.len() {
            let mut strips = STRIPS.to_vec();
            strips.remove(without);
            assert!(refused(FACTS, &[2, 3], &strips), "{strips:?}");
        }
    }
}
