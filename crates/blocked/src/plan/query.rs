use matmul_core::Summation;

/// The product that a plan is asked for. Strides are in elements, and 1 where there is only one row or column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of A and rows of B.
    pub k: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Row and column stride of A.
    pub a: (isize, isize),
    /// Row and column stride of B.
    pub b: (isize, isize),
    /// Row and column stride of C.
    pub c: (isize, isize),
    /// Whether B was packed before.
    pub packed: bool,
    /// The order of summation.
    pub summation: Summation,
    /// Threads that there are.
    pub threads: usize,
}

impl Query {
    /// A product of row-major matrices on one thread, in the contract's order.
    pub fn row_major(m: usize, k: usize, n: usize) -> Self {
        let rows = |nrows: usize, ncols: usize| (if nrows == 1 { 1 } else { ncols as isize }, 1);
        Self {
            m,
            k,
            n,
            a: rows(m, k),
            b: rows(k, n),
            c: rows(m, n),
            packed: false,
            summation: Summation::Contract,
            threads: 1,
        }
    }

    /// The transposed product.
    pub fn turned(self) -> Self {
        let t = |(rs, cs): (isize, isize)| (cs, rs);
        Self { m: self.n, n: self.m, a: t(self.b), b: t(self.a), c: t(self.c), ..self }
    }
}
