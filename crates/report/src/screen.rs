//! What a run comes down to: what to link, how near the limit it is, where it loses, what is doubtful.

mod doubts;

use crate::class::Class;
use crate::dtype::Dtype;
use crate::owner::Owner;
use crate::schema::{Cell, Report, Row};
pub(crate) use doubts::doubts;
pub use doubts::{Doubt, machine_doubts};

/// Speeds that differ by less, on one thread and on several, are the same speed: runs of one build differ by as much.
const TIE: [f64; 2] = [0.03, 0.05];

/// The names of the code that people link, the public call first: what they call is one thing under several names.
const LINKED: [&str; 3] = ["matmul", "parallel", "simd"];

/// The share of a setting's cells that a kernel must have been measured in to be recommended.
const MOST: f64 = 0.9;

/// Element type and threads, for all shapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    pub(crate) dtype: Dtype,
    pub(crate) threads: usize,
    /// Cells in which anything may be ranked.
    pub(crate) cells: usize,
    /// The code with the best mean, and the next.
    pub(crate) first: Place,
    pub(crate) second: Option<Place>,
}

/// A code in a setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) kernel: String,
    /// Geometric mean of its speed over the fastest of each cell.
    pub(crate) of_best: f64,
    /// Cells in which it is the fastest, or as fast.
    pub(crate) ahead: usize,
    /// Geometric mean of its share of the limit, where that is one.
    pub(crate) of_limit: Option<f64>,
    /// The cell in which it is furthest behind, if in any: its name, who is ahead, and speed over theirs.
    pub(crate) worst: Option<(String, String, f64)>,
}

/// Ours against the others on a class of shapes, in a setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClassStanding {
    pub(crate) of_limit: Option<f64>,
    /// Geometric mean of its speed over the fastest peer's of each cell, and the peer that was it most often.
    pub(crate) peer: Option<(f64, String)>,
}

/// A row under the name of its code.
pub(crate) struct Named<'a> {
    pub(crate) kernel: &'a str,
    pub(crate) row: &'a Row,
    pub(crate) best: f64,
}

/// The rows of a cell that may be ranked, one for each code that can be linked: the public call for all of ours, since
/// it is what it dispatches to, and the others by their names. Where it was not measured, ours by theirs.
pub(crate) fn codes(cell: &Cell) -> Vec<Named<'_>> {
    let rank = |row: &Row| LINKED.iter().position(|name| *name == row.kernel);
    let linked = cell.ranked().filter(|(row, _)| rank(row).is_some()).min_by_key(|(row, _)| rank(row));
    let others = cell.ranked().filter(|(row, _)| linked.is_none() || row.owner != Owner::Own);
    let named = linked.into_iter().map(|(row, best)| Named { kernel: LINKED[0], row, best });
    named.chain(others.map(|(row, best)| Named { kernel: &row.kernel, row, best })).collect()
}

fn tie(threads: usize) -> f64 {
    1.0 - TIE[usize::from(threads > 1)]
}

/// The geometric mean of logarithms, each with its weight.
fn mean(logs: &[(f64, f64)]) -> Option<f64> {
    let weights: f64 = logs.iter().map(|(_, weight)| weight).sum();
    (weights > 0.0).then(|| (logs.iter().map(|(log, weight)| log * weight).sum::<f64>() / weights).exp())
}

/// What a cell counts for: its share of the program's time, if the shapes are those of a trace, else 1.
pub(crate) fn weight(report: &Report, cell: &Cell) -> f64 {
    if report.trace.is_empty() {
        return 1.0;
    }
    let all: f64 = report.trace.iter().map(|asked| asked.seconds).sum();
    let asked = report.trace.iter().filter(|a| a.shape == cell.shape.name && a.dtype == cell.dtype);
    asked.map(|asked| asked.seconds).sum::<f64>() / all.max(f64::MIN_POSITIVE)
}

/// Every setting that has a cell to rank, in the order of the run.
pub(crate) fn standings(report: &Report) -> Vec<Standing> {
    report.settings.iter().filter_map(|s| standing(report, s.dtype, s.threads)).collect()
}

