//! What a product should be, four ways. Matrices here are dense and row-major.

use matmul_core::{Fold, K_CHUNK, Real};

/// x·y + z, rounded once; an instruction in a function that is compiled with it.
#[inline(always)]
fn fma<T: Real, const FUSED: bool>(x: T, y: T, z: T) -> T {
    if FUSED { x.fused(y, z) } else { x.mul_add(y, z) }
}

/// C ← α·A·B + β·C by the numeric contract: the whole of it.
#[inline(always)]
fn contract_body<T: Real, const FUSED: bool>(
    (m, n, k): (usize, usize, usize),
    alpha: T,
    a: &[T],
    b: &[T],
    beta: T,
    c: &mut [T],
) {
    if k == 0 || alpha == T::ZERO {
        c.iter_mut().for_each(|c| *c = if beta == T::ZERO { T::ZERO } else { beta * *c });
        return;
    }
    let mut t = vec![T::ZERO; n];
    for i in 0..m {
        for chunk in (0..k).step_by(K_CHUNK) {
            t.fill(T::ZERO);
            for p in chunk..k.min(chunk + K_CHUNK) {
                let x = a[i * k + p];
                t.iter_mut().zip(&b[p * n..(p + 1) * n]).for_each(|(t, &y)| *t = fma::<T, FUSED>(x, y, *t));
            }
            let fold = if chunk == 0 { Fold::first(beta) } else { Fold::Add };
            let c = &mut c[i * n..(i + 1) * n];
            c.iter_mut().zip(&t).for_each(|(c, &t)| *c = fold.apply_by(fma::<T, FUSED>, alpha, t, || *c));
        }
    }
}

/// A product in about twice the precision of f64, hi + lo, and |α||A||B| + |β||C|.
pub(crate) struct Reference {
    pub(crate) hi: Vec<f64>,
    pub(crate) lo: Vec<f64>,
    pub(crate) abs: Vec<f64>,
}

/// x·y = p + e exactly.
#[inline(always)]
fn two_product<const FUSED: bool>(x: f64, y: f64) -> (f64, f64) {
    let p = x * y;
    (p, fma::<f64, FUSED>(x, y, -p))
}

/// x + y = s + e exactly (Knuth).
#[inline(always)]
fn two_sum(x: f64, y: f64) -> (f64, f64) {
    let s = x + y;
    let z = s - x;
    (s, (x - (s - z)) + (y - z))
}

/// The compensated dot product Dot2 of Ogita, Rump and Oishi (2005), error u + γ(k)²·|A||B|. For f32 inputs the
/// products are exact in f64 already; one code serves both.
#[inline(always)]
fn reference_body<T: Real, const FUSED: bool>(
    (m, n, k): (usize, usize, usize),
    alpha: T,
    a: &[T],
    b: &[T],
    beta: T,
    c: &[T],
) -> Reference {
    let mut sums = Reference { hi: vec![0.0; m * n], lo: vec![0.0; m * n], abs: vec![0.0; m * n] };
    let b: Vec<f64> = b.iter().map(|y| y.to_f64()).collect();
    let (alpha, beta) = (alpha.to_f64(), beta.to_f64());
    for i in 0..m {
        let row = i * n..(i + 1) * n;
        let (hi, lo, abs) =
            (&mut sums.hi[row.clone()], &mut sums.lo[row.clone()], &mut sums.abs[row.clone()]);
        for p in 0..if alpha == 0.0 { 0 } else { k } {
            let x = a[i * k + p].to_f64();
            for (((hi, lo), abs), &y) in
                hi.iter_mut().zip(&mut *lo).zip(&mut *abs).zip(&b[p * n..(p + 1) * n])
            {
                let (product, e) = two_product::<FUSED>(x, y);
                let (sum, d) = two_sum(*hi, product);
                *hi = sum;
                *lo += d + e;
                *abs += product.abs();
            }
        }
        for (((hi, lo), abs), &c) in hi.iter_mut().zip(lo).zip(abs).zip(&c[row]) {
            let c = if beta == 0.0 { 0.0 } else { c.to_f64() };
            let (ab, ab_lo) = two_product::<FUSED>(alpha, *hi);
            let (bc, bc_lo) = two_product::<FUSED>(beta, c);
            let (sum, d) = two_sum(ab, bc);
            (*hi, *lo) = two_sum(sum, d + ab_lo + bc_lo + alpha * *lo);
            *abs = alpha.abs() * *abs + bc.abs();
        }
    }
    sums
}

