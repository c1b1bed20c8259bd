//! The cases of each family, aimed at a kernel's own tile and block sizes.

use matmul_core::{K_CHUNK, Kernel, Real, Sizes};

use crate::case::{Case, Fill};
use crate::plan::{Depth, Plan};
use crate::rng::word;
use crate::{Family, Layout};

mod behaviour;

type Shape = (usize, usize, usize);

/// Alpha and beta that keep integers exact.
const EXACT: [(f64, f64); 6] = [(1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (0.75, -2.5), (2.0, 0.0), (-0.5, -1.0)];
/// Alpha and beta that round.
const ROUNDING: [(f64, f64); 5] = [(1.0, 0.0), (1.0, 1.0), (1.3125, 0.0), (-0.6875, 1.0), (1.1875, -0.8125)];
const SMALL_PRIMES: [usize; 5] = [2, 3, 5, 7, 13];

/// All cases of a family for a kernel, cheapest first.
pub(crate) fn cases<T: Real>(family: Family, kernel: &dyn Kernel<T>, plan: &Plan) -> Vec<Case> {
    // A kernel that says nothing of its blocks is probed where most change their way of working.
    let tile = kernel.sizes().unwrap_or(Sizes { mr: 8, nr: 16, mc: 128, kc: 256, nc: 512 });
    let mut list =
        List { family, dtype: T::NAME, seed: plan.seed, depth: plan.depth, tile, cases: Vec::new() };
    match family {
        Family::ExactIntegers => list.exact_integers(),
        Family::Contract => list.contract(),
        Family::Bound => list.bound(),
        Family::Edges => list.edges(),
        Family::Layouts => list.layouts(),
        Family::Scalars => list.scalars(),
        Family::Exceptional => list.exceptional(),
        Family::Memory => list.memory(),
        Family::Threads => list.threads(),
    }
    list.cases.sort_by_key(Case::cost);
    list.cases
}

/// Cases for kernels that should give each other's bits: [`Family::Threads`] with rounding inputs.
pub(crate) fn same_bits_cases<T: Real>(kernel: &dyn Kernel<T>, plan: &Plan) -> Vec<Case> {
    let mut cases = cases(Family::Threads, kernel, plan);
    for (index, case) in cases.iter_mut().enumerate() {
        (case.alpha, case.beta) = ROUNDING[index % ROUNDING.len()];
        case.fill = Fill::Unit;
    }
    cases
}

/// Side of C in the cases that measure how errors grow with k.
const SLOPE_SIDE: usize = 24;

/// Whether a case's worst error is a point of the slope.
pub(crate) fn measures_growth(case: &Case) -> bool {
    case.family == Family::Bound
        && (case.m, case.n) == (SLOPE_SIDE, SLOPE_SIDE)
        && (case.alpha, case.beta, case.fill) == (1.0, 0.0, Fill::PosUnit)
}

struct List {
    family: Family,
    dtype: &'static str,
    seed: u64,
    depth: Depth,
    tile: Sizes,
    cases: Vec<Case>,
}

impl List {
    fn push(&mut self, shape: Shape, change: impl FnOnce(&mut Case)) {
        let mut case = Case::new(self.family, self.dtype, shape, self.seed);
        change(&mut case);
        self.cases.push(case);
    }

    /// One of `from`, another from case to case; choices with different `axis` are independent.
    fn pick<X: Copy>(&self, axis: usize, from: &[X]) -> X {
        from[(word(self.seed, 7, self.cases.len(), axis) % from.len() as u64) as usize]
    }

    /// A case with layouts, alpha and beta picked.
    fn push_mixed(&mut self, shape: Shape, fill: Fill) {
        let scalars: &[(f64, f64)] = if fill == Fill::Int { &EXACT } else { &ROUNDING };
        let (alpha, beta) = self.pick(0, scalars);
        let (a, b) = (self.pick(1, &Layout::ALL), self.pick(2, &Layout::ALL));
        let c = self.pick(3, &Layout::DISTINCT);
        self.push(shape, |case| *case = Case { a, b, c, alpha, beta, fill, ..case.clone() });
    }

    /// By depth.
    fn choose<X>(&self, quick: X, standard: X, full: X) -> X {
        match self.depth {
            Depth::Quick => quick,
            Depth::Standard => standard,
            Depth::Full => full,
        }
    }

    /// Shapes with dimensions of every order of magnitude up to 2^bits.
    fn random_shapes(&self, count: usize, bits: u64) -> Vec<Shape> {
        let dimension = |index, axis| {
            let bit = word(self.seed, 9, index, axis) % bits;
            ((1u64 << bit) + word(self.seed, 10, index, axis) % (1 << bit)) as usize
        };
        (0..count).map(|index| (dimension(index, 0), dimension(index, 1), dimension(index, 2))).collect()
    }

    fn exact_integers(&mut self) {
        let grid: &[usize] = self.choose(
            &[1, 3, 8, 17],
            &[1, 2, 3, 5, 8, 16, 17, 33],
            &[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65],
        );
        let cube =
            grid.iter().flat_map(|&m| grid.iter().flat_map(move |&n| grid.iter().map(move |&k| (m, n, k))));
        let squares = [64, 100, 127, 128, 200, 256, 384, 512].map(|n| (n, n, n));
        let skinny = [
            (64, 10, 784),
            (300, 10, 784),
            (1, 300, 500),
            (500, 1, 300),
            (2, 3, 5000),
            (200, 200, 8),
            (4, 500, 400),
        ];
        let random = self.random_shapes(self.choose(20, 100, 400), self.choose(7, 9, 10));
        for shape in cube.chain(squares).chain(skinny).chain(random) {
            self.push_mixed(shape, Fill::Int);
        }
    }

    fn contract(&mut self) {
        let Sizes { mr, nr, mc, kc, .. } = self.tile;
        let ks = self.choose(
            vec![1, 3, 255, 256, 257, 513],
            [vec![1, 2, 3, 100, 1000], around(&[K_CHUNK, 2 * K_CHUNK, 3 * K_CHUNK])].concat(),
            [vec![1, 2, 3, 100, 1000], around(&[K_CHUNK, 2 * K_CHUNK, 3 * K_CHUNK, 4 * K_CHUNK, kc, 2 * kc])]
                .concat(),
        );
        // One row or column against 64 of the same: inputs do not depend on the shape.
        let ms = distinct(&[1, 2, mr, mr + 1, 64]);
        let ns = distinct(&[1, 2, nr, nr + 1, 10, 64]);
        for &k in &ks {
            for &m in &ms {
                for &n in &ns {
                    self.push_mixed((m, n, k), if k % 4 == 3 { Fill::Scaled } else { Fill::Unit });
                }
            }
        }
        for layout in Layout::ALL {
            for (a, b) in [(layout, Layout::Row), (Layout::Col, layout)] {
                self.push((64, nr + 1, 257), |case| *case = Case { a, b, fill: Fill::Unit, ..case.clone() });
            }
        }
        for c in Layout::DISTINCT {
            self.push((mr + 1, 64, 300), |case| {
                *case = Case { c, beta: 1.0, fill: Fill::Unit, ..case.clone() }
            });
        }
        // Each number of rows or columns that a thin path may have an instance for, over strips of any width.
        for few in 1..=10 {
            for (m, n, a, b) in [(few, 300, Layout::Row, Layout::Row), (300, few, Layout::Col, Layout::Col)] {
                let (c, (alpha, beta)) = (self.pick(0, &Layout::DISTINCT), self.pick(1, &ROUNDING));
                self.push((m, n, K_CHUNK + 5), |case| {
                    *case = Case { a, b, c, alpha, beta, fill: Fill::Unit, ..case.clone() }
                });
            }
        }
        let deep = [(1, 1, 10000), (2, 3, 5000), (mr, nr, 3000), (1, 500, 500), (500, 1, 500), (300, 2, 300)];
        let wide = [
            (300, 10, 784),
            (100, 100, 100),
            (mc + 1, 2 * nr + 1, kc + 1),
            (200, 300, 520),
            (2 * mc + 1, 3 * nr, 2 * kc + 1),
        ];
        let random = self.random_shapes(self.choose(20, 60, 300), self.choose(8, 9, 10));
        for shape in deep.into_iter().chain(wide).chain(random) {
            self.push_mixed(shape, Fill::Unit);
        }
    }

    fn bound(&mut self) {
        for exponent in 4..=self.choose(9, 12, 14) {
            self.push((SLOPE_SIDE, SLOPE_SIDE, 1 << exponent), |case| case.fill = Fill::PosUnit);
        }
        let squares = [8, 17, 32, 65, 100, 128, 200, 256].map(|n| (n, n, n));
        let random = self.random_shapes(self.choose(20, 80, 300), self.choose(7, 9, 11));
        for shape in squares.into_iter().chain(random) {
            for fill in [Fill::Unit, Fill::Scaled] {
                self.push_mixed(shape, fill);
            }
        }
    }

    fn edges(&mut self) {
        let Sizes { mr, nr, mc, kc, nc } = self.tile;
        let c_layouts = [Layout::Row, Layout::Col];
        // Alone, after a full tile, and far into a product that is large enough for a packed path.
        let far = |tile: usize| 120usize.next_multiple_of(tile);
        for i in 1..=mr {
            for j in 1..=nr {
                for c in c_layouts {
                    self.push((i, j, 5), |case| case.c = c);
                }
                self.push((mr + i, nr + j, 3), |case| {
                    *case = Case { c: c_layouts[(i + j) % 2], beta: 1.0, ..case.clone() }
                });
                let diagonal = i % nr == j % nr || j % mr == i % mr;
                if self.choose(i == j, diagonal, true) {
                    let shape = (far(mr) + i, far(nr) + j, 65);
                    self.push(shape, |case| *case = Case { c: c_layouts[(i + j) % 2], ..case.clone() });
                }
            }
        }
        let sweep = |sizes: &[usize]| distinct(&[&[0, 1], &SMALL_PRIMES[..], &around(sizes)].concat());
        for m in sweep(&[mr, 2 * mr, mc, mc + mr]) {
            for (n, k) in [(1, 1), (nr + 1, 17), (nr, K_CHUNK + 1)] {
                self.push_mixed((m, n, k), Fill::Int);
            }
        }
        for n in sweep(&[nr, 2 * nr, nc, nc + nr]) {
            for (m, k) in [(1, 1), (mr + 1, 17), (2, K_CHUNK + 1)] {
                self.push_mixed((m, n, k), Fill::Int);
            }
        }
        for k in sweep(&[K_CHUNK, 2 * K_CHUNK, kc, 2 * kc]) {
            for (m, n) in [(1, 1), (mr + 1, nr + 1), (1, nr + 3), (2 * mr, 1), (2 * mr + 1, 3 * nr - 1)] {
                self.push_mixed((m, n, k), Fill::Int);
                self.push_mixed((m, n, k), Fill::Unit);
            }
        }
        let corners = [
            (mc + 1, nr + 1, kc + 1),
            (mr + 1, nc + 1, kc + 1),
            (mc + 1, nc + 1, 9),
            (mc + 1, nc + 1, kc + 1),
        ];
        let primes = [(97, 101, 103), (127, 131, 137), (31, 257, 61), (211, 37, 263)];
        for shape in corners.into_iter().chain(primes).chain(self.random_shapes(self.choose(10, 50, 200), 8))
        {
            self.push_mixed(shape, Fill::Int);
        }
    }

    fn layouts(&mut self) {
        let Sizes { mr, nr, .. } = self.tile;
        for a in Layout::ALL {
            for b in Layout::ALL {
                for (index, c) in Layout::DISTINCT.into_iter().enumerate() {
                    let (alpha, beta) = EXACT[index % EXACT.len()];
                    // Every pair of the three already turns up in a third of the triples.
                    if self.choose((a as usize + b as usize + index) % 3 == 1, true, true) {
                        let shape = (mr + 1, nr + 1, 5);
                        self.push(shape, |case| *case = Case { a, b, c, alpha, beta, ..case.clone() });
                    }
                }
                let larger = [
                    (2 * mr + 1, 2 * nr + 3, K_CHUNK + 3),
                    (1, 67, 40),
                    (67, 1, 40),
                    (100, 10, 70),
                    (110, 115, 70),
                ];
                for shape in &larger[..self.choose(3, 5, 5)] {
                    let (c, fill) = (self.pick(0, &Layout::DISTINCT), self.pick(1, &[Fill::Int, Fill::Unit]));
                    let beta = self.pick(2, &[0.0, 1.0]);
                    self.push(*shape, |case| *case = Case { a, b, c, beta, fill, ..case.clone() });
                }
            }
        }
    }
}

/// Each size, one less and one more; sorted, each once.
fn around(sizes: &[usize]) -> Vec<usize> {
    let each: Vec<usize> = sizes.iter().flat_map(|&x| [x.saturating_sub(1), x, x + 1]).collect();
    distinct(&each)
}

fn distinct(sizes: &[usize]) -> Vec<usize> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}
