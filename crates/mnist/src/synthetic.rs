//! Digits drawn by this crate, for machines without network: the shapes, the value range and about the sparsity of
//! MNIST, from a fixed seed. Integers only, so that every machine draws the same pixels.
//!
//! A digit is a few polylines on a grid of 10 × 14. Each image stretches, slants, shifts and bends them at random,
//! strokes them with a soft round pen of random width, and dims every pixel of ink a little at random.

use crate::dataset::EDGE;
use crate::{Manifest, Mnist, Origin, PIXELS};

pub use crate::origin::SEED;

/// Coordinates are in 1/16 pixel.
const UNIT: i32 = 16;
const CENTRE: i32 = EDGE as i32 * UNIT / 2;

type Stroke = &'static [(i32, i32)];

/// Strokes of 0 to 9: x from 0 to 10 to the right, y from 0 to 14 downwards.
const GLYPHS: [&[Stroke]; 10] = [
    &[&[(3, 0), (7, 0), (10, 4), (10, 10), (7, 14), (3, 14), (0, 10), (0, 4), (3, 0)]],
    &[&[(2, 3), (5, 0), (5, 14)]],
    &[&[(0, 3), (3, 0), (7, 0), (10, 3), (8, 7), (0, 14), (10, 14)]],
    &[&[(0, 1), (6, 0), (9, 3), (4, 7), (10, 10), (6, 14), (0, 13)]],
    &[&[(4, 0), (0, 9), (10, 9)], &[(7, 4), (7, 14)]],
    &[&[(9, 0), (1, 0), (1, 6), (6, 5), (10, 9), (7, 14), (0, 13)]],
    &[&[(8, 0), (3, 3), (0, 9), (3, 14), (8, 14), (10, 10), (7, 7), (1, 9)]],
    &[&[(0, 0), (10, 0), (4, 14)], &[(3, 7), (9, 7)]],
    &[&[(5, 7), (1, 4), (3, 0), (7, 0), (9, 4), (5, 7), (10, 10), (7, 14), (3, 14), (0, 10), (5, 7)]],
    &[&[(9, 5), (6, 7), (2, 6), (0, 3), (3, 0), (7, 0), (9, 4), (9, 9), (6, 14)]],
];

/// Sebastiano Vigna's splitmix64: a counter in steps of 2^64 / golden ratio, mixed by two multiplications.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included. The bias of the multiplication is below 2^-24 for ranges this small.
    fn range(&mut self, low: i32, high: i32) -> i32 {
        let width = (high - low + 1) as u64;
        low + (((self.next() >> 32) * width) >> 32) as i32
    }
}

/// Draws a data set with as many images as the manifest says. The same on every machine and at every time.
pub fn generate(manifest: &Manifest) -> Mnist {
    let mut random = SplitMix64(SEED);
    let splits = &manifest.splits;
    let (train_x, train_y) = digits(&mut random, splits.train.rows + splits.valid.rows);
    let (test_x, test_y) = digits(&mut random, splits.test.rows);
    Mnist::from_bytes(splits.train.rows, [&train_x, &train_y, &test_x, &test_y], Origin::Synthetic)
}

fn digits(random: &mut SplitMix64, rows: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut images, mut labels) = (vec![0; rows * PIXELS], vec![0; rows]);
    for (image, label) in images.chunks_exact_mut(PIXELS).zip(&mut labels) {
        let digit = random.range(0, 9);
        *label = digit as u8;
        draw(random, GLYPHS[digit as usize], image);
    }
    (images, labels)
}

fn draw(random: &mut SplitMix64, glyph: &[Stroke], image: &mut [u8]) {
    // 12 to 15 pixels wide and 17 to 20 high, as MNIST's digits fill a box of 20.
    let (width, height) = (random.range(19, 24), random.range(19, 23));
    let slant = random.range(-2, 6);
    let (left, top) = (random.range(-24, 24), random.range(-24, 24));
    // Half the width of the pen where it is full; it fades over one more pixel on either side.
    let pen = random.range(8, 16);
    for stroke in glyph {
        let mut place = |&(x, y): &(i32, i32)| {
            let (bend_x, bend_y) = (random.range(-10, 10), random.range(-10, 10));
            let (x, y) = (x - 5, y - 7);
            (CENTRE + x * width - y * slant + left + bend_x, CENTRE + y * height + top + bend_y)
        };
        let points: Vec<_> = stroke.iter().map(&mut place).collect();
        for ends in points.windows(2) {
            line(image, ends[0], ends[1], pen);
        }
    }
    for pixel in image.iter_mut().filter(|p| **p > 0) {
        *pixel = (i32::from(*pixel) * random.range(192, 256) / 256) as u8;
    }
}

/// Inks every pixel near the line from `a` to `b`: fully up to a distance of `pen`, not at all beyond `pen + UNIT`,
/// and between them in proportion to the square of the distance, which needs no root.
fn line(image: &mut [u8], a: (i32, i32), b: (i32, i32), pen: i32) {
    let reach = pen + UNIT;
    let (full, none) = (pen * pen, reach * reach);
    let pixels = |p: i32, q: i32| {
        let first = (p.min(q) - reach).div_euclid(UNIT).max(0);
        let last = (p.max(q) + reach).div_euclid(UNIT).min(EDGE as i32 - 1);
        first..=last
    };
    for row in pixels(a.1, b.1) {
        for col in pixels(a.0, b.0) {
            let centre = (col * UNIT + UNIT / 2, row * UNIT + UNIT / 2);
            let distance = distance_squared(centre, a, b);
            let ink = 255 * (none - distance).clamp(0, none - full) / (none - full);
            let pixel = &mut image[row as usize * EDGE + col as usize];
            *pixel = (*pixel).max(ink as u8);
        }
    }
}

/// From a point to the line from `a` to `b`. Coordinates stay below 2^10, so products of three need 30 bits.
fn distance_squared(p: (i32, i32), a: (i32, i32), b: (i32, i32)) -> i32 {
    let (bx, by) = (b.0 - a.0, b.1 - a.1);
    let (px, py) = (p.0 - a.0, p.1 - a.1);
    let length = (bx * bx + by * by).max(1);
    let along = (px * bx + py * by).clamp(0, length);
    let (dx, dy) = (px - bx * along / length, py - by * along / length);
    dx * dx + dy * dy
}
