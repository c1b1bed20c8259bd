//! The binary, and the drawings that it makes.
#![cfg(feature = "cli")]

use matmul_mnist::draw;
use std::process::Command;
use tempfile::tempdir;

fn mnist(args: &[&str], dir: &std::path::Path) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnist"));
    let output = command.args(args).current_dir(dir).env_remove("MATMUL_MNIST").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn data_and_show_work_offline() {
    let dir = tempdir().unwrap();
    let (ok, out, err) = mnist(&["data", "--offline"], dir.path());
    assert!(ok, "{err}");
    assert!(
        out.starts_with("SYNTHETIC digits, not MNIST") && out.contains("x_train.npy  f32 (50000, 784)"),
        "{out}"
    );
    assert!(err.starts_with("note: there is no train-images-idx3-ubyte.gz"), "{err}");
    let (ok, out, err) = mnist(&["show", "7", "--split", "test", "--offline"], dir.path());
    assert!(ok, "{err}");
    assert!(out.contains("@@") && out.contains("test[7] is a "), "{out}");
    let png = std::fs::read(dir.path().join("target/mnist-test-7.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n"));
    let (ok, _, err) = mnist(&["show", "10000", "--split", "test", "--offline"], dir.path());
    assert!(!ok && err.contains("there is no image 10000 in test, expected 0 to 9999"), "{err}");
    let (ok, _, err) = mnist(&["data", "--from", "nowhere"], dir.path());
    assert!(!ok && err.starts_with("error: there is no train-images-idx3-ubyte.gz"), "{err}");
}

#[test]
fn drawings_show_the_pixels() {
    let mut pixels = vec![0.0; 784];
    (pixels[0], pixels[1], pixels[28 * 27 + 27], pixels[28]) = (255.0 / 256.0, 128.0 / 256.0, 0.5, f32::NAN);
    let text = draw::text(&pixels);
    assert!(text.starts_with("@@++\n\n") && text.ends_with("++\n"), "{text}");
    assert_eq!(text.lines().count(), 28);

    let mut file = Vec::new();
    draw::png(&mut file, &pixels, 3).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut dots = vec![0; 84 * 84];
    let info = reader.next_frame(&mut dots).unwrap();
    assert_eq!((info.width, info.height, info.color_type), (84, 84, png::ColorType::Grayscale));
    assert_eq!(
        (dots[0], dots[2 * 84 + 2], dots[3], dots[84 * 84 - 1], dots[3 * 84]),
        (255, 255, 128, 128, 0)
    );
    assert_eq!(draw::png(Vec::new(), &[], 3).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}
