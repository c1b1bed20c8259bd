//! Plans that a person has thought about: what is right for a shape, not what comes out.

use matmul_blocked::plan::{Plan, Query};
use matmul_core::Summation;
use matmul_report::Shape;
use matmul_simd::Isa;

use super::{CACHES, all_facts, query};

/// Instruction set, type and shape, with `c=col` for a column-major C, `fast`, `packed` and a number of threads; and
/// the plan in short form. `/ld1024` and the like are those of the benchmark.
const TABLE: &[(&str, &str)] = &[
    // One tile, up to its last row, column and term; beyond each of them, the loops.
    ("avx512 f32 4x4x4", "tile"),
    ("avx512 f32 12x256x32 8threads", "tile"),
    ("avx512 f32 13x256x32", "tiles of 12x32, a=in place, b=in place"),
    ("avx512 f32 12x257x32", "tiles of 12x32, a=in place, b=in place"),
    ("avx512 f32 12x256x33", "tiles of 8x48, a=in place, b=in place"),
    ("avx512 f64 12x16x16", "tile"),
    // Of one vector and of three, whose rows are more and fewer.
    ("avx512 f32 16x256x16", "tile"),
    ("avx512 f32 17x16x16", "tiles of 16x16, a=in place, b=in place"),
    ("avx512 f32 8x9x48", "tile"),
    ("avx512 f32 48x48x48", "tiles of 8x48, a=in place, b=in place"),
    ("avx512 f32 49x48x49", "tiles of 8x48, a=in place, b=in place, edge=1"),
    ("avx2 f32 12x9x8", "tile"),
    ("portable-fma f32 8x8x8", "tile"),
    ("avx2 f32 6x16x16", "tile"),
    ("avx2 f64 6x8x9", "tiles of 6x8, a=in place, b=in place"),
    ("neon f32 12x256x8", "tile"),
    ("portable-fma f32 4x9x16", "tile"),
    // Columns of B have to be copied for a tile, and of C to be turned.
    ("avx512 f32 4x4x4/nt", "tiles of 12x16, a=in place, b=copied"),
    ("avx512 f32 4x4x4/tt c=col", "turned tiles of 12x16, a=in place, b=in place"),
    ("avx2 f64 100x100x100/tt c=col", "turned tiles of 6x8, a=in place, b=in place, edge=4"),
    // The last columns: one of 16 lanes in a tile, or rows in lanes, where there are rows.
    ("avx512 f32 33x33x33", "tiles of 12x32, a=in place, b=in place, edge=1"),
    ("avx512 f32 31x33x33", "tiles of 8x48, a=in place, b=in place"),
    ("avx512 f32 17x17x17", "tiles of 12x32, a=in place, b=in place"),
    ("avx512 f32 37x37x37", "tiles of 8x48, a=in place, b=in place"),
    ("avx512 f32 36x36x36/tn", "tiles of 8x48, a=in place, b=in place"),
    ("avx2 f64 33x33x33", "tiles of 6x8, a=in place, b=in place, edge=1"),
    ("neon f32 33x33x33", "tiles of 12x8, a=in place, b=in place, edge=1"),
    // Rows in lanes of one column only.
    ("portable-fma f32 65x65x65", "tiles of 6x16, a=in place, b=in place, edge=1"),
    ("portable-fma f32 66x66x66", "tiles of 6x16, a=in place, b=in place"),
    // B near, B far, rows 4 KiB apart.
    ("avx512 f32 512x512x512", "tiles of 12x32, a=in place, b=in place"),
    ("avx512 f64 512x512x512", "tiles of 8x16, a=in place, b=copied"),
    ("avx512 f32 768x768x768", "tiles of 12x32, a=in place, b=copied"),
    ("avx512 f32 1024x1024x1024", "tiles of 8x32, a=in place, b=copied"),
    ("avx512 f32 250x250x250/ld1024", "tiles of 8x32, a=in place, b=copied"),
    ("avx512 f32 250x250x250/ld1040", "tiles of 12x32, a=in place, b=in place"),
    ("avx512 f32 64x4096x64", "tiles of 8x32, a=in place, b=in place"),
    ("avx512 f32 4096x64x4096", "tiles of 12x32, a=in place, b=copied"),
    ("avx2 f32 48x48x48", "tiles of 6x16, a=in place, b=in place"),
    ("avx2 f32 512x512x512", "tiles of 6x16, a=in place, b=copied"),
    ("avx2 f32 512x1024x512", "tiles of 6x16, a=copied, b=copied"),
    ("neon f32 256x256x256", "tiles of 12x8, a=in place, b=in place"),
    ("neon f32 1024x1024x1024", "tiles of 8x8, a=in place, b=copied"),
    // Rows that fit a tile of one vector read a far B once.
    ("avx512 f32 16x2000x2000", "tiles of 16x16, a=in place, b=in place"),
    ("avx512 f32 16x256x256", "tiles of 12x32, a=in place, b=in place"),
    ("portable-fma f32 8x2000x2000", "tiles of 8x8, a=in place, b=in place"),
    // Other layouts.
    ("avx512 f32 512x512x512/tn", "tiles of 12x32, a=copied, b=in place"),
    ("avx512 f32 512x512x512/nt", "tiles of 12x32, a=in place, b=copied"),
    ("avx512 f32 512x512x512/tt", "tiles of 12x32, a=copied, b=copied"),
    ("avx2 f32 256x256x256/reversed", "tiles of 6x16, a=in place, b=copied"),
    ("avx2 f32 40x40x40/tn", "tiles of 6x16, a=in place, b=in place"),
    // Few columns, few rows, either layout.
    ("avx512 f32 64x784x10", "rows"),
    ("avx2 f64 2000x2000x8", "rows"),
    ("neon f64 64x784x10", "rows"),
    ("portable-fma f32 64x784x10", "tiles of 6x16, a=in place, b=in place"),
    ("avx512 f32 2000x2000x11", "tiles of 12x16, a=in place, b=copied"),
    ("avx512 f32 8x2000x2000", "turned strips 4+4x6"),
    ("avx2 f32 6x257x2000", "turned strips 3+3x4"),
    ("avx2 f64 2000x2000x8/tn", "strips 4+4x3"),
    ("neon f32 2x500x500", "turned strips 2x8"),
    ("avx512 f32 5x784x10", "tiles of 12x16, a=in place, b=in place"),
    ("avx512 f32 64x784x50", "tiles of 8x48, a=in place, b=in place, edge=2"),
    // With a vector: lanes are filled, or it is a tile of what there is.
    ("avx512 f32 1x784x10", "tiles of 12x16, a=in place, b=in place"),
    ("avx512 f64 1x784x10", "turned column"),
    ("avx2 f32 1x784x10", "turned column"),
    ("portable f32 1x1500x1500", "turned column"),
    ("portable-fma f64 1x1500x1500", "turned column"),
    ("neon f64 1x1500x1500", "turned column"),
    ("avx512 f32 1x60x60/col", "turned rows"),
    ("avx512 f32 7x2000x1/tn", "turned tiles of 12x16, a=in place, b=in place"),
    ("avx512 f32 7x2000x1", "tiles of 12x16, a=in place, b=in place"),
    // In the order that is fastest: k in the lanes, where it is contiguous in both.
    ("avx512 f32 8x2000x8/nt", "tiles of 12x16, a=in place, b=copied"),
    ("avx512 f32 8x2000x8/nt fast", "dot"),
    ("avx512 f32 9x2000x8/nt fast", "tiles of 12x16, a=in place, b=copied"),
    ("avx2 f64 1500x1500x1 fast 2threads", "dot / 2 pieces of 4 rows"),
    ("avx2 f64 1x1500x1500/col fast", "turned dot"),
    ("avx2 f64 1x1500x1500 fast", "turned column"),
    // Threads: a piece for each that has work enough, in whole groups of rows or tiles.
    ("avx512 f32 64x64x64 4threads", "tiles of 12x32, a=in place, b=in place"),
    ("avx512 f32 10000x784x10 8threads", "rows / 8 pieces of 16 rows"),
    ("avx2 f32 10000x784x10 3threads", "rows / 3 pieces of 8 rows"),
    ("avx512 f32 1500x1500x1 2threads", "rows / 2 pieces of 32 rows"),
    ("avx512 f32 40x40000x1 2threads", "rows / 2 pieces of k"),
    ("avx512 f32 40x2000x1 2threads", "rows"),
    ("avx512 f32 16x50000x16 2threads", "tiles of 16x16, a=in place, b=in place / 2 pieces of k"),
    ("avx512 f32 64x40000x32 8threads", "tiles of 12x32, a=in place, b=in place / 8 pieces of k"),
    ("avx2 f64 64x40000x32 8threads", "tiles of 12x4, a=in place, b=in place / 8 pieces, columns first"),
    ("avx2 f32 1x1500x1500 2threads", "turned column / 2 pieces of 16 rows"),
    ("neon f32 8x2000x2000 8threads", "turned strips 4+4x6 / 8 pieces of 24 rows"),
    ("avx512 f32 256x256x256 2threads", "tiles of 12x32, a=in place, b=in place / 2 pieces, columns first"),
    (
        "avx512 f32 50000x784x50 4threads",
        "tiles of 8x48, a=in place, b=copied, edge=2 / 4 pieces, columns first",
    ),
    (
        "avx512 f32 64x784x128 packed 4threads",
        "tiles of 12x32, a=in place, b=packed before / 4 pieces, rows first",
    ),
    ("avx2 f32 1x784x10 packed", "tiles of 6x16, a=in place, b=packed before"),
];

