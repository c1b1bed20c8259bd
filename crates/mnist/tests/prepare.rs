//! Folders, caches and the order of sources, with a data set of a few images.

mod support;

use fs4::fs_std::FileExt;
use matmul_mnist::{Error, Manifest, Mnist, Origin, Split, prepare_with};
use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use support::{Fixture, NAMES, Pair, gzip, options, tree};
use tempfile::tempdir;

fn prepare(manifest: &Manifest, dir: &Path, from: Option<&Path>) -> Result<Mnist, Error> {
    prepare_with(manifest, &options(dir, from), &mut |_| {})
}

fn npy(origin: &str) -> Vec<String> {
    ["x_test", "x_train", "x_valid", "y_test", "y_train", "y_valid"]
        .map(|n| format!("{origin}/{n}.npy"))
        .to_vec()
}

#[test]
fn idx_and_pickle_give_the_same_files() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
    fixture.write_idx(source.path());
    let pickle = source.path().join("any name");
    fs::write(&pickle, &fixture.pickle).unwrap();
    let a = prepare(&manifest, dir.path(), Some(source.path())).unwrap();
    let b = prepare(&manifest, dir.path(), Some(&pickle)).unwrap();
    assert_eq!((a.origin, b.origin), (Origin::Idx, Origin::Pickle));
    for split in Split::ALL {
        assert_eq!(a.split(split), b.split(split));
    }
    assert_eq!(tree(dir.path()), [npy("idx"), npy("pickle")].concat());
    for (i, p) in npy("idx").iter().zip(npy("pickle")) {
        assert_eq!(fs::read(dir.path().join(i)).unwrap(), fs::read(dir.path().join(p)).unwrap());
    }
    // Little-endian elements after a header of 128 bytes, whatever the machine.
    assert_eq!(fs::read(dir.path().join("idx/x_valid.npy")).unwrap()[128..], fixture.arrays[1].0);
    assert_eq!(fs::read(dir.path().join("pickle/y_test.npy")).unwrap()[128..], fixture.arrays[2].1);
    let described = "MNIST from the IDX files: 5 train, 3 valid, 4 test images of 28x28";
    assert_eq!((a.describe().as_str(), a.notes.len()), (described, 0));
    // A later run needs the source no more.
    drop(source);
    assert_eq!(prepare(&manifest, dir.path(), None).unwrap().origin, Origin::Idx);
}

#[test]
fn a_folder_may_hold_plain_files_or_a_pickle() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    for name in ["mnist.pkl.gz", "mnist.pkl"] {
        let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
        let bytes = if name.ends_with("gz") { gzip(&fixture.pickle) } else { fixture.pickle.clone() };
        fs::write(source.path().join(name), bytes).unwrap();
        assert_eq!(prepare(&manifest, dir.path(), Some(source.path())).unwrap().origin, Origin::Pickle);
    }
    let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
    for (name, bytes) in NAMES.iter().zip(&fixture.idx) {
        fs::write(source.path().join(name), bytes).unwrap();
    }
    assert_eq!(prepare(&manifest, dir.path(), Some(source.path())).unwrap().origin, Origin::Idx);
    // Files put into the data folder itself serve without being asked for.
    assert_eq!(prepare(&manifest, source.path(), None).unwrap().origin, Origin::Idx);
}

/// Prepares from a folder whose first file is `bytes`; nothing but an error may come of it.
fn damaged(fixture: &Fixture, bytes: &[u8]) -> Error {
    let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
    fixture.write_idx(source.path());
    fs::write(source.path().join("train-images.gz"), bytes).unwrap();
    let error = prepare(&fixture.manifest(&[]), dir.path(), Some(source.path())).unwrap_err();
    assert!(
        tree(dir.path()).is_empty(),
        "an explicit source that fails leaves nothing, not even synthetic data"
    );
    error
}

