//! A kernel in a process of its own.
//!
//! The threads of a BLAS go on spinning for a while after a call, and would take the cores of whoever is timed next.
//! So each library that brings threads runs in a child of this program, and the child is stopped (SIGSTOP) whenever
//! it is not its turn. The two speak JSON, one message to a line; matrices go through files.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use matmul::Real;
use matmul_conformance::this_program;
use matmul_report::{Dtype, Shape};
use serde::{Deserialize, Serialize};

use crate::catalogue::registry::{self, Libraries};
use crate::child::exchange;
use crate::child::parent::die_with_parent;
use crate::error::Error;
use crate::machine::{affinity, pin};
use crate::measure::operands::Operands;
use crate::measure::sampling::{Sampling, time_calls};

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// From now on this product, whose A and B lie in a folder.
    Cell { shape: Shape, dtype: Dtype, dir: PathBuf },
    /// One call, whose C is to be put into the folder.
    Verify,
    /// Seconds per call.
    Time(Sampling),
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Ready,
    Seconds(f64),
    Failed(String),
}

/// What a child needs to know from the start.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Name of the kernel
    #[arg(long)]
    pub(crate) kernel: String,
    /// Threads of the kernel
    #[arg(long)]
    pub(crate) threads: usize,
    /// Libraries that the parent loaded, in its order
    #[arg(long = "blas-lib")]
    pub(crate) blas_lib: Vec<String>,
}

/// The parent's end.
pub(crate) struct Worker {
    name: String,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Of the present cell.
    dir: PathBuf,
}

