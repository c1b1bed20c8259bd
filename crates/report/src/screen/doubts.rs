use crate::machine::Machine;
use crate::schema::{Report, Row};

/// Share of stolen time from which it is mentioned.
const STOLEN: f64 = 0.01;

/// Variables that make a library run the code of another CPU, or us that of an older one.
const OTHER_CODE: [&str; 6] = [
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "BLIS_ARCH_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "MATMUL_MAX_ISA",
];

/// Something that makes a machine doubtful, and the command that mends it, if one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What was found.
    pub found: String,
    /// A command.
    pub mend: Option<String>,
}

fn doubt(found: String, mend: Option<String>) -> Doubt {
    Doubt { found, mend }
}

/// What there is to doubt about a machine, whatever is measured on it.
pub fn machine_doubts(m: &Machine) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for variable in &m.environment {
        let name = variable.split('=').next().unwrap_or_default();
        if OTHER_CODE.contains(&name) {
            let found = format!("{variable} is set: what it names may not run its best code");
            doubts.push(doubt(found, Some(format!("unset {name}"))));
        }
    }
    if let Some(steal) = m.steal.filter(|&steal| steal >= STOLEN) {
        doubts.push(doubt(format!("{:.1} % of the time was given to other guests", 100.0 * steal), None));
    }
    if !matches!(m.governor.as_str(), "" | "performance") {
        let found = format!("the frequency governor is {}, not performance", m.governor);
        doubts.push(doubt(found, Some("cpupower frequency-set -g performance".into())));
    }
    if m.huge_pages.contains("[never]") {
        let path = "/sys/kernel/mm/transparent_hugepage/enabled";
        let found = "transparent huge pages are off: large operands take more of the TLB".to_owned();
        doubts.push(doubt(found, Some(format!("echo madvise >{path}"))));
    }
    for level in (1..=2).filter(|&level| !m.cache_bytes(level).1) {
        doubts.push(doubt(format!("the size of the L{level} cache is not told, and assumed"), None));
    }
    if !m.pinned {
        doubts.push(doubt("this system does not let threads be bound to CPUs".into(), None));
    }
    doubts
}

/// What a reader should know before he believes a figure, a line each.
pub(crate) fn doubts(report: &Report) -> Vec<String> {
    let m = &report.machine;
    let mut doubts = Vec::new();
    if let Some(why) = &report.partial {
        doubts.push(format!("the run is partial, {why}, after {} cells", report.cells.len()));
    }
    if report.data.to_lowercase().contains("synthetic") {
        doubts.push("the data are synthetic, not MNIST".to_owned());
    }
    doubts.extend(machine_doubts(m).into_iter().map(|doubt| doubt.found));
    if let Some(threads) = report.settings.iter().map(|s| s.threads).max().filter(|&t| t > m.affinity.len()) {
        doubts.push(format!("{threads} threads on {} CPUs", m.affinity.len()));
    }
    doubts.extend(disturbed(report));
    doubts.extend(failures(report));
    let exceeded = report.cells.iter().filter(|cell| cell.limit.as_ref().is_some_and(|l| l.exceeded));
    let exceeded: Vec<String> = exceeded.map(|cell| format!("{} {}", cell.shape, cell.dtype)).collect();
    if let Some(first) = exceeded.first() {
        doubts.push(format!(
            "in {} cells a kernel beat the measured limit ({first}): no shares there",
            exceeded.len()
        ));
    }
    doubts
}

/// Rows whose samples were disturbed.
fn disturbed(report: &Report) -> Option<String> {
    let summaries = || report.cells.iter().flat_map(|cell| &cell.rows).filter_map(|row| row.summary);
    let (few, all) = (summaries().filter(|s| 2 * s.quiet < s.samples).count(), summaries().count());
    (few > 0).then(|| format!("{few} of {all} rows were disturbed in most of their rounds"))
}

/// Kernels that failed, by name.
fn failures(report: &Report) -> Option<String> {
    let rows = report.cells.iter().flat_map(|cell| &cell.rows).filter(|row| row.failed);
    let kit = report.conformance.iter().filter(|c| !c.failure.is_empty()).map(|c| c.kernel.as_str());
    let mut names: Vec<&str> = rows.map(|row: &Row| row.kernel.as_str()).chain(kit).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| format!("{} failed and is not ranked", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;

    #[test]
    fn each_doubt_is_said() {
        let mut report = fixed();
        report.partial = Some("ended by SIGTERM".into());
        report.data = "SYNTHETIC, seed 1".into();
        report.machine.environment = vec!["OPENBLAS_CORETYPE=Haswell".into(), "OMP_NUM_THREADS=2".into()];
        report.machine.steal = Some(0.03);
        report.machine.governor = "powersave".into();
        report.machine.huge_pages = "always madvise [never]".into();
        report.cells[0].fma = vec![1.0];
        report.finish();
        let text = doubts(&report).join("\n");
        for words in [
            "partial, ended by SIGTERM, after 1 cells",
            "synthetic",
            "OPENBLAS_CORETYPE=Haswell is set",
            "3.0 % of the time",
            "powersave",
            "huge pages are off",
            "the size of the L1 cache is not told",
            "1 threads on 0 CPUs",
            "wrong failed",
            "50x50x50 f32",
        ] {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
        assert!(!text.contains("OMP_NUM_THREADS"), "{text}");
    }

    #[test]
    fn a_clean_run_has_none() {
        let mut report = fixed();
        (report.data, report.machine.affinity, report.machine.pinned) = ("MNIST".into(), vec![0], true);
        let cache = |level| crate::machine::Cache { level, bytes: 1, shared_by: 1 };
        report.machine.caches = vec![cache(1), cache(2)];
        report.cells[0].rows.retain(|row| row.kernel != "wrong");
        report.cells[0].rows[2].samples.truncate(1);
        report.finish();
        assert_eq!(doubts(&report), [""; 0]);
    }
}
