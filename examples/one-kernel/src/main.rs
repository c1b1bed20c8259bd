//! One kernel, and one dependency: `matmul-simd` has all that a product takes.

use matmul_simd::{Error, Isa, Kernel, MatMut, MatRef, Simd};

fn main() -> Result<(), Error> {
    let a = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let b = [7.0f32, 8.0, 9.0, 10.0, 11.0, 12.0];
    let (a, b) = (MatRef::from_row_major(&a, 2, 3)?, MatRef::from_row_major(&b, 3, 2)?);
    let mut c = [0.0; 4];

    // The best instruction set of this CPU,
    Simd::new().gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 2, 2)?)?;
    println!("best: {c:?}");

    // or each of them by name: the bits are the same.
    for &isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
        let mut again = [0.0; 4];
        Simd::with_isa(isa).gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut again, 2, 2)?)?;
        assert_eq!(again.map(f32::to_bits), c.map(f32::to_bits), "{isa}");
    }
    println!("every instruction set: the same bits");
    Ok(())
}
