use std::fmt;
use std::str::FromStr;

use crate::{Family, Layout, ParseError};

/// What the elements of A, B and C are. Every value is a function of the seed and its own index alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fill {
    /// Small integers, so small that every partial sum is exact in any order. About one in four is 0.
    Int,
    /// Integers from 1, as small: no cancellation, so infinite alpha or beta give one answer in any order.
    PosInt,
    /// Uniform in [-1, 1).
    Unit,
    /// Uniform in [0, 1): no cancellation, where errors grow fastest with k.
    PosUnit,
    /// [`Fill::Unit`] with rows of A, columns of B and the terms of k scaled by powers of two that cancel: an
    /// algorithm that mixes rows or columns, as Strassen's does, loses the small ones.
    Scaled,
    /// Subnormal inputs, and products that are subnormal or vanish.
    Tiny,
    /// Products that overflow.
    Huge,
    /// -1, -0, +0 and 1.
    SignedZero,
}

/// A matrix of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The left factor.
    A,
    /// The right factor.
    B,
    /// The result.
    C,
}

/// A NaN or an infinity put at one place of one matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Put {
    /// The matrix.
    pub operand: Operand,
    /// Row.
    pub i: usize,
    /// Column.
    pub j: usize,
    /// What is put there.
    pub value: f64,
}

/// What lies around the three matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Canaries on both sides.
    Heap,
    /// The lowest element directly follows an inaccessible page.
    Left,
    /// An inaccessible page directly follows the highest element.
    Right,
}

/// One product to compute and judge. Its [`Display`](fmt::Display) line says all of it, and parses back.
///
/// Where alpha is 0, A and B are all NaN; where beta is 0, C is: they must not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The family it belongs to.
    pub family: Family,
    /// `f32` or `f64`.
    pub dtype: String,
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A and rows of B.
    pub k: usize,
    /// Layout of A.
    pub a: Layout,
    /// Layout of B.
    pub b: Layout,
    /// Layout of C, one of [`Layout::DISTINCT`].
    pub c: Layout,
    /// The factor of A·B, exact in the dtype.
    pub alpha: f64,
    /// The factor of C, exact in the dtype.
    pub beta: f64,
    /// What the elements are.
    pub fill: Fill,
    /// The exceptional value, if there is one.
    pub put: Option<Put>,
    /// What lies around the matrices.
    pub mem: Place,
    /// Seed of the inputs.
    pub seed: u64,
}

/// The most that a case from a line may cost: some minutes of an oracle. The full plan's cases cost at most half of it.
const MOST_COST: u64 = 1 << 32;

impl Case {
    /// A case with row-major matrices, alpha = 1, beta = 0, integers, on the heap.
    pub fn new(family: Family, dtype: &str, (m, n, k): (usize, usize, usize), seed: u64) -> Self {
        Case {
            family,
            dtype: dtype.into(),
            m,
            n,
            k,
            a: Layout::Row,
            b: Layout::Row,
            c: Layout::Row,
            alpha: 1.0,
            beta: 0.0,
            fill: Fill::Int,
            put: None,
            mem: Place::Heap,
            seed,
        }
    }

    /// Multiply-adds, and the elements that must be made and compared.
    pub fn cost(&self) -> u64 {
        let (m, n, k) = (self.m as u64, self.n as u64, self.k as u64);
        let product = |x: u64, y: u64| x.saturating_mul(y);
        product(product(m, n), k)
            .saturating_add(product(m, k))
            .saturating_add(product(k, n))
            .saturating_add(product(m, n))
    }
}

impl Case {
    /// Row and column strides of A, B and C in elements, as their layouts make them.
    ///
    /// # Panics
    /// If `dtype` is neither `f32` nor `f64`, which no case read from a line is.
    pub fn strides(&self) -> [(isize, isize); 3] {
        let size = match self.dtype.as_str() {
            "f32" => size_of::<f32>(),
            "f64" => size_of::<f64>(),
            other => panic!("a case is of f32 or f64, not {other:?}"),
        };
        let (m, n, k) = (self.m, self.n, self.k);
        [self.a.strides(m, k, size), self.b.strides(k, n, size), self.c.strides(m, n, size)]
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { family, dtype, m, n, k, a, b, c, alpha, beta, fill, put, mem, seed } = self;
        write!(f, "{family} {dtype} m={m} n={n} k={k} a={a} b={b} c={c} alpha={alpha} beta={beta}")?;
        write!(f, " fill={}", fill.name())?;
        if let Some(Put { operand, i, j, value }) = put {
            write!(f, " put={}:{i}:{j}:{value}", operand.name())?;
        }
        if *mem != Place::Heap {
            write!(f, " mem={}", mem.name())?;
        }
        write!(f, " seed={seed}")
    }
}

