//! The numeric contract: batches, broadcasts and layouts have the bits of single products.

use matmul::kernel::{Kernel, Promise};
use matmul::{MatRef, Matrix, Real};
use matmul_einsum::{einsum_with, matmul_with};
use ndarray::{Array2, Array3, Array4, ArrayD, Axis, Ix2, s};

/// Values with all bits in use: no sum of them is exact, so another order of summation shows.
fn random<T: Real>(shape: &[usize], seed: u64) -> ArrayD<T> {
    let mut state = seed;
    ArrayD::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        T::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    })
}

fn single<T: Real>(kernel: &dyn Kernel<T>, a: &ArrayD<T>, b: &ArrayD<T>) -> Vec<u64> {
    let matrix = |x: &ArrayD<T>| {
        let (m, n) = x.view().into_dimensionality::<Ix2>().expect("a matrix").dim();
        Matrix::from_vec(x.iter().copied().collect(), m, n).expect("m · n elements")
    };
    let (a, b) = (matrix(a), matrix(b));
    let mut c = Matrix::zeros(a.nrows(), b.ncols());
    let (a, b): (MatRef<'_, T>, MatRef<'_, T>) = (a.as_ref(), b.as_ref());
    kernel.gemm(T::ONE, a, b, T::ZERO, c.as_mut()).expect("shapes that agree");
    c.as_slice().iter().map(|x| x.bits()).collect()
}

fn bits<'a, T: Real>(x: impl IntoIterator<Item = &'a T>) -> Vec<u64> {
    x.into_iter().map(|x| x.bits()).collect()
}

/// A product of batches of `batch` matrices, k longer than a chunk, in several guises.
fn check<T: Real>(kernel: &dyn Kernel<T>, batch: usize, m: usize, k: usize, n: usize) {
    let (a, b) = (random::<T>(&[batch, m, k], 1), random::<T>(&[batch, k, n], 2));
    let (a0, b0) = (a.index_axis(Axis(0), 0).to_owned(), b.index_axis(Axis(0), 0).to_owned());
    let matrices = |x: &ArrayD<T>| x.outer_iter().map(|x| x.to_owned()).collect::<Vec<_>>();
    let (all_a, all_b) = (matrices(&a), matrices(&b));
    let pairs: Vec<u64> = all_a.iter().zip(&all_b).flat_map(|(a, b)| single(kernel, a, b)).collect();
    let shared_b: Vec<u64> = all_a.iter().flat_map(|a| single(kernel, a, &b0)).collect();
    let shared_a: Vec<u64> = all_b.iter().flat_map(|b| single(kernel, &a0, b)).collect();
    let what = format!("{batch} x {m}x{k}x{n} {} on {}", T::NAME, kernel.name());
    let einsum = |text: &str, a: &ArrayD<T>, b: &ArrayD<T>| {
        einsum_with(kernel, text, &[a, b]).unwrap_or_else(|error| panic!("{what}: {error}"))
    };
    let matmul = |a: &ArrayD<T>, b: &ArrayD<T>| matmul_with(kernel, a, b).expect("agreeing shapes");

    assert_eq!(bits(&matmul(&a, &b)), pairs, "{what}: matmul");
    assert_eq!(bits(&einsum("bik,bkj->bij", &a, &b)), pairs, "{what}: einsum");
    assert_eq!(bits(&matmul(&a, &b0)), shared_b, "{what}: B broadcast");
    assert_eq!(bits(&matmul(&a0, &b)), shared_a, "{what}: A broadcast");
    assert_eq!(bits(&einsum("bik,kj->bij", &a, &b0)), shared_b, "{what}: B without the batch");
    assert_eq!(bits(&einsum("...ik,...kj->...ij", &a0, &b)), shared_a, "{what}: A without the batch");

    // Other memory: batches innermost, matrices transposed, rows backwards.
    let far = a.view().permuted_axes(vec![1, 2, 0]).as_standard_layout().into_owned();
    assert_eq!(bits(&einsum("ikb,bkj->bij", &far, &b)), pairs, "{what}: batch innermost");
    let transposed = b.view().permuted_axes(vec![0, 2, 1]).as_standard_layout().into_owned();
    assert_eq!(bits(&einsum("bik,bjk->bij", &a, &transposed)), pairs, "{what}: B transposed");
    let swapped = einsum("bik,bkj->jbi", &a, &b).permuted_axes(vec![1, 2, 0]);
    assert_eq!(bits(&swapped), pairs, "{what}: another order of the output");
}

fn for_every_contract_kernel<T: Real>(check: impl Fn(&dyn Kernel<T>)) {
    let mut names = Vec::new();
    for kernel in matmul::kernel::all::<T>() {
        let available = kernel.availability() == matmul::kernel::Availability::Available;
        if available && kernel.promise() == Promise::SameBits {
            check(kernel.as_ref());
            names.push(kernel.name().to_owned());
        }
    }
    for name in ["blocked", "simd", "parallel"] {
        assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
    }
}

fn guises<T: Real>(kernel: &dyn Kernel<T>) {
    check(kernel, 3, 7, 300, 5);
    check(kernel, 5, 1, 784, 10);
    check(kernel, 2, 65, 33, 70);
}

#[test]
fn batches_and_broadcasts_have_the_bits_of_single_products() {
    for_every_contract_kernel::<f32>(guises);
    for_every_contract_kernel::<f64>(guises);
}

/// Two summed axes are one k in the order of their labels in the subscripts, wherever they lie in memory.
#[test]
fn two_summed_axes_have_one_order_in_every_layout() {
    for_every_contract_kernel::<f32>(|kernel| {
        let a = random::<f32>(&[6, 20, 30], 3);
        let b = random::<f32>(&[20, 30, 4], 4);
        let flat = single(
            kernel,
            &a.to_shape((6, 600)).expect("600 columns").to_owned().into_dyn(),
            &b.to_shape((600, 4)).expect("600 rows").to_owned().into_dyn(),
        );
        let a3 = a.clone().into_dimensionality::<ndarray::Ix3>().expect("three axes");
        let expected = einsum_with(kernel, "ikl,klj->ij", &[&a3, &b]).expect("agreeing shapes");
        assert_eq!(bits(&expected), flat, "{}", kernel.name());
        let turned: Array3<f32> = a3.view().permuted_axes([2, 0, 1]).as_standard_layout().into_owned();
        let turned = turned.permuted_axes([1, 2, 0]);
        let found = einsum_with(kernel, "ikl,klj->ij", &[&turned, &b]).expect("agreeing shapes");
        assert_eq!(bits(&found), flat, "{} in another layout", kernel.name());
    });
}

/// Attention's layout, in which heads lie between the axes of the matrices: no group of axes merges.
#[test]
fn strided_heads_have_the_bits_of_single_products() {
    for_every_contract_kernel::<f32>(|kernel| {
        let (q, k) = (random::<f32>(&[2, 9, 3, 270], 5), random::<f32>(&[2, 8, 3, 270], 6));
        let scores = einsum_with(kernel, "bqhd,bkhd->bhqk", &[&q, &k]).expect("agreeing shapes");
        let scores: Array4<f32> = scores.into_dimensionality().expect("four axes");
        for b in 0..2 {
            for h in 0..3 {
                let head = |x: &ArrayD<f32>| x.slice(s![b, .., h, ..]).to_owned();
                let right: Array2<f32> = head(&k).reversed_axes().as_standard_layout().into_owned();
                let expected = single(kernel, &head(&q).into_dyn(), &right.into_dyn());
                assert_eq!(bits(scores.slice(s![b, h, .., ..])), expected, "{}", kernel.name());
            }
        }
    });
}
