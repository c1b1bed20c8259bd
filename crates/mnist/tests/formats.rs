//! The three readers on good, malformed, truncated and mutated bytes: each answers with a typed error.

mod support;

use matmul_mnist::idx::{self, IdxError};
use matmul_mnist::npy::{self, NpyError};
use matmul_mnist::pickle::{self, Array, Data, PickleError};
use support::{idx_images, idx_labels};

/// Values that turn lengths, signs, opcodes and digits into others.
fn mutations(byte: u8) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0x7f, 0x80, 0xff, byte ^ 1, byte ^ 0x20, byte ^ 0x80, byte.wrapping_add(1)];
    bytes.extend(b"(.JKMNRTUbchjqrt");
    bytes.retain(|&b| b != byte);
    bytes
}

#[test]
fn idx_reads_labels_and_images() {
    assert_eq!(idx::labels(&idx_labels(&[3, 1, 4]), 3), Ok(&[3, 1, 4][..]));
    let pixels: Vec<u8> = (0..2 * 784).map(|i| i as u8).collect();
    assert_eq!(idx::images(&idx_images(&pixels), 2, 28, 28), Ok(&pixels[..]));
    assert_eq!(idx::labels(&idx_labels(&[]), 0), Ok(&[][..]));
}

#[test]
fn idx_names_every_malformed_field() {
    let good = idx_labels(&[3, 1, 4]);
    assert_eq!(idx::images(&good, 3, 28, 28), Err(IdxError::Magic { expected: 0x803, found: 0x801 }));
    for (i, found) in [(0, 0x0100_0801), (1, 0x0001_0801), (2, 0x0901), (3, 0x0800)] {
        let mut bad = good.clone();
        bad[i] ^= 1;
        assert_eq!(idx::labels(&bad, 3), Err(IdxError::Magic { expected: 0x801, found }));
    }
    let mut bad = good.clone();
    bad[4] = 0xff;
    assert_eq!(idx::labels(&bad, 3), Err(IdxError::Dims { expected: vec![3], found: vec![0xff00_0003] }));
    for field in 1..4 {
        let mut bad = idx_images(&[0; 784]);
        bad[4 * field + 3] += 1;
        let mut found = vec![1, 28, 28];
        found[field - 1] += 1;
        assert_eq!(idx::images(&bad, 1, 28, 28), Err(IdxError::Dims { expected: vec![1, 28, 28], found }));
    }
    let little_endian = [0x801_u32.to_le_bytes(), 3_u32.to_le_bytes()].concat();
    assert_eq!(idx::labels(&little_endian, 3), Err(IdxError::Magic { expected: 0x801, found: 0x0108_0000 }));
}

#[test]
fn idx_length_must_match_even_where_it_overflows() {
    let good = idx_labels(&[3, 1, 4]);
    for len in 0..good.len() {
        let expected = match len {
            0..8 => IdxError::Header { expected: 8, found: len },
            _ => IdxError::Length { expected: 3, found: len - 8 },
        };
        assert_eq!(idx::labels(&good[..len], 3), Err(expected));
    }
    let long = [&good[..], &[0]].concat();
    assert_eq!(idx::labels(&long, 3), Err(IdxError::Length { expected: 3, found: 4 }));
    let huge = [0x803, u32::MAX, u32::MAX, u32::MAX].map(u32::to_be_bytes).concat();
    let expected = u128::from(u32::MAX).pow(3);
    let found = idx::images(&huge, u32::MAX, u32::MAX, u32::MAX);
    assert_eq!(found, Err(IdxError::Length { expected, found: 0 }));
}

