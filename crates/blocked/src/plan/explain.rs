//! A plan in words, and why it is that way.

use std::fmt;

use super::caches::Caches;
use super::cut::{Order, most_pieces};
use super::decide::{aliased, bytes_of_b, copies_a, edge_step, few, is_near, is_tile, turns_for_tiles};
use super::facts::Facts;
use super::query::Query;
use super::way::{Path, Plan, Source, Tiles};

/// Why a plan has one of its parts: the field of [`Limits`](super::Limits) that decided, where one did, and the figures
/// that were compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What was decided: `"B in place"`.
    pub what: String,
    /// Why.
    pub why: String,
    /// The field of `Limits`, if a threshold decided.
    pub limit: Option<&'static str>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)?;
        self.limit.map_or(Ok(()), |limit| write!(f, " (Limits::{limit})"))
    }
}

fn reason(what: impl Into<String>, why: impl Into<String>, limit: Option<&'static str>) -> Reason {
    Reason { what: what.into(), why: why.into(), limit }
}

/// Two sentences: the way, and the threads.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.turned {
            f.write_str("Transposed: ")?;
        }
        self.body.fmt(f)?;
        match self.edge {
            0 => {}
            1 => f.write_str("; the last column with rows in lanes")?,
            n => write!(f, "; the last {n} columns with rows in lanes")?,
        }
        let Some(cut) = self.cut else { return f.write_str(". On one thread.") };
        write!(f, ". In up to {} pieces of whole {} rows", cut.pieces, cut.row_unit)?;
        match (cut.column_unit, cut.order) {
            (0, _) => f.write_str("."),
            (columns, Order::Columns { .. }) => write!(f, " or {columns} columns, columns first."),
            (columns, Order::Rows) => write!(f, " or {columns} columns, rows first."),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Tile => f.write_str("one tile"),
            Path::Tiles(tiles) => tiles.fmt(f),
            Path::Rows => f.write_str("rows in lanes"),
            Path::Strips(s) if s.right == 0 => write!(f, "strips of {} vectors", s.vectors),
            Path::Strips(s) => write!(f, "strips of {} vectors, {} + {} columns", s.vectors, s.left, s.right),
            Path::Column { block } => write!(f, "a matrix times a vector, {block} sums in L1"),
            Path::Dot => f.write_str("dot products along k"),
        }
    }
}

impl fmt::Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tiles of {} rows, A {}, B {}", self.rows, self.a, self.b)?;
        match self.b {
            Source::InPlace => Ok(()),
            _ => write!(f, " in blocks of {} x {}", self.blocks.kc, self.blocks.nc),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::InPlace => "in place",
            Source::Copied => "copied",
            Source::Packed => "packed before",
        })
    }
}

