use std::path::PathBuf;

use super::data::Data;

/// What to climb on.
#[derive(Clone, Debug, clap::Args)]
// No group of arguments of its own: the command that flattens it in may have the same name.
#[group(skip)]
pub struct Lesson {
    /// Where the digits come from.
    #[command(flatten)]
    pub data: Data,
    /// Seed of the weights, a draw from the standard normal distribution
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Write the figures into the chapters, between their marks
    #[arg(long)]
    pub update: bool,
    /// Folder of the chapters
    #[arg(long, value_name = "DIR", default_value = "docs/lesson")]
    pub chapters: PathBuf,
}
