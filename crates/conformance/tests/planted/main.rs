//! The tester is tested: kernels with one bug each, and the family that must catch it.
//!
//! Miri runs too few cases to catch them all; it is there for the kit's own memory, and runs the kernel without a bug.
#![cfg_attr(miri, allow(dead_code, unused_imports))]

mod bugs;

use bugs::{Bug, Planted, SplitsK, Strassen, drifts};
use matmul_conformance::{
    Family, Plan, ReplayError, check, check_same_bits, from_fn, replay, replay_same_bits, this_program,
};
use matmul_core::{Kernel, Real};

const PLANTED: [(Bug, Family); 23] = [
    (Bug::DropsLastK, Family::ExactIntegers),
    (Bug::AlphaPerChunk, Family::ExactIntegers),
    (Bug::RoundsTwice, Family::Contract),
    (Bug::ChunksBackwards, Family::Contract),
    (Bug::ParitySums, Family::Contract),
    (Bug::OneRowBackwards, Family::Contract),
    (Bug::ShortChunks, Family::Contract),
    (Bug::SwapsEdgeRows, Family::Edges),
    (Bug::WrongStrideInOneTile, Family::Edges),
    (Bug::ForgetsLastBlock, Family::Edges),
    (Bug::IgnoresBroadcast, Family::Layouts),
    (Bug::NegativeStrideOffByOne, Family::Layouts),
    (Bug::ReadsCAtBetaZero, Family::Scalars),
    (Bug::ReadsAAtAlphaZero, Family::Scalars),
    (Bug::ForgetsToScaleC, Family::Scalars),
    (Bug::NegatesBeta, Family::Scalars),
    (Bug::PadsK, Family::Exceptional),
    (Bug::SkipsZeroA, Family::Exceptional),
    (Bug::FlushesSubnormals, Family::Exceptional),
    (Bug::LosesSignOfZero, Family::Exceptional),
    (Bug::WritesIntoPadding, Family::Memory),
    (Bug::WritesA, Family::Memory),
    (Bug::SharesScratch, Family::Threads),
];

/// The family catches the kernel, and its first line replays to the same verdict.
fn assert_caught<T: Real>(kernel: &dyn Kernel<T>, family: Family, what: &str) {
    let report = check(kernel, &Plan::quick().only(&[family]));
    assert!(!report.passed(), "{what} went unnoticed\n{report}");
    let caught = report.family(family).expect("every family is reported");
    assert!(caught.failed > 0, "{what} went unnoticed\n{report}");
    // A race need not show twice.
    if family != Family::Threads {
        let replayed = replay(kernel, &caught.failures[0].case);
        assert_eq!(replayed, Err(ReplayError::Failed(caught.failures[0].detail.clone())), "{what}");
    }
}

#[test]
#[cfg(not(miri))]
fn every_bug_is_caught_by_the_family_that_claims_it() {
    for (bug, family) in PLANTED {
        assert_caught::<f32>(&Planted(bug), family, &format!("{bug:?} in f32"));
        assert_caught::<f64>(&Planted(bug), family, &format!("{bug:?} in f64"));
    }
}

#[test]
fn the_kernel_without_a_bug_passes() {
    check::<f32>(&Planted(Bug::None), &Plan::quick()).assert_passed();
    check::<f64>(&Planted(Bug::None), &Plan::quick()).assert_passed();
}

#[test]
#[cfg(not(miri))]
fn strassen_breaks_the_bound_and_nothing_coarser() {
    assert_caught(&Strassen, Family::Bound, "Strassen");
    let coarser = [Family::ExactIntegers, Family::Scalars, Family::Memory, Family::Threads];
    let report = check(&Strassen, &Plan::quick().only(&coarser));
    assert_eq!(report.family(Family::ExactIntegers).map(|family| family.failed), Some(0), "{report}");
}

#[test]
#[cfg(not(miri))]
fn errors_that_grow_too_fast_are_caught() {
    let report = check(&from_fn("drifts", drifts), &Plan::quick().only(&[Family::Bound]));
    let slope = report.slope.expect("the errors are not 0");
    assert!((1.1..1.5).contains(&slope), "{report}");
    assert!(report.families.iter().all(|family| family.passed()) && !report.passed(), "{report}");
}

