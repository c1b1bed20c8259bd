//! Products in processes of their own, with other environments and after `fork`. Not under the test harness, which starts
//! threads where some of these processes can have none.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use matmul_parallel::{Kernel, MatMut, MatRef, Parallel};
use matmul_simd::Simd;

/// More than the longest of them takes, and far less than for ever.
const PATIENCE: Duration = Duration::from_secs(120);

const N: usize = 512;

fn numbers(seed: usize) -> Vec<f32> {
    (0..N * N).map(|i| ((i * 7919 + seed) % 1009) as f32 / 37.0 - 13.0).collect()
}

fn product(kernel: &dyn Kernel<f32>) -> Vec<f32> {
    let (a, b, mut c) = (numbers(1), numbers(2), vec![0.0; N * N]);
    let (a, b) = (MatRef::from_row_major(&a, N, N).unwrap(), MatRef::from_row_major(&b, N, N).unwrap());
    kernel.gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, N, N).unwrap()).unwrap();
    c
}

/// Whatever the threads, the bits are those of one.
fn multiplies() -> bool {
    let want = product(&Simd::new());
    let fixed = [1, 2, 64, usize::MAX].map(Parallel::with_threads);
    fixed.iter().chain([&Parallel::new()]).all(|kernel| product(kernel) == want)
}

#[cfg(unix)]
mod forked {
    use super::*;

    /// Multiplies in a child of this process; its exit status.
    fn child() -> i32 {
        // SAFETY: the child calls nothing but this crate and `_exit`.
        let process = unsafe { libc::fork() };
        if process == 0 {
            let right = multiplies();
            // SAFETY: ends the child without what the parent has registered for its own end.
            unsafe { libc::_exit(if right { 7 } else { 8 }) };
        }
        let (start, mut status) = (Instant::now(), 0);
        // SAFETY: waits for our child, and writes the status.
        while unsafe { libc::waitpid(process, &mut status, libc::WNOHANG) } == 0 {
            if start.elapsed() > PATIENCE / 2 {
                // SAFETY: our child, which was not waited for.
                unsafe { libc::kill(process, libc::SIGKILL) };
                return -1;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        libc::WEXITSTATUS(status)
    }

    pub(super) fn after_a_product() -> bool {
        multiplies() && child() == 7 && multiplies()
    }

    pub(super) fn before_a_product() -> bool {
        child() == 7 && multiplies()
    }

    /// The pool was started by somebody else.
    pub(super) fn after_rayon() -> bool {
        rayon::join(|| (), || ());
        child() == 7 && multiplies()
    }

    /// The child is a copy of one of the pool's threads.
    pub(super) fn in_the_pool() -> bool {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        multiplies() && pool.install(child) == 7 && pool.install(multiplies)
    }
}

/// A process of its own: its name, its environment, and what it does.
type Process = (&'static str, Option<(&'static str, &'static str)>, fn() -> bool);

const PROCESSES: &[Process] = &[
    ("plain", None, multiplies),
    ("no-threads-0", Some(("RAYON_NUM_THREADS", "0")), multiplies),
    ("one-thread", Some(("RAYON_NUM_THREADS", "1")), multiplies),
    ("more-threads-than-cpus", Some(("RAYON_NUM_THREADS", "67")), multiplies),
    ("no-number", Some(("RAYON_NUM_THREADS", "many")), multiplies),
    // 2⁵⁰ bytes of stack for each: none can be started, now or later.
    #[cfg(target_pointer_width = "64")]
    ("threads-that-cannot-start", Some(("RUST_MIN_STACK", "1125899906842624")), no_thread_starts),
    #[cfg(unix)]
    ("fork-after-a-product", None, forked::after_a_product),
    #[cfg(unix)]
    ("fork-before-a-product", None, forked::before_a_product),
    #[cfg(target_os = "linux")]
    ("fork-after-rayon", None, forked::after_rayon),
    #[cfg(unix)]
    ("fork-in-the-pool", None, forked::in_the_pool),
];

#[cfg(target_pointer_width = "64")]
fn no_thread_starts() -> bool {
    let starts = std::thread::Builder::new().spawn(|| ()).is_ok();
    let threads = Kernel::<f32>::threads(&Parallel::new());
    !starts && threads == 1 && multiplies() && multiplies()
}

/// Whether a process of this program does what it is named for, in time.
fn passes((name, variable, _): &Process) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(name).stdin(Stdio::null()).envs(*variable);
    let mut process = command.spawn().expect("this program starts");
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = process.try_wait().expect("our process") {
            println!("process {name}: {status}, {:.1} s", start.elapsed().as_secs_f64());
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("process {name}: not done in {PATIENCE:?}");
    process.kill().and_then(|()| process.wait()).expect("our process");
    false
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1);
    if let Some((.., work)) = PROCESSES.iter().find(|process| Some(process.0) == name.as_deref()) {
        return if work() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let failed: Vec<&str> =
        PROCESSES.iter().filter(|process| !passes(process)).map(|process| process.0).collect();
    assert!(failed.is_empty(), "{failed:?}");
    ExitCode::SUCCESS
}