/// A left column of the table.
fn parse(line: &str) -> (matmul_blocked::plan::Facts, Query) {
    let mut words = line.split(' ');
    let mut next = || words.next().expect("instruction set, type and shape");
    let (isa, dtype, shape) = (next(), next(), next());
    let isa: Isa = isa.parse().expect("an instruction set");
    let facts = if dtype == "f64" { isa.facts::<f64>() } else { isa.facts::<f32>() };
    assert_eq!(facts.dtype, dtype);
    let mut query = query(&Shape::parse(shape).expect("a shape"));
    for word in words {
        match word {
            "fast" => query.summation = Summation::Fast,
            "packed" => query.packed = true,
            "c=col" => query.c = (1, query.m as isize),
            _ => {
                let threads = word.strip_suffix("threads").and_then(|number| number.parse().ok());
                query.threads = threads.unwrap_or_else(|| panic!("{word:?} in {line:?}"));
            }
        }
    }
    (facts, query.canonical())
}

#[test]
fn plans_are_those_of_the_table() {
    let mut wrong = Vec::new();
    for (line, expected) in TABLE {
        let (facts, query) = parse(line);
        let plan = format!("{:#}", Plan::new(&query, &facts, &CACHES));
        if plan != *expected {
            wrong.push(format!("{line}: {plan}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A tile would use one lane, so every engine has a way for these, in each layout of the matrix.
#[test]
fn every_engine_has_vectors_in_both_layouts() {
    for (shape, expected) in [
        ("240x240x1", "rows"),
        ("240x240x1/col", "column"),
        ("1x240x240", "turned column"),
        ("1x240x240/col", "turned rows"),
        ("1x1500x1500", "turned column"),
        ("1500x1500x1", "rows"),
    ] {
        let query = query(&Shape::parse(shape).expect("a shape"));
        // An engine may have tiles and nothing else.
        for facts in all_facts().into_iter().filter(|facts| facts.rows > 0) {
            let plan = format!("{:#}", Plan::new(&query, &facts, &CACHES));
            assert_eq!(plan, expected, "{shape} on {} {}", facts.isa, facts.dtype);
        }
    }
}

/// The transposed product of a transposed query is the same work, so that a caller need not know which way is faster.
#[test]
fn a_product_and_its_transpose_take_one_path() {
    for (line, _) in TABLE.iter().filter(|(line, _)| !line.contains("packed")) {
        let (facts, query) = parse(line);
        let [plan, other] = [query, query.turned()].map(|query| Plan::new(&query, &facts, &CACHES));
        let vector = query.m == 1 || query.n == 1;
        let contiguous = query.c.1 == 1 || query.c.0 == 1;
        if !vector
            && contiguous
            && !matches!(plan.body, matmul_blocked::plan::Path::Tile)
            && query.m != query.n
        {
            assert_eq!((plan.body, plan.edge), (other.body, other.edge), "{line}");
        }
    }
}
