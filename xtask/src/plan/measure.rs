//! The two limits of a thread, in a few milliseconds each: enough to tell which of them a shape meets, not to publish.

use std::hint::black_box;
use std::time::Instant;

use matmul_blocked::Engines;
use matmul_blocked::plan::Caches;
use matmul_report::{Dtype, Level};

/// Rounds, of which the fastest counts: another guest may disturb some.
const ROUNDS: usize = 5;

/// Seconds that a round takes at least, so that it is long against the clock.
const ROUND: f64 = 2e-4;

/// The most memory that is read to measure it.
const MOST: u64 = 256 << 20;

/// The levels that one thread reads from, and of each a buffer that lies in it: half of a private cache, a quarter of
/// one that others use too, and of memory more than the caches hold.
pub(super) fn levels(caches: &Caches) -> Vec<Level> {
    let level = |name: &str, capacity: u64, buffer| Level {
        name: name.into(),
        capacity,
        buffer,
        samples: Vec::new(),
    };
    let [l1, l2, l3] = [caches.l1d, caches.l2, caches.l3].map(|bytes| bytes as u64);
    let mut levels = vec![level("L1", l1, l1 / 2), level("L2", l2, l2 / 2)];
    if l3 > 0 {
        levels.push(level("L3", l3, (l3 / 4).max(l2 * 3 / 2).min(l3)));
    }
    levels.push(level("DRAM", 0, (4 * l2.max(l3)).min(MOST)));
    levels
}

/// The FMA peak in GFLOP/s and the bandwidth of the last of the levels in GB/s, which get their samples.
pub(super) fn measured(engines: &Engines, dtype: Dtype, levels: &mut [Level]) -> (f64, f64) {
    let peak = rate(&mut |steps| match dtype {
        Dtype::F32 => engines.f32.fma_chain(steps),
        Dtype::F64 => engines.f64.fma_chain(steps),
    });
    let mut bandwidth = 0.0;
    for level in levels {
        bandwidth = match dtype {
            Dtype::F32 => {
                let data = vec![1.0; level.buffer as usize / 4];
                rate(&mut |passes| engines.f32.read(black_box(&data), passes as usize))
            }
            Dtype::F64 => {
                let data = vec![1.0; level.buffer as usize / 8];
                rate(&mut |passes| engines.f64.read(black_box(&data), passes as usize))
            }
        };
        level.samples.push(bandwidth);
    }
    (peak, bandwidth)
}

/// 10⁹ of what `work` counts a second, by as many repeats as make a round long enough.
fn rate(work: &mut dyn FnMut(u64) -> u64) -> f64 {
    let mut repeats = 1;
    loop {
        let mut best = f64::MAX;
        let mut done = 0;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            done = work(repeats);
            best = best.min(start.elapsed().as_secs_f64());
        }
        if best >= ROUND || repeats > 1 << 40 {
            return done as f64 / best.max(1e-9) / 1e9;
        }
        repeats *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_lie_in_their_levels() {
        let caches = Caches { l1d: 32 << 10, l2: 1 << 20, l3: 32 << 20, detected: true };
        for caches in [caches, Caches::FALLBACK, Caches { l3: 0, ..caches }] {
            let levels = levels(&caches);
            assert_eq!(levels.len(), if caches.l3 > 0 { 4 } else { 3 });
            for pair in levels.windows(2) {
                assert!(
                    pair[0].buffer <= pair[0].capacity && pair[0].capacity < pair[1].buffer,
                    "{levels:?}"
                );
            }
        }
    }

    #[test]
    fn a_rate_is_work_by_time() {
        let each = std::time::Duration::from_millis(1);
        let gigas = rate(&mut |repeats| {
            std::thread::sleep(each);
            repeats * 1_000_000
        });
        // Sleeps are never shorter, but may be much longer.
        assert!(gigas > 0.0 && gigas <= 1.0, "{gigas}");
    }
}
