//! Shapes that come in files: lists that people write, and traces that programs write.

use serde::{Deserialize, Serialize};

use crate::dtype::Dtype;
use crate::groups::{self, ShapeError};
use crate::shape::Shape;

/// Why a line of such a file is none.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct LineError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: LineFault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineFault {
    /// Of a list.
    #[error("expected `M K N [ta] [tb] [xBATCH]` or a shape such as 512x784x128/tn, found {found:?}")]
    Words {
        /// The line.
        found: String,
    },
    /// A shape that no memory holds.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Of a trace.
    #[error("expected what MATMUL_TRACE writes, found {found:?}: {source}")]
    Json {
        /// The line.
        found: String,
        /// Why it is not.
        source: serde_json::Error,
    },
}

/// The shapes of a list, one a line: `M K N`, with `ta` and `tb` behind it where A or B is transposed and `xBATCH` where
/// a call computes so many, or a name that [`Shape::parse`] reads. What follows a `#` is passed over.
///
/// # Errors
/// [`LineError`] for a line that is neither.
pub fn from_list(text: &str) -> Result<Vec<Shape>, LineError> {
    let mut shapes: Vec<Shape> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = line.split('#').next().unwrap_or_default().trim();
        if words.is_empty() {
            continue;
        }
        let error = |why| LineError { line: index + 1, why };
        let found = || error(LineFault::Words { found: line.trim().into() });
        let name = name(words).filter(|name| Shape::parse(name).is_some()).ok_or_else(found)?;
        let found = groups::select(&[name]).map_err(|why| error(why.into()))?;
        shapes.extend(found.into_iter().filter(|shape| !shapes.contains(shape)).collect::<Vec<_>>());
    }
    Ok(shapes)
}

/// The name of the shape that a line asks for.
fn name(words: &str) -> Option<String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let [m, k, n, rest @ ..] = words.as_slice() else {
        return Some(words.concat()).filter(|_| words.len() == 1);
    };
    let (mut ta, mut tb, mut batch) = (false, false, None);
    for word in rest {
        match (*word, word.strip_prefix('x')) {
            ("ta", _) if !ta => ta = true,
            ("tb", _) if !tb => tb = true,
            (_, Some(count)) if batch.is_none() => batch = Some(count.parse().ok()?),
            _ => return None,
        }
    }
    Some(name_of([m, k, n], ta, tb, batch.unwrap_or(1)))
}

fn name_of<S: std::fmt::Display>([m, k, n]: [S; 3], ta: bool, tb: bool, batch: usize) -> String {
    let layout = match (ta, tb) {
        (false, false) => "",
        (false, true) => "/nt",
        (true, false) => "/tn",
        (true, true) => "/tt",
    };
    if batch == 1 { format!("{m}x{k}x{n}{layout}") } else { format!("{batch}x({m}x{k}x{n}){layout}") }
}

/// What a program asked for: a shape in an element type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The name of the shape.
    pub shape: String,
    /// Its element type.
    pub dtype: Dtype,
    /// How often.
    pub calls: u64,
    /// What it took the program.
    pub seconds: f64,
}

/// A line of the file that `MATMUL_TRACE` names.
#[derive(Deserialize)]
struct Line {
    m: usize,
    k: usize,
    n: usize,
    a: Order,
    b: Order,
    batch: usize,
    dtype: String,
    calls: u64,
    seconds: f64,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    N,
    T,
}

/// What a trace asks for, the longest first, and a note for what is not measured: element types other than f32 and f64.
///
/// # Errors
/// [`LineError`] for a line that is none of a trace, and for a shape that no memory holds.
pub fn from_trace(text: &str) -> Result<(Vec<Asked>, Vec<String>), LineError> {
    let (mut asked, mut notes) = (Vec::new(), Vec::new());
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let error = |why| LineError { line: index + 1, why };
        let line: Line = serde_json::from_str(text)
            .map_err(|source| error(LineFault::Json { found: text.into(), source }))?;
        let Line { m, k, n, a, b, batch, dtype, calls, seconds } = line;
        let shape = name_of([m, k, n], a == Order::T, b == Order::T, batch);
        let Ok(dtype) = dtype.parse() else {
            notes.push(format!("the trace has {calls} calls of {shape} {dtype}, which is not measured"));
            continue;
        };
        groups::select(&[&shape]).map_err(|why| error(why.into()))?;
        asked.push(Asked { shape, dtype, calls, seconds });
    }
    asked.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    Ok((asked, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        from_list(text).unwrap().into_iter().map(|shape| shape.name).collect()
    }

    #[test]
    fn a_line_is_sizes_or_a_name() {
        let text = "# my layers\n5 784 10\n\n64 784 50 ta x16  # a batch\n 7 8 9 tb\n7 8 9 tb ta\n512x784x128/tn\n33\n5x784x10\n";
        let expected =
            ["5x784x10", "16x(64x784x50)/tn", "7x8x9/nt", "7x8x9/tt", "512x784x128/tn", "33x33x33"];
        assert_eq!(names(text), expected);
        // The table's shapes keep their data.
        assert_eq!(from_list("5 784 10").unwrap()[0].group, "mnist");
    }

    #[test]
    fn errors_name_the_line_and_what_was_found() {
        for (bad, words) in [
            ("1 2", "line 2: expected `M K N [ta] [tb] [xBATCH]`"),
            ("1 2 3 tc", "found \"1 2 3 tc\""),
            ("1 2 3 x0", "found \"1 2 3 x0\""),
            ("1 2 0", "found \"1 2 0\""),
            ("1 2 3 ta ta", "found \"1 2 3 ta ta\""),
            ("64x", "found \"64x\""),
            ("4000000000 2 3000000", "line 2: the shape 4000000000x2x3000000 has more than"),
        ] {
            let message = from_list(&format!("8 8 8\n{bad}\n")).unwrap_err().to_string();
            assert!(message.starts_with("line 2: ") && message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_trace_is_read_the_longest_first() {
        let line = |sizes: &str, batch: usize, dtype: &str, seconds: f64| {
            format!(
                "{{{sizes},\"a\":\"t\",\"b\":\"n\",\"batch\":{batch},\"dtype\":\"{dtype}\",\"calls\":3,\"seconds\":{seconds:?}}}\n"
            )
        };
        let text = line("\"m\":1,\"k\":2,\"n\":3", 1, "f32", 0.5)
            + &line("\"m\":4,\"k\":5,\"n\":6", 7, "f64", 1e-7)
            + &line("\"m\":1,\"k\":1,\"n\":1", 1, "i8", 2.0)
            + &line("\"m\":2,\"k\":2,\"n\":2", 1, "f32", 1.5);
        let (asked, notes) = from_trace(&text).unwrap();
        let found: Vec<_> = asked.iter().map(|a| (a.shape.as_str(), a.dtype, a.calls, a.seconds)).collect();
        let expected = [
            ("2x2x2/tn", Dtype::F32, 3, 1.5),
            ("1x2x3/tn", Dtype::F32, 3, 0.5),
            ("7x(4x5x6)/tn", Dtype::F64, 3, 1e-7),
        ];
        assert_eq!(found, expected);
        assert_eq!(notes, ["the trace has 3 calls of 1x1x1/tn i8, which is not measured"]);
        let message = from_trace("\n{\"m\":1}\n").unwrap_err().to_string();
        assert!(message.starts_with("line 2: expected what MATMUL_TRACE writes, found \"{"), "{message}");
    }
}
