//! AVX-512 without the hardware: a static x86-64 program as the only process of a Linux that the full-system emulator
//! Bochs boots. QEMU's own translator has no AVX-512.
//!
//! Nothing here asks the CPU of this machine: Bochs interprets every instruction.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::packages::{Packages, output};
use matmul_lab::tell;

/// A run takes half a minute on an idle machine.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// The CPU to emulate: it has AVX-512 F, BW, DQ, VL and CD. Icelake's model hangs while booting.
const MODEL: &str = "corei7_skylake_x";

/// Without `clearcpuid` the kernel finds the emulator's XSAVE layout inconsistent and turns AVX off altogether.
const KERNEL_OPTIONS: &str = "console=ttyS0 panic=1 mitigations=off tsc=reliable no_timer_check lpj=4000000 \
                              quiet clearcpuid=pku,mpx,ospke,xsaves,xsavec";

/// Brings the emulator, a boot loader and a kernel.
pub(crate) fn set_up(packages: &Packages) -> Result<(), String> {
    let tools = ["bochs", "isolinux", "syslinux-common", "xorriso"].map(str::to_owned);
    packages.fetch("bochs", &tools, &[])?;
    if !packages.has("linux") {
        let kernel = packages.dependency("linux-image-cloud-amd64")?;
        packages.fetch("linux", &[], &[kernel])?;
    }
    Ok(())
}

/// What emulates, for the record.
pub(crate) fn how() -> String {
    format!("bochs {MODEL}")
}

