/// A step of the work, reported while it goes on.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What is being done, such as the address being fetched or the file being written.
    pub what: &'a str,
    /// Bytes or files done.
    pub done: u64,
    /// Bytes or files in all; for a download of unknown length, an upper limit.
    pub total: u64,
}

/// Is told about the steps.
pub type Progress<'a> = dyn FnMut(Step<'_>) + 'a;