#[test]
fn damaged_files_are_typed_errors() {
    let fixture = Fixture::new();
    let good = gzip(&fixture.idx[0]);
    for len in [3, 10, good.len() / 2, good.len() - 1] {
        assert!(matches!(damaged(&fixture, &good[..len]), Error::Gzip { .. }), "{len} bytes");
    }
    let expected = fixture.idx[0].len() as u64;
    let bomb = damaged(&fixture, &gzip(&vec![0; 50 << 20]));
    assert!(
        matches!(&bomb, Error::Size { expected: e, found, .. } if (*e, *found) == (expected, expected + 1))
    );
    assert!(
        bomb.to_string().contains(&format!("holds more than {expected} bytes, expected {expected}")),
        "{bomb}"
    );
    assert!(matches!(damaged(&fixture, b""), Error::Size { found: 0, .. }));
    let mut other = fixture.idx[0].clone();
    other[100] ^= 1;
    assert!(matches!(damaged(&fixture, &gzip(&other)), Error::Digest { .. }));
    // A flipped bit anywhere is noticed, whether by the decoder or by the digest.
    for i in (10..good.len()).step_by(good.len() / 50) {
        let mut bad = good.clone();
        bad[i] ^= 0x10;
        let error = damaged(&fixture, &bad);
        assert!(
            matches!(error, Error::Gzip { .. } | Error::Digest { .. } | Error::Size { .. }),
            "byte {i}: {error}"
        );
    }
}

#[test]
fn an_explicit_source_never_falls_back() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
    let empty = prepare(&manifest, dir.path(), Some(source.path())).unwrap_err();
    assert!(matches!(empty, Error::Missing { .. }), "{empty}");
    fixture.write_idx(source.path());
    fs::remove_file(source.path().join("test-labels.gz")).unwrap();
    let partial = prepare(&manifest, dir.path(), Some(source.path())).unwrap_err();
    assert!(partial.to_string().contains("no test-labels.gz"), "{partial}");
    let pickle = source.path().join("mnist.pkl");
    fs::write(&pickle, &fixture.pickle[..2000]).unwrap();
    assert!(matches!(prepare(&manifest, dir.path(), Some(&pickle)), Err(Error::Pickle { .. })));
    let mut url = options(dir.path(), None);
    url.from = Some("https://example.invalid/mnist/".to_owned());
    assert!(matches!(prepare_with(&manifest, &url, &mut |_| {}), Err(Error::NoNetwork { .. })));
    assert!(tree(dir.path()).is_empty());
}

#[test]
fn a_pickle_of_other_data_is_refused() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let dir = tempdir().unwrap();
    let path = dir.path().join("other.pkl");
    let try_pickle = |change: &dyn Fn(&mut Vec<Pair>)| {
        let mut pairs: Vec<_> = fixture
            .arrays
            .iter()
            .zip(support::ROWS)
            .map(|((x, y), rows)| ([rows as u16, 784], x.clone(), y.clone()))
            .collect();
        change(&mut pairs);
        fs::write(&path, support::pickle(&pairs)).unwrap();
        prepare(&manifest, dir.path(), Some(&path)).unwrap_err()
    };
    let shape = try_pickle(&|p| p[1].0 = [784, 3]);
    assert!(matches!(shape, Error::Pickle { .. } | Error::Shape { .. }), "{shape}");
    let rows = try_pickle(&|p| p.swap(0, 2));
    assert!(matches!(&rows, Error::Shape { array, .. } if array == "x_train"), "{rows}");
    let label = try_pickle(&|p| p[2].2[8] = 10);
    assert!(matches!(&label, Error::Label { array, row: 1, found: 10 } if array == "y_test"), "{label}");
    let pixel = try_pickle(&|p| p[0].1[..4].copy_from_slice(&f32::NAN.to_le_bytes()));
    assert!(matches!(&pixel, Error::Pixel { array, index: 0, .. } if array == "x_train"), "{pixel}");
    let digest = try_pickle(&|p| p[0].1[..4].copy_from_slice(&(1.0_f32 / 3.0).to_le_bytes()));
    assert!(matches!(&digest, Error::Digest { what, .. } if what == "x_train"), "{digest}");
}

