use crate::{Case, Family, ParseError};

/// How much of each family runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    Quick,
    Standard,
    Full,
}

/// What to run, and how much of it. Every limit that leaves a case out is a row of the report.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) depth: Depth,
    pub(crate) seed: u64,
    case_limit: u64,
    family_limit: u64,
    pub(crate) families: Vec<Family>,
    /// The only case, in a plan of one.
    case: Option<Case>,
}

impl Plan {
    /// About a second for a fast kernel: before a benchmark.
    pub fn quick() -> Self {
        Plan { case_limit: 1 << 22, family_limit: 1 << 24, ..Plan::new(Depth::Quick) }
    }

    /// The quick plan without its large cases, for an emulator: sizes around the tile.
    pub fn emulated() -> Self {
        Plan { case_limit: 1 << 17, family_limit: 1 << 20, ..Plan::new(Depth::Quick) }
    }

    /// Some seconds for a fast kernel: what a kernel's own tests run.
    pub fn standard() -> Self {
        Plan { case_limit: 1 << 26, family_limit: 1 << 28, ..Plan::new(Depth::Standard) }
    }

    /// Minutes: every combination, and shapes past every block size.
    pub fn full() -> Self {
        Plan { case_limit: 1 << 31, family_limit: 1 << 34, ..Plan::new(Depth::Full) }
    }

    /// The case of one line of a report, and nothing else.
    ///
    /// # Errors
    /// [`ParseError`] if the line is no case.
    pub fn of_case(line: &str) -> Result<Self, ParseError> {
        let case: Case = line.parse()?;
        let families = vec![case.family];
        let limit = u64::MAX;
        Ok(Plan {
            case_limit: limit,
            family_limit: limit,
            families,
            case: Some(case),
            ..Plan::new(Depth::Full)
        })
    }

    /// The only case, if this is a plan of one.
    pub fn case(&self) -> Option<&Case> {
        self.case.as_ref()
    }

    /// The plan that the environment variable `MATMUL_CONFORMANCE_PLAN` names: `emulated`, `quick`, `standard` (also when
    /// it is not set) or `full`.
    ///
    /// # Errors
    /// [`ParseError::Word`] for any other word.
    pub fn from_env() -> Result<Self, ParseError> {
        match std::env::var("MATMUL_CONFORMANCE_PLAN").map(|word| word.to_ascii_lowercase()).as_deref() {
            Ok("emulated") => Ok(Plan::emulated()),
            Ok("quick") => Ok(Plan::quick()),
            Err(_) if cfg!(miri) => Ok(Plan::quick()),
            Ok("standard") | Err(_) => Ok(Plan::standard()),
            Ok("full") => Ok(Plan::full()),
            Ok(other) => {
                Err(ParseError::Word { expected: "emulated, quick, standard or full", found: other.into() })
            }
        }
    }

    fn new(depth: Depth) -> Self {
        Plan { depth, seed: 42, case_limit: 0, family_limit: 0, families: Family::ALL.to_vec(), case: None }
    }

    /// Most multiply-adds of a case, and of a family. Miri takes microseconds for each, and a chunk of k plus a few must
    /// fit: there no plan has more.
    pub(crate) fn limits(&self) -> (u64, u64) {
        if cfg!(miri) {
            (self.case_limit.min(1 << 11), self.family_limit.min(1 << 16))
        } else {
            (self.case_limit, self.family_limit)
        }
    }

    /// The same plan on other inputs.
    pub fn with_seed(self, seed: u64) -> Self {
        Plan { seed, ..self }
    }

    /// Leaves out cases of more than `madds` multiply-adds, for slow kernels and emulators.
    pub fn with_case_limit(self, madds: u64) -> Self {
        Plan { case_limit: madds, ..self }
    }

    /// Stops a family, which runs its cheapest cases first, at `madds` multiply-adds.
    pub fn with_family_limit(self, madds: u64) -> Self {
        Plan { family_limit: madds, ..self }
    }

    /// Runs these families and no others; the report says so.
    pub fn only(self, families: &[Family]) -> Self {
        Plan { families: families.to_vec(), ..self }
    }
}
