//! The catalogue of shapes: one table of groups, and the names that select from it.

use crate::nearest::nearest;
use crate::shape::{Shape, Source};

/// Why a name selects no shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// It is none.
    #[error(
        "unknown shape {name:?}; nearest: {}. Expected MxKxN, a size, or a name that `cargo xtask bench --list` shows",
        nearest.join(", ")
    )]
    Unknown {
        /// What was found.
        name: String,
        /// What there is that is most like it.
        nearest: Vec<String>,
    },
    /// Its elements cannot be counted or would take more than a terabyte.
    #[error("the shape {name} has more than 10^11 elements")]
    TooLarge {
        /// Its name.
        name: String,
    },
}

/// Every group and its shapes, by the names that [`Shape::parse`] reads. A new one is one word.
///
/// Sizes of gemv: A or B fits the L1 of any CPU in both types (60), an L2 of 512 KiB (240), an L3 of 32 MiB (1500),
/// and none (5000). Leading dimensions of 1024 and 2048 are multiples of 4 KiB, where rows fall into one set of L1.
const GROUPS: [(&str, &[&str]); 8] = [
    (
        "mnist",
        &[
            "5x784x10",
            "64x784x10",
            "64x784x50",
            "512x784x128",
            "10000x784x10",
            "50000x784x10",
            "50000x784x50",
        ],
    ),
    (
        "small",
        &["4", "8", "16", "17", "31", "32", "33", "48", "63", "64", "65", "96", "97", "127", "128", "192"],
    ),
    ("squares", &["256", "384", "512", "768", "1000x1000x1001", "1024", "1536", "2048", "4096"]),
    ("skinny", &["2000x2000x8", "8x2000x2000", "255x3000x77", "4096x64x4096", "64x4096x64", "127x129x131"]),
    (
        "layouts",
        &[
            "256/nt",
            "256/tn",
            "256/tt",
            "256/strided",
            "256/reversed",
            "512/nt",
            "512/tn",
            "512/tt",
            "512/strided",
            "512/reversed",
            "1024/nt",
            "1024/tn",
            "1024/tt",
            "1024/strided",
            "1024/reversed",
        ],
    ),
    ("ld", &["250/ld1024", "250/ld1040", "1000/ld1024", "1000/ld1040", "2000/ld2048", "2000/ld2064"]),
    (
        "batch",
        &[
            "1024x(16x16x16)",
            "1024x(16x16x16)/shared",
            "256x(32x32x32)",
            "256x(32x32x32)/shared",
            "64x(64x64x64)",
            "64x(64x64x64)/shared",
        ],
    ),
    (
        "gemv",
        &[
            "60x60x1",
            "60x60x1/col",
            "1x60x60",
            "1x60x60/col",
            "240x240x1",
            "240x240x1/col",
            "1x240x240",
            "1x240x240/col",
            "1500x1500x1",
            "1500x1500x1/col",
            "1x1500x1500",
            "1x1500x1500/col",
            "5000x5000x1",
            "5000x5000x1/col",
            "1x5000x5000",
            "1x5000x5000/col",
        ],
    ),
];

/// The shapes of `--quick`: MNIST products of every size, and one square for each level of the caches.
const QUICK: [&str; 7] =
    ["5x784x10", "64x784x50", "10000x784x10", "50000x784x10", "64x64x64", "256x256x256", "512x512x512"];

/// All shapes of the table, which are those of a run that names none.
pub fn table() -> Vec<Shape> {
    let shapes = |(group, names): (&str, &'static [&str])| {
        let group = group.to_owned();
        names.iter().filter_map(|name| Shape::parse(name)).map(move |shape| {
            let source = match group.as_str() {
                "mnist" if shape.m > 10_000 => Source::Train,
                "mnist" => Source::Valid,
                _ => Source::Normal,
            };
            Shape { group: group.clone(), source, ..shape }
        })
    };
    GROUPS.into_iter().flat_map(shapes).collect()
}

/// The shapes of `--quick`.
pub fn quick_set() -> Vec<Shape> {
    table().into_iter().filter(|s| QUICK.contains(&s.name.as_str())).collect()
}

/// The shapes that `names` select: `all`, a group, or whatever [`Shape::parse`] reads. Those of the table keep its
/// group and data.
///
/// # Errors
/// [`ShapeError`] for any other name, and for a shape that no memory holds.
pub fn select(names: &[impl AsRef<str>]) -> Result<Vec<Shape>, ShapeError> {
    let table = table();
    let mut chosen: Vec<Shape> = Vec::new();
    for name in names {
        let name = name.as_ref();
        let parsed = Shape::parse(name);
        let wanted = |s: &&Shape| {
            name == "all" || s.group == name || parsed.as_ref().is_some_and(|p| p.name == s.name)
        };
        let mut found: Vec<Shape> = table.iter().filter(wanted).cloned().collect();
        if found.is_empty() {
            found.push(parsed.ok_or_else(|| unknown(name, &table))?);
        }
        for shape in found {
            if shape.footprint() > 1e11 {
                return Err(ShapeError::TooLarge { name: shape.name });
            }
            if !chosen.iter().any(|s| s.name == shape.name) {
                chosen.push(shape);
            }
        }
    }
    Ok(chosen)
}

fn unknown(name: &str, table: &[Shape]) -> ShapeError {
    let known = ["all"].into_iter().chain(GROUPS.map(|(group, _)| group));
    let known = known.chain(table.iter().map(|s| s.name.as_str()));
    ShapeError::Unknown {
        name: name.into(),
        nearest: nearest(name, known).into_iter().map(Into::into).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(shapes: &[Shape]) -> Vec<&str> {
        shapes.iter().map(|s| s.name.as_str()).collect()
    }

    fn selected(list: &[&str]) -> Result<Vec<Shape>, ShapeError> {
        select(list)
    }

    #[test]
    fn every_name_is_a_shape_of_its_own() {
        let table = table();
        assert_eq!(table.len(), GROUPS.iter().map(|(_, names)| names.len()).sum::<usize>());
        let mut sorted = names(&table);
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), table.len());
        assert_eq!(quick_set().len(), QUICK.len());
    }

    #[test]
    fn names_groups_and_sizes_select() {
        assert_eq!(selected(&["batch"]).unwrap().len(), 6);
        let images = &selected(&["5x784x10"]).unwrap()[0];
        assert_eq!((images.source, images.m, images.k, images.n), (Source::Valid, 5, 784, 10));
        let custom = selected(&["3x4x5", "7", "3x4x5", "512/tn"]).unwrap();
        assert_eq!(names(&custom), ["3x4x5", "7x7x7", "512x512x512/tn"]);
        assert_eq!((custom[0].source, custom[2].group.as_str()), (Source::Normal, "layouts"));
        assert_eq!(selected(&["all"]).unwrap(), table());
    }

    #[test]
    fn unknown_shapes_name_the_nearest() {
        for (bad, near) in
            [("3x4", "4x4x4"), ("gemm", "gemv"), ("mnits", "mnist"), ("50000x784", "50000x784x10")]
        {
            let message = selected(&[bad]).unwrap_err().to_string();
            assert!(message.contains(&format!("{bad:?}; nearest: {near}")), "{message}");
            assert!(message.len() < 200, "{message}");
        }
        for large in ["4000000000x2x3000000", "1x1x1/ld400000000000"] {
            assert!(matches!(selected(&[large]), Err(ShapeError::TooLarge { .. })));
        }
    }
}
