//! A small tiled kernel that keeps the contract, and the ways to break it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use matmul_core::{Error, Fold, K_CHUNK, Kernel, MatMut, MatRef, Problem, Promise, Real, Sizes};

/// What is wrong with a [`Planted`] kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bug {
    /// Nothing.
    None,
    /// The last term of k is left out where k is odd.
    DropsLastK,
    /// The two rows of an edge tile of two rows change places.
    SwapsEdgeRows,
    /// One edge tile, 3 x 5, reads A with the wrong row stride.
    WrongStrideInOneTile,
    /// Columns beyond NC are not computed.
    ForgetsLastBlock,
    /// beta·C is added even if beta is 0.
    ReadsCAtBetaZero,
    /// alpha = 0 is not looked for.
    ReadsAAtAlphaZero,
    /// k = 0 leaves C as it is.
    ForgetsToScaleC,
    /// -beta for beta.
    NegatesBeta,
    /// k is made even with 0 in A and the last row of B once more.
    PadsK,
    /// Terms with a zero in A are left out.
    SkipsZeroA,
    /// Subnormal sums become 0.
    FlushesSubnormals,
    /// A product of -0 becomes +0.
    LosesSignOfZero,
    /// Later chunks multiply what is already in C by alpha once more.
    AlphaPerChunk,
    /// Multiplies and adds instead of fusing.
    RoundsTwice,
    /// Folds the last chunk first.
    ChunksBackwards,
    /// Two sums, of even and of odd p.
    ParitySums,
    /// Products of one row are summed from the end.
    OneRowBackwards,
    /// Chunks of 128 instead of 256.
    ShortChunks,
    /// A row stride of 0 in B counts as another one.
    IgnoresBroadcast,
    /// With a negative row stride in A, rows are off by one.
    NegativeStrideOffByOne,
    /// A row-major C with a gap between its rows gets one element too many in each.
    WritesIntoPadding,
    /// Packs A in place: the first element is negated.
    WritesA,
    /// The sums lie in memory that all callers share.
    SharesScratch,
    /// One element after the last of B is read, a prefetch gone wrong.
    ReadsPastB,
    /// One element before the first of A is read.
    ReadsBeforeA,
}

/// The kernel, for C in tiles of 4 x 6, and its bug.
pub(crate) struct Planted(pub(crate) Bug);

const TILE: Sizes = Sizes { mr: 4, nr: 6, mc: 32, kc: 256, nc: 48 };

/// For [`Bug::SharesScratch`]: atomics, so that the race is one of logic alone.
static SCRATCH: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

impl<T: Real> Kernel<T> for Planted {
    fn name(&self) -> &str {
        "planted"
    }

    fn promise(&self) -> Promise {
        Promise::SameBits
    }

    fn sizes(&self) -> Option<Sizes> {
        Some(TILE)
    }

    fn run(&self, mut problem: Problem<'_, T>) {
        self.touch_memory(&mut problem);
        let (alpha, beta, a, b) = (problem.alpha(), problem.beta(), problem.a(), problem.b());
        self.product(alpha, a, b, beta, problem.c());
    }

    fn gemm(
        &self,
        alpha: T,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        beta: T,
        c: MatMut<'_, T>,
    ) -> Result<(), Error> {
        if self.0 == Bug::ReadsAAtAlphaZero && alpha == T::ZERO && a.ncols() > 0 {
            self.product(alpha, a, b, beta, c);
        } else if self.0 == Bug::ForgetsToScaleC && a.ncols() == 0 {
        } else if let Some(problem) = Problem::new(alpha, a, b, beta, c)? {
            self.run(problem);
        }
        Ok(())
    }
}

impl Planted {
    fn product<T: Real>(&self, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, mut c: MatMut<'_, T>) {
        let (m, n) = c.shape();
        let n = if self.0 == Bug::ForgetsLastBlock { n.min(TILE.nc) } else { n };
        for i in 0..m {
            for j in 0..n {
                let old = c.at(i, j);
                // Rows and columns of the tile that holds (i, j).
                let tile = ((m - i / 4 * 4).min(4), (n - j / 6 * 6).min(6));
                let (row, col) = self.source(i, j, tile, a, b);
                let terms = |p: usize| (a.at(row, p), b.at(p, col));
                c.set(i, j, self.element(alpha, terms, (m, a.ncols()), beta, old));
            }
        }
    }

