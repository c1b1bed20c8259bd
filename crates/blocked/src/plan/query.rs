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
    /// Whether the caller is none of them, and they have to be woken.
    pub outside: bool,
}

impl Query {
    /// A product of row-major matrices on one thread, in the contract's order.
    pub fn row_major(m: usize, k: usize, n: usize) -> Self {
        let rows = |ncols: usize| (ncols as isize, 1);
        let whole = Self {
            m,
            k,
            n,
            a: rows(k),
            b: rows(n),
            c: rows(n),
            packed: false,
            summation: Summation::Contract,
            threads: 1,
            outside: false,
        };
        whole.canonical()
    }

    /// The same with strides of 1 wherever there is only one row or column, which no path then takes for a reason to
    /// copy.
    pub fn canonical(self) -> Self {
        let one = |len: usize, stride: isize| if len == 1 { 1 } else { stride };
        let (m, k, n) = (self.m, self.k, self.n);
        Self {
            a: (one(m, self.a.0), one(k, self.a.1)),
            b: (one(k, self.b.0), one(n, self.b.1)),
            c: (one(m, self.c.0), one(n, self.c.1)),
            ..self
        }
    }

    /// The transposed product.
    pub fn turned(self) -> Self {
        let t = |(rs, cs): (isize, isize)| (cs, rs);
        Self { m: self.n, n: self.m, a: t(self.b), b: t(self.a), c: t(self.c), ..self }
    }
}