#[test]
fn synthetic_data_are_labelled_and_never_taken_for_real() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let dir = tempdir().unwrap();
    let drawn = prepare(&manifest, dir.path(), None).unwrap();
    assert_eq!(drawn.origin, Origin::Synthetic);
    assert!(drawn.describe().starts_with("SYNTHETIC digits, not MNIST"));
    assert_eq!(drawn.notes.len(), 1, "it says why: {:?}", drawn.notes);
    assert_eq!(tree(dir.path()), npy("synthetic"));
    let again = prepare(&manifest, dir.path(), None).unwrap();
    assert_eq!((again.origin, &again.x_train), (Origin::Synthetic, &drawn.x_train));
    // Even under the name of real data.
    fs::rename(dir.path().join("synthetic"), dir.path().join("idx")).unwrap();
    let renamed = prepare(&manifest, dir.path(), None).unwrap();
    assert_eq!(renamed.origin, Origin::Synthetic);
    assert!(renamed.notes[0].contains("x_train has sha256"), "{:?}", renamed.notes);
    // Real data win as soon as they are there.
    fixture.write_idx(dir.path());
    assert_eq!(prepare(&manifest, dir.path(), None).unwrap().origin, Origin::Idx);
}

#[test]
fn a_damaged_cache_is_noted_and_made_again() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let dir = tempdir().unwrap();
    fixture.write_idx(dir.path());
    prepare(&manifest, dir.path(), None).unwrap();
    let path = dir.path().join("idx/x_valid.npy");
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    flipped[1000] ^= 1;
    for (bad, why) in [(&flipped[..], "sha256"), (&good[..500], "has 372 bytes"), (&good[..50], "header")] {
        fs::write(&path, bad).unwrap();
        let mnist = prepare(&manifest, dir.path(), None).unwrap();
        assert_eq!(mnist.origin, Origin::Idx);
        assert!(mnist.notes.len() == 1 && mnist.notes[0].contains(why), "{:?}", mnist.notes);
        assert_eq!(fs::read(&path).unwrap(), good);
    }
}

#[test]
fn writers_wait_for_each_other() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let dir = tempdir().unwrap();
    fixture.write_idx(dir.path());
    let lock = File::create(dir.path().join(".lock")).unwrap();
    assert!(lock.try_lock_exclusive().unwrap());
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| send.send(prepare(&manifest, dir.path(), None).unwrap().origin).unwrap());
        assert!(receive.recv_timeout(Duration::from_millis(300)).is_err(), "it must wait");
        drop(lock);
        assert_eq!(receive.recv_timeout(Duration::from_secs(20)), Ok(Origin::Idx));
    });
}

/// Whatever lies beside good files, they are used, and it is named.
#[test]
fn a_good_copy_beside_a_bad_one_is_used() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let good = gzip(&fixture.idx[0]);
    let bad: [&[u8]; 4] = [b"", b"<html>not here</html>", &good[..good.len() / 2], &gzip(b"something else")];
    for bytes in bad {
        for explicit in [false, true] {
            let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
            for (name, bytes) in NAMES.iter().zip(&fixture.idx) {
                fs::write(source.path().join(name), bytes).unwrap();
            }
            fs::write(source.path().join("train-images.gz"), bytes).unwrap();
            let mnist = match explicit {
                true => prepare(&manifest, dir.path(), Some(source.path())).unwrap(),
                false => prepare(&manifest, source.path(), None).unwrap(),
            };
            assert_eq!(mnist.origin, Origin::Idx);
            let [note] = &mnist.notes[..] else { panic!("{:?}", mnist.notes) };
            assert!(note.contains("train-images.gz"), "{note}");
        }
    }
}

#[test]
fn a_good_pickle_beside_bad_files_is_used() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let one = |write: &dyn Fn(&Path)| {
        let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
        fs::write(source.path().join("mnist.pkl"), &fixture.pickle).unwrap();
        write(source.path());
        let mnist = prepare(&manifest, dir.path(), Some(source.path())).unwrap();
        assert_eq!(mnist.origin, Origin::Pickle);
        assert!(!mnist.notes.is_empty());
        mnist.notes.join("\n")
    };
    // A bad pickle, and IDX files that are too few or damaged.
    let notes = one(&|dir| fs::write(dir.join("mnist.pkl.gz"), gzip(&fixture.pickle[..2000])).unwrap());
    assert!(notes.contains("mnist.pkl.gz"), "{notes}");
    let notes = one(&|dir| fs::write(dir.join("test-labels"), &fixture.idx[3]).unwrap());
    assert!(notes.contains("no train-images.gz"), "{notes}");
    let notes = one(&|dir| {
        fixture.write_idx(dir);
        fs::write(dir.join("train-images.gz"), b"damaged").unwrap();
    });
    assert!(notes.contains("train-images.gz holds 7 bytes"), "{notes}");
}

