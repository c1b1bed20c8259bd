//! The child's end of [`worker`](crate::child::worker).

use std::path::PathBuf;

use matmul::Real;
use matmul_report::{Dtype, Shape};

use crate::catalogue::registry::{self, Libraries};
use crate::child::exchange;
use crate::child::line::Line;
use crate::child::parent::die_with_parent;
use crate::child::worker::{Answer, Options, Request};
use crate::error::Error;
use crate::machine::{affinity, pin};
use crate::measure::sampling::{Sampling, count_calls, time_calls};

/// Answers until the parent closes the pipe.
pub(crate) fn serve(options: &Options) -> Result<(), Error> {
    die_with_parent();
    let mut line = Line::take().map_err(Error::io("standard output"))?;
    let libraries = Libraries::load(&options.blas_lib)?;
    line.send(&Answer::Ready).map_err(Error::io("the parent"))?;
    let cpus = affinity::cpus();
    let mut requests = std::io::stdin().lines().map_while(Result::ok);
    let mut next = receive(&mut requests)?;
    while let Some(Request::Cell { shape, dtype, dir }) = next {
        let cell = (options, &libraries, cpus.as_slice(), shape, dir);
        next = match dtype {
            Dtype::F32 => serve_cell::<f32>(cell, &mut requests, &mut line)?,
            Dtype::F64 => serve_cell::<f64>(cell, &mut requests, &mut line)?,
        };
    }
    Ok(())
}

type CellOf<'a> = (&'a Options, &'a Libraries, &'a [usize], Shape, PathBuf);

/// Serves one cell, and returns the first request that is not for it.
fn serve_cell<T: Real>(
    (options, libraries, cpus, shape, dir): CellOf<'_>,
    requests: &mut impl Iterator<Item = String>,
    line: &mut Line,
) -> Result<Option<Request>, Error> {
    let mut send = |answer: &Answer| line.send(answer).map_err(Error::io("the parent"));
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
                let timed = time_calls(&mut operands, &*kernel, Sampling::cold());
                let written = exchange::write(&dir.join(exchange::C), &operands.c);
                timed.and_then(|timed| written.map(|()| Answer::Timed(timed)))
            }
            Some(Request::Time(sampling)) => time_calls(&mut operands, &*kernel, sampling).map(Answer::Timed),
            Some(Request::Count(sampling)) => {
                count_calls(&mut operands, &*kernel, sampling).map(Answer::Counted)
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
