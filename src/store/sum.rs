//! The digest of many records, in order: a copy has the same, or is none.

use sha2::{Digest, Sha256};

/// Records that were counted and digested.
#[derive(Default)]
pub struct Sum {
    /// How many.
    pub records: u64,
    /// The same in whichever order they come.
    pub in_any_order: u128,
    digest: Sha256,
}

impl Sum {
    /// One more.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.records += 1;
        let mut record = Sha256::new();
        for digest in [&mut self.digest, &mut record] {
            for part in [key, value] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
        }
        let record = record.finalize().first_chunk().copied().map_or(0, u128::from_be_bytes);
        self.in_any_order = self.in_any_order.wrapping_add(record);
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
