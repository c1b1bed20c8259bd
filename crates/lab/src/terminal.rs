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
