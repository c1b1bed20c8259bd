//! A plan in words, and why it is that way.

use std::fmt;

use matmul_core::K_CHUNK;

use super::caches::Caches;
use super::cut::{Cut, Order, least_work, most_pieces, work};
use super::decide::{aliased, body, bytes_of_b, copies_a, edge_step, few, is_tile, stays};
use super::facts::{Facts, Strips};
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
        match (self.limit, self.heading()) {
            (None, _) => Ok(()),
            (Some(limit), None) => write!(f, " (Limits::{limit})"),
            (Some(limit), Some(heading)) => {
                write!(f, " (Limits::{limit}; docs/performance.md, \"{heading}\")")
            }
        }
    }
}

/// The fields of `Limits`, and where docs/performance.md has the experiment behind them.
const HEADINGS: [(&str, &str); 13] = [
    ("pack_a_panels", "Rows a multiple of 4 KiB apart"),
    ("aliasing_bytes", "Rows a multiple of 4 KiB apart"),
    ("aliased_rows", "Rows a multiple of 4 KiB apart"),
    ("pack_near_b_panels", "B in place"),
    ("pack_far_b_panels", "B in place"),
    ("edge_columns", "Squares below 64"),
    ("edge_rows", "Squares below 64"),
    ("edge_vectors", "Squares below 64"),
    ("strip_vectors", "Two to ten rows"),
    ("sums_halves_of_l1", "Matrix times vector"),
    ("piece_work", "Threads"),
    ("piece_work_outside", "Threads"),
    ("chunks_below_units", "Threads"),
];

impl Reason {
    /// The heading in docs/performance.md under which the experiment behind the threshold stands, if there is one.
    pub fn heading(&self) -> Option<&'static str> {
        let limit = self.limit?;
        HEADINGS.iter().find(|(field, _)| *field == limit).map(|(_, heading)| *heading)
    }
}

fn reason(what: impl Into<String>, why: impl Into<String>, limit: Option<&'static str>) -> Reason {
    Reason { what: what.into(), why: why.into(), limit }
}

/// Two sentences: the way, and the threads. `{:#}` is a short form for tables: `turned column`, `rows / 4 pieces of 16
/// rows`, `tiles of 12x32, a=in place, b=copied, edge=1`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { self.short(f) } else { self.sentences(f) }
    }
}

