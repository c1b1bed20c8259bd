//! The products that are measured: a table, and the names that select from it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How a factor lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    /// Row after row.
    Row,
    /// Column after column: a row-major matrix used transposed.
    Col,
}

/// What A is filled with. B is always drawn from the standard normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// Standard normal.
    Normal,
    /// The first m images of the training set.
    Train,
    /// The first m images of the validation set.
    Valid,
}

/// One product, or `batch` independent ones that are computed one after the other in each call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) a: Layout,
    pub(crate) b: Layout,
    pub(crate) batch: usize,
    pub(crate) source: Source,
}

impl Shape {
    fn new(group: &str, m: usize, k: usize, n: usize) -> Self {
        let (a, b, batch, source) = (Layout::Row, Layout::Row, 1, Source::Normal);
        Self { name: format!("{m}x{k}x{n}"), group: group.into(), m, k, n, a, b, batch, source }
    }

    /// size x size x size on seeded data.
    pub(crate) fn square(size: usize) -> Self {
        Self::new("square", size, size, size)
    }

    fn images(self, source: Source) -> Self {
        Self { source, ..self }
    }

    fn a_transposed(self) -> Self {
        Self { name: format!("{}-ta", self.name), a: Layout::Col, ..self }
    }

    fn b_transposed(self) -> Self {
        Self { name: format!("{}-tb", self.name), b: Layout::Col, ..self }
    }

    fn times(self, batch: usize) -> Self {
        Self { name: format!("{batch}*{}", self.name), batch, ..self }
    }

    /// Floating-point operations of one call: a multiplication and an addition for each of m·k·n terms.
    pub(crate) fn flops(&self) -> f64 {
        2.0 * self.m as f64 * self.k as f64 * self.n as f64 * self.batch as f64
    }

    /// Elements of A, B and C together.
    pub(crate) fn elements(&self) -> f64 {
        let (m, k, n) = (self.m as f64, self.k as f64, self.n as f64);
        (m * k + k * n + m * n) * self.batch as f64
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

const SQUARES: [usize; 14] = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048];

/// Every shape that has a name. A new one is one line.
pub(crate) fn table() -> Vec<Shape> {
    let shape = Shape::new;
    let mut table = vec![
        shape("mnist", 5, 784, 10).images(Source::Valid),
        shape("mnist", 64, 784, 50).images(Source::Train),
        shape("mnist", 10_000, 784, 10).images(Source::Valid),
        shape("mnist", 50_000, 784, 10).images(Source::Train),
    ];
    table.extend(SQUARES.map(Shape::square));
    table.extend([
        shape("odd", 127, 129, 131),
        shape("odd", 1000, 1000, 1001),
        shape("odd", 255, 3000, 77),
        shape("skinny", 4096, 64, 4096),
        shape("skinny", 64, 4096, 64),
        shape("skinny", 2000, 2000, 8),
        shape("skinny", 8, 2000, 2000),
        shape("gemv", 1, 1024, 1024),
        shape("gemv", 1024, 1024, 1),
        shape("transposed", 512, 512, 512).a_transposed(),
        shape("transposed", 512, 512, 512).b_transposed(),
        shape("transposed", 1024, 784, 50).a_transposed(),
        shape("transposed", 1024, 784, 50).b_transposed(),
        shape("batch", 32, 32, 32).times(256),
        shape("batch", 64, 64, 64).times(64),
    ]);
    table
}

/// The shapes of a run that names none.
pub(crate) fn default_set() -> Vec<Shape> {
    table().into_iter().filter(|s| s.group == "mnist" || s.group == "square").collect()
}

/// The shapes of `--quick`: every size of MNIST product and one square for each level of the caches.
pub(crate) fn quick_set() -> Vec<Shape> {
    let squares = ["64x64x64", "256x256x256", "512x512x512"];
    table().into_iter().filter(|s| s.group == "mnist" || squares.contains(&s.name.as_str())).collect()
}

/// The shapes that `names` select: `all`, a group, a name of the table, a bare size for a square, or any `MxKxN`.
///
/// # Errors
/// [`Error::UnknownShape`] for any other name, [`Error::ShapeTooLarge`] if its elements cannot be counted or would
/// take more than a terabyte.
pub(crate) fn select(names: &[String]) -> Result<Vec<Shape>, Error> {
    let table = table();
    let mut chosen: Vec<Shape> = Vec::new();
    for name in names {
        let mut found: Vec<Shape> =
            table.iter().filter(|s| name == "all" || s.name == *name || s.group == *name).cloned().collect();
        if found.is_empty() {
            found.push(parse(name).ok_or_else(|| unknown(name, &table))?);
        }
        for shape in found {
            if shape.elements() > 1e11 {
                return Err(Error::ShapeTooLarge { name: shape.name });
            }
            if !chosen.iter().any(|s| s.name == shape.name) {
                chosen.push(shape);
            }
        }
    }
    Ok(chosen)
}

fn unknown(name: &str, table: &[Shape]) -> Error {
    let mut known: Vec<String> = vec!["all".into()];
    for shape in table {
        if !known.contains(&shape.group) {
            known.push(shape.group.clone());
        }
    }
    known.extend(table.iter().map(|s| s.name.clone()));
    Error::UnknownShape { name: name.into(), known: known.join(", ") }
}

/// `MxKxN`, or `N` for `NxNxN`; no size may be 0.
fn parse(name: &str) -> Option<Shape> {
    let sizes: Option<Vec<usize>> =
        name.split('x').map(|s| s.parse().ok().filter(|&size| size > 0)).collect();
    match sizes?.as_slice() {
        [size] => Some(Shape::square(*size)),
        [m, k, n] => Some(Shape::new("custom", *m, *k, *n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(shapes: &[Shape]) -> Vec<&str> {
        shapes.iter().map(|s| s.name.as_str()).collect()
    }

    fn selected(list: &[&str]) -> Result<Vec<Shape>, Error> {
        select(&list.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_unique() {
        let table = table();
        let mut sorted = names(&table);
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), table.len());
    }

    #[test]
    fn names_groups_and_sizes_select() {
        assert_eq!(names(&selected(&["gemv"]).unwrap()), ["1x1024x1024", "1024x1024x1"]);
        let images = selected(&["5x784x10"]).unwrap();
        assert_eq!((images[0].source, images[0].m, images[0].k, images[0].n), (Source::Valid, 5, 784, 10));
        let custom = selected(&["3x4x5", "7", "3x4x5"]).unwrap();
        assert_eq!(names(&custom), ["3x4x5", "7x7x7"]);
        assert_eq!(custom[0].source, Source::Normal);
        assert_eq!(selected(&["all"]).unwrap(), table());
    }

    #[test]
    fn unknown_shapes_list_the_known() {
        for bad in ["3x4", "0x1x1", "axbxc", "-1x2x3", "", "1x2x3x4"] {
            let message = selected(&[bad]).unwrap_err().to_string();
            assert!(message.contains(&format!("{bad:?}")) && message.contains("50000x784x10"), "{message}");
        }
        assert!(matches!(selected(&["4000000000x2x3000000"]), Err(Error::ShapeTooLarge { .. })));
    }

    #[test]
    fn work_counts_the_batch() {
        let shape = &selected(&["256*32x32x32"]).unwrap()[0];
        assert_eq!(shape.flops(), 256.0 * 2.0 * 32768.0);
        assert_eq!(shape.elements(), 256.0 * 3.0 * 1024.0);
    }

    #[test]
    fn sets_are_in_the_table() {
        assert_eq!(default_set().len(), 18);
        assert_eq!(quick_set().len(), 7);
    }
}
