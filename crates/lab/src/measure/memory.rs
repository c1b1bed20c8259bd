//! Whether a product fits into memory, before anything is made for it.

use std::fs;
use std::path::{Path, PathBuf};

use matmul_report::{Dtype, Shape};

/// Bytes that a cell takes: its operands, a copy of C, the reference, and the operands again in each process of a
/// library. The reference has A·B and |A|·|B| in f64, and B converted.
pub(crate) fn needed(shape: &Shape, dtype: Dtype, libraries: usize) -> u64 {
    let results = shape.m as f64 * shape.n as f64 * shape.batch as f64;
    let b = shape.k as f64 * shape.n as f64;
    let bytes = match dtype {
        Dtype::F32 => 4.0,
        Dtype::F64 => 8.0,
    };
    let operands = shape.footprint() * bytes * (1.0 + libraries as f64);
    (operands + results * (bytes + 16.0) + b * 8.0) as u64
}

/// Bytes that this process may still take: what the system has free, and what its control groups leave. `None` where
/// neither is told.
pub(crate) fn free() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let system = read(Path::new("/proc/meminfo")).and_then(|text| available(&text));
    let groups = read(Path::new("/proc/self/cgroup")).map_or_else(Vec::new, |text| groups(&text));
    groups.iter().filter_map(|dir| left(dir, read)).chain(system).min()
}

/// `MemAvailable:   16000000 kB`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

/// The folders of the control groups that this process is in, of version 2 and of version 1, up to the roots; and the
/// roots as a container sees them.
fn groups(cgroup: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in cgroup.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            _ if controllers.split(',').any(|name| name == "memory") => "/sys/fs/cgroup/memory",
            _ => continue,
        };
        let own = Path::new(root).join(path.trim_start_matches('/'));
        folders.extend(own.ancestors().take_while(|dir| dir.starts_with(root)).map(Path::to_owned));
    }
    folders
}

/// The limit of a group less what it uses. `max` and version 1's huge number are no limits.
fn left(dir: &Path, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let number = |name: &str| read(&dir.join(name))?.trim().parse::<u64>().ok();
    let limit = number("memory.max").or_else(|| number("memory.limit_in_bytes"))?;
    let used = number("memory.current").or_else(|| number("memory.usage_in_bytes")).unwrap_or(0);
    (limit < 1 << 60).then(|| limit.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_takes_more_than_its_operands() {
        let shape = Shape::square(1000);
        // Three matrices, a result, two references and a conversion.
        assert_eq!(needed(&shape, Dtype::F32, 0), 1_000_000 * (12 + 4 + 16 + 8));
        assert_eq!(needed(&shape, Dtype::F64, 1), 1_000_000 * (48 + 8 + 16 + 8));
    }

    #[test]
    fn what_the_system_has_free() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn every_group_above_counts() {
        let found = groups("12:cpu,memory:/a/b\n0::/x/y\n3:pids:/z\n");
        let expected = ["memory/a/b", "memory/a", "memory", "x/y", "x", ""]
            .map(|dir| Path::new("/sys/fs/cgroup").join(dir));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_group_leaves_its_limit_less_its_use() {
        let files = |limit: &'static str, used: &'static str| {
            move |path: &Path| match path.file_name()?.to_str()? {
                "memory.max" => Some(limit.to_owned()),
                "memory.current" => Some(used.to_owned()),
                _ => None,
            }
        };
        let left = |limit, used| super::left(Path::new("g"), files(limit, used));
        assert_eq!(left("1000\n", "400\n"), Some(600));
        assert_eq!(left("1000", "4000"), Some(0));
        assert_eq!(left("max\n", "400"), None);
        assert_eq!(left("9223372036854771712", "400"), None);
    }
}
