//! A product that is measured: its sizes, how its matrices lie in memory, and the name that says both.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dtype::Dtype;

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Row after row.
    Row,
    /// Column after column: a row-major matrix used transposed.
    Col,
    /// Rows this many elements apart.
    Ld(usize),
    /// Row after row with the last element first: both strides negative.
    Reversed,
}

impl Layout {
    /// Elements that the matrix takes up, the padding included.
    #[allow(clippy::len_without_is_empty)] // A matrix here is never empty.
    pub fn len(self, (nrows, ncols): (usize, usize)) -> usize {
        match self {
            Layout::Ld(ld) => nrows * ld,
            Layout::Row | Layout::Col | Layout::Reversed => nrows * ncols,
        }
    }

    /// Where element (0, 0) lies, and the row and column stride.
    pub fn strides(self, (nrows, ncols): (usize, usize)) -> (usize, (isize, isize)) {
        match self {
            Layout::Row => (0, (ncols as isize, 1)),
            Layout::Col => (0, (1, nrows as isize)),
            Layout::Ld(ld) => (0, (ld as isize, 1)),
            Layout::Reversed => (nrows * ncols - 1, (-(ncols as isize), -1)),
        }
    }
}

/// What A is filled with. B is always drawn from the standard normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Standard normal.
    Normal,
    /// The first m images of the training set.
    Train,
    /// The first m images of the validation set.
    Valid,
}

/// One product, or a strided batch of them in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// What [`Shape::parse`] reads.
    pub name: String,
    /// The group of the catalogue, `custom` for a shape that is not in it.
    pub group: String,
    /// Rows of A and C.
    pub m: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Columns of B and C.
    pub n: usize,
    /// How A lies in memory.
    pub a: Layout,
    /// How B lies in memory.
    pub b: Layout,
    /// How C lies in memory.
    pub c: Layout,
    /// Products in a call.
    pub batch: usize,
    /// Whether all products of the batch have the same B.
    pub shared_b: bool,
    /// What A is filled with.
    pub source: Source,
}

impl Shape {
    /// m x k x n, row after row, on seeded data.
    pub fn new(group: &str, m: usize, k: usize, n: usize) -> Self {
        Self {
            name: format!("{m}x{k}x{n}"),
            group: group.into(),
            m,
            k,
            n,
            a: Layout::Row,
            b: Layout::Row,
            c: Layout::Row,
            batch: 1,
            shared_b: false,
            source: Source::Normal,
        }
    }

    /// size x size x size on seeded data.
    pub fn square(size: usize) -> Self {
        Self::new("custom", size, size, size)
    }

    /// The shape of a name: `MxKxN` or `N` for `NxNxN`, or `COUNTx(MxKxN)`, with `/VARIANT` behind it if it is not plain;
    /// and behind that `/shared` for a batch with but one B. No size may be 0. Variants:
    ///
    /// | name | A, B and C |
    /// |---|---|
    /// | `nt`, `tn`, `tt` | for A and B in turn: `n` row-major, `t` column-major |
    /// | `col` | A and B column-major, as `tt`; used where one of them is a vector |
    /// | `strided` | all three with 7 elements between the rows |
    /// | `reversed` | A and B with both strides negative |
    /// | `ldN` | the rows of all three N elements apart |
    pub fn parse(name: &str) -> Option<Self> {
        if let Some((count, rest)) = name.split_once("x(") {
            let batch = count.parse().ok().filter(|&count| count > 0)?;
            let (plain, shared_b) = rest.strip_suffix("/shared").map_or((rest, false), |rest| (rest, true));
            let (product, variant) = plain.split_once(')')?;
            let shape = Self { batch, shared_b, ..Self::plain(product)? };
            let shape = match variant.strip_prefix('/') {
                None if variant.is_empty() => shape,
                None => return None,
                Some(variant) => shape.in_layout(variant)?,
            };
            return Some(Self { name: name.into(), ..shape });
        }
        let (sizes, variant) = name.split_once('/').map_or((name, None), |(s, v)| (s, Some(v)));
        let shape = Self::plain(sizes)?;
        match variant {
            None => Some(shape),
            Some(variant) => shape.in_layout(variant),
        }
    }

    fn plain(sizes: &str) -> Option<Self> {
        let sizes: Option<Vec<usize>> =
            sizes.split('x').map(|s| s.parse().ok().filter(|&size| size > 0)).collect();
        match sizes?.as_slice() {
            [size] => Some(Self::square(*size)),
            [m, k, n] => Some(Self::new("custom", *m, *k, *n)),
            _ => None,
        }
    }

