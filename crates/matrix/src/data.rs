//! The images of a run, and what the report says of them.

pub(crate) use matmul_mnist::Options;
use matmul_mnist::{Mnist, prepare};

use crate::error::Error;

/// Gets the images and leaves them prepared in the data folder.
pub(crate) fn load(options: &Options) -> Result<Mnist, Error> {
    Ok(prepare(options)?)
}
