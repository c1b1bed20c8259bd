//! The images of a run, and what the report says of them.

use std::path::PathBuf;

use matmul_mnist::{Mnist, prepare};

use crate::error::Error;

/// Where the images come from.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// A folder or address with the MNIST files; else MATMUL_MNIST, the cache, the mirrors, a synthetic set
    #[arg(long, value_name = "DIR_OR_URL")]
    pub(crate) from: Option<String>,
    /// Do not use the network
    #[arg(long)]
    pub(crate) offline: bool,
    /// Folder of downloads and converted files
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
}

/// Gets the images and leaves them prepared in the data folder.
pub(crate) fn load(options: &Options) -> Result<Mnist, Error> {
    let Options { from, offline, data } = options.clone();
    Ok(prepare(&matmul_mnist::Options { dir: data, from, offline })?)
}
