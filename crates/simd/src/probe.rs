//! What this machine can do at best, measured with the vectors of its best instruction set: the peaks that a product's
//! speed is held against.

use std::hint::black_box;

use matmul_blocked::{Engine, portable};
use matmul_core::{Element, K_CHUNK, MatMut, MatRef};

use crate::Isa;

/// The best engine for `T`.
///
/// # Panics
/// If no engine multiplies `T`.
fn best<T: Element>() -> &'static Engine<T> {
    let engines = Isa::best().ok().and_then(Isa::engines).unwrap_or_else(portable);
    engines.of().unwrap_or_else(|| panic!("no engine multiplies {}", T::NAME))
}

/// Runs `steps` of 12 chains of fused multiply-adds in registers alone, and returns the floating-point operations done
/// (two per multiply-add).
///
/// # Panics
/// If no engine multiplies `T`.
pub fn fma_chain<T: Element>(steps: u64) -> u64 {
    best::<T>().fma_chain(steps)
}

/// Reads all of `data` `passes` times with the widest vectors, and returns the bytes read. What stands before the
/// first whole cache line, and a remainder of less than 12 vectors, are left out.
///
/// # Panics
/// If no engine multiplies `T`.
pub fn read<T: Element>(data: &[T], passes: usize) -> u64 {
    best::<T>().read(data, passes)
}

/// Runs the best tile `repeats` times, 256 deep, on panels that stay in the first-level cache, and returns the
/// floating-point operations done.
///
/// # Panics
/// If no engine multiplies `T`.
pub fn l1_tile<T: Element>(repeats: u64) -> u64 {
    let engine = best::<T>();
    let (mr, nr) = (engine.facts().mr, engine.facts().nr());
    // Half the depth where a panel of B would fill the cache by itself: 256 * 32 * 4 B = 32 KiB.
    let k = if nr * size_of::<T>() > 64 { K_CHUNK / 2 } else { K_CHUNK };
    let mut a = Aligned::<T>::ones(mr * k);
    let mut b = Aligned::<T>::ones(nr * k);
    let mut c = Aligned::<T::Out>::ones(mr * nr);
    let a = MatRef::from_col_major(black_box(a.slice()), mr, k);
    let b = MatRef::from_row_major(black_box(b.slice()), k, nr);
    let c = MatMut::from_row_major(black_box(c.slice()), mr, nr);
    match (a, b, c) {
        (Ok(a), Ok(b), Ok(c)) => engine.tile(repeats, a, b, c),
        _ => unreachable!("slices were made for their shapes"),
    }
}

/// Elements that begin a cache line, as packed panels do: unaligned vectors would straddle two.
struct Aligned<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Element> Aligned<T> {
    fn ones(len: usize) -> Self {
        let storage = vec![T::ONE; len + 64 / size_of::<T>()];
        let start = storage.as_ptr().align_offset(64);
        Self { storage, start, len }
    }

    fn slice(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_as_it_is_done() {
        let flops = fma_chain::<f32>(10);
        assert!(flops > 0);
        assert_eq!(flops % (2 * 10), 0);
        let data = [1.0f64; 1000];
        let read = read(&data, 3);
        assert!(read <= 3 * 8000 && read > 3 * 6000, "{read} bytes");
        assert!(l1_tile::<f64>(2) > 0);
    }
}