impl Plan {
    fn short(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.turned { "turned " } else { "" })?;
        match self.body {
            Path::Tile => f.write_str("tile")?,
            Path::Tiles(tiles) => {
                write!(f, "tiles of {}x{}, a={}, b={}", tiles.rows, tiles.columns, tiles.a, tiles.b)?
            }
            Path::Rows => f.write_str("rows")?,
            Path::Strips(Strips { left, right: 0, vectors }) => write!(f, "strips {left}x{vectors}")?,
            Path::Strips(Strips { left, right, vectors }) => write!(f, "strips {left}+{right}x{vectors}")?,
            Path::Column { .. } => f.write_str("column")?,
            Path::Dot => f.write_str("dot")?,
        }
        if self.edge > 0 {
            write!(f, ", edge={}", self.edge)?;
        }
        let Some(Cut { pieces, row_unit, column_unit, order }) = self.cut else { return Ok(()) };
        match (column_unit, order) {
            (_, Order::Chunks) => write!(f, " / {pieces} pieces of k"),
            (0, _) => write!(f, " / {pieces} pieces of {row_unit} rows"),
            (_, Order::Columns { .. }) => write!(f, " / {pieces} pieces, columns first"),
            (_, Order::Rows) => write!(f, " / {pieces} pieces, rows first"),
        }
    }

    fn sentences(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = self.body.to_string();
        if self.turned {
            write!(f, "The transposed product: {way}")?;
        } else {
            let (first, rest) = way.split_at(1);
            write!(f, "{}{rest}", first.to_uppercase())?;
        }
        match self.edge {
            0 => {}
            1 => f.write_str("; the last column goes to rows in lanes")?,
            n => write!(f, "; the last {n} columns go to rows in lanes")?,
        }
        let Some(Cut { pieces, row_unit, column_unit, order }) = self.cut else {
            return f.write_str(". On one thread.");
        };
        if order == Order::Chunks {
            return write!(
                f,
                ". Cut into {pieces} pieces of k, whose chunks are summed apart and folded in order."
            );
        }
        write!(f, ". Cut into up to {pieces} pieces, in units of {row_unit} rows")?;
        match (column_unit, order) {
            (_, Order::Chunks) | (0, _) => f.write_str("."),
            (columns, Order::Columns { keep }) => {
                write!(f, " and {columns} columns: by columns while a half keeps {keep} units, then by rows.")
            }
            (columns, Order::Rows) => write!(f, " and {columns} columns: by rows first."),
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
        write!(f, "tiles of {} x {}, ", self.rows, self.columns)?;
        if self.a == self.b {
            write!(f, "A and B {}", self.a)?;
        } else {
            write!(f, "A {}, B {}", self.a, self.b)?;
        }
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
            let (rows, columns) = facts.tile_for(query.n);
            let why = format!(
                "{} x {} fits {rows} x {columns}, k is one chunk, and rows of B and C are contiguous",
                query.m, query.n
            );
            reasons.push(reason("one tile", why, None));
            return reasons;
        }
        let turned = if self.turned { query.turned() } else { *query };
        reasons.push(self.why_the_path(query, &turned, facts));
        if let Path::Tiles(tiles) = &self.body {
            let piece = self.cut.map_or(turned, |cut| cut.largest_piece(&turned));
            let body = Query { n: body(piece.n, turned.n, self.edge), ..piece };
            reasons.push(why_a(tiles, &body, facts));
            reasons.push(why_b(tiles, &body, facts, caches));
            reasons.push(self.why_the_edge(&Query { n: turned.n, ..piece }, facts));
        }
        reasons.push(self.why_the_pieces(&turned, facts));
        reasons
    }

    fn why_the_path(&self, query: &Query, turned: &Query, facts: &Facts) -> Reason {
        let side = turned.n;
        let limits = &facts.limits;
        let what = format!("{}{}", if self.turned { "turned, " } else { "" }, self.body);
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
                    "n = 1, columns of A are contiguous, and {} rows >= {} lanes; the sums take {} x half of L1",
                    turned.m, facts.lanes, limits.sums_halves_of_l1
                );
                reason(what, why, Some("sums_halves_of_l1"))
            }
            Path::Dot => reason(
                what,
                format!("{} x {side} elements of C, in the order that is fastest", turned.m),
                Some("dot_side"),
            ),
            Path::Tiles(_) => reason(
                if self.turned { "turned, tiles" } else { "tiles" },
                format!("{}; {}", why_not_thin(query, facts), why_turned(query, self.turned)),
                None,
            ),
        }
    }

    fn why_the_edge(&self, q: &Query, facts: &Facts) -> Reason {
        let (limits, step) = (&facts.limits, edge_step(facts));
        let (rest, most) = (q.n % step, limits.edge_columns.min(facts.rows));
        let least = limits.edge_rows.max(facts.group_rows(rest));
        let no = |why: String, limit| reason("no edge", why, limit);
        match self.edge {
            _ if rest == 0 => no(format!("n % {step} = 0"), Some("edge_vectors")),
            0 if rest > most => no(format!("n % {step} = {rest} > {most}"), Some("edge_columns")),
            0 if q.n < step => no(format!("n = {} < {step}: it is all that there is", q.n), None),
            0 if q.m < least => {
                no(format!("n % {step} = {rest} <= {most}, but {} rows < {least}", q.m), Some("edge_rows"))
            }
            0 if q.packed => {
                no("B is packed, so its columns do not lie where rows in lanes read them".into(), None)
            }
            0 => no("rows of A are not contiguous, which rows in lanes need".into(), None),
            edge => {
                let why = format!("n % {step} = {edge} <= {most}, and {} rows >= {least}", q.m);
                reason(format!("edge of {edge}"), why, Some("edge_columns"))
            }
        }
    }

    fn why_the_pieces(&self, q: &Query, facts: &Facts) -> Reason {
        let (work, least, most) = (work(q, facts), least_work(q, facts), most_pieces(q, facts));
        let limit = Some(if q.outside { "piece_work_outside" } else { "piece_work" });
        match self.cut {
            Some(cut) if cut.order == Order::Chunks => {
                let each = facts.limits.chunks_below_units;
                let why = format!(
                    "{} threads, work of {work} / {least} = {most}; C has fewer than {each} units for each, and k {} chunks",
                    q.threads,
                    q.k.div_ceil(K_CHUNK)
                );
                reason(format!("{} pieces of k", cut.pieces), why, Some("chunks_below_units"))
            }
            Some(cut) => {
                let why = format!("{} threads, work of {work} / {least} = {most}", q.threads);
                let units = q.m / cut.row_unit;
                let why = match cut.column_unit {
                    0 => format!("{why}, {} rows / {} = {units}", q.m, cut.row_unit),
                    _ => why,
                };
                reason(format!("up to {} pieces", cut.pieces), why, limit)
            }
            None if q.threads < 2 => reason("one piece", "there is one thread", None),
            None if most < 2 => reason("one piece", format!("work of {work} < 2 x {least}"), limit),
            None => reason("one piece", "C has less than two units of rows or columns to cut between", None),
        }
    }
}

