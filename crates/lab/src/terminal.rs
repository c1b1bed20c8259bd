//! Words for people, who may stop reading at any time: `head` closes its pipe, a log fills its disk. What is being
//! done goes on all the same.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

/// The first failure to write to standard output; nothing is written after it.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line of results to standard output, as `println!` without its panic.
#[macro_export]
macro_rules! say {
    () => { $crate::terminal::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::terminal::out(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a line on what is being done to standard error, as `eprintln!` without its panic.
#[macro_export]
macro_rules! tell {
    ($($text:tt)*) => { $crate::terminal::err(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes to standard output, unless that has failed before.
pub fn out(text: fmt::Arguments<'_>) {
    let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
    if lost.is_none() {
        *lost = write(&mut io::stdout().lock(), text).err();
    }
}

/// Writes to standard error. There is nobody to tell if that fails.
pub fn err(text: fmt::Arguments<'_>) {
    let _ = write(&mut io::stderr().lock(), text);
}

fn write(to: &mut impl Write, text: fmt::Arguments<'_>) -> io::Result<()> {
    to.write_fmt(text).and_then(|()| to.flush())
}

/// Why results could not be printed. A reader that has gone is no reason: it has what it wanted.
pub fn lost() -> Option<io::Error> {
    let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).take();
    lost.filter(|err| err.kind() != ErrorKind::BrokenPipe)
}

/// Text for people, as wide as the terminal that standard output is; unchanged where it is none.
pub fn fitted(text: &str) -> String {
    width().map_or_else(|| text.to_owned(), |width| wrapped(text, width))
}

/// The columns of the terminal, if standard output is one.
#[cfg(unix)]
fn width() -> Option<usize> {
    // SAFETY: winsize is a structure of integers, for which zero is a value.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is that of `size`, which this request fills.
    let failed = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) } != 0;
    Some(usize::from(size.ws_col)).filter(|&columns| !failed && columns > 0)
}

/// Not told.
#[cfg(not(unix))]
fn width() -> Option<usize> {
    None
}

/// Breaks lines of words that are longer, and lists with an indent; those of tables, which have columns, stay whole.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let words = line.trim_end();
        if words.chars().count() <= width || words.contains("  ") {
            out += line;
            continue;
        }
        let indent = if words.starts_with("- ") { "  " } else { "" };
        let mut column = 0;
        for word in words.split(' ') {
            let len = word.chars().count();
            if column > 0 && column + 1 + len > width {
                out += "\n";
                out += indent;
                column = indent.len();
            } else if column > 0 {
                out.push(' ');
                column += 1;
            }
            out += word;
            column += len;
        }
        out += &line[words.len()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_words_are_broken_and_tables_are_not() {
        let text = "Link matmul: it is the fastest.\n\nours on       f32 1T      f64 1T\n- the data are synthetic, not MNIST\n";
        let expected = "Link matmul: it is\nthe fastest.\n\nours on       f32 1T      f64 1T\n- the data are\n  synthetic, not\n  MNIST\n";
        assert_eq!(wrapped(text, 18), expected);
        assert_eq!(wrapped(text, 200), text);
        // A word that is longer than the line is not cut.
        assert_eq!(wrapped("a /long/path b", 5), "a\n/long/path\nb");
    }
}