#[test]
fn every_family_catches_something() {
    for family in Family::ALL {
        // The bound has Strassen, above.
        let claimed = PLANTED.iter().any(|(_, by)| *by == family);
        assert!(claimed || family == Family::Bound, "nothing is planted for {family}");
    }
}

#[test]
#[cfg(not(miri))]
fn bits_that_depend_on_the_threads_are_caught() {
    let (one, two) = (SplitsK { threads: 1 }, SplitsK { threads: 2 });
    let report = check_same_bits::<f32>(&[&one, &two], &Plan::quick());
    assert!(!report.passed(), "{report}");
    let failure = &report.families[0].failures[0];
    assert!(failure.detail.contains("splits-k on 2 threads"), "{report}");
    let kernels: [&dyn Kernel<f32>; 2] = [&one, &two];
    assert_eq!(replay_same_bits(&kernels, &failure.case), Err(ReplayError::Failed(failure.detail.clone())));
    check_same_bits::<f32>(&[&two, &two], &Plan::quick()).assert_passed();
}

/// Set for a child process, to the name of a bug that kills it.
const CHILD: &str = "MATMUL_CONFORMANCE_TEST_CHILD";
/// Set for a child process, to its only case.
const CASE: &str = "MATMUL_CONFORMANCE_TEST_CASE";

/// Not a test of its own: the body of the child process, idle otherwise.
#[test]
fn child() {
    let bug = match std::env::var(CHILD).as_deref() {
        Ok("ReadsPastB") => Bug::ReadsPastB,
        Ok("ReadsBeforeA") => Bug::ReadsBeforeA,
        Ok("None") => Bug::None,
        _ => return,
    };
    let plan = match std::env::var(CASE) {
        Ok(line) => Plan::of_case(&line).expect("the parent wrote a case"),
        Err(_) => Plan::quick().only(&[Family::Memory]),
    };
    check::<f32>(&Planted(bug), &plan).assert_passed();
}

/// The child test in a process of its own.
#[cfg(all(any(unix, windows), not(miri)))]
fn child_with(bug: &str) -> std::process::Command {
    let mut command = this_program().expect("a test has a path");
    command.args(["--exact", "child"]).env(CHILD, bug).env("MATMUL_CONFORMANCE_TRACE", "1");
    command
}

/// AddressSanitizer sees on the heap what otherwise only a guard page stops.
#[test]
#[cfg(asan)]
fn stray_reads_on_the_heap_are_reported() {
    for (bug, reported) in [("None", false), ("ReadsPastB", true), ("ReadsBeforeA", true)] {
        let output = child_with(bug).env(CASE, "memory f32 m=5 n=5 k=3").output().expect("the child starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.contains("AddressSanitizer: heap-buffer-overflow"), reported, "{bug}: {text}");
        assert_eq!(output.status.success(), !reported, "{bug}");
    }
}

#[test]
#[cfg(all(any(unix, windows), not(miri)))]
fn stray_reads_die_at_the_guard_page() {
    for (bug, dies) in [("None", false), ("ReadsPastB", true), ("ReadsBeforeA", true)] {
        let mut command = child_with(bug);
        // A build for AddressSanitizer would end with a report and a status instead.
        command.env("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0");
        let output = command.output().expect("the child starts");
        assert_eq!(died_of_access(output.status), dies, "{bug}: {}", output.status);
        let trace = String::from_utf8_lossy(&output.stderr);
        let last = trace
            .lines()
            .rfind(|line| line.starts_with("planted: "))
            .unwrap_or_else(|| panic!("{bug}: {trace}"));
        assert!(last.starts_with("planted: memory f32 m="), "{bug}: {last}");
    }
}

/// Whether the process was killed for touching memory it may not.
#[cfg(all(unix, not(miri)))]
fn died_of_access(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    // SIGSEGV is 11 everywhere; SIGBUS is 7 on Linux and 10 on macOS.
    matches!(status.signal(), Some(7 | 10 | 11))
}

#[cfg(all(windows, not(miri)))]
fn died_of_access(status: std::process::ExitStatus) -> bool {
    status.code() == Some(0xC000_0005u32 as i32)
}