#[test]
fn npy_round_trip_is_numpys_layout() {
    let x: Vec<f32> = (0..30_000).map(|i| i as f32 / 256.0).collect();
    let mut file = Vec::new();
    npy::write(&mut file, &x, &[100, 300]).unwrap();
    // 128 bytes of header: magic, version 1.0, length 118, the dictionary, spaces, a line feed.
    assert!(file.starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, "));
    assert_eq!((file.len(), file[127]), (128 + 4 * x.len(), b'\n'));
    assert_eq!(file[128 + 4..128 + 8], (1.0_f32 / 256.0).to_le_bytes());
    assert_eq!(npy::read::<f32>(&file[..], &[100, 300]).unwrap(), x);
    // Another reader understands it.
    let other = npyz::NpyFile::new(&file[..]).unwrap();
    assert_eq!((other.shape(), other.order()), (&[100, 300][..], npyz::Order::C));
    assert_eq!(other.into_vec::<f32>().unwrap(), x);

    let y = [7_i64, -1, i64::MAX];
    let mut file = Vec::new();
    npy::write(&mut file, &y, &[3]).unwrap();
    // What numpy.save writes.
    let header = format!("{:<117}\n", "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }");
    assert_eq!(file[..128], [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes()].concat());
    assert_eq!(npy::read::<i64>(&file[..], &[3]).unwrap(), y);
    let wrong = npy::write(Vec::new(), &y, &[4]).unwrap_err();
    assert_eq!(wrong.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn npy_refuses_everything_else() {
    let mut good = Vec::new();
    npy::write(&mut good, &[1_i64, 2, 3], &[3]).unwrap();
    for len in 0..good.len() {
        match npy::read::<i64>(&good[..len], &[3]) {
            Err(NpyError::Header { .. }) if len < 128 => {}
            Err(NpyError::Length { expected: 24, found }) if found == len as u64 - 128 => {}
            other => panic!("{len} bytes: {other:?}"),
        }
    }
    for i in 0..128 {
        for byte in mutations(good[i]) {
            let mut bad = good.clone();
            bad[i] = byte;
            assert!(matches!(npy::read::<i64>(&bad[..], &[3]), Err(NpyError::Header { .. })), "byte {i}");
        }
    }
    let long = [&good[..], &[0; 9]].concat();
    assert!(matches!(npy::read::<i64>(&long[..], &[3]), Err(NpyError::Length { expected: 24, found: 25 })));
    assert!(matches!(npy::read::<i64>(&good[..], &[4]), Err(NpyError::Header { .. })));
    assert!(matches!(npy::read::<f32>(&good[..], &[6]), Err(NpyError::Header { .. })));
    assert!(matches!(npy::read::<i64>(&good[..], &[u64::MAX, 2]), Err(NpyError::Io(_))));
    assert!(matches!(npy::read::<i64>(&good[..], &[u64::MAX / 8]), Err(NpyError::Header { .. })));
    assert!(npy::write(Vec::new(), &[1_i64], &[u64::MAX, 2]).is_err());
}

/// As NumPy before 1.14 pads it, with longs of Python 2, and with the lengths of versions 2 and 3.
#[test]
fn npy_of_other_versions_is_read() {
    let elements: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let file = |version: &[u8; 2], dict: &str, align: usize| {
        let prefix = if version[0] == 1 { 10 } else { 12 };
        let text = (prefix + dict.len() + 1).next_multiple_of(align) - prefix;
        let len = (text as u32).to_le_bytes();
        let text = format!("{dict:<0$}\n", text - 1);
        [b"\x93NUMPY", &version[..], &len[..prefix - 8], text.as_bytes(), &elements].concat()
    };
    let plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    let long = "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }";
    for dict in [plain, long] {
        for align in [16, 64] {
            for version in [[1, 0], [2, 0], [3, 0]] {
                let file = file(&version, dict, align);
                let read = npy::read::<f32>(&file[..], &[2, 3]).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(read, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
                assert!(matches!(npy::read::<f32>(&file[..], &[3, 2]), Err(NpyError::Header { .. })));
            }
        }
    }
    for (dict, align, version) in [
        (plain, 16, [4, 0]),
        (plain, 1, [1, 0]),
        ("{'descr': '<f4', 'fortran_order': FalseL, 'shape': (2, 3), }", 16, [1, 0]),
        ("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 16, [1, 0]),
        ("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 16, [1, 0]),
    ] {
        let file = file(&version, dict, align);
        assert!(matches!(npy::read::<f32>(&file[..], &[2, 3]), Err(NpyError::Header { .. })), "{dict}");
    }
    // A length without end asks for no memory.
    let hostile = [&b"\x93NUMPY\x02\x00\xf4\xff\xff\xff"[..], &[b' '; 100]].concat();
    assert!(matches!(npy::read::<f32>(&hostile[..], &[2, 3]), Err(NpyError::Header { .. })));
}

/// x (2, 3), y (2,) and two more pairs.
fn small_pickle() -> Vec<u8> {
    let x: Vec<u8> = (0..6).flat_map(|i| (i as f32 / 256.0).to_le_bytes()).collect();
    let y: Vec<u8> = [5_i64, 9].iter().flat_map(|l| l.to_le_bytes()).collect();
    support::pickle(&[([2, 3], x.clone(), y.clone()), ([2, 3], x.clone(), y.clone()), ([2, 3], x, y)])
}

fn read(bytes: &[u8]) -> Result<[(Array, Array); 3], PickleError> {
    pickle::read(bytes, 1 << 20)
}

/// The pickle with its first `from` replaced.
fn replaced(from: &[u8], to: &[u8]) -> Vec<u8> {
    let good = small_pickle();
    let at = good.windows(from.len()).position(|w| w == from).expect("the pattern occurs");
    [&good[..at], to, &good[at + from.len()..]].concat()
}

#[test]
fn pickle_reads_the_lessons_layout() {
    let pairs = read(&small_pickle()).unwrap();
    for (x, y) in pairs {
        let data = Data::F32((0..6).map(|i| i as f32 / 256.0).collect());
        assert_eq!(x, Array { shape: vec![2, 3], data });
        assert_eq!(y, Array { shape: vec![2], data: Data::I64(vec![5, 9]) });
    }
}

/// Python 2 remembers objects that occur twice, a dtype before it is built included.
#[test]
fn pickle_follows_the_memo() {
    let mut p =
        replaced(b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(", b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87Rq\x03(");
    let again: &[u8] =
        b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb";
    let at = p.windows(again.len()).position(|w| w == again).unwrap();
    p.splice(at..at + again.len(), *b"j\x03\x00\x00\x00");
    assert_eq!(read(&p).unwrap(), read(&small_pickle()).unwrap());
    // Asked for before it was built, it is refused.
    let unbuilt = replaced(b"R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb", b"R");
    assert!(matches!(read(&unbuilt), Err(PickleError::Value { expected: "a complete dtype", .. })));
}

#[test]
fn pickle_accepts_numpys_new_module_name() {
    let p = replaced(b"numpy.core.multiarray", b"numpy._core.multiarray");
    assert_eq!(read(&p).unwrap(), read(&small_pickle()).unwrap());
}

#[test]
fn pickle_names_what_it_refuses() {
    let unknown = read(&replaced(b"\x80\x02c", b"\x80\x02}"));
    assert!(matches!(unknown, Err(PickleError::Opcode { offset: 2, opcode: b'}' })), "{unknown:?}");
    assert!(unknown.unwrap_err().to_string().starts_with("byte 2: opcode 0x7d '}'"));
    match read(&replaced(b"numpy\nndarray", b"os\nsystem")) {
        Err(PickleError::Global { offset: 38, found }) => assert_eq!(found, "os.system"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(read(&replaced(b"\x80\x02", b"\x80\x05")), Err(PickleError::Value { offset: 0, .. })));
    assert!(
        matches!(read(&replaced(b"U\x02f4", b"U\x02f8")), Err(PickleError::Dtype { found, .. }) if found == "f8")
    );
    assert!(
        matches!(read(&replaced(b"U\x01<", b"U\x01>")), Err(PickleError::Dtype { found, .. }) if found == ">F32")
    );
    // Fortran order, a callable that is none, an empty stack.
    assert!(matches!(read(&replaced(b"\x89T", b"\x88T")), Err(PickleError::Value { .. })));
    assert!(matches!(read(&replaced(b"cnumpy\nndarray\n", b"N")), Err(PickleError::Value { .. })));
    for stub in
        [&b"\x80\x02R."[..], b"\x80\x02.", b"\x80\x02N.", b"\x80\x02t.", b"\x80\x02q\x00.", b"\x80\x02h\x00."]
    {
        assert!(matches!(read(stub), Err(PickleError::Value { .. })), "{}", stub.escape_ascii());
    }
    let trailing = [&small_pickle()[..], b"N"].concat();
    let end = trailing.len() as u64 - 1;
    assert!(matches!(read(&trailing), Err(PickleError::Trailing { offset }) if offset == end));
    let endless = [&b"\x80\x02"[..], &b"N".repeat(5000)].concat();
    assert!(matches!(read(&endless), Err(PickleError::TooMany { offset: 1025 })));
    let nested = [&b"\x80\x02N"[..], &b"\x85".repeat(5000)].concat();
    assert!(matches!(read(&nested), Err(PickleError::TooMany { .. })));
}

#[test]
fn pickle_believes_no_length() {
    let huge = replaced(b"\x89T\x18\x00\x00\x00", b"\x89T\xff\xff\xff\xff");
    assert!(matches!(read(&huge), Err(PickleError::TooLong { found: 0xffff_ffff, .. })));
    // Without a limit, 4 GiB are announced and some hundred bytes are there.
    assert!(matches!(pickle::read(&huge[..], u64::MAX), Err(PickleError::Truncated { .. })));
    let shape = read(&replaced(b"M\x02\x00M\x03\x00", b"M\xff\xffM\xff\xff"));
    assert!(
        matches!(shape, Err(PickleError::Length { shape, size: 4, found: 24, .. }) if shape == [65535, 65535])
    );
    let negative = read(&replaced(b"M\x02\x00M\x03\x00", b"J\xff\xff\xff\xffM\x03\x00"));
    assert!(matches!(negative, Err(PickleError::Length { shape, .. }) if shape == [-1, 3]));
    let overflow =
        read(&replaced(b"M\x02\x00M\x03\x00\x86", b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"));
    assert!(matches!(overflow, Err(PickleError::Length { .. })));
    let good = small_pickle();
    assert!(matches!(pickle::read(&good[..], good.len() as u64 - 1), Err(PickleError::TooLong { .. })));
    assert!(pickle::read(&good[..], good.len() as u64).is_ok());
}

/// One remembered string cannot become many arrays: elements count against the limit.
#[test]
fn pickle_does_not_multiply() {
    let state = b"(K\x01M\xe8\x03\x85h\x00\x89h\x01tb";
    let mut p = b"\x80\x02cnumpy\ndtype\nU\x02i8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbq\x00".to_vec();
    p.extend([b"T\x40\x1f\x00\x00", &[0; 8000][..], b"q\x01"].concat());
    for _ in 0..40 {
        p.extend(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R");
        p.extend(state);
    }
    let limit = 20_000;
    assert!(p.len() < limit);
    assert!(matches!(
        pickle::read(&p[..], limit as u64),
        Err(PickleError::TooLong { found: 8000, limit: 4000, .. })
    ));
}

#[test]
fn pickle_survives_truncation_and_mutation() {
    let good = small_pickle();
    for len in 0..good.len() {
        assert!(matches!(read(&good[..len]), Err(PickleError::Truncated { .. })), "{len} bytes");
    }
    let expected = read(&good).unwrap();
    let (mut refused, mut changed) = (0, 0);
    for i in 0..good.len() {
        for byte in mutations(good[i]) {
            let mut bad = good.clone();
            bad[i] = byte;
            match read(&bad) {
                Err(_) => refused += 1,
                // A changed element, or a changed byte that means the same, such as the key of a memo.
                Ok(pairs) => changed += usize::from(pairs != expected),
            }
        }
    }
    assert!(refused > 10_000 && changed > 1000, "{refused} refused, {changed} changed");
}
