use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use matmul_conformance::{ParseError, Plan};

use super::error::OptionsError;
use super::values::{PATIENCE, seconds};
use crate::catalogue::names;

/// How much of the kit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Depth {
    /// An eighth of quick
    Glance,
    /// About a second for a fast kernel
    Quick,
    /// Some seconds for a fast kernel
    Standard,
    /// Minutes
    Full,
}

impl Depth {
    /// The word of `--plan`.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn plan(self) -> Plan {
        match self {
            Depth::Glance => Plan::quick().with_family_limit(1 << 21),
            Depth::Quick => Plan::quick(),
            Depth::Standard => Plan::standard(),
            Depth::Full => Plan::full(),
        }
    }
}

/// Which cases run, on which libraries: what a process and those that it starts must know alike.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Cases {
    /// How much of the kit runs
    #[arg(long, value_enum, default_value = "standard")]
    pub plan: Depth,
    /// Seed of the inputs
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Only this case, a line of a report
    #[arg(long, value_name = "LINE", value_parser = case)]
    pub case: Option<String>,
    /// A CBLAS library to load, as PATH or PATH:prefix; may be repeated
    #[arg(long, value_name = "PATH[:prefix]")]
    pub blas_lib: Vec<String>,
    /// Most seconds that a library in a process of its own may be silent
    #[arg(long, default_value_t = PATIENCE, value_name = "SECONDS", value_parser = seconds)]
    pub patience: f64,
}

/// A line that the kit reads.
fn case(line: &str) -> Result<String, ParseError> {
    Plan::of_case(line).map(|_| line.to_owned())
}

impl Cases {
    /// A plan with its usual seed.
    pub fn new(plan: Depth, blas_lib: Vec<String>, patience: f64) -> Self {
        Self { plan, seed: 42, case: None, blas_lib, patience }
    }

    /// The kit's plan.
    ///
    /// # Errors
    /// [`ParseError`] if the only case is none.
    pub fn plan(&self) -> Result<Plan, ParseError> {
        match &self.case {
            Some(line) => Plan::of_case(line),
            None => Ok(self.plan.plan().with_seed(self.seed)),
        }
    }

    /// How long a child may be silent.
    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.patience)
    }

    /// The options that lead to the same cases.
    pub fn args(&self) -> Vec<String> {
        let mut args = vec!["--plan".into(), self.plan.name(), "--seed".into(), self.seed.to_string()];
        args.extend(self.case.iter().flat_map(|line| ["--case".into(), line.clone()]));
        args.extend(["--patience".into(), self.patience.to_string()]);
        args.extend(self.blas_lib.iter().flat_map(|path| ["--blas-lib".into(), path.clone()]));
        args
    }
}

/// What to check, or what to publish.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Conform {
    /// Only these kernels
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub kernels: Vec<String>,
    /// The cases.
    #[command(flatten)]
    pub cases: Cases,
    /// Folder of conformance.json [default: target/matmul-bench; of an emulator, target/conform/NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run nothing; write the table of all records below a folder into the document
    #[arg(long, value_name = "DIR")]
    pub publish: Option<PathBuf>,
    /// With --publish: only find out whether the document has these rows and columns
    #[arg(long, requires = "publish")]
    pub check: bool,
    /// Where --publish writes
    #[arg(long, value_name = "FILE", default_value = "docs/conformance.md")]
    pub document: PathBuf,
}

impl Conform {
    /// Finds what is wrong without a kernel at hand.
    ///
    /// # Errors
    /// [`OptionsError::Kernel`] for a name that no kernel can have.
    pub fn check(&self) -> Result<(), OptionsError> {
        names::check(&self.kernels, &self.cases.blas_lib)
    }

    /// Where a run on this machine writes its record.
    pub fn out(&self) -> &Path {
        self.out.as_deref().unwrap_or(Path::new("target/matmul-bench"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_told_the_same_cases() {
        let line = "edges f32 m=1 n=2 k=3";
        let cases = Cases { case: Some(line.into()), ..Cases::new(Depth::Quick, vec!["x.so".into()], 30.0) };
        assert_eq!(
            cases.args(),
            ["--plan", "quick", "--seed", "42", "--case", line, "--patience", "30", "--blas-lib", "x.so"]
        );
        assert_eq!(cases.plan().unwrap().case().map(|case| case.n), Some(2));
    }

    #[test]
    fn a_line_that_is_no_case_is_refused() {
        assert!(case("edges f32 m=1 n=2 k=3").is_ok());
        assert!(case("edges f16 m=1 n=2 k=3").unwrap_err().to_string().contains("f16"));
    }
}
