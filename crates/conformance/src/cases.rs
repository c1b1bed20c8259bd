//! The cases of each family, aimed at a kernel's own tile and block sizes.

use matmul_core::{K_CHUNK, Kernel, Scalar, TileShape};

use crate::case::{Case, Fill, Operand, Place, Put};
use crate::plan::{Depth, Plan};
use crate::rng::word;
use crate::{Family, Layout};

type Shape = (usize, usize, usize);

/// Alpha and beta that keep integers exact.
const EXACT: [(f64, f64); 6] = [(1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (0.75, -2.5), (2.0, 0.0), (-0.5, -1.0)];
/// Alpha and beta that round.
const ROUNDING: [(f64, f64); 5] = [(1.0, 0.0), (1.0, 1.0), (1.3125, 0.0), (-0.6875, 1.0), (1.1875, -0.8125)];
const SMALL_PRIMES: [usize; 5] = [2, 3, 5, 7, 13];

/// All cases of a family for a kernel, cheapest first.
pub(crate) fn cases<T: Scalar>(family: Family, kernel: &dyn Kernel<T>, plan: &Plan) -> Vec<Case> {
    // A kernel that says nothing of its blocks is probed where most change their way of working.
    let tile = kernel.tile_shape().unwrap_or(TileShape { mr: 8, nr: 16, mc: 128, kc: 256, nc: 512 });
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
pub(crate) fn same_bits_cases<T: Scalar>(kernel: &dyn Kernel<T>, plan: &Plan) -> Vec<Case> {
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
    tile: TileShape,
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
        let TileShape { mr, nr, mc, kc, .. } = self.tile;
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
        let TileShape { mr, nr, mc, kc, nc } = self.tile;
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
        let TileShape { mr, nr, .. } = self.tile;
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

    fn scalars(&mut self) {
        let TileShape { mr, nr, .. } = self.tile;
        let values = [0.0, -0.0, 1.0, -1.0, 2.0, 0.75, -2.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let shapes = [
            (1, 1, 1),
            (mr + 1, nr + 1, 5),
            (mr, nr, 2 * K_CHUNK + 1),
            (2, 3, 0),
            (mr + 1, nr + 1, 0),
            (0, 3, 4),
            (3, 0, 4),
            (1, 33, 20),
            (33, 1, 20),
            (110, 115, 70),
        ];
        for &shape in &shapes[..self.choose(9, 10, 10)] {
            for alpha in values {
                for beta in values {
                    let finite = alpha.is_finite() && beta.is_finite();
                    let c = self.pick(0, &Layout::DISTINCT);
                    let fill = if finite { Fill::Int } else { Fill::PosInt };
                    self.push(shape, |case| *case = Case { c, alpha, beta, fill, ..case.clone() });
                    if finite {
                        let fill = Fill::Unit;
                        self.push(shape, |case| *case = Case { c, alpha, beta, fill, ..case.clone() });
                    }
                }
            }
        }
    }

    fn exceptional(&mut self) {
        let TileShape { mr, nr, .. } = self.tile;
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let (m, n) = (mr + 2, nr + 3);
        // Every place of a full tile and of the edges beyond it.
        for k in self.choose(vec![5], vec![5, K_CHUNK + 3], vec![1, 2, 3, 4, 5, 6, 7, 8, 9, K_CHUNK + 3]) {
            let depths = distinct(&[0, 1, k / 2, k.min(K_CHUNK) - 1, k - 1]).into_iter().filter(|&p| p < k);
            for p in depths {
                for value in values {
                    for i in 0..m {
                        self.push_put((m, n, k), Put { operand: Operand::A, i, j: p, value });
                    }
                    for j in 0..n {
                        self.push_put((m, n, k), Put { operand: Operand::B, i: p, j, value });
                    }
                }
            }
        }
        for i in 0..m {
            for j in 0..n {
                let value = self.pick(0, &values);
                self.push_put((m, n, 3), Put { operand: Operand::C, i, j, value });
            }
        }
        // The same in shapes that take other paths: one row, one column, few columns, large.
        for shape @ (m, n, k) in [(1, 40, 50), (40, 1, 50), (70, 10, 300), (110, 115, 70)] {
            for index in 0..self.choose(6, 12, 60) {
                let place = |axis, len: usize| (word(self.seed, 11, index, axis) % len as u64) as usize;
                let (i, j, p) = (place(0, m), place(1, n), place(2, k));
                let value = values[index % 3];
                self.push_put(shape, Put { operand: Operand::A, i, j: p, value });
                self.push_put(shape, Put { operand: Operand::B, i: p, j, value });
                self.push_put(shape, Put { operand: Operand::C, i, j, value });
                let last = Put { operand: Operand::B, i: k - 1, j, value };
                self.push_put(shape, last);
            }
        }
        let scalars = [(1.0, 0.0), (-1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (0.75, -2.5)];
        for fill in [Fill::Tiny, Fill::Huge, Fill::SignedZero] {
            for (alpha, beta) in scalars {
                for shape in [
                    (1, 1, 1),
                    (m, n, 1),
                    (m, n, 6),
                    (m, n, K_CHUNK + 1),
                    (1, 40, 50),
                    (40, 1, 50),
                    (110, 115, 70),
                ] {
                    self.push(shape, |case| *case = Case { alpha, beta, fill, ..case.clone() });
                }
            }
        }
    }

    fn push_put(&mut self, shape: Shape, put: Put) {
        let c = self.pick(0, &[Layout::Row, Layout::Col, Layout::General]);
        let (alpha, beta) = if put.operand == Operand::C { (1.0, 1.0) } else { self.pick(1, &EXACT) };
        self.push(shape, |case| *case = Case { c, alpha, beta, put: Some(put), ..case.clone() });
    }

    fn memory(&mut self) {
        let TileShape { mr, nr, .. } = self.tile;
        let ms = distinct(&[1, 2, mr - 1, mr, mr + 1, 2 * mr + 1]);
        let ns = distinct(&[1, 2, nr / 2, nr - 1, nr, nr + 1, 2 * nr + 1]);
        let ks = self.choose(
            vec![1, 3, 9],
            vec![1, 2, 3, 4, 9, K_CHUNK + 1],
            vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, K_CHUNK + 1],
        );
        let mut shapes: Vec<Shape> =
            vec![(70, 10, 300), (97, 101, 67), (150, 40, 90), (1, 1000, 30), (30, 1000, 1), (1000, 1, 30)];
        shapes.extend([(0, 3, 2), (3, 0, 2), (3, 2, 0)]);
        for &m in &ms {
            for &n in &ns {
                shapes.extend(ks.iter().map(|&k| (m, n, k)));
            }
        }
        let orders = [
            (Layout::Row, Layout::Row),
            (Layout::Col, Layout::Row),
            (Layout::Row, Layout::Col),
            (Layout::Col, Layout::Col),
        ];
        for shape in shapes {
            for mem in [Place::Left, Place::Right] {
                for &(a, b) in &orders[..self.choose(1, 4, 4)] {
                    let c = self.pick(0, &[Layout::Row, Layout::Col, Layout::RowPad, Layout::Neg]);
                    let beta = self.pick(1, &[0.0, 1.0]);
                    self.push(shape, |case| *case = Case { a, b, c, beta, mem, ..case.clone() });
                }
                self.push_mixed(shape, Fill::Int);
                if let Some(case) = self.cases.last_mut() {
                    case.mem = mem;
                }
            }
            self.push_mixed(shape, Fill::Int);
        }
    }

    fn threads(&mut self) {
        let TileShape { mr, nr, mc, kc, .. } = self.tile;
        let mut shapes = vec![
            (1, 1, 1),
            (mr + 1, nr + 1, 5),
            (64, 64, 64),
            (97, 128, 65),
            (3, 2, 4 * K_CHUNK + 1),
            (1, 400, 300),
            (400, 1, 300),
            (500, 10, 784),
            (128, 128, 128),
            (8, 600, 100),
            (2 * mc + 1, 3 * nr + 1, K_CHUNK + 1),
        ];
        if self.depth > Depth::Quick {
            shapes.extend([
                (255, 300, 77),
                (64, 4096, 64),
                (4096, 64, 64),
                (300, 300, 8),
                (2 * mc + 1, 6 * nr + 1, 2 * kc + 1),
                (4, 5, 20000),
                (2000, 10, 784),
                (256, 256, 256),
                (1, 2000, 2000),
                (2000, 1, 2000),
            ]);
            shapes.extend(self.random_shapes(self.choose(0, 30, 100), 10));
        }
        for shape in shapes {
            self.push_mixed(shape, Fill::Int);
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
