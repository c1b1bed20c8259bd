//! A report as Markdown, and the facts at its head.

use super::cells::{COUNTED, LEGEND, cell_table, cell_title};
use super::screen::first_screen_markdown;
use super::tables::{details_table, failures_table, limits_table, overview};
use crate::counters::Counting;
use crate::machine::Cache;
use crate::schema::Report;

/// The facts of the machine, one to a line.
pub fn machine_lines(report: &Report) -> Vec<String> {
    let m = &report.machine;
    let cache = |c: &Cache| format!("L{} {} KiB shared by {}", c.level, c.bytes >> 10, c.shared_by);
    let known = |text: &str| if text.is_empty() { "not told".to_owned() } else { text.to_owned() };
    let caches = m.caches.iter().map(cache).collect::<Vec<_>>().join(", ");
    let vm = if m.virtual_machine { ", virtual machine" } else { "" };
    let mut lines = vec![
        format!("CPU: {} ({}{vm})", m.cpu, m.arch),
        format!("System: {}, {} MiB", m.os, m.memory_bytes >> 20),
        format!(
            "CPUs: {:?}, threads {}",
            m.affinity,
            if m.pinned { "pinned one to each" } else { "not pinned" }
        ),
        format!("Caches: {}", known(&caches)),
        format!("Governor: {}; transparent huge pages: {}", known(&m.governor), known(&m.huge_pages)),
        format!("Built by {} for {}, {}, RUSTFLAGS: {}", m.rustc, m.target, m.profile, known(&m.rustflags)),
        format!("Data: {}", report.data),
    ];
    if let Some(steal) = m.steal {
        lines.push(format!("Steal time: {:.1}%", 100.0 * steal));
    }
    if !m.environment.is_empty() {
        lines.push(format!("Environment: {}", m.environment.join(" ")));
    }
    match &m.counters {
        None => {}
        Some(Counting::Told(events)) => lines.push(format!("Counters: {}. {COUNTED}", events.join(", "))),
        Some(Counting::NotTold(why)) => lines.push(format!("Counters: not told: {why}")),
    }
    lines
}

/// `report.md`.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("# Matrix multiplication: measured\n\n");
    if let Some(partial) = &report.partial {
        text += &format!("**Partial: {partial}, after {} cells.**\n\n", report.cells.len());
    }
    text += &first_screen_markdown(report);
    for line in machine_lines(report) {
        text += &format!("- {line}\n");
    }
    let quick = if report.quick { ", quick run" } else { "" };
    text +=
        &format!("- Seed {}, up to {} rounds{quick}, {:.0} s\n", report.seed, report.rounds, report.seconds);
    for note in &report.notes {
        text += &format!("- Note: {note}\n");
    }
    text += &format!("\n{LEGEND}\n");
    let sections = [
        ("Conformance failures", failures_table(report)),
        ("Limits measured, GFLOP/s", limits_table(report)),
        ("Fastest of all, GFLOP/s (% of limit)", overview(report, false)),
        ("Fastest of ours, GFLOP/s (% of limit, x best peer)", overview(report, true)),
        ("What runs", details_table(report)),
    ];
    for (title, table) in sections.iter().filter(|(_, table)| !table.is_empty()) {
        text += &format!("\n## {title}\n\n{}", table.markdown());
    }
    for cell in &report.cells {
        text += &format!("\n## {}\n\n{}", cell_title(cell), cell_table(cell).markdown());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;

    #[test]
    fn a_part_of_a_run_says_so_first() {
        let report = Report { partial: Some("ended by SIGTERM".into()), ..fixed() };
        let text = markdown(&report);
        assert!(text.contains("measured\n\n**Partial: ended by SIGTERM, after 1 cells.**\n"), "{text}");
        assert!(!markdown(&fixed()).contains("Partial"));
    }

    #[test]
    fn markdown_has_every_part() {
        let text = markdown(&fixed());
        for part in [
            "**Link matmul: ",
            "CPU: a CPU",
            "Note: a note",
            "## Limits measured",
            "| f32 1T | 125.0 | 117.5 | 100.0 | 99.0 | L1 200.0 (175.0) |",
            "| 50x50x50 | simd 100.0 (80%) |",
            "| 50x50x50 | simd 100.0 (80%, 1.25x) |",
            "## 50x50x50 f32, 1 thread",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("Conformance failures"));
    }
}
