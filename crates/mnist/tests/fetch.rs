//! Downloads from a server in this process.
#![cfg(feature = "fetch")]

mod support;

use matmul_mnist::{Error, Mnist, Options, Origin, Reason, prepare_with};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use support::{Fixture, NAMES, gzip, tree};
use tempfile::tempdir;

/// What to answer to a path.
#[derive(Clone)]
enum Answer {
    Good(Vec<u8>),
    /// Announces all, sends half, hangs up.
    Half(Vec<u8>),
    /// Sends all without saying how much, and hangs up.
    Unannounced(Vec<u8>),
    Status(u16),
}

struct Server {
    base: String,
    /// Paths asked for, in order.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` gets the path and how often it was asked for before.
    fn start(answer: impl Fn(&str, usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/mnist/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // The thread ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client may hang up on an answer that it does not want.
                let _ = serve(stream, &answer, &log);
            }
        });
        Server { base, asked }
    }

    /// Serves the fixture's files, but `answer` for the first.
    fn with_first(fixture: &Fixture, answer: impl Fn(Vec<u8>, usize) -> Answer + Send + 'static) -> Self {
        let files = fixture.idx.clone().map(|bytes| gzip(&bytes));
        Server::start(move |path, before| {
            match NAMES.iter().position(|name| path == format!("/mnist/{name}.gz")) {
                Some(0) => answer(files[0].clone(), before),
                Some(i) => Answer::Good(files[i].clone()),
                None => Answer::Status(404),
            }
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &impl Fn(&str, usize) -> Answer,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let before = {
        let mut log = log.lock().unwrap();
        log.push(path.clone());
        log.iter().filter(|p| **p == path).count() - 1
    };
    let answer = answer(&path, before);
    let is_announced = !matches!(answer, Answer::Unannounced(_));
    let (status, body, sent) = match answer {
        Answer::Good(body) => (200, body.clone(), body.len()),
        Answer::Half(body) => (200, body.clone(), body.len() / 2),
        Answer::Unannounced(body) => (200, body.clone(), body.len()),
        Answer::Status(status) => (status, Vec::new(), 0),
    };
    let length = if is_announced { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    write!(stream, "HTTP/1.1 {status} X\r\n{length}Connection: close\r\n\r\n")?;
    stream.write_all(&body[..sent])
}

fn fetch(fixture: &Fixture, dir: &Path, mirrors: &[&Server]) -> Mnist {
    let mirrors: Vec<String> = mirrors.iter().map(|s| s.base.clone()).collect();
    let options = Options { dir: dir.to_owned(), from: None, offline: false };
    prepare_with(&fixture.manifest(&mirrors), &options, &mut |_| {}).unwrap()
}

fn fetch_from(fixture: &Fixture, dir: &Path, url: String, offline: bool) -> Result<Mnist, Error> {
    let options = Options { dir: dir.to_owned(), from: Some(url), offline };
    prepare_with(&fixture.manifest(&[]), &options, &mut |_| {})
}

fn downloads(dir: &Path) -> Vec<String> {
    let mut files = tree(dir);
    files.retain(|f| !f.contains('/'));
    files
}

const ALL: [&str; 4] = ["test-images.gz", "test-labels.gz", "train-images.gz", "train-labels.gz"];

#[test]
fn a_good_mirror_is_asked_once_per_file() {
    let (fixture, dir) = (Fixture::new(), tempdir().unwrap());
    let server = Server::with_first(&fixture, |body, _| Answer::Good(body));
    let mnist = fetch(&fixture, dir.path(), &[&server]);
    assert_eq!((mnist.origin, mnist.notes.len()), (Origin::Idx, 0));
    assert_eq!((downloads(dir.path()), server.asked()), (ALL.map(str::to_owned).to_vec(), 4));
    fetch(&fixture, dir.path(), &[&server]);
    assert_eq!(server.asked(), 4, "the second run uses the .npy files");
    // Without them it uses the downloads, and fetches only the one that is damaged.
    std::fs::remove_dir_all(dir.path().join("idx")).unwrap();
    std::fs::write(dir.path().join("test-images.gz"), gzip(b"damaged")).unwrap();
    let mnist = fetch(&fixture, dir.path(), &[&server]);
    assert_eq!((mnist.origin, mnist.notes.len(), server.asked()), (Origin::Idx, 1, 5));
}

#[test]
fn a_truncated_answer_is_tried_again() {
    let (fixture, dir) = (Fixture::new(), tempdir().unwrap());
    let server = Server::with_first(&fixture, |body, before| match before {
        0 => Answer::Half(body),
        1 => Answer::Status(503),
        _ => Answer::Good(body),
    });
    assert_eq!(fetch(&fixture, dir.path(), &[&server]).origin, Origin::Idx);
    assert_eq!(server.asked(), 6);
}

#[test]
fn a_bad_mirror_is_left_for_the_next() {
    let fixture = Fixture::new();
    let good = Server::with_first(&fixture, |body, _| Answer::Good(body));
    let wrong = Server::with_first(&fixture, |_, _| Answer::Good(gzip(b"something else")));
    let gone = Server::with_first(&fixture, |_, _| Answer::Status(404));
    for bad in [&wrong, &gone] {
        let dir = tempdir().unwrap();
        assert_eq!(fetch(&fixture, dir.path(), &[bad, &good]).origin, Origin::Idx);
        assert_eq!(bad.asked(), 4, "it is asked once for each file, and not again for the wrong one");
        assert_eq!(downloads(dir.path()), ALL);
    }
    assert_eq!(good.asked(), 2);
}

#[test]
fn when_all_mirrors_fail_each_is_named_and_nothing_is_left() {
    let fixture = Fixture::new();
    let wrong = Server::with_first(&fixture, |_, _| Answer::Good(gzip(b"something else")));
    let half = Server::with_first(&fixture, |body, _| Answer::Half(body));
    let dir = tempdir().unwrap();
    let mnist = fetch(&fixture, dir.path(), &[&wrong, &half]);
    assert_eq!(mnist.origin, Origin::Synthetic);
    let [note] = &mnist.notes[..] else { panic!("{:?}", mnist.notes) };
    assert!(note.contains(&format!("{}train-images.gz: ", wrong.base)), "{note}");
    assert!(note.contains(&format!("holds 14 bytes, expected {}", fixture.idx[0].len())), "{note}");
    let len = gzip(&fixture.idx[0]).len();
    assert!(note.contains(&format!("broke off after {} bytes, expected {len}", len / 2)), "{note}");
    assert_eq!(half.asked(), 3);
    assert!(downloads(dir.path()).is_empty(), "{:?}", tree(dir.path()));
}

#[test]
fn an_explicit_address_that_fails_is_an_error() {
    let fixture = Fixture::new();
    let dir = tempdir().unwrap();
    let long = Server::with_first(&fixture, |_, _| Answer::Good(vec![0; 1 << 20]));
    let limit = fixture.idx[0].len() as u64 + fixture.idx[0].len() as u64 / 1000 + 1024;
    match fetch_from(&fixture, dir.path(), long.base.clone(), false) {
        Err(Error::Fetch { file, failures }) => {
            assert_eq!(file, "train-images.gz");
            assert!(
                matches!(failures[..], [ref f] if matches!(f.reason, Reason::TooLong { limit: l } if l == limit))
            );
        }
        other => panic!("{other:?}"),
    }
    let gone = Server::start(|_, _| Answer::Status(404));
    match fetch_from(&fixture, dir.path(), gone.base.clone() + "mnist.pkl.gz", false) {
        Err(Error::Fetch { failures, .. }) => assert!(matches!(failures[0].reason, Reason::Status(404))),
        other => panic!("{other:?}"),
    }
    // A port where nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    match fetch_from(&fixture, dir.path(), format!("http://{closed}/"), false) {
        Err(Error::Fetch { failures, .. }) => assert!(matches!(failures[0].reason, Reason::Transport(_))),
        other => panic!("{other:?}"),
    }
    assert!(tree(dir.path()).is_empty(), "{:?}", tree(dir.path()));
}

#[test]
fn a_pickle_is_fetched_by_its_address() {
    let (fixture, dir) = (Fixture::new(), tempdir().unwrap());
    let body = gzip(&fixture.pickle);
    let server = Server::start(move |_, _| Answer::Good(body.clone()));
    let url = server.base.clone() + "mnist.pkl.gz";
    assert_eq!(fetch_from(&fixture, dir.path(), url.clone(), false).unwrap().origin, Origin::Pickle);
    assert_eq!(downloads(dir.path()), ["mnist.pkl.gz"]);
    fetch_from(&fixture, dir.path(), url.clone(), false).unwrap();
    assert_eq!(server.asked(), 1);
    assert_eq!(fetch_from(&fixture, dir.path(), url, true).unwrap().origin, Origin::Pickle);
}

#[test]
fn two_at_once_fetch_once() {
    let (fixture, dir) = (Fixture::new(), tempdir().unwrap());
    let server = Server::with_first(&fixture, |body, _| Answer::Good(body));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(fetch(&fixture, dir.path(), &[&server]).origin, Origin::Idx));
        }
    });
    assert_eq!(server.asked(), 4);
}

