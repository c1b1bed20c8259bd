//! What there is to measure, by name and without a kernel at hand. A test of the registry holds this table against it.

use matmul_report::groups;
use matmul_simd::Isa;

use crate::options::OptionsError;

/// A kernel that is always a row: of ours, or a Rust peer.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// The kernel's name.
    pub name: &'static str,
    /// Whether it is a row on one thread.
    pub serial: bool,
    /// Whether it is a row on several threads.
    pub threaded: bool,
    tile: Tile,
}

/// The instruction set that a kernel depends on.
#[derive(Clone, Copy, Debug)]
enum Tile {
    /// None, or one that every CPU has.
    Any,
    /// This one.
    Only(Isa),
    /// The best that there is.
    Best,
}

const fn name(name: &'static str, (serial, threaded): (bool, bool), tile: Tile) -> Name {
    Name { name, serial, threaded, tile }
}

const SERIAL: (bool, bool) = (true, false);
const THREADED: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

/// In the order of the rows, which is also that of the registry.
pub const KERNELS: [Name; 14] = [
    name("naive-loops", SERIAL, Tile::Any),
    name("naive-elementwise", SERIAL, Tile::Any),
    name("naive-broadcast", SERIAL, Tile::Any),
    name("blocked", SERIAL, Tile::Any),
    name("simd-avx2", SERIAL, Tile::Only(Isa::Avx2)),
    name("simd-avx512", SERIAL, Tile::Only(Isa::Avx512)),
    name("simd-neon", SERIAL, Tile::Only(Isa::Neon)),
    name("simd", SERIAL, Tile::Best),
    name("simd-fast", SERIAL, Tile::Best),
    name("parallel", THREADED, Tile::Best),
    name("matmul", BOTH, Tile::Best),
    name("faer", BOTH, Tile::Any),
    name("gemm", BOTH, Tile::Any),
    name("matrixmultiply", SERIAL, Tile::Any),
];

/// What `conform` checks besides: the portable tile, compiled for hardware that fuses multiply-adds and for any.
pub const PORTABLE: [&str; 2] = ["simd-portable-fma", "simd-portable"];

/// What a linked BLAS can be called; `blas` is the row of a missing one.
pub const LINKED: [&str; 3] = ["openblas", "blis", "blas"];

impl Name {
    /// What is missing, if it cannot run here.
    pub fn needs(&self) -> Option<&'static str> {
        match self.tile {
            Tile::Any => None,
            Tile::Only(isa) => (!isa.is_available()).then(|| isa.needs()),
            Tile::Best => Isa::best().err(),
        }
    }
}

/// What runs behind the name of a kernel of ours or of a peer, if the name does not say it.
pub fn detail(name: &str) -> String {
    let best = || Isa::best().map_or_else(|needs| format!("needs {needs}"), |isa| isa.to_string());
    match name {
        "simd" | "parallel" => format!("dispatches to {}", best()),
        "matmul" => format!("the public call; dispatches to {}", best()),
        "faer" | "gemm" | "matrixmultiply" => format!("crate {name}"),
        _ => String::new(),
    }
}

/// Refuses names that no kernel can have. A library of `--blas-lib` is called after its file, and again with a number
/// if the name is taken: where there are such, only the program that loads them knows.
///
/// # Errors
/// [`OptionsError::Kernel`] with the names that there are.
pub fn check(names: &[String], blas_lib: &[String]) -> Result<(), OptionsError> {
    let mut known: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
    known.extend(PORTABLE.iter().chain(&LINKED));
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) if blas_lib.is_empty() => {
            Err(OptionsError::Kernel { name: name.clone(), known: known.join(", ") })
        }
        _ => Ok(()),
    }
}

/// Whether a run of these kernels, all if there are none, has a row for the linked BLAS.
pub fn wants_blas(names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|name| LINKED.contains(&name.as_str()))
}

/// The text of `bench --list`: the kernels of each thread count, `blas` with name and state behind the others, and the
/// shapes.
pub fn list(threads: &[usize], blas: impl Fn(usize) -> Vec<(String, String)>) -> String {
    let mut text = String::new();
    let mut line = |line: String| text += &format!("{}\n", line.trim_end());
    for &threads in threads {
        line(format!("kernels on {threads} thread{}:", if threads == 1 { "" } else { "s" }));
        let rows = KERNELS.iter().filter(|kernel| if threads == 1 { kernel.serial } else { kernel.threaded });
        let state = |kernel: &Name| {
            kernel.needs().map_or_else(|| detail(kernel.name), |needs| format!("unavailable: needs {needs}"))
        };
        for (name, state) in rows.map(|kernel| (kernel.name.to_owned(), state(kernel))).chain(blas(threads)) {
            line(format!("  {name:20} {state}"));
        }
    }
    let quick = groups::quick_set();
    line("shapes (m x k x n):".into());
    for shape in groups::table() {
        let quick = if quick.contains(&shape) { "also in a quick run" } else { "" };
        line(format!("  {:24} {:8} {quick}", shape.name, shape.group));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_can_be() {
        let check = |names: &[&str], libraries: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
            super::check(&owned(names), &owned(libraries))
        };
        assert_eq!(check(&["simd", "openblas", "simd-portable"], &[]), Ok(()));
        let message = check(&["simd", "fsat"], &[]).unwrap_err().to_string();
        assert!(message.contains("\"fsat\"") && message.contains("matrixmultiply"), "{message}");
        assert_eq!(check(&["mkl-rt"], &["libmkl_rt.so"]), Ok(()));
    }

    #[test]
    fn the_list_has_kernels_libraries_and_shapes() {
        let text = list(&[1, 2], |threads| vec![("openblas".into(), format!("with {threads}"))]);
        for line in ["kernels on 1 thread:", "kernels on 2 threads:", "  openblas             with 2"] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("  64x784x50                mnist    also in a quick run\n"), "{text}");
        assert_eq!(text.matches("matrixmultiply").count(), 2, "{text}");
    }
}