    /// The row of A and the column of B that element (i, j) takes.
    fn source<T: Real>(
        &self,
        i: usize,
        j: usize,
        tile: (usize, usize),
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
    ) -> (usize, usize) {
        match self.0 {
            Bug::SwapsEdgeRows if tile.0 == 2 => (i ^ 1, j),
            Bug::WrongStrideInOneTile if tile == (3, 5) => (i / 4 * 4 + i % 4 / 2, j),
            Bug::IgnoresBroadcast if b.rs() == 0 => (i, (j + 1) % b.ncols()),
            Bug::NegativeStrideOffByOne if a.rs() < 0 => (i.saturating_sub(1), j),
            _ => (i, j),
        }
    }

    /// One element by the contract.
    fn element<T: Real>(
        &self,
        alpha: T,
        terms: impl Fn(usize) -> (T, T),
        (m, k): (usize, usize),
        beta: T,
        old: T,
    ) -> T {
        let end = if self.0 == Bug::DropsLastK && k % 2 == 1 { k - 1 } else { k };
        let length = if self.0 == Bug::ShortChunks { K_CHUNK / 2 } else { K_CHUNK };
        let mut chunks: Vec<_> = (0..end).step_by(length).map(|p| p..end.min(p + length)).collect();
        if self.0 == Bug::ChunksBackwards {
            chunks.reverse();
        }
        let mut fold = match self.0 {
            Bug::ReadsCAtBetaZero => Fold::Scale(beta),
            Bug::NegatesBeta => Fold::first(-beta),
            _ => Fold::first(beta),
        };
        let mut c =
            if self.0 == Bug::DropsLastK && k == 1 { fold.apply(alpha, T::ZERO, || old) } else { old };
        for chunk in chunks {
            let mut t = self.sum(chunk.clone().map(&terms), m);
            if self.0 == Bug::PadsK && chunk.len() % 2 == 1 {
                t = T::ZERO.mul_add(terms(chunk.end - 1).1, t);
            }
            c = fold.apply(alpha, t, || c);
            fold = if self.0 == Bug::AlphaPerChunk { Fold::Scale(alpha) } else { Fold::Add };
        }
        if self.0 == Bug::LosesSignOfZero { c + T::ZERO } else { c }
    }

    /// The sum of one chunk.
    fn sum<T: Real>(&self, terms: impl DoubleEndedIterator<Item = (T, T)>, m: usize) -> T {
        let fma = |t: T, (x, y): (T, T)| x.mul_add(y, t);
        match self.0 {
            Bug::RoundsTwice => terms.fold(T::ZERO, |t, (x, y)| t + x * y),
            Bug::SkipsZeroA => terms.filter(|(x, _)| *x != T::ZERO).fold(T::ZERO, fma),
            Bug::OneRowBackwards if m == 1 => terms.rev().fold(T::ZERO, fma),
            Bug::ParitySums => {
                let add = |[even, odd]: [T; 2], term| [odd, fma(even, term)];
                let [even, odd] = terms.fold([T::ZERO; 2], add);
                even + odd
            }
            Bug::FlushesSubnormals => {
                let t = terms.fold(T::ZERO, fma);
                let smallest = match T::NAME {
                    "f32" => f64::from(f32::MIN_POSITIVE),
                    "f64" => f64::MIN_POSITIVE,
                    other => unreachable!("the kit makes f32 and f64, not {other}"),
                };
                if t.to_f64().abs() < smallest { T::ZERO } else { t }
            }
            Bug::SharesScratch => {
                let slot = &SCRATCH[m % 8];
                slot.store(T::ZERO.bits(), Relaxed);
                for term in terms {
                    slot.store(fma(T::from_bits(slot.load(Relaxed)), term).bits(), Relaxed);
                }
                T::from_bits(slot.load(Relaxed))
            }
            _ => terms.fold(T::ZERO, fma),
        }
    }