/// The integer product of matrices that hold integers, with α and β multiples of 1/4.
///
/// # Errors
/// When a partial sum might not be exact in `T`, or a value is no such number.
pub(crate) fn integer<T: Real>(
    (m, n, k): (usize, usize, usize),
    alpha: T,
    a: &[T],
    b: &[T],
    beta: T,
    c: &[T],
) -> Result<Vec<T>, String> {
    let quarters = |x: T| (4.0 * x.to_f64()) as i64;
    let (alpha4, beta4) = (quarters(alpha), quarters(beta));
    if alpha4 as f64 != 4.0 * alpha.to_f64() || beta4 as f64 != 4.0 * beta.to_f64() {
        return Err(format!(
            "an integer product needs multiples of 1/4, found alpha = {alpha}, beta = {beta}"
        ));
    }
    // What must not be read is NaN, and becomes 0 here.
    let integers = |x: &[T]| -> Vec<i64> { x.iter().map(|x| x.to_f64() as i64).collect() };
    let (a, b, c) = (integers(a), integers(b), integers(c));
    let mut result = Vec::with_capacity(m * n);
    let (mut sum, mut abs) = (vec![0i64; n], vec![0i64; n]);
    for i in 0..m {
        sum.fill(0);
        abs.fill(0);
        for p in 0..k {
            let x = a[i * k + p];
            for ((sum, abs), y) in sum.iter_mut().zip(&mut abs).zip(&b[p * n..(p + 1) * n]) {
                *sum += x * y;
                *abs += (x * y).abs();
            }
        }
        for j in 0..n {
            let c = c[i * n + j];
            if alpha4.abs().max(4) * abs[j] + beta4.abs() * c.abs() > T::EXACT_INT_MAX {
                return Err(format!("the partial sums of element ({i}, {j}) are not exact in {}", T::NAME));
            }
            result.push(T::from_f64((alpha4 * sum[j] + beta4 * c) as f64 / 4.0));
        }
    }
    Ok(result)
}

/// Compiles an oracle a second time for CPUs with FMA instructions, where x86-64's baseline would call a function
/// for each multiply-add. The bits are the same.
macro_rules! with_fma {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $ret:ty)? = $body:ident) => {
        $(#[$doc])*
        pub(crate) fn $name<T: Real>($($arg: $type),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                unsafe fn with_fma<T: Real>($($arg: $type),*) $(-> $ret)? {
                    $body::<T, true>($($arg),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the CPU has both features.
                    return unsafe { with_fma($($arg),*) };
                }
            }
            $body::<T, false>($($arg),*)
        }
    };
}

with_fma! {
    /// C ← α·A·B + β·C by the numeric contract.
    fn contract(shape: (usize, usize, usize), alpha: T, a: &[T], b: &[T], beta: T, c: &mut [T]) = contract_body
}
with_fma! {
    /// C ← α·A·B + β·C in about twice the precision of f64.
    fn reference(shape: (usize, usize, usize), alpha: T, a: &[T], b: &[T], beta: T, c: &[T]) -> Reference
        = reference_body
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract once more, an element at a time, in the words of docs/numerics.md.
    fn element(alpha: f32, row: &[f32], col: &[f32], beta: f32, c: f32) -> f32 {
        let mut c = c;
        for (index, (row, col)) in row.chunks(256).zip(col.chunks(256)).enumerate() {
            let t = row.iter().zip(col).fold(0.0, |t, (a, b)| f32::mul_add(*a, *b, t));
            c = match (index, beta) {
                (0, 0.0) => alpha * t,
                (0, _) => alpha.mul_add(t, beta * c),
                _ => alpha.mul_add(t, c),
            };
        }
        c
    }

    #[test]
    fn contract_is_what_it_says() {
        let (m, n, k) = (2, 3, 600);
        let unit = |tag, i, j| crate::rng::unit::<f32>(crate::rng::word(5, tag, i, j)) as f32;
        let a: Vec<f32> = (0..m * k).map(|x| unit(1, x / k, x % k)).collect();
        let b: Vec<f32> = (0..k * n).map(|x| unit(2, x / n, x % n)).collect();
        for (alpha, beta) in [(1.0, 0.0), (0.7, 1.0), (-1.0, 0.3)] {
            let before = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
            let mut c = before;
            contract((m, n, k), alpha, &a, &b, beta, &mut c);
            for (x, c) in c.into_iter().enumerate() {
                let (i, j) = (x / n, x % n);
                let col: Vec<f32> = (0..k).map(|p| b[p * n + j]).collect();
                assert_eq!(c, element(alpha, &a[i * k..(i + 1) * k], &col, beta, before[x]));
            }
        }
    }

    #[test]
    fn reference_keeps_what_f64_loses() {
        // 2^60 + 1 - 2^60 + 2^-60.
        let (big, small) = (2f64.powi(60), 2f64.powi(-60));
        let r = reference((1, 1, 4), 1.0, &[big, 1.0, -big, small], &[1.0; 4], 1.0, &[0.0]);
        assert_eq!((r.hi[0], r.lo[0]), (1.0, small));
        assert_eq!(r.abs[0], 2.0 * big);
        let r = reference((1, 1, 1), 3.0f32, &[0.1], &[0.1], -1.0, &[f32::NAN]);
        assert!(r.hi[0].is_nan());
        assert_eq!(reference((1, 1, 1), 1.0f32, &[2.0], &[3.0], 0.0, &[f32::NAN]).hi[0], 6.0);
    }

    #[test]
    fn integers_refuse_what_is_not_exact() {
        assert_eq!(integer((1, 1, 2), 0.75f32, &[2.0, 3.0], &[5.0, 1.0], -1.0, &[7.0]), Ok(vec![2.75]));
        assert!(integer((1, 1, 1), 0.7f32, &[2.0], &[3.0], 0.0, &[0.0]).is_err());
        assert!(integer((1, 1, 1), 1.0f32, &[4096.0], &[4096.0], 0.0, &[0.0]).is_err());
    }
}
