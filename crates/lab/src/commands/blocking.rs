//! `blocking`: the caches of this machine, and the blocks that the loops of each instruction set keep in them.

use matmul::Real;
use matmul::kernel::{Isa, Kernel, Simd, Sizes};
use matmul_report::render::Table;
use matmul_report::{ASSUMED_CACHES, Machine};

use crate::catalogue::dtype::dtype;
use crate::machine::detect::detect;
use crate::say;

/// Prints caches and blocks.
pub(crate) fn run() {
    let machine = detect();
    for (level, assumed) in (1..).zip(ASSUMED_CACHES) {
        match machine.caches.iter().find(|c| c.level == level) {
            Some(c) => say!("L{level}: {} KiB, shared by {} CPUs", c.bytes >> 10, c.shared_by),
            None => say!("L{level}: not told, {} KiB assumed", assumed >> 10),
        }
    }
    let mut table = Table::new(&[
        "kernel",
        "type",
        "MR",
        "NR",
        "MC",
        "KC",
        "NC",
        "panel of A",
        "of L1",
        "panel of B",
        "of L2",
        "block of B",
        "of L3",
        "",
    ]);
    for &isa in Isa::ALL {
        add::<f32>(&mut table, isa, &machine);
        add::<f64>(&mut table, isa, &machine);
    }
    say!("\n{}\n{LEGEND}", table.text());
}

const LEGEND: &str = "\
panel of A: MR x 256, one chunk of k; panel of B: 256 x NR; block of B: KC x NC, what a thread packs at a time.";

/// The line of an instruction set and type.
fn add<T: Real>(table: &mut Table, isa: Isa, machine: &Machine) {
    let mut line = vec![isa.name().to_owned(), dtype::<T>().to_string()];
    let shape = isa.is_available().then(|| Kernel::<T>::sizes(&Simd::with_isa(isa))).flatten();
    match shape {
        Some(shape) => line.extend(figures(shape, size_of::<T>(), machine)),
        None => {
            line.resize(13, String::new());
            line.push(format!("not here: needs {}", isa.needs()));
        }
    }
    table.row(line);
}

fn figures(shape: Sizes, element: usize, machine: &Machine) -> Vec<String> {
    let Sizes { mr, nr, mc, kc, nc } = shape;
    let mut line: Vec<String> = [mr, nr, mc, kc, nc].map(|size| size.to_string()).into();
    let chunk = matmul::kernel::K_CHUNK.min(kc);
    for (level, elements) in [(1, mr * chunk), (2, chunk * nr), (3, kc * nc)] {
        let bytes = (elements * element) as f64;
        line.push(format!("{:.0} KiB", bytes / 1024.0));
        line.push(format!("{:.0}%", 100.0 * bytes / machine.cache_bytes(level).0 as f64));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use matmul_report::Cache;

    #[test]
    fn blocks_are_shares_of_their_caches() {
        let cache = |level, bytes| Cache { level, bytes, shared_by: 1 };
        let caches = vec![cache(1, 32 << 10), cache(2, 1 << 20), cache(3, 32 << 20)];
        let machine = Machine { caches, ..Machine::default() };
        let shape = Sizes { mr: 8, nr: 32, mc: 8, kc: 1024, nc: 1024 };
        let expected = ["8", "32", "8", "1024", "1024", "8 KiB", "25%", "32 KiB", "3%", "4096 KiB", "12%"];
        assert_eq!(figures(shape, 4, &machine), expected);
    }
}