/// Without a length there is no telling that a body was cut off, but its content tells.
#[test]
fn a_body_of_unknown_length_that_is_cut_off_is_tried_again() {
    let (fixture, dir) = (Fixture::new(), tempdir().unwrap());
    let server = Server::with_first(&fixture, |body, before| match before {
        0 => Answer::Unannounced(body[..body.len() / 2].to_vec()),
        1 => Answer::Unannounced(Vec::new()),
        _ => Answer::Unannounced(body),
    });
    assert_eq!(fetch(&fixture, dir.path(), &[&server]).origin, Origin::Idx);
    assert_eq!(server.asked(), 6);

    // What stays cut is named by the mirror and by the file's own name; what is whole but other is not asked for again.
    let dir = tempdir().unwrap();
    let half = Server::with_first(&fixture, |body, _| Answer::Unannounced(body[..body.len() / 2].to_vec()));
    let mut other = fixture.idx[0].clone();
    other[100] ^= 1;
    let wrong = Server::with_first(&fixture, move |_, _| Answer::Unannounced(gzip(&other)));
    let mnist = fetch(&fixture, dir.path(), &[&half, &wrong]);
    assert_eq!(mnist.origin, Origin::Synthetic);
    let note = mnist.notes.join("\n");
    assert!(
        note.contains(&format!("{}train-images.gz: train-images.gz is not a whole gzip file", half.base)),
        "{note}"
    );
    assert!(
        note.contains(&format!("{}train-images.gz: train-images.gz (decompressed) has sha256", wrong.base)),
        "{note}"
    );
    assert!(!note.contains(".part-"), "{note}");
    assert_eq!((half.asked(), wrong.asked()), (3, 1));
}
