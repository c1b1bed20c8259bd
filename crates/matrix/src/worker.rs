//! A kernel in a process of its own.
//!
//! The threads of a BLAS go on spinning for a while after a call, and would take the cores of whoever is timed next.
//! So each library that brings threads runs in a child of this program, and the child is stopped (SIGSTOP) whenever
//! it is not its turn. The two speak JSON, one message to a line; the child makes the operands itself, from the
//! same seed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use matmul_simd::Simd;
use serde::{Deserialize, Serialize};

use crate::data;
use crate::dtype::Dtype;
use crate::error::Error;
use crate::operands::{Images, Operands};
use crate::pin;
use crate::registry::{self, Libraries};
use crate::runner::time_calls;
use crate::shapes::{Shape, Source};
use crate::verify::{Check, Reference};

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// From now on this product.
    Cell { shape: Shape, dtype: String, seed: u64 },
    /// One call, compared with the reference.
    Verify,
    /// Seconds per call of so many calls.
    Time(u64),
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Ready,
    Checked(Check),
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
    /// Folder with the images that the parent prepared
    #[arg(long)]
    pub(crate) data: PathBuf,
}

/// The parent's end.
pub(crate) struct Worker {
    name: String,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts this program again. The child inherits the affinity of the calling thread, which must not be pinned.
    pub(crate) fn start(options: &Options) -> Result<Self, Error> {
        let name = options.kernel.clone();
        let io = |source| Error::Worker { kernel: options.kernel.clone(), reason: source };
        let program = std::env::current_exe().map_err(|err| io(err.to_string()))?;
        let mut command = Command::new(program);
        command.arg("worker").args(["--kernel", &name]);
        command.args(["--threads", &options.threads.to_string()]).arg("--data").arg(&options.data);
        for library in &options.blas_lib {
            command.args(["--blas-lib", library]);
        }
        // The parent's choice of data lies prepared in the folder.
        command.env_remove("MATMUL_MNIST").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|err| io(err.to_string()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (to, from) = pipes.ok_or_else(|| io("it has no pipes".into()))?;
        let worker = Self { name, child, to, from: BufReader::new(from) };
        worker.stop();
        Ok(worker)
    }

    /// Makes the operands of a product.
    pub(crate) fn cell(&mut self, shape: &Shape, dtype: &str, seed: u64) -> Result<(), Error> {
        match self.ask(&Request::Cell { shape: shape.clone(), dtype: dtype.into(), seed })? {
            Answer::Ready => Ok(()),
            answer => Err(self.error(format!("answered {answer:?} to a new cell"))),
        }
    }

    /// Whether the result of a call is right.
    pub(crate) fn verify(&mut self) -> Result<Check, Error> {
        match self.ask(&Request::Verify)? {
            Answer::Checked(check) => Ok(check),
            answer => Err(self.error(format!("answered {answer:?} to a check"))),
        }
    }

    /// Seconds per call.
    pub(crate) fn time(&mut self, calls: u64) -> Result<f64, Error> {
        match self.ask(&Request::Time(calls))? {
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
    // After loading: threads that a library starts inherit the mask of the one that loads it.
    let cpus = pin::cpus();
    if let Some(&cpu) = cpus.first() {
        pin::pin_current(cpu);
    }
    let mut requests = std::io::stdin().lines().map_while(Result::ok);
    let mut next = receive(&mut requests)?;
    while let Some(Request::Cell { shape, dtype, seed }) = next {
        let cell = (options, &libraries, cpus.as_slice(), shape, seed);
        next = match dtype.as_str() {
            "f64" => serve_cell::<f64>(cell, &mut requests)?,
            _ => serve_cell::<f32>(cell, &mut requests)?,
        };
    }
    Ok(())
}

type CellOf<'a> = (&'a Options, &'a Libraries, &'a [usize], Shape, u64);

/// Serves one cell, and returns the first request that is not for it.
fn serve_cell<T: Dtype>(
    (options, libraries, cpus, shape, seed): CellOf<'_>,
    requests: &mut impl Iterator<Item = String>,
) -> Result<Option<Request>, Error> {
    let entries = registry::entries::<T>(options.threads, libraries);
    let Some(entry) = entries.into_iter().find(|entry| entry.name() == options.kernel) else {
        send(&Answer::Failed("the kernel is missing in the process of its own".into()))?;
        return receive(requests);
    };
    let kernel = entry.kernel;
    let mut operands = make_operands::<T>(&options.data, &shape, seed)?;
    // On one thread and without rayon, so that the library's threads are the only others here.
    let reference = Reference::new(&operands, &Simd::new())?;
    operands.multiply(&*kernel)?;
    pin::pin_others(cpus.get(1..options.threads.min(cpus.len())).unwrap_or_default());
    send(&Answer::Ready)?;
    loop {
        let answer = match receive(requests)? {
            Some(Request::Verify) => {
                operands.c.fill(T::NAN);
                operands.multiply(&*kernel).map(|()| Answer::Checked(reference.check(&operands.c)))
            }
            Some(Request::Time(calls)) => time_calls(&mut operands, &*kernel, calls).map(Answer::Seconds),
            other => return Ok(other),
        };
        send(&answer.unwrap_or_else(|err| Answer::Failed(err.to_string())))?;
    }
}

fn make_operands<T: Dtype>(dir: &Path, shape: &Shape, seed: u64) -> Result<Operands<T>, Error> {
    if shape.source == Source::Normal {
        return Ok(Operands::new(shape, Images { train: &[], valid: &[] }, seed));
    }
    let mnist = data::prepared(dir)?;
    Ok(Operands::new(shape, Images { train: &mnist.x_train, valid: &mnist.x_valid }, seed))
}

fn receive(requests: &mut impl Iterator<Item = String>) -> Result<Option<Request>, Error> {
    Ok(requests.next().map(|line| serde_json::from_str(&line)).transpose()?)
}

fn send(answer: &Answer) -> Result<(), Error> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}

/// A stopped child would outlive a parent that is killed.
fn die_with_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: this prctl takes a signal number and changes nothing but which signal the parent's death sends.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}
