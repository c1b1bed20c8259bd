//! `cargo xtask instructions`: how many instructions a product takes, counted by valgrind and not timed.
//!
//! On a machine that others use too, as those of workflows are, times say nothing and counts nearly everything: two runs of
//! one program differ by less than a thousandth. What they do not see is waiting for memory. Valgrind has no AVX-512, so
//! that counts are those of AVX2 wherever this runs on x86-64.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use matmul_lab::say;

use crate::folders::target;
use crate::{Error, cargo, spawn_error, status};

/// One product of each way that the plan has, and of each size of call overhead.
const PRODUCTS: [(&str, &str); 9] = [
    ("4x4x4", "f32"),
    ("33x33x33", "f32"),
    ("64x64x64", "f32"),
    ("64x64x64", "f64"),
    ("5x784x10", "f32"),
    ("64x784x50", "f32"),
    ("200x200x1", "f32"),
    ("1x200x200", "f32"),
    ("16x(16x16x16)", "f32"),
];

/// The kernel that is counted: what the public call dispatches to, without a pool.
const KERNEL: &str = "simd";

/// Calls whose instructions are counted together.
const CALLS: u64 = 10;

/// Most that a count may grow by: another compiler's choices stay below, a step of the hot loop does not.
const GROWTH: f64 = 0.02;

/// Where counts go, and what they are held against.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0; 1 if a count of --against has grown by more than 2 %; 2 if nothing could be counted."
)]
pub(crate) struct Options {
    /// Counts of an earlier run
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Write the counts, as JSON: product and instructions a call
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Instructions a call, by product.
type Counts = BTreeMap<String, u64>;

/// Counts, prints, compares.
pub(crate) fn run(options: &Options) -> Result<u8, Error> {
    let before = options.against.as_deref().map(read).transpose()?;
    let built = status(cargo().args(["build", "--release", "--quiet", "--package", "matmul-lab"]))?;
    if built != 0 {
        return Ok(built);
    }
    let program = target()?.join("release").join(format!("matmul-lab{}", std::env::consts::EXE_SUFFIX));
    let mut counts = Counts::new();
    for (shape, dtype) in PRODUCTS {
        let [few, many] = [1, 1 + CALLS].map(|calls| count(&program, shape, dtype, calls));
        counts.insert(format!("{shape} {dtype}"), many?.saturating_sub(few?) / CALLS);
    }
    let grown = print(&counts, before.as_ref());
    if let Some(path) = &options.out {
        let text = serde_json::to_string_pretty(&counts).map_err(Error::Json)? + "\n";
        fs::write(path, text).map_err(Error::write(path))?;
    }
    Ok(u8::from(grown))
}

fn read(path: &Path) -> Result<Counts, Error> {
    let error = |source| Error::Read { what: path.display().to_string(), source };
    let text = fs::read_to_string(path).map_err(error)?;
    serde_json::from_str(&text).map_err(|err| error(err.into()))
}

/// Instructions of a whole program that makes so many calls, and one before them.
fn count(program: &Path, shape: &str, dtype: &str, calls: u64) -> Result<u64, Error> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    valgrind.args(["calls", "--kernel", KERNEL, "--shape", shape, "--dtype", dtype]);
    valgrind.args(["--calls", &calls.to_string()]).stdin(Stdio::null());
    let out = valgrind.output().map_err(|source| spawn_error(&valgrind, source))?;
    let text = String::from_utf8_lossy(&out.stderr);
    let found = collected(&text).filter(|_| out.status.success());
    found.ok_or_else(|| Error::Instructions { found: text.lines().last().unwrap_or_default().into() })
}

/// `==1== Collected : 12345`.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// A line for each count; whether any has grown too much.
fn print(counts: &Counts, before: Option<&Counts>) -> bool {
    let mut grown = false;
    for (product, &count) in counts {
        let was = before.and_then(|before| before.get(product)).filter(|&&was| was > 0);
        let ratio = was.map(|&was| count as f64 / was as f64);
        let is_more = ratio.is_some_and(|ratio| ratio > 1.0 + GROWTH);
        grown |= is_more;
        let change = ratio.map_or_else(String::new, |ratio| format!("{:+.1} %", 100.0 * (ratio - 1.0)));
        say!("{product:20} {count:>10} {change:>8}{}", if is_more { "  MORE" } else { "" });
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valgrinds_count_is_found() {
        let text = "==12== Callgrind, a call-graph generating cache profiler\n==12== \n==12== Collected : 123456\n==12== done\n";
        assert_eq!((collected(text), collected("==12== Collected : x\n")), (Some(123_456), None));
    }

    #[test]
    fn what_grew_is_more_and_what_is_new_is_not() {
        let counts = |count| Counts::from([("a f32".to_owned(), count), ("b f32".to_owned(), 7)]);
        assert!(print(&counts(1030), Some(&counts(1000))));
        assert!(!print(&counts(1010), Some(&counts(1000))) && !print(&counts(10), Some(&counts(1000))));
        assert!(!print(&counts(1030), None) && !print(&counts(1030), Some(&Counts::new())));
    }
}
