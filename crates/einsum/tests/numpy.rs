//! What NumPy makes of a few hundred expressions, on every kernel. `cases.py` wrote the file and says what is in it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use matmul::Real;
use matmul::kernel::{Availability, Kernel};
use matmul_einsum::{Einsum, Error, Operand, Search, matmul_with, outer_with, tensordot_with};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, ShapeBuilder};

struct Case {
    function: String,
    argument: String,
    /// Of the best order by opt_einsum, for three operands or more.
    flops: f64,
    operands: Vec<Strided>,
    /// None where NumPy raised an error.
    result: Option<ArrayD<f64>>,
}

/// The memory of an operand.
struct Strided {
    values: Vec<f64>,
    shape: Vec<usize>,
    strides: Vec<isize>,
}

impl Strided {
    fn view<'a, T>(&self, values: &'a [T]) -> ArrayViewD<'a, T> {
        if values.is_empty() {
            return ArrayViewD::from_shape(IxDyn(&self.shape), values).expect("no elements");
        }
        let strides: Vec<usize> = self.strides.iter().map(|stride| stride.unsigned_abs()).collect();
        let shape = IxDyn(&self.shape).strides(IxDyn(&strides));
        let mut view = ArrayViewD::from_shape(shape, values).expect("strides that fit the memory");
        for (axis, _) in self.strides.iter().enumerate().filter(|(_, stride)| **stride < 0) {
            view.invert_axis(Axis(axis));
        }
        view
    }
}

fn entry<T: npyz::Deserialize>(archive: &mut zip::ZipArchive<File>, name: &str) -> Vec<T> {
    let mut bytes = Vec::new();
    archive.by_name(name).expect("an entry").read_to_end(&mut bytes).expect("a whole entry");
    npyz::NpyFile::new(&bytes[..]).expect("an array").into_vec().expect("elements")
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases.npz");
    let mut archive = zip::ZipArchive::new(File::open(path).expect("cases.npz")).expect("a zip archive");
    let lines = String::from_utf8(entry(&mut archive, "cases.npy")).expect("text");
    let mut values = entry::<f64>(&mut archive, "values.npy").into_iter();
    let cases: Vec<Case> = lines.lines().map(|line| case(line, &mut values)).collect();
    assert_eq!(values.len(), 0, "values are left over");
    cases
}

fn numbers<T: std::str::FromStr>(text: &str) -> Vec<T> {
    text.split(',').filter_map(|number| number.parse().ok()).collect()
}

fn case(line: &str, values: &mut impl Iterator<Item = f64>) -> Case {
    let fields: Vec<&str> = line.split('\t').collect();
    let [function, argument, flops, operands @ .., result] = &fields[..] else {
        panic!("short line {line:?}")
    };
    let mut take = |len: &str| -> Vec<f64> { values.by_ref().take(len.parse().expect("a length")).collect() };
    let operands = operands.iter().map(|operand| {
        let parts: Vec<&str> = operand.split('/').collect();
        Strided { values: take(parts[3]), shape: numbers(parts[0]), strides: numbers(parts[1]) }
    });
    Case {
        function: (*function).to_owned(),
        argument: (*argument).to_owned(),
        flops: flops.parse().expect("FLOPs"),
        operands: operands.collect(),
        result: result.split_once('/').map(|(shape, len)| {
            ArrayD::from_shape_vec(IxDyn(&numbers(shape)), take(len)).expect("elements for the shape")
        }),
    }
}

fn evaluate<T: Real>(kernel: &dyn Kernel<T>, case: &Case) -> Result<ArrayD<T>, Error> {
    let memory: Vec<Vec<T>> =
        case.operands.iter().map(|o| o.values.iter().map(|&x| T::from_f64(x)).collect()).collect();
    let views: Vec<_> = case.operands.iter().zip(&memory).map(|(o, values)| o.view(values)).collect();
    let operands: Vec<&dyn Operand<T>> = views.iter().map(|view| view as &dyn Operand<T>).collect();
    match case.function.as_str() {
        "einsum" => Einsum::new(&case.argument)?.run(kernel, &operands),
        "matmul" => matmul_with(kernel, operands[0], operands[1]),
        "outer" => outer_with(kernel, operands[0], operands[1]),
        "tensordot" => {
            let axes = match case.argument.split_once(';') {
                Some((left, right)) => matmul_einsum::Axes::Pairs(numbers(left), numbers(right)),
                None => matmul_einsum::Axes::Last(case.argument.parse().expect("a number")),
            };
            tensordot_with(kernel, operands[0], operands[1], axes)
        }
        other => panic!("unknown function {other}"),
    }
}

fn check<T: Real>() {
    let cases = cases();
    assert!(cases.len() > 400, "{} cases", cases.len());
    for kernel in matmul::kernel::all::<T>() {
        if kernel.availability() != Availability::Available {
            continue;
        }
        for case in &cases {
            let shapes: Vec<_> = case.operands.iter().map(|operand| &operand.shape).collect();
            let what = format!("{} {} {:?} on {}", case.function, case.argument, shapes, kernel.name());
            let found = evaluate(kernel.as_ref(), case);
            match (&case.result, found) {
                (Some(expected), Ok(found)) => assert_eq!(found, expected.mapv(T::from_f64), "{what}"),
                (None, Err(error)) => assert!(!error.to_string().is_empty()),
                (Some(_), Err(error)) => panic!("{what}: {error}"),
                (None, Ok(_)) => panic!("{what}: NumPy refuses this"),
            }
        }
    }
}

#[test]
fn f64_agrees_with_numpy() {
    check::<f64>();
}

#[test]
fn f32_agrees_with_numpy() {
    check::<f32>();
}

/// Our first sums of a single operand are not in opt_einsum's count, so ours may be lower.
#[test]
fn orders_are_as_cheap_as_the_best_of_opt_einsum() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| case.flops > 0.0) {
        let shapes: Vec<&[usize]> = case.operands.iter().map(|operand| &operand.shape[..]).collect();
        let path =
            Einsum::new(&case.argument).and_then(|e| e.path_for_shapes(&shapes)).expect("a valid case");
        assert!(path.flops() <= case.flops, "{path}opt_einsum needs {}", case.flops);
        assert_eq!(path.search(), Search::Optimal);
        compared += 1;
    }
    assert!(compared >= 15, "{compared} cases");
}