impl Plan {
    /// What decided this plan, which was made of the same query, facts and caches.
    pub fn reasons(&self, query: &Query, facts: &Facts, caches: &Caches) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if is_tile(query, facts) {
            let why = format!(
                "{} x {} fits {} x {}, k is one chunk, and rows of B and C are contiguous",
                query.m,
                query.n,
                facts.mr,
                facts.nr()
            );
            reasons.push(reason("one tile", why, None));
            return reasons;
        }
        let turned = if self.turned { query.turned() } else { *query };
        reasons.push(self.why_the_path(query, &turned, facts));
        if let Path::Tiles(tiles) = &self.body {
            let (m, n) = self.cut.map_or((turned.m, turned.n), |cut| cut.largest((turned.m, turned.n)));
            let piece = Query { m, n, ..turned };
            reasons.push(why_a(tiles, &piece, facts));
            reasons.push(why_b(tiles, &piece, facts, caches));
            reasons.push(self.why_the_edge(&Query { n: turned.n, ..piece }, facts));
        }
        reasons.push(self.why_the_pieces(query, facts));
        reasons
    }

    fn why_the_path(&self, query: &Query, turned: &Query, facts: &Facts) -> Reason {
        let side = turned.n;
        let thin = query.m.min(query.n) <= few(query, facts) && !query.packed;
        let (what, limits) = (self.body.to_string(), &facts.limits);
        match self.body {
            Path::Tile => reason(what, "it fits", None),
            Path::Rows => {
                let rows = facts.group_rows(side);
                let why = format!(
                    "n = {side} is at most {}, A has contiguous rows, and m = {} fills {rows} lanes",
                    facts.rows, turned.m
                );
                reason(what, why, None)
            }
            Path::Strips(_) => {
                let least = limits.strip_vectors.saturating_mul(facts.lanes);
                let why = format!(
                    "n = {side}, columns of A are contiguous, and m = {} is at least {least}",
                    turned.m
                );
                reason(what, why, Some("strip_vectors"))
            }
            Path::Column { .. } => {
                let why = format!(
                    "n = 1, columns of A are contiguous, and m = {} fills {} lanes",
                    turned.m, facts.lanes
                );
                reason(what, why, Some("sums_halves_of_l1"))
            }
            Path::Dot => reason(
                what,
                format!("{} x {side} elements of C, in the order that is fastest", turned.m),
                Some("dot_side"),
            ),
            Path::Tiles(_) => {
                let why = match (thin, turns_for_tiles(query)) {
                    (true, _) => format!(
                        "{} x {} is too small for the lanes of a path for few columns",
                        query.m, query.n
                    ),
                    (false, true) => "columns of C are contiguous, so the transpose is computed".into(),
                    (false, false) => format!("more than {} rows and columns", few(query, facts)),
                };
                reason("tiles", why, None)
            }
        }
    }

    fn why_the_edge(&self, q: &Query, facts: &Facts) -> Reason {
        let (limits, step) = (&facts.limits, edge_step(facts));
        let rest = q.n % step;
        match (self.edge, rest) {
            (0, 0) => reason("no edge", format!("n = {} is a multiple of {step}", q.n), Some("edge_vectors")),
            (0, _) if rest <= limits.edge_columns.min(facts.rows) && q.m < limits.edge_rows => {
                let why = format!(
                    "{rest} more columns than a multiple of {step}, but {} rows are fewer than {}",
                    q.m, limits.edge_rows
                );
                reason("no edge", why, Some("edge_rows"))
            }
            (0, _) => {
                let why = format!(
                    "{rest} more columns than a multiple of {step}: more than {}, or A's rows are not contiguous",
                    limits.edge_columns
                );
                reason("no edge", why, Some("edge_columns"))
            }
            (edge, _) => {
                let why = format!(
                    "{edge} more than a multiple of {step}, at most {}; {} rows are at least {}",
                    limits.edge_columns, q.m, limits.edge_rows
                );
                reason("the last columns apart", why, Some("edge_columns"))
            }
        }
    }

    fn why_the_pieces(&self, query: &Query, facts: &Facts) -> Reason {
        let work = query.m.saturating_mul(query.n).saturating_mul(query.k);
        let (most, least) = (most_pieces(query, facts), facts.limits.piece_work);
        match self.cut {
            Some(cut) => {
                let why =
                    format!("{} threads, and {work} multiply-adds are {most} times {least}", query.threads);
                reason(format!("up to {} pieces", cut.pieces), why, Some("piece_work"))
            }
            None if query.threads < 2 => reason("one piece", "there is one thread", None),
            None if most < 2 => reason(
                "one piece",
                format!("{work} multiply-adds are less than twice {least}"),
                Some("piece_work"),
            ),
            None => reason("one piece", "C has too few rows and columns to cut", None),
        }
    }
}

fn why_a(tiles: &Tiles, q: &Query, facts: &Facts) -> Reason {
    let (limits, panels) = (&facts.limits, q.n.div_ceil(facts.nr()));
    let (contiguous, aliases) = (q.a.1.unsigned_abs() == 1, aliased(q.a.0, facts));
    if copies_a(q, facts) {
        let hostile = if contiguous { "its rows alias in L1" } else { "its rows are not contiguous" };
        let why = format!("{hostile}, and each panel meets {panels} of B, at least {}", limits.pack_a_panels);
        return reason("A copied", why, Some("pack_a_panels"));
    }
    match (contiguous, aliases) {
        (true, false) => {
            reason("A in place", "its rows are contiguous and do not alias in L1", Some("aliasing_bytes"))
        }
        (true, true) if tiles.rows < facts.mr => reason(
            "A in place",
            format!("its rows alias in L1, so {} at a time", tiles.rows),
            Some("aliased_rows"),
        ),
        _ => {
            let why = format!("each panel meets {panels} of B, less than {}", limits.pack_a_panels);
            reason("A in place", why, Some("pack_a_panels"))
        }
    }
}

fn why_b(tiles: &Tiles, q: &Query, facts: &Facts, caches: &Caches) -> Reason {
    let limits = &facts.limits;
    let what = format!("B {}", tiles.b);
    if tiles.b == Source::Packed {
        return reason(what, "it came so", None);
    }
    if q.b.1 != 1 {
        return reason(what, "its rows are not contiguous", None);
    }
    let near = !aliased(q.b.0, facts) && is_near(q, facts, caches);
    let (enough, limit) = match near {
        true => (limits.pack_near_b_panels, "pack_near_b_panels"),
        false => (limits.pack_far_b_panels, "pack_far_b_panels"),
    };
    let place = match (near, aliased(q.b.0, facts)) {
        (true, _) => "stay in L2",
        (false, true) => "alias in L1",
        (false, false) => "do not stay in L2",
    };
    let panels = q.m.div_ceil(facts.mr);
    let compared = if panels < enough { "less than" } else { "at least" };
    let why = format!(
        "{} KiB {place}, and each panel meets {panels} of A, {compared} {enough}",
        bytes_of_b(q, facts).div_ceil(1024)
    );
    reason(what, why, Some(limit))
}
