//! `matmul-einsum` beside the kernel alone, ndarray's `dot`, ndarray-einsum and NumPy, in interleaved rounds of one run:
//! `PYTHON=VENV/bin/python cargo run --release -p matmul-benches --bin einsum`.
//!
//! `RAYON_NUM_THREADS` and `OPENBLAS_NUM_THREADS` set the threads. Every result is compared with ours first.

use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use matmul::kernel::Kernel;
use matmul::{BatchMut, BatchRef, Gemm, MatMut, MatRef};
use matmul_einsum::{Operand, allclose, einsum};
use ndarray::{ArrayD, ArrayView2, ArrayViewD, Ix2, IxDyn};

const ROUNDS: usize = 25;

/// What one round of one contestant should take at least, in seconds.
const ROUND: f64 = 2e-3;

/// A contraction of row-major operands.
struct Case {
    subscripts: &'static str,
    shapes: &'static [&'static [usize]],
    /// The same as one call of the kernel: count, m, k, n, and whether B is stored n x k.
    direct: Option<(usize, usize, usize, usize, bool)>,
}

const CASES: [Case; 10] = [
    Case { subscripts: "ij,jk->ik", shapes: &[&[5, 784], &[784, 10]], direct: Some((1, 5, 784, 10, false)) },
    Case {
        subscripts: "ij,jk->ik",
        shapes: &[&[64, 784], &[784, 50]],
        direct: Some((1, 64, 784, 50, false)),
    },
    Case {
        subscripts: "ij,jk->ik",
        shapes: &[&[256, 256], &[256, 256]],
        direct: Some((1, 256, 256, 256, false)),
    },
    Case {
        subscripts: "ij,kj->ik",
        shapes: &[&[256, 256], &[256, 256]],
        direct: Some((1, 256, 256, 256, true)),
    },
    Case {
        subscripts: "ij,kj->ik",
        shapes: &[&[768, 768], &[768, 768]],
        direct: Some((1, 768, 768, 768, true)),
    },
    Case {
        subscripts: "bik,bkj->bij",
        shapes: &[&[64, 32, 32], &[64, 32, 32]],
        direct: Some((64, 32, 32, 32, false)),
    },
    Case {
        subscripts: "bqc,bchw->bqhw",
        shapes: &[&[4, 64, 64], &[4, 64, 16, 16]],
        direct: Some((4, 64, 64, 256, false)),
    },
    Case { subscripts: "bqhd,bkhd->bhqk", shapes: &[&[2, 128, 8, 64], &[2, 128, 8, 64]], direct: None },
    Case { subscripts: "ijk,jil->kl", shapes: &[&[30, 40, 50], &[40, 30, 20]], direct: None },
    Case { subscripts: "ij,jk,kl->il", shapes: &[&[100, 400], &[400, 300], &[300, 10]], direct: None },
];

/// A named way to compute a case, and its best time of one call so far.
struct Contestant<'a> {
    name: &'static str,
    /// Seconds for one call, measured over this many.
    time: Box<dyn FnMut(usize) -> f64 + 'a>,
    best: f64,
}

fn timed<'a, R>(name: &'static str, mut call: impl FnMut() -> R + 'a) -> Contestant<'a> {
    let time = move |calls: usize| {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        start.elapsed().as_secs_f64() / calls as f64
    };
    Contestant { name, time: Box::new(time), best: f64::INFINITY }
}

/// NumPy in a process of its own, which times calls when asked.
struct NumPy {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl NumPy {
    fn start() -> Result<(Self, String), String> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("einsum.py");
        let mut command = Command::new(&python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{python}: {error}"))?;
        let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut numpy = Self { child, to, from: BufReader::new(from) };
        let version = numpy.ask("version").filter(|line| !line.is_empty());
        version.map(|version| (numpy, version)).ok_or(format!("{python} has no numpy; PYTHON names another"))
    }

    fn ask(&mut self, question: &str) -> Option<String> {
        writeln!(self.to, "{question}").ok()?;
        let mut answer = String::new();
        self.from.read_line(&mut answer).ok()?;
        Some(answer.trim_end().to_owned())
    }

