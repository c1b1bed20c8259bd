//! A progress bar with the time left, or plain lines where the output is not a terminal.

use std::time::Duration;

use crate::{say, tell};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is being done, on standard error; results go to standard output.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// `steps` pieces of work of about the same length.
    pub(crate) fn new(steps: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
        let template = "[{elapsed}] {bar:30} {pos}/{len} {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }

    /// Says what begins.
    pub(crate) fn begin(&self, what: &str) {
        if self.0.is_hidden() {
            let (done, all) = (self.0.position(), self.0.length().unwrap_or(0));
            tell!("[{:.0} s, {done}/{all}] {what}", self.0.elapsed().as_secs_f64());
        } else {
            self.0.set_message(what.to_owned());
        }
    }

    /// One piece is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// Prints results without tearing the bar.
    pub(crate) fn print(&self, text: &str) {
        self.0.suspend(|| say!("{text}"));
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
