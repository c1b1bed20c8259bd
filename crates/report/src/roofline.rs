//! What the measured limits of the machine allow a product.

use serde::{Deserialize, Serialize};

/// A level of the memory hierarchy and how fast all threads together read from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// `L1`, `L2`, `L3` or `DRAM`.
    pub name: String,
    /// Bytes that fit, private caches of all threads added up; 0 for memory, which holds anything.
    pub capacity: u64,
    /// Bytes read by each measurement, all threads together.
    pub buffer: u64,
    /// GB/s (10⁹ bytes per second), one sample for each measurement.
    pub samples: Vec<f64>,
}

/// The roofline at one product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The lower of the FMA peak and intensity x bandwidth, in GFLOP/s.
    pub gflops: f64,
    /// The level that holds the operands.
    pub level: String,
    /// Whether bandwidth and not arithmetic is the limit.
    pub memory_bound: bool,
    /// Whether a kernel was faster by more than 2 %: then it is no limit. The gauge was disturbed, or the operands lie
    /// nearer than what its bandwidth was measured on.
    #[serde(default)]
    pub exceeded: bool,
}

/// How far above a limit a kernel may be by the clock's own scatter.
const SCATTER: f64 = 1.02;

impl Limit {
    /// With what the fastest kernel reached.
    pub(crate) fn against(self, fastest: f64) -> Self {
        Self { exceeded: fastest > SCATTER * self.gflops, ..self }
    }
}

/// min(peak, intensity x bandwidth), with the bandwidth of the first level that holds A, B and C. Each of them is
/// counted once, and writing C as if it were read. `bytes` are those of A, B and C, `peak` is in GFLOP/s.
pub fn limit(flops: f64, bytes: f64, peak: f64, levels: &[Level]) -> Limit {
    let level = levels.iter().find(|l| l.capacity == 0 || bytes <= l.capacity as f64);
    let bandwidth = level.map_or(0.0, |l| crate::stats::best(&l.samples));
    let memory = flops / bytes * bandwidth;
    let memory_bound = bandwidth > 0.0 && memory < peak;
    Limit {
        gflops: if memory_bound { memory } else { peak },
        level: level.map_or_else(|| "unknown".into(), |l| l.name.clone()),
        memory_bound,
        exceeded: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Vec<Level> {
        let level = |name: &str, capacity, gbs| Level {
            name: name.into(),
            capacity,
            buffer: capacity / 2,
            samples: vec![gbs / 2.0, gbs],
        };
        vec![level("L1", 32 << 10, 200.0), level("L2", 1 << 20, 100.0), level("DRAM", 0, 20.0)]
    }

    #[test]
    fn small_products_are_bound_by_arithmetic() {
        // 32³ f32: 65,536 flops on 12,288 bytes is 5.3 flops per byte, x 200 GB/s far above the peak.
        let l = limit(65_536.0, 12_288.0, 100.0, &levels());
        assert_eq!(l, Limit { gflops: 100.0, level: "L1".into(), memory_bound: false, exceeded: false });
    }

    #[test]
    fn skinny_products_are_bound_by_memory() {
        // 50000 x 784 x 10 f32: 784 Mflop on 158.8 MB, x 20 GB/s.
        let l = limit(784e6, 158_831_360.0, 100.0, &levels());
        assert_eq!((l.level.as_str(), l.memory_bound), ("DRAM", true));
        assert!((l.gflops - 784e6 / 158_831_360.0 * 20.0).abs() < 1e-9);
    }

    #[test]
    fn the_boundary_still_fits() {
        assert_eq!(limit(1.0, (32 << 10) as f64, 1.0, &levels()).level, "L1");
        assert_eq!(limit(1.0, (32 << 10) as f64 + 1.0, 1.0, &levels()).level, "L2");
    }

    #[test]
    fn without_a_bandwidth_the_peak_is_the_limit() {
        let l = limit(1.0, 1e9, 50.0, &[]);
        assert_eq!((l.gflops, l.memory_bound), (50.0, false));
    }
}
