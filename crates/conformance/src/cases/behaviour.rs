//! Families about what a kernel does apart from the shape: alpha and beta, exceptional values, memory, threads.

use matmul_core::{K_CHUNK, Sizes};

use super::{EXACT, List, Shape, distinct};
use crate::Layout;
use crate::case::{Case, Fill, Operand, Place, Put};
use crate::plan::Depth;
use crate::rng::word;

impl List {
    pub(super) fn scalars(&mut self) {
        let Sizes { mr, nr, .. } = self.tile;
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

    pub(super) fn exceptional(&mut self) {
        let Sizes { mr, nr, .. } = self.tile;
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

    pub(super) fn memory(&mut self) {
        let Sizes { mr, nr, .. } = self.tile;
        let ms = distinct(&[1, 2, mr - 1, mr, mr + 1, 2 * mr + 1]);
        let ns = distinct(&[1, 2, nr / 2, nr - 1, nr, nr + 1, 2 * nr + 1]);
        let ks = self.choose(
            vec![1, 3, 9],
            vec![1, 2, 3, 4, 9, K_CHUNK + 1],
            vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, K_CHUNK + 1],
        );
        let mut shapes: Vec<Shape> =
            vec![(70, 10, 300), (97, 101, 67), (150, 40, 90), (1, 1000, 30), (30, 1000, 1), (1000, 1, 30)];
        shapes.extend([(3, 300, 9), (8, 300, 9), (300, 10, 9)]);
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

    pub(super) fn threads(&mut self) {
        let Sizes { mr, nr, mc, kc, .. } = self.tile;
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