    fn in_layout(self, variant: &str) -> Option<Self> {
        use Layout::{Col, Ld, Reversed, Row};
        let Self { k, n, .. } = self;
        let (a, b, c) = match variant {
            "nt" => (Row, Col, Row),
            "tn" => (Col, Row, Row),
            "tt" | "col" => (Col, Col, Row),
            "strided" => (Ld(k + 7), Ld(n + 7), Ld(n + 7)),
            "reversed" => (Reversed, Reversed, Row),
            _ => {
                let ld = variant.strip_prefix("ld")?.parse().ok().filter(|&ld| ld >= k.max(n))?;
                (Ld(ld), Ld(ld), Ld(ld))
            }
        };
        Some(Self { name: format!("{}/{variant}", self.name), a, b, c, ..self })
    }

    /// Matrices B.
    pub fn count_b(&self) -> usize {
        if self.shared_b { 1 } else { self.batch }
    }

    /// Whether A or B is a vector: memory is the limit then, and GB/s say more than GFLOP/s.
    pub fn is_gemv(&self) -> bool {
        self.m == 1 || self.n == 1
    }

    /// Floating-point operations of one call: a multiplication and an addition for each of m·k·n terms.
    pub fn flops(&self) -> f64 {
        2.0 * self.m as f64 * self.k as f64 * self.n as f64 * self.batch as f64
    }

    /// Elements of A, B and C together, without padding.
    pub fn elements(&self) -> f64 {
        let (m, k, n) = (self.m as f64, self.k as f64, self.n as f64);
        (m * k + m * n) * self.batch as f64 + k * n * self.count_b() as f64
    }

    /// Elements of memory, padding included; at most what an f64 can count.
    pub fn footprint(&self) -> f64 {
        let size = |layout, nrows: usize, ncols: usize| {
            nrows as f64 * if let Layout::Ld(ld) = layout { ld } else { ncols } as f64
        };
        let (m, k, n) = (self.m, self.k, self.n);
        (size(self.a, m, k) + size(self.c, m, n)) * self.batch as f64
            + size(self.b, k, n) * self.count_b() as f64
    }

    /// Bytes of A, B and C together.
    pub fn bytes(&self, dtype: Dtype) -> f64 {
        self.elements() * dtype.bytes() as f64
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Shape {
        Shape::parse(name).unwrap()
    }

    #[test]
    fn names_say_sizes_and_layout() {
        let shape = parse("3x4x5/tn");
        assert_eq!((shape.m, shape.k, shape.n), (3, 4, 5));
        assert_eq!((shape.a, shape.b, shape.name.as_str()), (Layout::Col, Layout::Row, "3x4x5/tn"));
        assert_eq!(parse("7").name, "7x7x7");
        assert_eq!(parse("3x4x5/ld8").c, Layout::Ld(8));
        let batch = parse("6x(3x4x5)/shared");
        assert_eq!((batch.batch, batch.count_b(), batch.name.as_str()), (6, 1, "6x(3x4x5)/shared"));
        let batch = parse("6x(3x4x5)/tn/shared");
        assert_eq!((batch.batch, batch.count_b(), batch.a, batch.b), (6, 1, Layout::Col, Layout::Row));
    }

    #[test]
    fn other_names_are_no_shapes() {
        let bad = ["3x4", "0x1x1", "axbxc", "-1x2x3", "", "1x2x3x4", "3x4x5/x", "3x4x5/ld4", "0x(1x1x1)"];
        for bad in bad.into_iter().chain(["2x(1x1x1)tn", "2x(1x1x1", "3x4x5/shared", "2x(1x1x1)/shared/tn"]) {
            assert_eq!(Shape::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn layouts_reach_exactly_their_memory() {
        for layout in [Layout::Row, Layout::Col, Layout::Ld(9), Layout::Reversed] {
            let (offset, (rs, cs)) = layout.strides((3, 4));
            let at = |i: isize, j: isize| offset as isize + i * rs + j * cs;
            let corners = [at(0, 0), at(2, 0), at(0, 3), at(2, 3)];
            assert_eq!(corners.iter().min(), Some(&0), "{layout:?}");
            let last = *corners.iter().max().unwrap() as usize;
            assert!(last < layout.len((3, 4)) && layout.len((3, 4)) <= last + 6, "{layout:?}");
        }
    }

    #[test]
    fn work_counts_the_batch() {
        let shape = parse("256x(32x32x32)");
        assert_eq!(shape.flops(), 256.0 * 2.0 * 32768.0);
        assert_eq!((shape.elements(), shape.footprint()), (256.0 * 3.0 * 1024.0, 256.0 * 3.0 * 1024.0));
        assert_eq!(parse("256x(32x32x32)/shared").elements(), 513.0 * 1024.0);
        assert_eq!(parse("2x3x4/ld10").footprint(), 70.0);
    }
}