    /// The bugs that touch what is none of their business.
    fn touch_memory<T: Real>(&self, problem: &mut Problem<'_, T>) {
        let (m, n, k) = (problem.m(), problem.n(), problem.k());
        let (a, b) = (problem.a(), problem.b());
        match self.0 {
            Bug::WritesIntoPadding => {
                let mut c = problem.c();
                if c.cs() == 1 && c.rs() > n as isize {
                    for i in 0..m - 1 {
                        // SAFETY: row i + 1 exists and the rows lie more than n elements apart, so element n of row
                        // i lies within the allocation.
                        unsafe { c.as_mut_ptr().offset(i as isize * c.rs() + n as isize).write(T::ONE) };
                    }
                }
            }
            Bug::WritesA => {
                // SAFETY: sound only because the kit has no reference to the elements while the kernel runs.
                unsafe { a.as_ptr().cast_mut().write(-a.at(0, 0)) };
            }
            Bug::ReadsPastB => {
                let past = (k - 1) as isize * b.rs().max(0) + (n - 1) as isize * b.cs().max(0) + 1;
                // SAFETY: none, that is the bug. Only a child process runs it.
                std::hint::black_box(unsafe { b.as_ptr().wrapping_offset(past).read_volatile() });
            }
            Bug::ReadsBeforeA => {
                let first = (m - 1) as isize * a.rs().min(0) + (k - 1) as isize * a.cs().min(0) - 1;
                // SAFETY: none, that is the bug. Only a child process runs it.
                std::hint::black_box(unsafe { a.as_ptr().wrapping_offset(first).read_volatile() });
            }
            _ => {}
        }
    }
}

/// C in 2 x 2 blocks by Strassen's seven products: right for integers, and within no componentwise bound.
pub(crate) struct Strassen;

impl Kernel<f64> for Strassen {
    fn name(&self) -> &str {
        "strassen"
    }

    fn run(&self, mut problem: Problem<'_, f64>) {
        let (a, b, k) = (problem.a(), problem.b(), problem.k());
        let get = |x: MatRef<'_, f64>, i, j| x.get(i, j).unwrap_or(0.0);
        for i in (0..problem.m()).step_by(2) {
            for j in (0..problem.n()).step_by(2) {
                let mut sums = [0.0; 4];
                for p in (0..k).step_by(2) {
                    let [a11, a12, a21, a22] =
                        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(x, y)| get(a, i + x, p + y));
                    let [b11, b12, b21, b22] =
                        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(x, y)| get(b, p + x, j + y));
                    let m1 = (a11 + a22) * (b11 + b22);
                    let m2 = (a21 + a22) * b11;
                    let m3 = a11 * (b12 - b22);
                    let m4 = a22 * (b21 - b11);
                    let m5 = (a11 + a12) * b22;
                    let m6 = (a21 - a11) * (b11 + b12);
                    let m7 = (a12 - a22) * (b21 + b22);
                    let block = [m1 + m4 - m5 + m7, m3 + m5, m2 + m4, m1 - m2 + m3 + m6];
                    sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
                }
                for (index, sum) in sums.into_iter().enumerate() {
                    let (x, y) = (i + index / 2, j + index % 2);
                    if x < problem.m() && y < problem.n() {
                        problem.store(x, y, sum);
                    }
                }
            }
        }
    }
}

/// Splits k among its threads, as a kernel in a hurry would: right, but the bits depend on the threads.
pub(crate) struct SplitsK {
    pub(crate) threads: usize,
}

impl Kernel<f32> for SplitsK {
    fn name(&self) -> &str {
        "splits-k"
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&self, mut problem: Problem<'_, f32>) {
        let (a, b, k) = (problem.a(), problem.b(), problem.k());
        let part = k.div_ceil(self.threads);
        for i in 0..problem.m() {
            for j in 0..problem.n() {
                let sum = |start: usize| {
                    (start..k.min(start + part)).fold(0.0, |t, p| a.at(i, p).mul_add(b.at(p, j), t))
                };
                let total = (0..k).step_by(part).map(sum).sum();
                problem.store(i, j, total);
            }
        }
    }
}

/// Off by a part of the bound that grows as k^1.3: within the bound of every case, and no Grade A.
pub(crate) fn drifts(mut problem: Problem<'_, f32>) {
    let (a, b, k) = (problem.a(), problem.b(), problem.k());
    let drift = 1.0 + 0.1 * (k as f64).powf(1.3) * f32::UNIT_ROUNDOFF;
    for i in 0..problem.m() {
        for j in 0..problem.n() {
            let sum: f64 = (0..k).map(|p| f64::from(a.at(i, p)) * f64::from(b.at(p, j))).sum();
            problem.store(i, j, (sum * drift) as f32);
        }
    }
}
