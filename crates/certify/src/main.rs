//! `matmul-certify [KERNEL...]`: our kernels against the conformance kit and the committed fingerprints.
//!
//! The program for machines on which `matmul-lab` cannot be built or would take hours: it has no peers, no BLAS and
//! no data, links statically, and runs as the only process of a virtual machine. Its last line on standard output is the
//! record, conformance.json in one line; all else goes to standard error. `MATMUL_CONFORMANCE_PLAN` chooses how much
//! runs, and `MATMUL_CONFORMANCE_HOW` names the emulator, which the program cannot see.

mod machine;

use std::io::Write;
use std::process::ExitCode;

use matmul::Real;
use matmul::kernel::{Availability, Isa, Kernel, Parallel, Promise, Simd};
use matmul_conformance::{Fingerprint, Plan, check, check_same_bits};
use matmul_report::{Checked, Owner, Record};

/// Thread counts at which the parallel kernel must keep its bits.
const THREADS: std::ops::RangeInclusive<usize> = 1..=8;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    // A panic must reach the end of main too: it would leave a virtual machine running.
    let code = match std::panic::catch_unwind(|| certify(&names)) {
        Ok(Ok(true)) => 0,
        Ok(Ok(false)) => 1,
        Ok(Err(message)) => {
            eprintln!("error: {message}");
            2
        }
        Err(_) => 101,
    };
    machine::power_off_if_init();
    ExitCode::from(code)
}

/// Whether all kernels, or those that are named, passed.
fn certify(names: &[String]) -> Result<bool, String> {
    let plan = Plan::from_env().map_err(|err| format!("MATMUL_CONFORMANCE_PLAN: {err}"))?;
    let variable = |name, default: &str| std::env::var(name).unwrap_or(default.into());
    let how = variable("MATMUL_CONFORMANCE_HOW", "native");
    let mut record = Record::new(env!("BUILD_TARGET"), how, variable("MATMUL_CONFORMANCE_PLAN", "standard"));
    certify_type::<f32>(names, &plan, &mut record)?;
    certify_type::<f64>(names, &plan, &mut record)?;
    let passed = record.finish();
    // With an error, and not a panic, where nobody reads it.
    let record_text = serde_json::to_string(&record).map_err(|err| err.to_string())?;
    writeln!(std::io::stdout(), "{record_text}").map_err(|err| err.to_string())?;
    Ok(passed)
}

/// The record's rows for one element type.
fn certify_type<T: Real>(names: &[String], plan: &Plan, record: &mut Record) -> Result<(), String> {
    let kernels = chosen::<T>(names)?;
    // Threads change nothing but the splits: one count goes through the kit, the others are compared with it.
    for kernel in kernels.iter().filter(|kernel| kernel.threads() <= 2) {
        let report = check(&**kernel, plan);
        eprintln!("{report}");
        record.checks.push(Checked { owner: Owner::Own, threads: kernel.threads(), report });
    }
    let same: Vec<&dyn Kernel<T>> =
        kernels.iter().map(|kernel| &**kernel).filter(|kernel| promises_bits(*kernel)).collect();
    for kernel in &same {
        let fingerprint = Fingerprint::of(*kernel).map_err(|err| err.to_string())?;
        eprintln!("{fingerprint}");
        record.fingerprints.push(fingerprint);
    }
    if same.len() > 1 {
        let threads = same.iter().map(|kernel| kernel.threads()).max().unwrap_or(1);
        let report = check_same_bits(&same, plan);
        eprintln!("{report}");
        record.checks.push(Checked { owner: Owner::Own, threads, report });
    }
    Ok(())
}

fn promises_bits<T: Real>(kernel: &dyn Kernel<T>) -> bool {
    kernel.promise() == Promise::SameBits && kernel.availability() == Availability::Available
}

/// The kernels of these names, all if there are none.
fn chosen<T: Real>(names: &[String]) -> Result<Vec<Box<dyn Kernel<T>>>, String> {
    // `all` has the parallel kernel at the pool's count, and no portable tile but `blocked`.
    let mut kernels = matmul::kernel::all::<T>();
    kernels.retain(|kernel| kernel.name() != "parallel");
    kernels.push(Box::new(Simd::with_isa(Isa::PortableFma)));
    kernels.extend(THREADS.map(|threads| Box::new(Parallel::with_threads(threads)) as Box<dyn Kernel<T>>));
    if let Some(unknown) = names.iter().find(|name| kernels.iter().all(|kernel| kernel.name() != *name)) {
        let known: Vec<&str> = kernels.iter().map(|kernel| kernel.name()).collect();
        return Err(format!("no kernel {unknown:?}, expected some of {}", known.join(", ")));
    }
    kernels.retain(|kernel| names.is_empty() || names.iter().any(|name| name == kernel.name()));
    Ok(kernels)
}
