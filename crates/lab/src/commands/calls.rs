//! `calls`: so many products and nothing else, for a tool that counts what they take.

use matmul_report::{Dtype, Shape, ShapeError};

use crate::catalogue::registry::{self, Libraries};
use crate::error::Error;
use crate::measure::operands::{Images, Operands};
use crate::measure::sampling::{Sampling, time_calls};
use crate::options::OptionsError;

/// Which products.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Name of a kernel of one thread
    #[arg(long)]
    kernel: String,
    /// As for bench --shapes
    #[arg(long)]
    shape: String,
    /// f32 or f64
    #[arg(long)]
    dtype: Dtype,
    /// How many
    #[arg(long)]
    calls: u64,
}

pub(crate) fn run(options: &Options) -> Result<(), Error> {
    match options.dtype {
        Dtype::F32 => multiply::<f32>(options),
        Dtype::F64 => multiply::<f64>(options),
    }
}

fn multiply<T: matmul::Real>(options: &Options) -> Result<(), Error> {
    let Options { kernel, shape, calls, .. } = options;
    let unknown = || ShapeError::Unknown { name: shape.clone(), nearest: Vec::new() };
    let shape = Shape::parse(shape).ok_or_else(unknown).map_err(OptionsError::from)?;
    let entries = registry::entries::<T>(1, &Libraries::load(&[])?);
    let missing = || Error::Worker { kernel: kernel.clone(), reason: "does not know it".into() };
    let entry = entries.into_iter().find(|entry| entry.name() == kernel).ok_or_else(missing)?;
    let mut operands = Operands::<T>::new(&shape, Images { train: &[], valid: &[] }, 1);
    // On this thread: those of a pool look for work a while before they sleep, which would be counted too.
    time_calls(&mut operands, &*entry.kernel, Sampling { calls: *calls, warm_up: true }).map(drop)
}