    fn time(&mut self, function: &str, calls: usize) -> f64 {
        self.ask(&format!("{function} {calls}"))
            .and_then(|answer| answer.parse().ok())
            .expect("a time from NumPy")
    }
}

impl Drop for NumPy {
    fn drop(&mut self) {
        // Our own child, which ends with its input anyway: there is nothing to do if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Values in [-1, 1), the golden ratio's fractional multiples.
fn filled(shape: &[usize]) -> ArrayD<f32> {
    let mut i = 0u32;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        i = i.wrapping_add(0x9e37_79b9);
        i as f32 / (1u32 << 31) as f32 - 1.0
    })
}

/// One call of the kernel into a new array, as all the others do.
fn direct(case: &Case, a: &[f32], b: &[f32]) -> Option<Vec<f32>> {
    let (count, m, k, n, transposed) = case.direct?;
    let kernel: &dyn Kernel<f32> = &Gemm::new();
    let mut c = vec![0.0; count * m * n];
    let done = if count == 1 {
        let b = if transposed { MatRef::from_col_major(b, k, n) } else { MatRef::from_row_major(b, k, n) };
        let (a, c) = (MatRef::from_row_major(a, m, k).ok()?, MatMut::from_row_major(&mut c, m, n).ok()?);
        kernel.gemm(1.0, a, b.ok()?, 0.0, c)
    } else {
        let (a, b) =
            (BatchRef::from_row_major(a, count, m, k).ok()?, BatchRef::from_row_major(b, count, k, n).ok()?);
        kernel.gemm_batch(1.0, a, b, 0.0, BatchMut::from_row_major(&mut c, count, m, n).ok()?)
    };
    done.ok().map(|()| c)
}

fn by_dot(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, transposed: bool) -> ArrayD<f32> {
    a.dot(&if transposed { b.reversed_axes() } else { b }).into_dyn()
}

/// Interleaved rounds, in which each contestant is timed once; returns names and best times.
fn race(mut contestants: Vec<Contestant<'_>>) -> Vec<(&'static str, f64)> {
    let calls: Vec<usize> =
        contestants.iter_mut().map(|c| ((ROUND / (c.time)(3)).ceil() as usize).clamp(1, 10_000)).collect();
    for round in 0..ROUNDS {
        for i in 0..contestants.len() {
            let i = (i + round) % contestants.len();
            let time = (contestants[i].time)(calls[i]);
            contestants[i].best = contestants[i].best.min(time);
        }
    }
    contestants.into_iter().map(|c| (c.name, c.best)).collect()
}

fn run(case: &Case, numpy: Option<&mut NumPy>) -> Vec<(&'static str, f64)> {
    let arrays: Vec<ArrayD<f32>> = case.shapes.iter().map(|shape| filled(shape)).collect();
    let operands: Vec<&dyn Operand<f32>> = arrays.iter().map(|array| array as &dyn Operand<f32>).collect();
    let views: Vec<ArrayViewD<'_, f32>> = arrays.iter().map(|array| array.view()).collect();
    let peers: Vec<&dyn ndarray_einsum::ArrayLike<f32>> =
        arrays.iter().map(|array| array as &dyn ndarray_einsum::ArrayLike<f32>).collect();
    let slice = |i: usize| arrays[i].as_slice().expect("a row-major array");
    let ours = || einsum(case.subscripts, &operands).expect("a valid case");
    let theirs = || ndarray_einsum::einsum(case.subscripts, &peers).expect("a valid case");
    assert!(allclose(&ours(), &theirs(), 1e-3, 1e-3).expect("one shape"), "{}", case.subscripts);
    let mut contestants = vec![timed("einsum", ours), timed("ndarray-einsum", theirs)];
    if let Some((count, .., transposed)) = case.direct {
        contestants.push(timed("kernel", || direct(case, slice(0), slice(1)).expect("a valid case")));
        if count == 1 {
            let matrix = |i: usize| views[i].clone().into_dimensionality::<Ix2>().expect("a matrix");
            let (a, b) = (matrix(0), matrix(1));
            contestants.push(timed("dot", move || by_dot(a, b, transposed)));
        }
    }
    let cell = numpy.map(std::cell::RefCell::new);
    if let Some(numpy) = &cell {
        let shapes: Vec<String> = case
            .shapes
            .iter()
            .map(|s| s.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
            .collect();
        numpy.borrow_mut().ask(&format!("case {} {}", case.subscripts, shapes.join(" ")));
        let time = |function: &'static str| move |calls| numpy.borrow_mut().time(function, calls);
        contestants.push(Contestant {
            name: "np.einsum",
            time: Box::new(time("einsum")),
            best: f64::INFINITY,
        });
        if case.direct.is_some_and(|(count, ..)| count == 1 || case.shapes[1].len() == 3) {
            contestants.push(Contestant {
                name: "np.matmul",
                time: Box::new(time("matmul")),
                best: f64::INFINITY,
            });
        }
    }
    race(contestants)
}

fn main() -> ExitCode {
    match compare(&mut io::stdout()) {
        // Whoever reads our output may close it early, as `head` does.
        Err(lost) if lost.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: results could not be printed: {lost}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Times every case, and writes the table.
fn compare(out: &mut impl Write) -> io::Result<()> {
    let mut numpy = match NumPy::start() {
        Ok((numpy, version)) => {
            writeln!(out, "NumPy {version}")?;
            Some(numpy)
        }
        Err(reason) => {
            writeln!(out, "SKIPPED: NumPy because {reason}")?;
            None
        }
    };
    let threads = Kernel::<f32>::threads(&Gemm::new());
    writeln!(out, "f32, best of {ROUNDS} interleaved rounds, {threads} threads")?;
    let columns = ["kernel", "dot", "ndarray-einsum", "np.einsum", "np.matmul"];
    writeln!(out, "time of X / time of matmul-einsum, for X =\n")?;
    writeln!(out, "| contraction | operands | matmul-einsum | {} |", columns.join(" | "))?;
    writeln!(out, "|:--|:--|--:|{}", "--:|".repeat(columns.len()))?;
    for case in &CASES {
        let times = run(case, numpy.as_mut());
        let time = |name: &str| times.iter().find(|(found, _)| *found == name).map(|(_, time)| *time);
        let own = time("einsum").expect("our own time");
        let ratio = |name: &&str| time(name).map_or("-".to_owned(), |time| format!("{:.2}", time / own));
        let shapes: Vec<String> = case
            .shapes
            .iter()
            .map(|s| s.iter().map(usize::to_string).collect::<Vec<_>>().join("x"))
            .collect();
        let ratios: Vec<String> = columns.iter().map(ratio).collect();
        writeln!(
            out,
            "| `{}` | {} | {:.1} us | {} |",
            case.subscripts,
            shapes.join(", "),
            own * 1e6,
            ratios.join(" | ")
        )?;
    }
    Ok(())
}
