use std::path::PathBuf;

/// Where the images come from: the arguments of `matmul_mnist::Options`, without the crate that fetches.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Data {
    /// Folder of downloads and .npy files.
    #[arg(long = "data", alias = "dir", value_name = "DIR", default_value = "data")]
    pub dir: PathBuf,
    /// A folder with the four IDX files or the pickle (compressed or not), the pickle itself, a base address of the
    /// IDX files, or the address of a `.pkl` or `.pkl.gz`. Then nothing else is tried. Without it: the environment
    /// variable `MATMUL_MNIST`, the folder, the mirrors, a synthetic set.
    #[arg(long, value_name = "DIR_OR_URL")]
    pub from: Option<String>,
    /// Do not use the network.
    #[arg(long)]
    pub offline: bool,
}
