//! The builder: what is chosen, and what is refused.

use std::process::Command;

use matmul::kernel::{Availability, Isa, Kernel, names};
use matmul::{AsMat, Error, Gemm, Matrix, PackedA, PackedB, Summation};

/// Set in a child of [`the_environment_names_a_kernel`].
const CHILD: &str = "MATMUL_TEST_CHILD";

fn product(gemm: &Gemm) -> Result<Matrix<f32>, Error> {
    gemm.matmul([[1.0f32, 2.0], [3.0, 4.0]], [[5.0], [6.0]])
}

#[test]
fn every_name_is_a_kernel() {
    let known = names();
    for name in &known {
        for name in [name.to_string(), name.to_uppercase()] {
            let gemm = Gemm::new().kernel(&name);
            assert!(Kernel::<f32>::name(&gemm).eq_ignore_ascii_case(&name));
            match (Kernel::<f32>::availability(&gemm), product(&gemm)) {
                (Availability::Available, Ok(c)) => assert_eq!(c.as_slice(), [17.0, 39.0], "{name}"),
                (Availability::Unavailable { needs: a }, Err(Error::Unavailable { needs: b, .. })) => {
                    assert_eq!(a, b);
                }
                found => panic!("{name}: {found:?}"),
            }
        }
    }
    for kernel in matmul::kernel::all::<f32>() {
        let name = kernel.name();
        assert!(known.contains(&name) || name == "simd-fast", "{name} is not in {known:?}");
    }
}

#[test]
fn an_unknown_name_is_an_error_of_every_call() {
    let gemm = Gemm::new().kernel("simd-avx3");
    let error = product(&gemm).unwrap_err();
    assert_eq!(
        error,
        Error::UnknownKernel {
            name: "simd-avx3".into(),
            variable: None,
            nearest: Some("simd-avx2"),
            known: names()
        }
    );
    let text = error.to_string();
    assert!(text.contains("did you mean simd-avx2?") && text.contains("naive-loops"), "{text}");
    let a = [[1.0f32]];
    let mut c = [[7.0f32]];
    assert_eq!(gemm.gemm(1.0, a, a, 0.0, &mut c).unwrap_err(), error);
    assert_eq!(Kernel::gemm(&gemm, 1.0, a.as_mat(), a.as_mat(), 0.0, (&mut c).into()).unwrap_err(), error);
    assert_eq!(gemm.pack_b(a).unwrap_err(), error);
    assert_eq!(c, [[7.0]]);
}

#[test]
fn threads_are_counted() {
    let threads = |gemm: Gemm| Kernel::<f32>::threads(&gemm);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| {
        assert_eq!(threads(Gemm::new().kernel("parallel")), 3);
        assert_eq!(threads(Gemm::new().kernel("simd")), 1);
        for kernel in ["parallel", "simd", "blocked"] {
            let gemm = || Gemm::new().kernel(kernel);
            assert_eq!(threads(gemm().threads(0)), 3, "{kernel}");
            assert_eq!(threads(gemm().threads(1)), 1, "{kernel}");
            assert_eq!(threads(gemm().threads(5)), 5, "{kernel}");
        }
    });
    let naive = || Gemm::new().kernel("naive-loops");
    assert!(product(&naive().threads(0)).is_ok() && product(&naive().threads(1)).is_ok());
    let error = product(&naive().threads(2)).unwrap_err();
    assert!(matches!(&error, Error::Unavailable { kernel, .. } if kernel == "naive-loops"), "{error}");
}

#[test]
fn threads_change_no_bit() {
    let a = Matrix::from_fn(300, 270, |i, j| ((i * 31 + j * 17) % 101) as f32 / 7.0 - 7.0);
    let one = Gemm::new().threads(1).matmul(&a, a.as_ref().t()).unwrap();
    for threads in [0, 2, 3, 8] {
        assert_eq!(Gemm::new().threads(threads).matmul(&a, a.as_ref().t()).unwrap(), one);
    }
    assert_eq!(Gemm::new().kernel("blocked").threads(4).matmul(&a, a.as_ref().t()).unwrap(), one);
}

