//! What the hardware counts while a kernel runs, where the system tells it.

use matmul_report::{Counters, Counting};

#[cfg_attr(
    all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")),
    path = "counters/perf.rs"
)]
#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64"))),
    path = "counters/none.rs"
)]
mod system;

/// What a counted pass found, or why it found nothing: in words, as they may come from another process.
pub(crate) type Counted = Result<Counters, String>;

/// Whether this machine counts anything. An event that it lacks is left out.
pub(crate) fn probe() -> Counting {
    match system::told() {
        Ok(names) => Counting::Told(names.into_iter().map(Into::into).collect()),
        Err(why) => Counting::NotTold(why.to_string()),
    }
}

/// What is counted while `f` makes so many calls. Without counters `f` does not run.
pub(crate) fn count<R>(calls: u64, f: impl FnOnce() -> R) -> Result<(R, Counters), String> {
    let (result, counts) = system::count(f).map_err(|why| why.to_string())?;
    let [cycles, instructions, l1d_misses, cache_misses] = counts;
    Ok((result, Counters { calls, cycles, instructions, l1d_misses, cache_misses }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On whatever machine: either something was counted, or both say why not.
    #[test]
    fn a_pass_tells_what_the_probe_promised() {
        let words: Vec<u64> = (0..100_000).collect();
        let counted = count(1, || std::hint::black_box(&words).iter().sum::<u64>());
        match (probe(), counted) {
            (Counting::Told(names), Ok((sum, counters))) => {
                assert_eq!(sum, 4_999_950_000);
                assert!(
                    names.contains(&"cycles".to_owned()) && counters.cycles > Some(1_000),
                    "{counters:?}"
                );
                assert_eq!(names.contains(&"instructions".to_owned()), counters.instructions.is_some());
            }
            (Counting::NotTold(why), Err(found)) => assert_eq!(why, found),
            other => panic!("{other:?}"),
        }
    }
}
