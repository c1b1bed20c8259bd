//! The images of a run.

use matmul_mnist::{Mnist, prepare};

use crate::error::Error;
use crate::options::Data;

/// Gets the images and leaves them prepared in the data folder.
pub(crate) fn load(options: &Data) -> Result<Mnist, Error> {
    let Data { dir, from, offline } = options.clone();
    Ok(prepare(&matmul_mnist::Options { dir, from, offline })?)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::*;

    /// One help text for both, and one meaning.
    #[test]
    fn the_options_are_those_of_the_data_set() {
        // The structs' own comments are for their readers, and no help shows them.
        let help =
            |command: Command| command.about("data").long_about(None::<&str>).render_long_help().to_string();
        let ours = help(Data::augment_args(Command::new("data")));
        assert_eq!(ours, help(matmul_mnist::Options::augment_args(Command::new("data"))));
        assert!(ours.contains("--offline"), "{ours}");
    }
}
