//! The digest of many records, in order: a copy has the same, or is none.

use sha2::{Digest, Sha256};

/// Records that were counted and digested.
#[derive(Default)]
pub struct Sum {
    /// How many.
    pub records: u64,
    digest: Sha256,
}

impl Sum {
    /// One more.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.records += 1;
        for part in [key, value] {
            self.digest.update((part.len() as u64).to_be_bytes());
            self.digest.update(part);
        }
    }

    /// Their digest, in hexadecimal.
    pub fn digest(self) -> String {
        hex(&self.digest.finalize())
    }
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