/// Why a product that tiles compute has no path for few columns.
fn why_not_thin(query: &Query, facts: &Facts) -> String {
    let (side, few) = (query.m.min(query.n), few(query, facts));
    if query.packed {
        return "B is packed for tiles".into();
    }
    if side > few {
        return format!("the shorter side of C, {side}, > {few}, the most that a path of its own takes");
    }
    let long = query.m.max(query.n);
    let q = if query.m < query.n { query.turned() } else { *query };
    match (q.a.0, q.a.1) {
        (_, 1) if q.n > facts.rows => format!("n = {side} > {}, the most with rows in lanes", facts.rows),
        (_, 1) => format!("{long} rows < {}, which rows in lanes fill", facts.group_rows(side)),
        (1, _) if side == 1 => format!("{long} rows < {}, a vector", facts.lanes),
        (1, _) if side > 1 + facts.strips.len() => format!("the engine has no strips for {side} columns"),
        (1, _) => {
            let least = facts.limits.strip_vectors.saturating_mul(facts.lanes);
            format!("{long} rows < {least}, from which strips pay")
        }
        _ => "neither rows nor columns of the longer operand are contiguous".into(),
    }
}

fn why_turned(query: &Query, turned: bool) -> &'static str {
    match (turned, query.n, query.m) {
        (true, 1, _) => "columns of A are contiguous, and turned they fill lanes without a copy",
        (true, ..) => "columns of C are contiguous, and turned they are rows",
        (false, _, 1) => "C is one row, which fills lanes as it is",
        (false, ..) => "as it lies",
    }
}

fn why_a(tiles: &Tiles, q: &Query, facts: &Facts) -> Reason {
    let (limits, panels) = (&facts.limits, q.n.div_ceil(facts.nr()));
    let (contiguous, aliases) = (q.a.1.unsigned_abs() == 1, aliased(q.a.0, facts));
    if copies_a(q, facts) {
        let hostile = if contiguous { "its rows alias in L1" } else { "its rows are not contiguous" };
        let why = format!("{hostile}, and each panel meets {panels} panels of B >= {}", limits.pack_a_panels);
        return reason("A copied", why, Some("pack_a_panels"));
    }
    if contiguous && !aliases {
        let why = format!(
            "its rows are contiguous, and {} bytes apart they do not alias",
            q.a.0.unsigned_abs() * facts.size
        );
        return reason("A in place", why, Some("aliasing_bytes"));
    }
    if contiguous && !limits.copy_aliased {
        let why = format!("its rows alias in L1, so {} of them at a time", tiles.rows);
        return reason("A in place", why, Some("aliased_rows"));
    }
    let why = format!("each panel meets {panels} panels of B < {}", limits.pack_a_panels);
    reason("A in place", why, Some("pack_a_panels"))
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
    let near = stays(q, facts, caches);
    let (enough, limit) = match near {
        true => (limits.pack_near_b_panels, "pack_near_b_panels"),
        false => (limits.pack_far_b_panels, "pack_far_b_panels"),
    };
    let (bytes, half) = (bytes_of_b(q, facts).div_ceil(1024), (caches.l2 / 2) >> 10);
    let l2 = format!("{} x {half} KiB of L2", limits.near_halves_of_l2);
    let place = match (near, aliased(q.b.0, facts)) {
        (true, _) => format!("its {bytes} KiB fit {l2}"),
        (false, true) => "its rows alias in L1".into(),
        (false, false) => format!("its {bytes} KiB do not fit {l2}"),
    };
    let panels = q.m.div_ceil(facts.mr);
    let compared = if tiles.b == Source::InPlace { "<" } else { ">=" };
    let why = format!("{place}, and each panel meets {panels} panels of rows {compared} {enough}");
    reason(what, why, Some(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A heading that was renamed would send the reader of a reason nowhere.
    #[test]
    fn headings_are_in_the_documentation() {
        let page = include_str!("../../../../docs/performance.md");
        let limits = format!("{:?}", super::super::Limits::AVX2);
        for (field, heading) in HEADINGS {
            assert!(limits.contains(&format!("{field}: ")), "{field} is no field of Limits");
            let heads =
                |line: &str| line.starts_with("## ") || line.starts_with("- **") || line.starts_with("**");
            assert!(page.lines().any(|line| heads(line) && line.contains(heading)), "{heading}");
        }
    }
}
