//! How fast all threads together read from each level of the memory hierarchy.

use std::hint::black_box;

use crate::machine::Machine;
use crate::pool::Pool;
use crate::roofline::Level;

/// Bytes that a measurement reads at least, so that it is long against the clock: some 0.1 to 0.5 ms.
const MIN_READ: usize = 8 << 20;

/// Largest buffer for memory.
const MAX_BUFFER: u64 = 512 << 20;

/// The levels of this machine for a thread count, without samples: buffers of half of each private cache, of a
/// quarter of a shared third level (others use it too), and of four times the last level for memory.
pub(crate) fn levels(machine: &Machine, threads: usize) -> Vec<Level> {
    let level =
        |name: &str, capacity, buffer| Level { name: name.into(), capacity, buffer, samples: Vec::new() };
    let threads = threads as u64;
    let [l1, l2, l3] = [1, 2, 3].map(|level| machine.cache_bytes(level).0);
    let mut levels =
        vec![level("L1", l1 * threads, l1 / 2 * threads), level("L2", l2 * threads, l2 / 2 * threads)];
    let (mut last, known) = (l2 * threads, machine.cache_bytes(3).1);
    if known || machine.caches.is_empty() {
        last = l3.max(last);
        levels.push(level("L3", last, (last / 4).max(l2 * threads * 3 / 2)));
    }
    let memory = if machine.memory_bytes == 0 { MAX_BUFFER } else { machine.memory_bytes / 8 };
    levels.push(level("DRAM", 0, (4 * last).min(MAX_BUFFER).min(memory.max(2 * last))));
    levels
}

/// Adds `count` samples to each level.
pub(crate) fn sample(levels: &mut [Level], pool: &Pool, count: usize) {
    let largest = levels.iter().map(|l| l.buffer).max().unwrap_or(0) as usize;
    let words = vec![1u64; largest / 8];
    for level in levels {
        let words = &words[..(level.buffer as usize / 8).min(words.len())];
        let share = words.len() / pool.threads();
        let passes = MIN_READ.div_ceil(words.len() * 8).max(1);
        for round in 0..=count {
            let (read, time) = pool.together(|index| {
                let part = &words[index * share..][..share];
                black_box(read(part, passes));
                (passes * part.len() * 8) as u64
            });
            // The first pass brings the buffer into its level.
            if round > 0 {
                level.samples.push(read as f64 / time.as_secs_f64().max(1e-9) / 1e9);
            }
        }
    }
}

/// Reads all words that many times with the widest vectors of this CPU.
fn read(words: &[u64], passes: usize) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was detected.
            return unsafe { read_avx512(words, passes) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected.
            return unsafe { read_avx2(words, passes) };
        }
    }
    xor(words, passes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn read_avx512(words: &[u64], passes: usize) -> u64 {
    xor(words, passes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn read_avx2(words: &[u64], passes: usize) -> u64 {
    xor(words, passes)
}

/// Exclusive or, in 64 chains that the compiler turns into vectors: 8 of 64 bytes, enough to cover a load's latency.
/// They live through all passes: folding 64 words takes a third of the time that reading 16 KiB does.
#[inline(always)]
fn xor(words: &[u64], passes: usize) -> u64 {
    let (mut chains, mut rest) = ([0u64; 64], 0);
    for _ in 0..passes {
        // Else the second pass would be known to cancel the first.
        let blocks = black_box(words).chunks_exact(64);
        rest = blocks.remainder().iter().fold(rest, |x, word| x ^ word);
        for block in blocks {
            for (chain, word) in chains.iter_mut().zip(block) {
                *chain ^= word;
            }
        }
    }
    chains.iter().fold(rest, |x, chain| x ^ chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Cache;

    #[test]
    fn every_word_is_read() {
        for len in [0, 1, 63, 64, 65, 1000] {
            let words: Vec<u64> = (0..len).map(|i| 1 << (i % 64)).collect();
            let expected = words.iter().fold(0, |x, w| x ^ w);
            assert_eq!((read(&words, 1), xor(&words, 1)), (expected, expected), "{len}");
            assert_eq!((read(&words, 4), read(&words, 5)), (0, expected), "{len}");
        }
    }

    #[test]
    fn buffers_lie_in_their_levels() {
        let cache = |level, bytes| Cache { level, bytes, shared_by: 1 };
        let caches = vec![cache(1, 32 << 10), cache(2, 1 << 20), cache(3, 32 << 20)];
        let machine = Machine { caches, memory_bytes: 8 << 30, ..Machine::default() };
        for threads in [1, 2, 16] {
            let levels = levels(&machine, threads);
            assert_eq!(levels.len(), 4);
            for pair in levels.windows(2) {
                assert!(
                    pair[0].buffer <= pair[0].capacity && pair[0].capacity < pair[1].buffer,
                    "{levels:?}"
                );
            }
        }
        let no_l3 = Machine { caches: vec![cache(1, 64 << 10), cache(2, 4 << 20)], ..Machine::default() };
        assert_eq!(
            levels(&no_l3, 1).iter().map(|l| l.name.as_str()).collect::<Vec<_>>(),
            ["L1", "L2", "DRAM"]
        );
    }

    #[test]
    fn samples_are_positive() {
        let pool = Pool::new(1, &crate::pin::cpus()).unwrap();
        let mut levels =
            vec![Level { name: "L1".into(), capacity: 1 << 15, buffer: 1 << 14, samples: Vec::new() }];
        sample(&mut levels, &pool, 2);
        assert!(levels[0].samples.len() == 2 && levels[0].samples.iter().all(|&gbs| gbs > 0.0));
    }
}