/// torchvision's folders, and those of an archiver that unpacks each file into one.
#[test]
fn files_are_found_where_other_programs_keep_them() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    for below in ["MNIST/raw", "raw", "MNIST", "mnist"] {
        let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
        let place = source.path().join(below);
        fs::create_dir_all(&place).unwrap();
        fixture.write_idx(&place);
        assert_eq!(
            prepare(&manifest, dir.path(), Some(source.path())).unwrap().origin,
            Origin::Idx,
            "{below}"
        );
        // As the data folder itself, too.
        assert_eq!(prepare(&manifest, source.path(), None).unwrap().origin, Origin::Idx, "{below}");
    }
    let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
    for (name, bytes) in NAMES.iter().zip(&fixture.idx) {
        fs::create_dir(source.path().join(name)).unwrap();
        fs::write(source.path().join(name).join(name), bytes).unwrap();
    }
    assert_eq!(prepare(&manifest, dir.path(), Some(source.path())).unwrap().origin, Origin::Idx);
}

/// The names with a dot before `idx`.
#[test]
fn dotted_names_are_read() {
    let fixture = Fixture::new();
    let mut manifest = fixture.manifest(&[]);
    let files = &mut manifest.files;
    let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
    let entries =
        [&mut files.train_images, &mut files.train_labels, &mut files.test_images, &mut files.test_labels];
    for (entry, bytes) in entries.into_iter().zip(&fixture.idx) {
        entry.name += "-idx-ubyte";
        fs::write(source.path().join(entry.name.replace("-idx", ".idx")), bytes).unwrap();
    }
    assert_eq!(prepare(&manifest, dir.path(), Some(source.path())).unwrap().origin, Origin::Idx);
}

/// A folder in which neither the lock nor the arrays can be written.
#[test]
fn what_cannot_be_stored_is_used_all_the_same() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let blocked = |dir: &Path| {
        // Not by permissions, which the administrator does not have to heed.
        fs::create_dir(dir.join(".lock")).unwrap();
        for origin in ["idx", "pickle", "synthetic"] {
            fs::write(dir.join(origin), b"a file").unwrap();
        }
    };
    for (write, origin) in [(true, Origin::Idx), (false, Origin::Synthetic)] {
        let dir = tempdir().unwrap();
        blocked(dir.path());
        if write {
            fixture.write_idx(dir.path());
        }
        let mnist = prepare(&manifest, dir.path(), None).unwrap();
        assert_eq!(mnist.origin, origin);
        let notes = mnist.notes.join("\n");
        assert!(notes.contains("not locked") && notes.contains("not stored"), "{notes}");
    }
    // A folder that cannot even be made; the files are elsewhere.
    let (source, dir) = (tempdir().unwrap(), tempdir().unwrap());
    fixture.write_idx(source.path());
    fs::write(dir.path().join("file"), b"").unwrap();
    let mnist = prepare(&manifest, &dir.path().join("file/data"), Some(source.path())).unwrap();
    assert_eq!(mnist.origin, Origin::Idx);
}

#[test]
fn unfinished_files_of_a_killed_process_are_removed() {
    let fixture = Fixture::new();
    let manifest = fixture.manifest(&[]);
    let dir = tempdir().unwrap();
    fixture.write_idx(dir.path());
    fs::create_dir(dir.path().join("idx")).unwrap();
    for name in [".part-aB3dE9", ".part-Zz0000", "idx/.part-q1w2e3"] {
        fs::write(dir.path().join(name), b"half").unwrap();
    }
    let mnist = prepare(&manifest, dir.path(), None).unwrap();
    assert_eq!(mnist.origin, Origin::Idx);
    assert!(tree(dir.path()).iter().all(|file| !file.contains(".part-")), "{:?}", tree(dir.path()));
    let notes = mnist.notes.join("\n");
    assert!(notes.contains("removed 3 unfinished files"), "{notes}");
}