impl Worker {
    /// Starts this program again. The child inherits the affinity of the calling thread, which must not be pinned.
    pub(crate) fn start(options: &Options) -> Result<Self, Error> {
        let name = options.kernel.clone();
        let io = |source| Error::Worker { kernel: options.kernel.clone(), reason: source };
        let mut command = this_program().map_err(|err| io(err.to_string()))?;
        command.arg("worker").args(["--kernel", &name]);
        command.args(["--threads", &options.threads.to_string()]);
        for library in &options.blas_lib {
            command.args(["--blas-lib", library]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|err| io(err.to_string()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (to, from) = pipes.ok_or_else(|| io("it has no pipes".into()))?;
        let worker = Self { name, child, to, from: BufReader::new(from), dir: PathBuf::new() };
        worker.stop();
        Ok(worker)
    }

    /// From now on the product whose factors lie in `dir`.
    pub(crate) fn cell(&mut self, shape: &Shape, dtype: Dtype, dir: PathBuf) -> Result<(), Error> {
        self.dir.clone_from(&dir);
        match self.ask(&Request::Cell { shape: shape.clone(), dtype, dir })? {
            Answer::Ready => Ok(()),
            answer => Err(self.error(format!("answered {answer:?} to a new cell"))),
        }
    }

    /// One call; its C comes into the operands. Returns its seconds.
    pub(crate) fn verify<T: Real>(&mut self, operands: &mut Operands<T>) -> Result<f64, Error> {
        match self.ask(&Request::Verify)? {
            Answer::Seconds(seconds) => {
                operands.c = exchange::read(&self.dir.join(exchange::C), operands.c.len())?;
                Ok(seconds)
            }
            answer => Err(self.error(format!("answered {answer:?} to a check"))),
        }
    }

    /// Seconds per call.
    pub(crate) fn time(&mut self, sampling: Sampling) -> Result<f64, Error> {
        match self.ask(&Request::Time(sampling))? {
            Answer::Seconds(seconds) => Ok(seconds),
            answer => Err(self.error(format!("answered {answer:?} to a measurement"))),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Answer, Error> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.go_on();
        let written = self.to.write_all(line.as_bytes()).and_then(|()| self.to.flush());
        let mut answer = String::new();
        let read = written.and_then(|()| self.from.read_line(&mut answer));
        self.stop();
        match read {
            Ok(0) => Err(self.error("ended without an answer".into())),
            Ok(_) => match serde_json::from_str(&answer)? {
                Answer::Failed(reason) => Err(self.error(reason)),
                answer => Ok(answer),
            },
            Err(err) => Err(self.error(err.to_string())),
        }
    }

    fn error(&self, reason: String) -> Error {
        Error::Worker { kernel: self.name.clone(), reason }
    }

    #[cfg(unix)]
    fn signal(&self, signal: libc::c_int) {
        if let Ok(pid) = libc::pid_t::try_from(self.child.id()) {
            // SAFETY: no memory is involved. The child has not been waited for, so the id is still its own.
            unsafe { libc::kill(pid, signal) };
        }
    }

    #[cfg(unix)]
    fn stop(&self) {
        self.signal(libc::SIGSTOP);
    }

    #[cfg(unix)]
    fn go_on(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Without signals the library's threads are given time to fall asleep: OpenBLAS spins for 2²⁶ cycles, 30 ms.
    #[cfg(not(unix))]
    fn stop(&self) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    #[cfg(not(unix))]
    fn go_on(&self) {}
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only if the child has already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's end: answers until the parent closes the pipe.
pub(crate) fn serve(options: &Options) -> Result<(), Error> {
    die_with_parent();
    let libraries = Libraries::load(&options.blas_lib)?;
    let cpus = affinity::cpus();
    let mut requests = std::io::stdin().lines().map_while(Result::ok);
    let mut next = receive(&mut requests)?;
    while let Some(Request::Cell { shape, dtype, dir }) = next {
        let cell = (options, &libraries, cpus.as_slice(), shape, dir);
        next = match dtype {
            Dtype::F32 => serve_cell::<f32>(cell, &mut requests)?,
            Dtype::F64 => serve_cell::<f64>(cell, &mut requests)?,
        };
    }
    Ok(())
}

type CellOf<'a> = (&'a Options, &'a Libraries, &'a [usize], Shape, PathBuf);

/// Serves one cell, and returns the first request that is not for it.
fn serve_cell<T: Real>(
    (options, libraries, cpus, shape, dir): CellOf<'_>,
    requests: &mut impl Iterator<Item = String>,
) -> Result<Option<Request>, Error> {
    let entries = registry::entries::<T>(options.threads, libraries);
    let Some(entry) = entries.into_iter().find(|entry| entry.name() == options.kernel) else {
        send(&Answer::Failed("the kernel is missing in the process of its own".into()))?;
        return receive(requests);
    };
    let kernel = entry.kernel;
    let mut operands = exchange::load::<T>(&shape, &dir)?;
    operands.call()?.multiply(&*kernel)?;
    pin_library(options.threads, cpus);
    send(&Answer::Ready)?;
    loop {
        let answer = match receive(requests)? {
            Some(Request::Verify) => {
                operands.c.fill(T::NAN);
                let seconds = time_calls(&mut operands, &*kernel, Sampling::cold());
                let written = exchange::write(&dir.join(exchange::C), &operands.c);
                seconds.and_then(|seconds| written.map(|()| Answer::Seconds(seconds)))
            }
            Some(Request::Time(sampling)) => {
                time_calls(&mut operands, &*kernel, sampling).map(Answer::Seconds)
            }
            other => return Ok(other),
        };
        send(&answer.unwrap_or_else(|err| Answer::Failed(err.to_string())))?;
    }
}

/// Binds this thread and those of the library to a CPU each. A library that keeps its threads has them after the
/// first call at the latest. One that starts them in each call, as BLIS does, lets them inherit this thread's mask:
/// bound to one CPU they would wait for each other there, a thousand times slower, so then nothing is bound.
fn pin_library(threads: usize, cpus: &[usize]) {
    let others = pin::pin_others(cpus.get(1..threads.min(cpus.len())).unwrap_or_default());
    if let (true, Some(&cpu)) = (others + 1 >= threads.min(cpus.len()), cpus.first()) {
        pin::pin_current(cpu);
    }
}

fn receive(requests: &mut impl Iterator<Item = String>) -> Result<Option<Request>, Error> {
    Ok(requests.next().map(|line| serde_json::from_str(&line)).transpose()?)
}

fn send(answer: &Answer) -> Result<(), Error> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}