impl FromStr for Case {
    type Err = ParseError;

    /// Reads a line such as `contract f32 m=7 n=33 k=257 a=row b=col c=neg alpha=1 beta=0 seed=42`. m, n and k are
    /// required; whatever else is left out is as in [`Case::new`], with seed 0, save that the fill of `contract`
    /// and `bound` is `unit`.
    fn from_str(line: &str) -> Result<Self, ParseError> {
        let mut words = line.split_whitespace();
        let family: Family = words.next().ok_or(ParseError::Missing("the family"))?.parse()?;
        let dtype = words.next().ok_or(ParseError::Missing("the dtype"))?;
        if dtype != "f32" && dtype != "f64" {
            return Err(ParseError::Word { expected: "f32 or f64", found: dtype.into() });
        }
        let mut case = Case::new(family, dtype, (0, 0, 0), 0);
        if matches!(family, Family::Contract | Family::Bound) {
            case.fill = Fill::Unit;
        }
        let mut shape = [None; 3];
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| ParseError::Word { expected: "key=value", found: word.into() })?;
            match key {
                "m" => shape[0] = Some(number(value)?),
                "n" => shape[1] = Some(number(value)?),
                "k" => shape[2] = Some(number(value)?),
                "a" => case.a = value.parse()?,
                "b" => case.b = value.parse()?,
                "c" => case.c = value.parse()?,
                "alpha" => case.alpha = number(value)?,
                "beta" => case.beta = number(value)?,
                "fill" => case.fill = value.parse()?,
                "put" => case.put = Some(value.parse()?),
                "mem" => case.mem = value.parse()?,
                "seed" => case.seed = number(value)?,
                _ => return Err(ParseError::Word { expected: "a key of a case", found: key.into() }),
            }
        }
        case.m = shape[0].ok_or(ParseError::Missing("m"))?;
        case.n = shape[1].ok_or(ParseError::Missing("n"))?;
        case.k = shape[2].ok_or(ParseError::Missing("k"))?;
        case.validate()?;
        Ok(case)
    }
}

impl Case {
    /// What a kernel may be given, and what this machine can hold.
    pub(crate) fn validate(&self) -> Result<(), ParseError> {
        if !Layout::DISTINCT.contains(&self.c) {
            return Err(ParseError::Invalid("C cannot have a layout whose elements share a place"));
        }
        // The widest layout, `page`, spends up to 1024 elements on one.
        let too_large = |x: usize, y: usize| (x as u128) * (y as u128) > (isize::MAX as u128) >> 14;
        if too_large(self.m, self.k) || too_large(self.k, self.n) || too_large(self.m, self.n) {
            return Err(ParseError::Invalid("a matrix does not fit in memory"));
        }
        // Rows and columns are steps even where there is nothing in them.
        let rows = [self.m, self.n, self.k].map(|len| len as u64);
        let found = rows.into_iter().fold(self.cost(), u64::saturating_add);
        if found > MOST_COST {
            return Err(ParseError::Cost { most: MOST_COST, found });
        }
        if let Some(Put { operand, i, j, .. }) = self.put {
            let (nrows, ncols) = match operand {
                Operand::A => (self.m, self.k),
                Operand::B => (self.k, self.n),
                Operand::C => (self.m, self.n),
            };
            if i >= nrows || j >= ncols {
                return Err(ParseError::Invalid("the exceptional value lies outside its matrix"));
            }
        }
        Ok(())
    }
}

fn number<N: FromStr>(value: &str) -> Result<N, ParseError> {
    value.parse().map_err(|_| ParseError::Word { expected: "a number", found: value.into() })
}

/// Names for the words of a case line, and the way back.
macro_rules! impl_names {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// The name in case lines.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }

        impl FromStr for $type {
            type Err = ParseError;

            fn from_str(s: &str) -> Result<Self, ParseError> {
                match s {
                    $($name => Ok($type::$variant),)+
                    _ => Err(ParseError::Word { expected: $what, found: s.into() }),
                }
            }
        }
    };
}

