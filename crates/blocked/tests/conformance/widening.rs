//! An element type that is summed in a wider one: 16 bits with the exponent of an f32, and what it takes to give it an
//! engine.

use std::fmt;
use std::ops::{Add, Mul};

use matmul_blocked::plan::Facts;
use matmul_blocked::stamp::tile;
use matmul_blocked::vector::{Lanes, Operand, Vector};
use matmul_blocked::{Engine, Functions, Join, Raw, Work, panel, portable_facts};
use matmul_core::{Element, Fold, Kernel, MatMut, MatRef, Summation};

/// The upper half of an f32.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Upper(u16);

impl Upper {
    fn of(x: f32) -> Self {
        Self((x.to_bits() >> 16) as u16)
    }
}

impl fmt::Display for Upper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.widen().fmt(f)
    }
}

impl Add for Upper {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self::of(self.widen() + b.widen())
    }
}

impl Mul for Upper {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Self::of(self.widen() * b.widen())
    }
}

impl Element for Upper {
    type Out = f32;
    const NAME: &'static str = "upper";
    const ZERO: Self = Self(0);
    const ONE: Self = Self(0x3f80);

    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
    fn mul_add(self, b: Self, c: f32) -> f32 {
        self.widen().mul_add(b.widen(), c)
    }
}

/// Eight sums, and how elements enter them.
type V = Lanes<f32, 8>;

// SAFETY: exactly the elements named are read.
unsafe impl Operand<Upper> for V {
    unsafe fn broadcast(p: *const Upper) -> Self {
        // SAFETY: the caller's promise.
        unsafe { V::splat((*p).widen()) }
    }
    unsafe fn operand(p: *const Upper) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::operand_first(p, 8) }
    }
    unsafe fn operand_first(p: *const Upper, n: usize) -> Self {
        let mut wide = [0.0; 8];
        for (l, lane) in wide.iter_mut().enumerate().take(n) {
            // SAFETY: the caller's promise.
            *lane = unsafe { *p.add(l) }.widen();
        }
        // SAFETY: eight lanes.
        unsafe { V::load(wide.as_ptr()) }
    }
}

unsafe fn tile_of_upper(t: &Raw<Upper>, fold: Fold<f32>) {
    // SAFETY: the caller's promise; arrays need no instructions.
    unsafe { tile::run::<Upper, V, V, 4, 4, 0>(t, fold) }
}

fn run(engine: &Engine<Upper>, work: Work<'_, '_, Upper>, summation: Summation, join: &dyn Join) {
    matmul_blocked::run(engine, work, summation, join);
}

fn engine() -> Engine<Upper> {
    let functions = Functions::of_tile(tile_of_upper, panel::<Upper>, run);
    let facts = Facts { lanes: 8, across: 8, rows: 0, ..portable_facts::<Upper>() };
    // SAFETY: the tile that the facts describe and nothing else, for any CPU.
    unsafe { Engine::new(facts, functions) }
}

/// In place and packed, one chunk and several, edges of tiles.
#[test]
fn a_narrow_type_has_the_bits_of_the_widened_product() {
    for (m, k, n) in [(1, 1, 1), (4, 256, 16), (5, 300, 33), (70, 520, 90), (1, 700, 40), (40, 700, 1)] {
        let numbers = |len: usize, step: usize| -> Vec<Upper> {
            (0..len).map(|x| Upper::of(((x * step) % 251) as f32 / 19.0 - 6.3)).collect()
        };
        let (a, b) = (numbers(m * k, 7), numbers(k * n, 13));
        let wide = |narrow: &[Upper]| -> Vec<f32> { narrow.iter().map(|x| x.widen()).collect() };
        let (wide_a, wide_b) = (wide(&a), wide(&b));
        for transposed in [false, true] {
            let (mut c, mut want) = (vec![0.5f32; m * n], vec![0.5f32; m * n]);
            // The same elements, row by row or column by column.
            fn view<T>(data: &[T], shape: (usize, usize), transposed: bool) -> MatRef<'_, T> {
                match transposed {
                    false => MatRef::from_row_major(data, shape.0, shape.1).unwrap(),
                    true => MatRef::from_col_major(data, shape.0, shape.1).unwrap(),
                }
            }
            let out = MatMut::from_row_major(&mut c, m, n).unwrap();
            let (a, b) = (view(&a, (m, k), transposed), view(&b, (k, n), transposed));
            Kernel::gemm(&engine(), 0.7, a, b, 0.3, out).unwrap();
            let out = MatMut::from_row_major(&mut want, m, n).unwrap();
            let (a, b) = (view(&wide_a, (m, k), transposed), view(&wide_b, (k, n), transposed));
            matmul_blocked::Blocked::new().gemm(0.7, a, b, 0.3, out).unwrap();
            assert_eq!(c, want, "{m}x{k}x{n}, transposed {transposed}");
        }
    }
}
