//! Downloads: mirrors in order, a temporary file in the destination folder, verification, then the final name.

use crate::error::{Failure, Reason};
use crate::files::{persist, temporary_for};
use crate::{Error, Progress, Step};
use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
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

/// The agent takes its proxies from the environment (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), and so the
/// certificates that it trusts, if [`ROOTS`] names a file.
fn agent() -> Result<Agent, String> {
    let builder = Agent::config_builder();
    let builder = match env::var_os(ROOTS).filter(|path| !path.is_empty()) {
        Some(path) => builder.tls_config(TlsConfig::builder().root_certs(roots(Path::new(&path))?).build()),
        None => builder,
    };
    let config = builder
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_call(Some(WHOLE_CALL))
        .build();
    Ok(config.into())
}

/// The variable in which OpenSSL, curl and Python look for the file of trusted certificates: those of a company's proxy are
/// in no list of the world's.
const ROOTS: &str = "SSL_CERT_FILE";

/// The certificates of a PEM file.
fn roots(path: &Path) -> Result<RootCerts, String> {
    let pem = fs::read(path).map_err(|e| format!("cannot read {} ({ROOTS}): {e}", path.display()))?;
    let items = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = items.collect();
    match certificates.is_empty() {
        true => Err(format!("{} ({ROOTS}) holds no certificate in PEM", path.display())),
        false => Ok(RootCerts::new_with_certs(&certificates)),
    }
}

/// What to do about a certificate that nobody known has signed, as behind a company's proxy.
fn with_hint(message: String) -> String {
    match message.contains("UnknownIssuer") {
        true => format!(
            "{message}; set {ROOTS} to a PEM file with the certificate of the authority that signed it"
        ),
        false => message,
    }
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
        let agent = match &agent {
            Ok(agent) => agent,
            Err(reason) => {
                failures.push(Failure { url: url.clone(), reason: Reason::Transport(reason.clone()) });
                continue;
            }
        };
        match from_mirror(agent, url, path, limit, progress, &verify) {
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
        let outcome = download(agent, url, file.as_file_mut(), limit, progress).and_then(|is_whole| {
            // A body of unknown length that ended early looks like one that came whole.
            verify(file.path()).map_err(|e| {
                let again = !is_whole && may_be_cut(&e);
                (content(e.of_file(file.path(), path)), again)
            })
        });
        match outcome {
            Ok(value) => {
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

/// Whether a file may be the beginning of a good one.
fn may_be_cut(e: &Error) -> bool {
    match e {
        Error::Size { expected, found, .. } => found < expected,
        Error::Gzip { .. } | Error::Pickle { .. } => true,
        _ => false,
    }
}

/// One attempt. Whether the body is known to have come whole; the flag of a failure says whether another one may help.
fn download(
    agent: &Agent,
    url: &str,
    out: &mut impl Write,
    limit: u64,
    progress: &mut Progress<'_>,
) -> Result<bool, (Reason, bool)> {
    let mut answer = agent.get(url).call().map_err(|e| {
        let again = may_pass(&e);
        match e {
            ureq::Error::StatusCode(status) => (Reason::Status(status), again),
            e => (Reason::Transport(with_hint(e.to_string())), again),
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
) -> Result<bool, (Reason, bool)> {
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
        announced => Ok(announced.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of an authority of its own, made for this test.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBdDCCARugAwIBAgIUGO3T7zZHBDEbvznUSUoe+/tfgEMwCgYIKoZIzj0EAwIw\n\
        DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjUxNjM5MzlaGA8yMTI2MTEwMTE2Mzkz\n\
        OVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLFy\n\
        lo1cVECrvDi9spz/UlFgvCWBT8LqF+MUy++yaoLdXFGqI5/w/9IRRMZAbXwowyhD\n\
        1F/w/i34zb+7oenQeFGjUzBRMB0GA1UdDgQWBBQ5YtGgjH5R2dHTJecaeHjg/AJs\n\
        3zAfBgNVHSMEGDAWgBQ5YtGgjH5R2dHTJecaeHjg/AJs3zAPBgNVHRMBAf8EBTAD\n\
        AQH/MAoGCCqGSM49BAMCA0cAMEQCIGJswzyNqomKUTtQb7Um6T4c+rflLMkyrg98\n\
        vR0Be7iuAiAJJ8/WBEN62Qp/VmSzuC7K10y58wES2EuNYY07iXUUBw==\n\
        -----END CERTIFICATE-----\n";

    #[test]
    fn trusted_certificates_are_read_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("roots.pem");
        let count = |text: String| {
            fs::write(&path, text).unwrap();
            roots(&path).map(|roots| match roots {
                RootCerts::Specific(certificates) => certificates.len(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(count(PEM.to_owned()), Ok(1));
        assert_eq!(count(format!("# comments\n{PEM}\n{PEM}")), Ok(2));
        assert!(count("no certificate".to_owned()).unwrap_err().contains("holds no certificate"));
        let error = roots(&dir.path().join("none.pem")).unwrap_err();
        assert!(error.contains("none.pem (SSL_CERT_FILE)"), "{error}");
    }

    #[test]
    fn an_unknown_authority_comes_with_a_hint() {
        let message = with_hint("io: invalid peer certificate: UnknownIssuer".to_owned());
        assert!(message.contains("set SSL_CERT_FILE to"), "{message}");
        assert_eq!(with_hint("timeout".to_owned()), "timeout");
    }
}