impl_names!(
    Fill,
    "a fill",
    Int = "int",
    PosInt = "pos-int",
    Unit = "unit",
    PosUnit = "pos-unit",
    Scaled = "scaled",
    Tiny = "tiny",
    Huge = "huge",
    SignedZero = "signed-zero"
);
impl_names!(Operand, "a, b or c", A = "a", B = "b", C = "c");
impl_names!(Place, "heap, left or right", Heap = "heap", Left = "left", Right = "right");

impl FromStr for Put {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let parts: Vec<&str> = s.split(':').collect();
        let [operand, i, j, value] = parts[..] else {
            return Err(ParseError::Word { expected: "operand:row:column:value", found: s.into() });
        };
        Ok(Put { operand: operand.parse()?, i: number(i)?, j: number(j)?, value: number(value)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_parse_back() {
        for line in [
            "contract f32 m=7 n=33 k=257 a=row b=col c=neg alpha=1 beta=0 fill=unit seed=42",
            "scalars f64 m=1 n=1 k=0 a=bcast-rows b=hankel c=page alpha=NaN beta=-inf fill=pos-int seed=0",
            "memory f32 m=6 n=16 k=3 a=row b=row c=row alpha=-0.75 beta=2.5 fill=int mem=right seed=9",
            "exceptional f32 m=6 n=16 k=3 a=row b=row c=row alpha=1 beta=0 fill=int put=b:2:15:inf seed=9",
        ] {
            assert_eq!(line.parse::<Case>().unwrap().to_string(), line);
        }
    }

    #[test]
    fn short_lines_are_filled_in() {
        let case: Case =
            "contract f32 m=7 n=33 k=257 a=row b=col c=neg alpha=1 beta=0 seed=42".parse().unwrap();
        assert_eq!((case.fill, case.mem), (Fill::Unit, Place::Heap));
    }

    #[test]
    #[should_panic(expected = "f32 or f64, not \"f16\"")]
    fn strides_of_an_unknown_type_are_not_those_of_f64() {
        let _ = Case::new(Family::Edges, "f16", (1, 2, 3), 0).strides();
    }

    /// Where there is nothing to compute there may be rows of nothing without end.
    #[test]
    fn cases_without_end_are_refused() {
        for shape in
            ["m=0 n=0 k=9223372036854775807", "m=9223372036854775807 n=0 k=0", "m=0 n=4294967297 k=0"]
        {
            let error = format!("edges f32 {shape}").parse::<Case>().unwrap_err();
            assert!(matches!(error, ParseError::Cost { most: MOST_COST, .. }), "{error}");
        }
        let error = "edges f32 m=65536 n=65536 k=65536".parse::<Case>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a case may cost 4294967296 multiply-adds and elements, found 281487861809152"
        );
        let error = "edges f32 m=1 n=1 k=18446744073709551615".parse::<Case>().unwrap_err();
        assert_eq!(error, ParseError::Invalid("a matrix does not fit in memory"));
        assert!("edges f32 m=0 n=0 k=1000000".parse::<Case>().is_ok());
    }

    #[test]
    fn strides_of_any_size_are_told() {
        for len in [0, 1, usize::MAX / 2, usize::MAX] {
            for layout in Layout::ALL {
                let case = Case { a: layout, ..Case::new(Family::Edges, "f64", (len, len, len), 0) };
                let [(rs, cs), ..] = case.strides();
                assert!(rs != isize::MIN && cs != isize::MIN, "{layout}");
            }
        }
        let page = Case { a: Layout::Page, ..Case::new(Family::Edges, "f64", (1, 1, 513), 0) };
        assert_eq!(page.strides()[0], (1024, 1));
    }

    #[test]
    fn errors_name_what_was_found() {
        let message = |line: &str| line.parse::<Case>().unwrap_err().to_string();
        assert_eq!(message("contract f32 m=7 n=3"), "k is missing");
        assert_eq!(message("contract f16 m=7 n=3 k=1"), "expected f32 or f64, found \"f16\"");
        assert!(message("edges f32 m=1 n=1 k=1 c=bcast-all").contains("share a place"));
        assert!(message("edges f32 m=1 n=1 k=1 put=a:1:0:NaN").contains("outside"));
        assert!(
            message("edges f32 m=99999999999 n=99999999999 k=1").contains("number")
                || cfg!(target_pointer_width = "64")
        );
        assert_eq!(message("nonsense f32 m=1 n=1 k=1"), "expected a family, found \"nonsense\"");
    }
}
