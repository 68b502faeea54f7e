//! The beginnings of the log's segments. To sled, a segment whose beginning does not read is an empty one, and what lay in it is
//! gone without a word.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// As sled makes them unless it is told otherwise.
const SEGMENT: u64 = 512 * 1024;

/// A checksum and two numbers.
const HEADER: usize = 20;

/// Where a segment's beginning is neither one nor empty; `None`: nowhere.
///
/// # Errors
/// The log cannot be read.
pub fn first_damaged(log: &Path) -> std::io::Result<Option<u64>> {
    let mut file = match File::open(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    let mut at = 0;
    while at + HEADER as u64 <= length {
        let mut header = [0; HEADER];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut header)?;
        if !reads(&header) {
            return Ok(Some(at));
        }
        at += SEGMENT;
    }
    Ok(None)
}

fn reads(header: &[u8; HEADER]) -> bool {
    // One that was never written, or was wiped.
    if header.iter().all(|byte| *byte == 0) {
        return true;
    }
    let (sum, rest) = header.split_at(4);
    // sled keeps the sum turned over: what CRC-32 is before its last step.
    sum == (!crc32(rest)).to_le_bytes()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_books() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_sled_has_written_reads_and_nothing_else_does() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = sled::Config::new().path(directory.path()).open().expect("it opens");
        for i in 0..2_000_u32 {
            db.insert(i.to_be_bytes(), vec![i as u8; 1_000]).expect("it writes");
        }
        db.flush().expect("it writes");
        drop(db);
        let log = directory.path().join("db");
        let bytes = std::fs::read(&log).expect("there");
        assert!(bytes.len() as u64 > 2 * SEGMENT);
        assert_eq!(first_damaged(&log).expect("read"), None);
        for at in [0, 3, 4, 19, SEGMENT as usize, SEGMENT as usize + 11] {
            let mut hit = bytes.clone();
            hit[at] ^= 4;
            std::fs::write(&log, hit).expect("written");
            assert_eq!(first_damaged(&log).expect("read"), Some(at as u64 / SEGMENT * SEGMENT), "{at}");
        }
        assert_eq!(first_damaged(&directory.path().join("none")).expect("read"), None);
    }
}
