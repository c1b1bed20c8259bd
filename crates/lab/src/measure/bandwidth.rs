//! How fast all threads together read from each level of the memory hierarchy.

use matmul_report::{Level, Machine};
use matmul_simd::probe::read;

use crate::machine::pool::Pool;

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
    let words = vec![1.0f32; largest / 4];
    for level in levels {
        let words = &words[..(level.buffer as usize / 4).min(words.len())];
        let share = words.len() / pool.threads();
        let passes = MIN_READ.div_ceil((words.len() * 4).max(1));
        for round in 0..=count {
            let (bytes, time) = pool.together(|_| (), |index| read(&words[index * share..][..share], passes));
            // The first pass brings the buffer into its level.
            if round > 0 {
                level.samples.push(bytes as f64 / time.as_secs_f64().max(1e-9) / 1e9);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use matmul_report::Cache;

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
        // A size of 0 is not told: assumed, as if there were none.
        let zeros = Machine { caches: vec![cache(1, 0), cache(2, 0), cache(3, 0)], ..Machine::default() };
        assert!(self::levels(&zeros, 1).iter().all(|level| level.buffer > 0));
        let no_l3 = Machine { caches: vec![cache(1, 64 << 10), cache(2, 4 << 20)], ..Machine::default() };
        assert_eq!(
            levels(&no_l3, 1).iter().map(|l| l.name.as_str()).collect::<Vec<_>>(),
            ["L1", "L2", "DRAM"]
        );
    }

    #[test]
    fn samples_are_positive() {
        let pool = Pool::new(1, &crate::machine::affinity::cpus()).unwrap();
        let mut levels =
            vec![Level { name: "L1".into(), capacity: 1 << 15, buffer: 1 << 14, samples: Vec::new() }];
        sample(&mut levels, &pool, 2);
        assert!(levels[0].samples.len() == 2 && levels[0].samples.iter().all(|&gbs| gbs > 0.0));
    }
}
