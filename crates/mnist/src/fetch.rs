//! Downloads: mirrors in order, a temporary file in the destination folder, verification, then the final name.

use crate::error::{Failure, Reason};
use crate::files::{persist, temporary_for};
use crate::{Error, Progress, Step};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;
use ureq::{Agent, Body};

/// Attempts per mirror, when the fault may pass: a connection that breaks, a body that ends early, a status of 5xx or
/// 429.
const ATTEMPTS: u32 = 3;
/// Wait before the second attempt; doubled before the third.
const BACK_OFF: Duration = Duration::from_millis(500);
/// A mirror that cannot be reached costs 10 s; one that falls silent, three times 30 s.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// The largest file has 10 MB (the pickle 16): 10 minutes are 27 kB/s.
const WHOLE_CALL: Duration = Duration::from_secs(600);

/// The agent takes its proxies from the environment (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
fn agent() -> Agent {
    Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_call(Some(WHOLE_CALL))
        .build()
        .into()
}

/// Fetches `path` from the first of `urls` that delivers what `verify` accepts, and returns what `verify` made of it.
/// An answer of more than `limit` bytes is refused while it arrives.
pub(crate) fn fetch<T>(
    urls: &[String],
    path: &Path,
    limit: u64,
    progress: &mut Progress<'_>,
    verify: impl Fn(&Path) -> Result<T, Error>,
) -> Result<T, Error> {
    let agent = agent();
    let mut failures = Vec::new();
    for url in urls {
        match from_mirror(&agent, url, path, limit, progress, &verify) {
            Ok(value) => return Ok(value),
            Err(reason) => failures.push(Failure { url: url.clone(), reason }),
        }
    }
    let file =
        path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    Err(Error::Fetch { file, failures })
}

fn from_mirror<T>(
    agent: &Agent,
    url: &str,
    path: &Path,
    limit: u64,
    progress: &mut Progress<'_>,
    verify: &impl Fn(&Path) -> Result<T, Error>,
) -> Result<T, Reason> {
    let content = |e: Error| Reason::Content(Box::new(e));
    let mut attempt = 1;
    loop {
        let mut file = temporary_for(path).map_err(content)?;
        match download(agent, url, file.as_file_mut(), limit, progress) {
            Ok(()) => {
                let value = verify(file.path()).map_err(content)?;
                persist(file, path).map_err(content)?;
                return Ok(value);
            }
            Err((reason, true)) if attempt < ATTEMPTS => {
                drop(reason);
                std::thread::sleep(BACK_OFF * (1 << (attempt - 1)));
                attempt += 1;
            }
            Err((reason, _)) => return Err(reason),
        }
    }
}

/// One attempt. The flag of a failure says whether another one may help.
fn download(
    agent: &Agent,
    url: &str,
    out: &mut impl Write,
    limit: u64,
    progress: &mut Progress<'_>,
) -> Result<(), (Reason, bool)> {
    let mut answer = agent.get(url).call().map_err(|e| {
        let again = may_pass(&e);
        match e {
            ureq::Error::StatusCode(status) => (Reason::Status(status), again),
            e => (Reason::Transport(e.to_string()), again),
        }
    })?;
    copy(answer.body_mut(), url, out, limit, progress)
}

/// Whether another attempt may help. Not where no connection is made in time or a name does not resolve (which has no
/// error kind of its own): the usual signs of a machine without network, where waiting is in vain.
fn may_pass(e: &ureq::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof,
    };
    match e {
        ureq::Error::StatusCode(status) => *status >= 500 || *status == 429,
        ureq::Error::Timeout(phase) => *phase != ureq::Timeout::Connect,
        ureq::Error::Io(e) => matches!(
            e.kind(),
            BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | TimedOut | UnexpectedEof
        ),
        _ => false,
    }
}

fn copy(
    body: &mut Body,
    url: &str,
    out: &mut impl Write,
    limit: u64,
    progress: &mut Progress<'_>,
) -> Result<(), (Reason, bool)> {
    let announced = body.content_length();
    let total = announced.unwrap_or(limit);
    if total > limit {
        return Err((Reason::TooLong { limit }, false));
    }
    // One byte more than allowed tells a long answer from one that ends at the limit.
    let mut source = body.with_config().limit(limit.saturating_add(2)).reader();
    let (mut done, mut block) = (0, vec![0; 64 * 1024]);
    loop {
        let n = match source.read(&mut block) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(e) => return Err((Reason::Transport(format!("{e}, after {done} bytes")), true)),
        };
        if n == 0 {
            break;
        }
        done += n as u64;
        if done > limit {
            return Err((Reason::TooLong { limit }, false));
        }
        out.write_all(&block[..n]).map_err(|e| (Reason::Transport(format!("cannot store: {e}")), false))?;
        progress(Step { what: url, done, total });
    }
    match announced {
        Some(expected) if done != expected => Err((Reason::Truncated { expected, found: done }, true)),
        _ => Ok(()),
    }
}
