use super::error::PickleError;
use std::io::{BufReader, Read};

/// Reads with an offset for messages and a limit.
pub(super) struct Input<R> {
    source: BufReader<R>,
    pub(super) offset: u64,
    pub(super) limit: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(source: R, limit: u64) -> Self {
        Self { source: BufReader::new(source), offset: 0, limit }
    }

    pub(super) fn bytes(&mut self, len: u32) -> Result<Vec<u8>, PickleError> {
        let (len, left) = (u64::from(len), self.limit - self.offset);
        if len > left {
            return Err(PickleError::TooLong { offset: self.offset, found: len, limit: left });
        }
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(len).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        match read {
            Err(source) => Err(PickleError::Io { offset: self.offset, source }),
            Ok(n) if (n as u64) < len => {
                Err(PickleError::Truncated { offset: self.offset, expected: len - n as u64 })
            }
            Ok(_) => Ok(bytes),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let bytes = self.bytes(N as u32)?;
        Ok(std::array::from_fn(|i| bytes[i]))
    }

    pub(super) fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.array::<1>()?[0])
    }

    /// A line of at most 64 bytes, as in the opcode GLOBAL; longer ones are cut and then match no name.
    pub(super) fn line(&mut self) -> Result<String, PickleError> {
        let mut line = String::new();
        while line.len() < 64 {
            match self.byte()? {
                b'\n' => break,
                b => line.push(char::from(b)),
            }
        }
        Ok(line)
    }

    /// Reads to the very end, which also makes a decompressor check its checksum.
    pub(super) fn finish(mut self) -> Result<(), PickleError> {
        let offset = self.offset;
        match self.source.by_ref().take(1).read_to_end(&mut Vec::new()) {
            Ok(0) => Ok(()),
            Ok(_) => Err(PickleError::Trailing { offset }),
            Err(source) => Err(PickleError::Io { offset, source }),
        }
    }
}
