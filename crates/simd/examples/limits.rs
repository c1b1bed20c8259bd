//! The two limits of a thread, in a few milliseconds: its multiply-adds in registers in GFLOP/s, and what it reads of a
//! buffer of so many bytes in GB/s. Enough to tell which of them a product meets, not to publish.
//!
//! ```sh
//! cargo run --release --package matmul-simd --example limits -- avx2 f32 16384
//! ```

use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use matmul_simd::Isa;

/// Rounds, of which the fastest counts: another guest may disturb some.
const ROUNDS: usize = 5;

/// Seconds that a round takes at least, so that it is long against the clock.
const ROUND: f64 = 2e-4;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match measured(&args) {
        // Without a reader there is nobody to tell.
        Ok((peak, bandwidth)) => match writeln!(io::stdout(), "{peak} {bandwidth}") {
            Err(lost) if lost.kind() != io::ErrorKind::BrokenPipe => {
                eprintln!("error: results could not be printed: {lost}");
                ExitCode::from(2)
            }
            _ => ExitCode::SUCCESS,
        },
        Err(wrong) => {
            eprintln!("error: {wrong}");
            ExitCode::from(2)
        }
    }
}

fn measured(args: &[String]) -> Result<(f64, f64), String> {
    let [isa, dtype, bytes] = args else {
        return Err("expected an instruction set, an element type and bytes".into());
    };
    let isa: Isa = isa.parse().map_err(|error| format!("{error}"))?;
    let bytes: usize = bytes.parse().map_err(|error| format!("{bytes:?} bytes: {error}"))?;
    let engines = isa.engines().ok_or_else(|| format!("{isa} needs {}", isa.needs()))?;
    match dtype.as_str() {
        "f32" => {
            let data = vec![1.0; bytes / 4];
            let read = rate(&mut |passes| engines.f32.read(black_box(&data), passes as usize));
            Ok((rate(&mut |steps| engines.f32.fma_chain(steps)), read))
        }
        "f64" => {
            let data = vec![1.0; bytes / 8];
            let read = rate(&mut |passes| engines.f64.read(black_box(&data), passes as usize));
            Ok((rate(&mut |steps| engines.f64.fma_chain(steps)), read))
        }
        _ => Err(format!("unknown element type {dtype:?}, expected f32 or f64")),
    }
}

/// 10⁹ of what `work` counts a second, by as many repeats as make a round long enough.
fn rate(work: &mut dyn FnMut(u64) -> u64) -> f64 {
    let mut repeats = 1;
    loop {
        let (mut best, mut done) = (f64::MAX, 0);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            done = work(repeats);
            best = best.min(start.elapsed().as_secs_f64());
        }
        if best >= ROUND || repeats > 1 << 40 {
            return done as f64 / best.max(1e-9) / 1e9;
        }
        repeats *= 2;
    }
}