fn standing(report: &Report, dtype: Dtype, threads: usize) -> Option<Standing> {
    let cells = report.cells.iter().filter(|cell| (cell.dtype, cell.threads) == (dtype, threads));
    let cells: Vec<&Cell> = cells.filter(|cell| !codes(cell).is_empty()).collect();
    let mut names: Vec<&str> = Vec::new();
    for code in cells.iter().flat_map(|cell| codes(cell)) {
        if !names.contains(&code.kernel) {
            names.push(code.kernel);
        }
    }
    let measured =
        |name: &str| cells.iter().filter(|cell| codes(cell).iter().any(|code| code.kernel == name)).count();
    names.retain(|name| measured(name) as f64 >= MOST * cells.len() as f64);
    let place = |name: &&str| place(report, &cells, name, threads);
    let mut places: Vec<Place> = names.iter().filter_map(place).collect();
    places.sort_by(|a, b| b.of_best.total_cmp(&a.of_best));
    let mut places = places.into_iter();
    let first = places.next()?;
    Some(Standing { dtype, threads, cells: cells.len(), first, second: places.next() })
}

fn place(report: &Report, cells: &[&Cell], kernel: &str, threads: usize) -> Option<Place> {
    let (mut of_best, mut of_limit, mut ahead) = (Vec::new(), Vec::new(), 0);
    let mut worst: Option<(String, String, f64)> = None;
    for cell in cells {
        let codes = codes(cell);
        let Some(this) = codes.iter().find(|code| code.kernel == kernel) else { continue };
        let Some(best) = codes.iter().max_by(|a, b| a.best.total_cmp(&b.best)) else { continue };
        let (ratio, weight) = (this.best / best.best, weight(report, cell));
        of_best.push((ratio.ln(), weight));
        if ratio >= tie(threads) {
            ahead += 1;
        } else if worst.as_ref().is_none_or(|(.., least)| ratio < *least) {
            worst = Some((cell.shape.name.clone(), best.kernel.to_owned(), ratio));
        }
        of_limit.extend(share(cell, this.best).map(|share| (share.ln(), weight)));
    }
    let kernel = kernel.to_owned();
    Some(Place { kernel, of_best: mean(&of_best)?, ahead, of_limit: mean(&of_limit), worst })
}

/// The share of a limit that is one.
fn share(cell: &Cell, gflops: f64) -> Option<f64> {
    let limit = cell.limit.as_ref().filter(|limit| !limit.exceeded && limit.gflops > 0.0)?;
    Some(gflops / limit.gflops)
}

/// The public call, else the best of ours, on a class of shapes; nothing if none of ours was measured.
pub(crate) fn class_standing(
    report: &Report,
    class: Class,
    dtype: Dtype,
    threads: usize,
) -> Option<ClassStanding> {
    let cells = report.cells.iter().filter(|cell| (cell.dtype, cell.threads) == (dtype, threads));
    let (mut of_limit, mut of_peer, mut peers) = (Vec::new(), Vec::new(), Vec::<(String, usize)>::new());
    let mut any = false;
    for cell in cells.filter(|cell| Class::of(&cell.shape) == class) {
        let codes = codes(cell);
        let best_of = |own: bool| {
            let side = codes.iter().filter(move |code| (code.row.owner == Owner::Own) == own);
            side.max_by(|a, b| a.best.total_cmp(&b.best))
        };
        let Some(own) = codes.iter().find(|code| code.kernel == LINKED[0]).or_else(|| best_of(true)) else {
            continue;
        };
        any = true;
        let weight = weight(report, cell);
        of_limit.extend(share(cell, own.best).map(|share| (share.ln(), weight)));
        if let Some(peer) = best_of(false) {
            of_peer.push(((own.best / peer.best).ln(), weight));
            match peers.iter_mut().find(|(name, _)| name == peer.kernel) {
                Some((_, count)) => *count += 1,
                None => peers.push((peer.kernel.to_owned(), 1)),
            }
        }
    }
    let usual = peers.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name);
    any.then(|| ClassStanding { of_limit: mean(&of_limit), peer: mean(&of_peer).zip(usual) })
}