#[test]
fn summation_has_a_name() {
    let name = |kernel: &str| {
        let gemm = Gemm::new().kernel(kernel).summation(Summation::Fast);
        Kernel::<f64>::name(&gemm).to_owned()
    };
    assert_eq!(["simd", "blocked", "naive-loops"].map(name), ["simd-fast", "blocked-fast", "naive-loops"]);
}

#[test]
fn kernels_without_an_engine_do_not_pack() {
    let naive = Gemm::new().kernel("naive-loops");
    assert!(matches!(naive.pack_b([[1.0f32]]), Err(Error::Unavailable { .. })));
    let blocked = Gemm::new().kernel("blocked").threads(2);
    let (mut by_a, mut by_b) = ([[0.0]], [[0.0]]);
    blocked.pack_a([[2.0]]).unwrap().gemm(1.0, [[3.0]], 0.0, &mut by_a, matmul::Identity).unwrap();
    blocked.pack_b([[3.0]]).unwrap().gemm(1.0, [[2.0]], 0.0, &mut by_b, matmul::Identity).unwrap();
    assert_eq!((by_a, by_b), ([[6.0]], [[6.0]]));
}

/// What a child computes, a line each.
fn report() {
    let (a, b) = ([[1.0f32, 2.0], [3.0, 4.0]], [[5.0], [6.0]]);
    println!("name {}", Kernel::<f32>::name(&Gemm::new()));
    let line = |what: &str, error: Option<Error>| match error {
        None => println!("{what} ok"),
        Some(error) => println!("{what} {error:?}"),
    };
    line("matmul", matmul::matmul(a, b).err());
    line("gemm", matmul::gemm(1.0, a, b, 0.0, &mut [[0.0f32]; 2]).err());
    let (first, second) = (a.as_mat(), b.as_mat());
    let (a, b) = (matmul::BatchRef::shared(first, 1), matmul::BatchRef::shared(second, 1));
    let mut c = [0.0; 2];
    let c = matmul::BatchMut::from_row_major(&mut c, 1, 2, 1).unwrap();
    line("batch", matmul::gemm_batch(1.0, a, b, 0.0, c).err());
    line("packed a", PackedA::new(first).err());
    line("packed b", PackedB::new(second).err());
    line("by name", product(&Gemm::new().kernel("blocked")).err());
}

/// In processes of their own, since the variable is read once.
#[test]
fn the_environment_names_a_kernel() {
    if std::env::var_os(CHILD).is_some() {
        return report();
    }
    let child = |kernel: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_environment_names_a_kernel", "--nocapture"]);
        let output = command.env(CHILD, "1").env("MATMUL_KERNEL", kernel).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let calls = ["matmul", "gemm", "batch", "packed a", "packed b"];

    let out = child("blocked");
    assert!(
        out.contains("name blocked\n") && calls.iter().all(|c| out.contains(&format!("{c} ok\n"))),
        "{out}"
    );

    // A kernel that computes and does not pack.
    let out = child(" Naive-Loops ");
    assert!(out.contains("name naive-loops\n"), "{out}");
    for call in calls {
        let expected =
            if call.starts_with("packed") { "Unavailable { kernel: \"naive-loops\"" } else { "ok\n" };
        assert!(out.contains(&format!("{call} {expected}")), "{call}: {out}");
    }

    let out = child("blokced");
    let unknown =
        "UnknownKernel { name: \"blokced\", variable: Some(\"MATMUL_KERNEL\"), nearest: Some(\"blocked\")";
    assert!(calls.iter().all(|call| out.contains(&format!("{call} {unknown}"))), "{out}");
    assert!(out.contains("by name ok\n"), "what the program names is not overridden: {out}");

    let missing = Isa::ALL.iter().find(|isa| !isa.is_available());
    let missing = missing.expect("no CPU has the instructions of two architectures").kernel_name();
    let out = child(missing);
    let unavailable = format!("Unavailable {{ kernel: \"{missing}\"");
    assert!(calls.iter().all(|call| out.contains(&format!("{call} {unavailable}"))), "{out}");

    let out = child("");
    assert!(out.contains("matmul ok\n") && !out.contains("name blocked\n"), "{out}");
}
