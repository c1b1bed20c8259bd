//! `MATMUL_TRACE` and `Traced`: what a program multiplies, as a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use matmul::kernel::{Kernel, Simd};
use matmul::{BatchMut, BatchRef, Gemm, MatMut, MatRef, Traced};

const CHILD: &str = "MATMUL_TEST_OF_TRACES";

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("matmul-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The lines of a trace without their times, which are seconds above 0.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let (counts, seconds) = line.split_once(",\"seconds\":").unwrap();
        assert!(seconds.strip_suffix('}').unwrap().parse::<f64>().unwrap() > 0.0, "{line}");
        counts.to_owned()
    };
    text.lines().map(line).collect()
}

/// Three times 2 x 3 x 4, once with both transposed, a batch, another type, and one that is finished at once.
fn products(kernel: impl Kernel<f32> + Kernel<f64>) {
    let (a, b, mut c) = ([1.0f32; 30], [1.0; 60], [0.0; 40]);
    let (a23, b34) =
        (MatRef::from_row_major(&a[..6], 2, 3).unwrap(), MatRef::from_row_major(&b[..12], 3, 4).unwrap());
    for _ in 0..3 {
        kernel.gemm(1.0, a23, b34, 0.0, MatMut::from_row_major(&mut c[..8], 2, 4).unwrap()).unwrap();
    }
    kernel.gemm(1.0, b34.t(), a23.t(), 0.0, MatMut::from_row_major(&mut c[..8], 4, 2).unwrap()).unwrap();
    kernel.gemm(0.0, a23, b34, 0.0, MatMut::from_row_major(&mut c[..8], 2, 4).unwrap()).unwrap();
    let (a, b) =
        (BatchRef::from_row_major(&a, 5, 2, 3).unwrap(), BatchRef::from_row_major(&b, 5, 3, 4).unwrap());
    kernel.gemm_batch(1.0, a, b, 0.0, BatchMut::from_row_major(&mut c, 5, 2, 4).unwrap()).unwrap();
    let (a, mut c) = ([2.0f64], [0.0]);
    let a = MatRef::from_row_major(&a, 1, 1).unwrap();
    kernel.gemm(1.0, a, a, 0.0, MatMut::from_row_major(&mut c, 1, 1).unwrap()).unwrap();
    assert_eq!(c, [4.0]);
}

const EXPECTED: [&str; 4] = [
    r#"{"m":1,"k":1,"n":1,"a":"n","b":"n","batch":1,"dtype":"f64","calls":1"#,
    r#"{"m":2,"k":3,"n":4,"a":"n","b":"n","batch":1,"dtype":"f32","calls":3"#,
    r#"{"m":2,"k":3,"n":4,"a":"n","b":"n","batch":5,"dtype":"f32","calls":1"#,
    r#"{"m":4,"k":3,"n":2,"a":"t","b":"t","batch":1,"dtype":"f32","calls":1"#,
];

#[test]
fn a_layer_counts_what_its_kernel_computes() {
    let dir = folder("traced");
    let path = dir.join("trace.jsonl");
    products(Traced::new(Simd::new(), &path));
    assert_eq!(lines(&path), EXPECTED);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    fs::remove_dir_all(&dir).unwrap();
}

/// Both ends of the variable, in a process of their own: a static is never dropped, and the thread's end has to do.
#[test]
fn the_variable_traces_the_public_calls() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let dir = folder("trace-env");
    let path = dir.join("trace.jsonl");
    let run = |trace: &Path| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "a_program_that_is_traced", "--nocapture"])
            .env(CHILD, "1")
            .env("MATMUL_TRACE", trace);
        child.output().unwrap()
    };
    assert!(run(&path).status.success());
    assert_eq!(lines(&path), EXPECTED);
    // Where it cannot be written, that is said once, and the program goes on.
    let out = run(&dir.join("no/such/folder/trace.jsonl"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.matches("MATMUL_TRACE: ").count() == 1, "{said}");
    if Path::new("/dev/full").exists() {
        let out = run(Path::new("/dev/full/trace.jsonl"));
        assert!(out.status.success());
    }
    fs::remove_dir_all(&dir).unwrap();
}

/// The program of the test above; by itself it traces nothing.
#[test]
fn a_program_that_is_traced() {
    struct Public;
    impl<T: matmul::Element> Kernel<T> for Public {
        fn name(&self) -> &str {
            "public"
        }
        fn run(&self, problem: matmul::kernel::Problem<'_, T>) {
            Gemm::new().run(problem);
        }
        fn run_batch(&self, batch: matmul::kernel::BatchProblem<'_, T>) {
            Gemm::new().run_batch(batch);
        }
    }
    products(Public);
}