/// Runs `init` with these arguments and variables, and returns what it printed.
pub(crate) fn boot(
    packages: &Packages,
    init: &Path,
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> Result<String, String> {
    let dir = packages.dir().join("vm");
    let message = |err: std::io::Error| format!("{}: {err}", dir.display());
    fs::create_dir_all(dir.join("iso/isolinux")).map_err(message)?;
    // What the kernel does not know itself, it hands to init.
    let variables: Vec<String> = environment.iter().map(|(name, value)| variable(name, value)).collect();
    let append = format!("{KERNEL_OPTIONS} {} -- {}", variables.join(" "), arguments.join(" "));
    let config = format!("default matmul\nlabel matmul\nkernel /vmlinuz\nappend initrd=/initrd {append}\n");
    fs::write(dir.join("iso/isolinux/isolinux.cfg"), config).map_err(message)?;
    fs::write(dir.join("iso/initrd"), initramfs(&fs::read(init).map_err(message)?)).map_err(message)?;
    fs::copy(kernel(packages)?, dir.join("iso/vmlinuz")).map_err(message)?;
    for path in ["usr/lib/ISOLINUX/isolinux.bin", "usr/lib/syslinux/modules/bios/ldlinux.c32"] {
        let from = packages.file(path)?;
        let name = from.file_name().unwrap_or_default();
        fs::copy(&from, dir.join("iso/isolinux").join(name)).map_err(message)?;
    }
    let image = [
        "-as",
        "mkisofs",
        "-quiet",
        "-o",
        "vm.iso",
        "-b",
        "isolinux/isolinux.bin",
        "-c",
        "isolinux/boot.cat",
    ];
    let loader = ["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "iso"];
    output(packages.program("usr/bin/xorriso")?.args(image).args(loader).current_dir(&dir))?;
    fs::write(dir.join("bochsrc"), bochsrc(packages)?).map_err(message)?;

    let serial = dir.join("serial.txt");
    let _ = fs::remove_file(&serial);
    emulate(packages, &dir)?;
    fs::read_to_string(&serial).map_err(|err| format!("{}: {err}", serial.display()))
}

/// A variable on the kernel's command line, which takes quotes around a value with spaces.
fn variable(name: &str, value: &str) -> String {
    if value.contains(' ') { format!("{name}=\"{value}\"") } else { format!("{name}={value}") }
}

/// Until the machine powers off, or the time is up.
fn emulate(packages: &Packages, dir: &Path) -> Result<(), String> {
    let message = |err: std::io::Error| format!("bochs: {err}");
    let log = fs::File::create(dir.join("bochs.out")).map_err(message)?;
    let errors = log.try_clone().map_err(message)?;
    let mut bochs = packages.program("usr/bin/bochs-bin")?;
    bochs
        .args(["-q", "-f", "bochsrc"])
        .current_dir(dir)
        .env("LTDL_LIBRARY_PATH", packages.libraries().join("bochs/plugins"));
    let mut child = bochs.stdin(Stdio::piped()).stdout(log).stderr(errors).spawn().map_err(message)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Debian's build starts in its debugger.
        stdin.write_all(b"c\n").map_err(message)?;
    }
    let start = Instant::now();
    // Its exit status says nothing.
    while child.try_wait().map_err(message)?.is_none() {
        if start.elapsed() > TIME_LIMIT {
            child.kill().and_then(|()| child.wait()).map_err(message)?;
            // Not a reason to skip: everything was there, and a kernel that does not end is a failure.
            tell!("bochs had not ended after {} s and was stopped", TIME_LIMIT.as_secs());
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn kernel(packages: &Packages) -> Result<PathBuf, String> {
    let boot = packages.file("boot")?;
    let files = boot.read_dir().map_err(|err| err.to_string())?.flatten().map(|entry| entry.path());
    let is_kernel = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("vmlinuz-") && name.contains("cloud")
    };
    files.filter(is_kernel).max().ok_or_else(|| format!("no kernel in {}", boot.display()))
}

fn bochsrc(packages: &Packages) -> Result<String, String> {
    let bios = packages.file("usr/share/bochs/BIOS-bochs-latest")?;
    let vga = packages.file("usr/share/bochs/VGABIOS-lgpl-latest")?;
    // No display is attached to, and no sound: a machine without sound libraries would stop there.
    Ok(format!(
        "display_library: rfb, options=\"timeout=0\"\nromimage: file={}\nvgaromimage: file={}\n\
         cpu: model={MODEL}, count=1, ips=200000000, reset_on_triple_fault=0\nmemory: guest=512, host=512\n\
         ata0-master: type=cdrom, path=vm.iso, status=inserted\nboot: cdrom\n\
         com1: enabled=1, mode=file, dev=serial.txt\nclock: sync=none\npanic: action=fatal\nlog: bochs.log\n\
         sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy\nspeaker: enabled=0\n",
        bios.display(),
        vga.display()
    ))
}

/// A file system of the program as /init and the console as /dev/console: a cpio archive in the format `newc`. Written
/// here because a device node would take root anywhere else.
fn initramfs(init: &[u8]) -> Vec<u8> {
    const DIRECTORY: u32 = 0o040_755;
    const CONSOLE: u32 = 0o020_600;
    const PROGRAM: u32 = 0o100_755;
    let entries: [(&str, u32, &[u8]); 4] = [
        ("dev", DIRECTORY, b""),
        ("dev/console", CONSOLE, b""),
        ("init", PROGRAM, init),
        ("TRAILER!!!", 0, b""),
    ];
    let mut archive = Vec::new();
    for (number, (name, mode, data)) in (1u32..).zip(entries) {
        let (major, minor) = if mode == CONSOLE { (5, 1) } else { (0, 0) };
        // ino, mode, uid, gid, nlink, mtime, size, device of the file (2), device that it is (2), name's size, check
        let fields =
            [number, mode, 0, 0, 1, 0, data.len() as u32, 0, 0, major, minor, name.len() as u32 + 1, 0];
        archive.extend_from_slice(b"070701");
        archive.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        archive.extend_from_slice(name.as_bytes());
        // The name ends with at least one zero; name and data fill multiples of four bytes.
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_spaces_stays_one_word_of_the_kernel() {
        assert_eq!(variable("PLAN", "quick"), "PLAN=quick");
        assert_eq!(variable("HOW", &how()), format!("HOW=\"bochs {MODEL}\""));
    }

    #[test]
    fn the_archive_is_what_cpio_expects() {
        let archive = initramfs(b"\x7fELF!");
        assert_eq!(archive.len() % 4, 0);
        assert_eq!(&archive[..22], b"07070100000001000041ed");
        let text = archive.escape_ascii().to_string();
        for part in ["dev\\x00", "dev/console\\x00", "init\\x00", "\\x7fELF!\\x00", "TRAILER!!!\\x00"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // The console's device numbers.
        assert!(text.contains("0000000500000001"));
    }
}
