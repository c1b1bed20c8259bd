//! All arithmetic on sizes, strides, offsets and counts that a caller may choose freely: the rest of the crate, and the
//! crates above it, compute with numbers that passed here.
//!
//! Nothing here may wrap. Decisions are made in `usize` with checked operations, of which every overflow means "outside";
//! only messages need wider integers. The tests compare with integers that have no bounds.

use core::ops::Range;

use crate::Error;

/// The product of lengths; None if it exceeds every slice. A length of 0 makes it 0, whatever the others are.
///
/// ```
/// assert_eq!(matmul_core::elements(&[2, 3, 4]), Some(24));
/// assert_eq!(matmul_core::elements(&[usize::MAX, 2, 0]), Some(0));
/// assert_eq!(matmul_core::elements(&[usize::MAX, 2]), None);
/// ```
#[inline]
pub fn elements(lens: &[usize]) -> Option<usize> {
    if lens.contains(&0) {
        return Some(0);
    }
    lens.iter().try_fold(1usize, |product, &len| product.checked_mul(len))
}

/// Whether every element of these (length, stride) dimensions, counted from `offset`, lies in `0..len`.
#[inline]
pub(crate) fn lies_within(len: usize, offset: usize, dims: &[(usize, isize)]) -> bool {
    if dims.iter().any(|&(len, _)| len == 0) {
        return true;
    }
    // The highest and the lowest index, each reached by its own dimensions. What does not fit in `usize` is above every
    // slice, or below 0.
    let ends = dims.iter().try_fold((offset, offset), |(lowest, highest), &(len, stride)| {
        let span = (len - 1).checked_mul(stride.unsigned_abs())?;
        Some(match stride < 0 {
            true => (lowest.checked_sub(span)?, highest),
            false => (lowest, highest.checked_add(span)?),
        })
    });
    ends.is_some_and(|(_, highest)| highest < len)
}

/// The lowest and the highest index that dimensions, none of length 0, reach from `offset`, for a message: what is beyond
/// `i128` is its end.
#[cold]
pub(crate) fn reached(offset: usize, dims: &[(usize, isize)]) -> (i128, i128) {
    // Each span is below 2⁶⁴ · 2⁶³, so it is the sums that may saturate.
    dims.iter().fold((offset as i128, offset as i128), |(lowest, highest), &(len, stride)| {
        let span = (len - 1) as i128 * stride as i128;
        (lowest.saturating_add(span.min(0)), highest.saturating_add(span.max(0)))
    })
}

/// Whether no two elements of a matrix share a place: di·rs + dj·cs = 0 has no solution with |di| < nrows, |dj| < ncols
/// but (0, 0). With g = gcd(rs, cs) the smallest other solution is (cs/g, -rs/g).
pub(crate) fn is_disjoint((nrows, ncols): (usize, usize), (rs, cs): (isize, isize)) -> bool {
    let (r, c) = (rs.unsigned_abs(), cs.unsigned_abs());
    if nrows == 0 || ncols == 0 {
        true
    } else if r == 0 || c == 0 {
        (r > 0 || nrows == 1) && (c > 0 || ncols == 1)
    } else {
        let g = gcd(r, c);
        c / g >= nrows || r / g >= ncols
    }
}

