//! A kernel in a process of its own.
//!
//! A library may crash, end the process or never return, and the threads of a BLAS go on spinning for a while after a
//! call, taking the cores of whoever is timed next. So each library runs in a child of this program, with a time limit
//! on every answer, and the child is stopped (SIGSTOP) whenever it is not its turn. The two speak JSON, one message to a
//! line; matrices go through files.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use matmul::Real;
use matmul_conformance::this_program;
use matmul_report::{Dtype, Shape};
use serde::{Deserialize, Serialize};

use crate::child::exchange;
use crate::child::parent::own_group;
use crate::error::Error;
use crate::interrupt;
use crate::measure::counters::Counted;
use crate::measure::operands::Operands;
use crate::measure::sampling::{Sampling, Timed};

/// How often a wish to end is looked for while a child computes.
const LOOK: Duration = Duration::from_millis(100);

/// Flops per second of a library that is worth waiting for.
const SLOWEST: f64 = 2e8;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// From now on this product, whose A and B lie in a folder.
    Cell { shape: Shape, dtype: Dtype, dir: PathBuf },
    /// One call, whose C is to be put into the folder.
    Verify,
    /// Seconds per call.
    Time(Sampling),
    /// What the hardware counts in calls.
    Count(Sampling),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The first, when the libraries are loaded; then of each cell.
    Ready,
    Timed(Timed),
    Counted(Counted),
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
    options: Options,
    patience: Duration,
    state: State,
    /// Flops of a call of the present cell, and where its matrices lie.
    flops: f64,
    dir: PathBuf,
}

enum State {
    /// Not started yet, or ended by itself; another one may do better in another cell.
    None,
    Running(Process),
    /// It was silent for too long. Another one would be so again, and take as long to show it.
    Hung,
}

impl Worker {
    /// Starts nothing: a child is started when it has something to do.
    pub(crate) fn new(options: Options, patience: Duration) -> Self {
        Self { options, patience, state: State::None, flops: 0.0, dir: PathBuf::new() }
    }

    /// From now on the product whose factors lie in `dir`. A child that is started inherits the affinity of the calling
    /// thread, which must not be pinned.
    pub(crate) fn cell(&mut self, shape: &Shape, dtype: Dtype, dir: PathBuf) -> Result<(), Error> {
        match self.state {
            State::Hung => return Err(self.error("was silent for too long in an earlier cell".into())),
            State::None => {
                self.flops = 0.0;
                let process = Process::start(&self.options);
                self.state = State::Running(process.map_err(|err| self.error(err.to_string()))?);
                self.wait(Instant::now() + self.patience)?;
            }
            State::Running(_) => {}
        }
        (self.flops, self.dir) = (shape.flops(), dir.clone());
        match self.ask(&Request::Cell { shape: shape.clone(), dtype, dir }, 1)? {
            Answer::Ready => Ok(()),
            answer => Err(self.error(format!("answered {answer:?} to a new cell"))),
        }
    }

    /// One call; its C comes into the operands.
    pub(crate) fn verify<T: Real>(&mut self, operands: &mut Operands<T>) -> Result<Timed, Error> {
        match self.ask(&Request::Verify, 1)? {
            Answer::Timed(timed) => {
                operands.c = exchange::read(&self.dir.join(exchange::C), operands.c.len())?;
                Ok(timed)
            }
            answer => Err(self.error(format!("answered {answer:?} to a check"))),
        }
    }

    /// Seconds per call.
    pub(crate) fn time(&mut self, sampling: Sampling) -> Result<Timed, Error> {
        match self.ask(&Request::Time(sampling), sampling.calls + 1)? {
            Answer::Timed(timed) => Ok(timed),
            answer => Err(self.error(format!("answered {answer:?} to a measurement"))),
        }
    }

    /// What the hardware counts in calls, on all threads of the child.
    pub(crate) fn count(&mut self, sampling: Sampling) -> Result<Counted, Error> {
        match self.ask(&Request::Count(sampling), sampling.calls + 1)? {
            Answer::Counted(counted) => Ok(counted),
            answer => Err(self.error(format!("answered {answer:?} to a count"))),
        }
    }

    fn ask(&mut self, request: &Request, calls: u64) -> Result<Answer, Error> {
        let line = format!("{}\n", serde_json::to_string(request)?);
        let limit = self.patience + Duration::from_secs_f64(calls as f64 * self.flops / SLOWEST);
        if let State::Running(process) = &mut self.state {
            process.go_on();
            // A child that has gone is noticed by its answer.
            let _ = process.to.write_all(line.as_bytes()).and_then(|()| process.to.flush());
        }
        let answer = self.wait(Instant::now() + limit);
        if let State::Running(process) = &self.state {
            process.stop();
        }
        match answer? {
            Answer::Failed(reason) => Err(self.error(reason)),
            answer => Ok(answer),
        }
    }

    fn wait(&mut self, until: Instant) -> Result<Answer, Error> {
        let State::Running(process) = &mut self.state else { return Err(self.error("is not there".into())) };
        loop {
            interrupt::check()?;
            let left = until.saturating_duration_since(Instant::now());
            match process.answers.recv_timeout(left.min(LOOK)) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    self.state = State::Hung;
                    return Err(self.error(format!("was silent for more than {:?}", self.patience)));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = process.child.wait().map_or_else(|err| err.to_string(), ended);
                    self.state = State::None;
                    return Err(self.error(ended));
                }
            }
        }
    }

    fn error(&self, reason: String) -> Error {
        Error::Worker { kernel: self.options.kernel.clone(), reason }
    }
}

/// How a process ended that should not have.
pub(crate) fn ended(status: ExitStatus) -> String {
    format!("ended by itself ({status})")
}

/// A running child.
pub(crate) struct Process {
    pub(crate) child: Child,
    to: ChildStdin,
    pub(crate) answers: Receiver<Answer>,
}

impl Process {
    /// Starts this program again.
    pub(crate) fn start(options: &Options) -> std::io::Result<Self> {
        let mut command = this_program()?;
        command.arg("worker").args(["--kernel", &options.kernel]);
        command.args(["--threads", &options.threads.to_string()]);
        for library in &options.blas_lib {
            command.args(["--blas-lib", library]);
        }
        own_group(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut child = command.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (to, from) = pipes.ok_or_else(|| std::io::Error::other("it has no pipes"))?;
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for answer in messages(from) {
                if sender.send(answer).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, to, answers })
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
        std::thread::sleep(Duration::from_millis(50));
    }

    #[cfg(not(unix))]
    fn go_on(&self) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the child has already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The messages among the lines that come from a child.
fn messages(from: impl Read) -> impl Iterator<Item = Answer> {
    // Bytes, not text: what a library prints need not be UTF-8.
    let lines = BufReader::new(from).split(b'\n').map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_slice(&line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_between_messages_is_passed_over() {
        let text = b"MKL_VERBOSE 1.2\n\"Ready\"\n\xff\n\n{\"Failed\":\"x\"}\n{\"Fail" as &[u8];
        let found: Vec<String> = messages(text).map(|answer| format!("{answer:?}")).collect();
        assert_eq!(found, ["Ready", "Failed(\"x\")"]);
    }
}
