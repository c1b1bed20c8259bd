use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Row-major, contiguous.
    Row,
    /// Column-major, contiguous.
    Col,
    /// Row-major, three elements between rows.
    RowPad,
    /// Column-major, three elements between columns.
    ColPad,
    /// Row-major, rows in reverse order.
    NegRows,
    /// Row-major, columns in reverse order.
    NegCols,
    /// Row-major, both in reverse order.
    Neg,
    /// Column-major, both in reverse order.
    ColNeg,
    /// Neither stride is 1; the row stride is larger.
    General,
    /// Neither stride is 1; the column stride is larger.
    GeneralCol,
    /// Row-major with rows 4096 bytes or a multiple of that apart: they all fall in one set of an L1 cache.
    Page,
    /// Row stride 0: every row is the same. Not for C.
    BcastRows,
    /// Column stride 0: every column is the same. Not for C.
    BcastCols,
    /// Both strides 0: every element is the same. Not for C.
    BcastAll,
    /// Both strides 1: element (i, j) is element i + j of a sequence, as in a sliding window. Not for C.
    Hankel,
}

use Layout::*;

impl Layout {
    /// The layouts that keep their elements apart: all that C may have.
    pub const DISTINCT: [Layout; 11] =
        [Row, Col, RowPad, ColPad, NegRows, NegCols, Neg, ColNeg, General, GeneralCol, Page];
    /// All that A and B may have.
    pub const ALL: [Layout; 15] = [
        Row, Col, RowPad, ColPad, NegRows, NegCols, Neg, ColNeg, General, GeneralCol, Page, BcastRows,
        BcastCols, BcastAll, Hankel,
    ];

    /// The name in case lines.
    pub fn name(self) -> &'static str {
        match self {
            Row => "row",
            Col => "col",
            RowPad => "row-pad",
            ColPad => "col-pad",
            NegRows => "neg-rows",
            NegCols => "neg-cols",
            Neg => "neg",
            ColNeg => "col-neg",
            General => "general",
            GeneralCol => "general-col",
            Page => "page",
            BcastRows => "bcast-rows",
            BcastCols => "bcast-cols",
            BcastAll => "bcast-all",
            Hankel => "hankel",
        }
    }

    /// Row and column stride, in elements of `size` bytes.
    pub(crate) fn strides(self, nrows: usize, ncols: usize, size: usize) -> (isize, isize) {
        // A case may have any size; one that no memory holds is refused elsewhere.
        let [r, c] = [nrows, ncols].map(|len| isize::try_from(len).unwrap_or(isize::MAX));
        let page = 4096 / size;
        match self {
            Row => (c, 1),
            Col => (1, r),
            RowPad => (c.saturating_add(3), 1),
            ColPad => (1, r.saturating_add(3)),
            NegRows => (-c, 1),
            NegCols => (c, -1),
            Neg => (-c, -1),
            ColNeg => (-1, -r),
            General => (c.saturating_mul(3).saturating_add(2), 3),
            GeneralCol => (2, r.saturating_mul(2).saturating_add(1)),
            Page => (c.max(1).saturating_add_unsigned(page - 1) / page as isize * page as isize, 1),
            BcastRows => (0, 1),
            BcastCols => (1, 0),
            BcastAll => (0, 0),
            Hankel => (1, 1),
        }
    }

    /// The element whose value (i, j) takes: itself, unless several elements share a place.
    pub(crate) fn source(self, i: usize, j: usize) -> (usize, usize) {
        match self {
            BcastRows => (0, j),
            BcastCols => (i, 0),
            BcastAll => (0, 0),
            Hankel => (i + j, 0),
            _ => (i, j),
        }
    }

    /// Layouts of one class give the same values.
    pub(crate) fn class(self) -> Layout {
        match self {
            BcastRows | BcastCols | BcastAll | Hankel => self,
            _ => Row,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Layout {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let found = Layout::ALL.into_iter().find(|layout| layout.name() == s);
        found.ok_or_else(|| ParseError::Word { expected: "a layout", found: s.into() })
    }
}