fn gcd(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Whether dimensions nest: each, those of shorter steps first, steps over all that the shorter ones reach together. Then
/// no two elements share a place; the reverse does not hold.
pub(crate) fn nests(mut dims: [(usize, isize); 3]) -> bool {
    if dims.iter().any(|&(len, _)| len == 0) {
        return true;
    }
    dims.sort_unstable_by_key(|(_, stride)| stride.unsigned_abs());
    let mut reached = 0usize;
    for (len, stride) in dims.into_iter().filter(|&(len, _)| len > 1) {
        let step = stride.unsigned_abs();
        if step <= reached {
            return false;
        }
        // A reach above every index is stepped over by nothing.
        reached = step.saturating_mul(len - 1).saturating_add(reached);
    }
    true
}

/// Whether a range lies in `0..=len`.
#[inline]
pub(crate) fn is_within(range: &Range<usize>, len: usize) -> bool {
    range.start <= range.end && range.end <= len
}

/// The elements between neighbouring matrices that lie one behind the other. Where the product exceeds every slice there
/// is no second matrix.
pub(crate) fn step_over(nrows: usize, ncols: usize) -> isize {
    elements(&[nrows, ncols]).map_or(0, |len| len as isize)
}

/// Checks that a view's elements lie in a slice of `len`.
#[inline]
pub(crate) fn check_view(
    len: usize,
    offset: usize,
    shape: (usize, usize),
    strides: (isize, isize),
) -> Result<(), Error> {
    let dims = [(shape.0, strides.0), (shape.1, strides.1)];
    if lies_within(len, offset, &dims) {
        return Ok(());
    }
    Err(Error::OutOfBounds { shape, strides, reached: reached(offset, &dims), len })
}

/// Checks that the elements of a batch lie in a slice of `len`.
pub(crate) fn check_batch(
    len: usize,
    offset: usize,
    batch: (usize, isize),
    shape: (usize, usize),
    strides: (isize, isize),
) -> Result<(), Error> {
    let dims = [batch, (shape.0, strides.0), (shape.1, strides.1)];
    if lies_within(len, offset, &dims) {
        return Ok(());
    }
    Err(Error::BatchOutOfBounds { batch, shape, strides, reached: reached(offset, &dims), len })
}

/// Checks that no two elements of a mutable view share a place.
#[inline]
pub(crate) fn check_disjoint(shape: (usize, usize), strides: (isize, isize)) -> Result<(), Error> {
    if is_disjoint(shape, strides) { Ok(()) } else { Err(Error::Overlap { shape, strides }) }
}

/// Checks that no two elements of a mutable batch share a place, by the rule of [`nests`]. Matrices one behind the other
/// and interleaved ones both pass.
pub(crate) fn check_apart(
    batch: (usize, isize),
    shape: (usize, usize),
    strides: (isize, isize),
) -> Result<(), Error> {
    if batch.0 == 0 {
        return Ok(());
    }
    check_disjoint(shape, strides)?;
    if batch.0 == 1 || nests([batch, (shape.0, strides.0), (shape.1, strides.1)]) {
        return Ok(());
    }
    Err(Error::BatchOverlap { batch, shape, strides })
}

/// Checks that a slice of `found` elements is a matrix.
#[inline]
pub(crate) fn check_len(found: usize, nrows: usize, ncols: usize) -> Result<(), Error> {
    // Also right where a factor is 0: `checked_mul` overflows for no product with 0.
    if nrows.checked_mul(ncols) == Some(found) { Ok(()) } else { Err(Error::Length { nrows, ncols, found }) }
}

/// Checks that a slice of `found` elements is a batch of matrices.
pub(crate) fn check_batch_len(found: usize, count: usize, nrows: usize, ncols: usize) -> Result<(), Error> {
    if elements(&[count, nrows, ncols]) == Some(found) {
        return Ok(());
    }
    Err(Error::Length { nrows: count.saturating_mul(nrows), ncols, found })
}

/// Panics unless element (i, j) lies in a matrix.
#[inline(always)]
#[track_caller]
pub(crate) fn check_index((i, j): (usize, usize), (nrows, ncols): (usize, usize)) {
    if i >= nrows || j >= ncols {
        index_panic(i, j, nrows, ncols);
    }
}

#[cold]
#[track_caller]
fn index_panic(i: usize, j: usize, nrows: usize, ncols: usize) -> ! {
    panic!("element ({i}, {j}) of a {nrows}x{ncols} matrix")
}

/// Panics unless rows or columns can be split before index `at`.
#[inline(always)]
#[track_caller]
pub(crate) fn check_split(at: usize, len: usize) {
    assert!(at <= len, "a split at {at} of {len} rows or columns");
}

/// Checks that a range of rows or columns lies in `0..=len`.
pub(crate) fn check_range(range: &Range<usize>, len: usize) -> Result<(), Error> {
    if is_within(range, len) { Ok(()) } else { Err(Error::Range { range: (range.start, range.end), len }) }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// An integer without bounds: limbs of 32 bits, the lowest first, and a sign. Only what the model needs.
    #[derive(Clone, Debug, PartialEq)]
    struct Big {
        negative: bool,
        limbs: Vec<u32>,
    }

    impl Big {
        fn new(x: i128) -> Self {
            let magnitude = x.unsigned_abs();
            let limbs = (0..4).map(|i| (magnitude >> (32 * i)) as u32).collect();
            Self { negative: x < 0, limbs }.trimmed()
        }

        fn trimmed(mut self) -> Self {
            while self.limbs.last() == Some(&0) {
                self.limbs.pop();
            }
            self.negative &= !self.limbs.is_empty();
            self
        }

        fn times(&self, other: &Self) -> Self {
            let mut limbs = alloc::vec![0u32; self.limbs.len() + other.limbs.len()];
            for (i, &x) in self.limbs.iter().enumerate() {
                let mut carry = 0u64;
                for (j, &y) in other.limbs.iter().enumerate() {
                    let sum = u64::from(limbs[i + j]) + u64::from(x) * u64::from(y) + carry;
                    limbs[i + j] = sum as u32;
                    carry = sum >> 32;
                }
                limbs[i + other.limbs.len()] = carry as u32;
            }
            Self { negative: self.negative != other.negative, limbs }.trimmed()
        }

        /// Compares magnitudes.
        fn is_shorter(&self, other: &Self) -> bool {
            let key = |x: &Self| (x.limbs.len(), x.limbs.iter().rev().copied().collect::<Vec<_>>());
            key(self) < key(other)
        }

        fn plus(&self, other: &Self) -> Self {
            if self.is_shorter(other) {
                return other.plus(self);
            }
            let sign = if self.negative == other.negative { 1 } else { -1 };
            let mut carry = 0i64;
            let mut limbs: Vec<u32> = Vec::new();
            for (i, &x) in self.limbs.iter().enumerate() {
                let y = other.limbs.get(i).copied().unwrap_or(0);
                let sum = i64::from(x) + sign * i64::from(y) + carry;
                limbs.push(sum as u32);
                carry = sum >> 32;
            }
            if carry > 0 {
                limbs.push(carry as u32);
            }
            Self { negative: self.negative, limbs }.trimmed()
        }

        fn is_below(&self, other: &Self) -> bool {
            self.plus(&Self { negative: !other.negative, ..other.clone() }.trimmed()).negative
        }
    }

    /// Numbers of every size, those around the powers of two and the ends of the range above all.
    fn size() -> impl Strategy<Value = usize> {
        prop_oneof![
            0..6usize,
            any::<usize>(),
            (0..usize::BITS, -2..3isize).prop_map(|(bit, more)| (1usize << bit).wrapping_add_signed(more)),
            (0..4usize).prop_map(|less| usize::MAX - less),
        ]
    }

    fn stride() -> impl Strategy<Value = isize> {
        prop_oneof![-9..9isize, size().prop_map(|x| x as isize)]
    }

    fn dims() -> impl Strategy<Value = [(usize, isize); 3]> {
        [(size(), stride()), (size(), stride()), (size(), stride())]
    }

    /// The lowest and the highest index, without bounds.
    fn model(offset: usize, dims: &[(usize, isize)]) -> (Big, Big) {
        let start = Big::new(offset as i128);
        dims.iter().fold((start.clone(), start), |(lowest, highest), &(len, stride)| {
            let span = Big::new(len as i128 - 1).times(&Big::new(stride as i128));
            match stride < 0 {
                true => (lowest.plus(&span), highest),
                false => (lowest, highest.plus(&span)),
            }
        })
    }

    #[test]
    fn the_model_counts_right() {
        let big = |x: i128| Big::new(x);
        for x in [-7i128, -1, 0, 1, 3, 1 << 40, -(1 << 63), (1 << 64) - 1] {
            for y in [-5i128, 0, 2, (1 << 32) - 1, 1 << 62] {
                assert_eq!(big(x).plus(&big(y)), big(x + y), "{x} + {y}");
                assert_eq!(big(x).is_below(&big(y)), x < y, "{x} < {y}");
                if let Some(product) = x.checked_mul(y) {
                    assert_eq!(big(x).times(&big(y)), big(product), "{x} * {y}");
                }
            }
        }
        // Beyond i128: (2⁶⁴ - 1)² · 2⁶⁴ has 192 bits.
        let most = big(u64::MAX.into());
        assert_eq!(most.times(&most).times(&big(1 << 64)).limbs, [0, 0, 1, 0, u32::MAX - 1, u32::MAX]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 16 } else { 20_000 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn bounds_are_those_of_the_model(len in size(), offset in size(), dims in dims()) {
            let empty = dims.iter().any(|&(len, _)| len == 0);
            let (lowest, highest) = model(offset, &dims);
            let fits = empty || (!lowest.negative && highest.is_below(&Big::new(len as i128)));
            prop_assert_eq!(lies_within(len, offset, &dims), fits);
            if !empty {
                let found = reached(offset, &dims);
                let ends = |big: &Big, x: i128| *big == Big::new(x) || x == i128::MIN || x == i128::MAX;
                prop_assert!(ends(&lowest, found.0) && ends(&highest, found.1));
            }
        }

        /// The least slice that holds a view is accepted, and one element less is not.
        #[test]
        fn bounds_are_tight(offset in 0..usize::MAX >> 24, a in (1..1usize << 10, -(1isize << 20)..1 << 20), b in (1..99usize, -99..99isize)) {
            let (lowest, highest) = reached(offset, &[a, b]);
            prop_assume!(lowest >= 0);
            let len = highest as usize + 1;
            prop_assert!(lies_within(len, offset, &[a, b]));
            prop_assert!(!lies_within(len - 1, offset, &[a, b]));
            let start = offset - lowest as usize;
            prop_assert!(lies_within(len - lowest as usize, start, &[a, b]));
            prop_assert!(start == 0 || !lies_within(len, start - 1, &[a, b]));
        }

        #[test]
        fn elements_are_counted_without_bounds(lens in [size(), size(), size()]) {
            let product = lens.iter().fold(Big::new(1), |product, &len| product.times(&Big::new(len as i128)));
            let most = Big::new(usize::MAX as i128);
            let expected = (!most.is_below(&product)).then_some(product);
            prop_assert_eq!(elements(&lens).map(|len| Big::new(len as i128)), expected);
        }

        /// The solution that the gcd gives, against all differences of two indices of a small matrix at large strides.
        #[test]
        fn disjoint_is_what_no_difference_denies(
            shape in (1..7usize, 1..7usize),
            (unit, rs, cs) in (prop_oneof![Just(1isize), size().prop_map(|x| x as isize)], -9..9isize, -9..9isize),
        ) {
            let (Some(rs), Some(cs)) = (unit.checked_mul(rs), unit.checked_mul(cs)) else { return Ok(()) };
            let collides = (0..shape.0 as i128).any(|i| {
                let columns = 1 - shape.1 as i128..shape.1 as i128;
                columns.into_iter().any(|j| (i, j) != (0, 0) && i * rs as i128 + j * cs as i128 == 0)
            });
            prop_assert_eq!(is_disjoint(shape, (rs, cs)), !collides);
        }

        /// Nesting in unbounded integers: every step exceeds the sum of the spans below it.
        #[test]
        fn nesting_is_that_of_the_model(dims in dims()) {
            let mut sorted: Vec<_> = dims.into_iter().filter(|&(len, _)| len > 1).collect();
            sorted.sort_by_key(|(_, stride)| stride.unsigned_abs());
            let mut reach = Big::new(0);
            let mut apart = true;
            for (len, stride) in sorted {
                let step = Big::new(stride.unsigned_abs() as i128);
                apart &= reach.is_below(&step);
                reach = reach.plus(&Big::new(len as i128 - 1).times(&step));
            }
            prop_assert_eq!(nests(dims), apart || dims.iter().any(|&(len, _)| len == 0));
        }
    }
}
