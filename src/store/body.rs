//! Envelopes on disk: compressed, and cut into chunks that sled keeps inside its log.

use super::error::StoreError;

/// sled moves a leaf of up to 16 items over 128 KiB into files that it never syncs; chunks of this size stay below.
const CHUNK: usize = 6 * 1024;

/// No envelope is larger; a length beyond it can only come from a damaged record.
const LONGEST: usize = 64 * 1024 * 1024;

/// The envelope, ready to be stored.
pub fn pack(envelope: &[u8]) -> Vec<Vec<u8>> {
    lz4_flex::block::compress_prepend_size(envelope).chunks(CHUNK).map(<[u8]>::to_vec).collect()
}

/// The envelope of these chunks, laid end to end.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::Record("an event's envelope is damaged".into());
    let length = packed.first_chunk::<4>().map(|l| u32::from_le_bytes(*l) as usize).ok_or_else(damaged)?;
    if length > LONGEST {
        return Err(damaged());
    }
    lz4_flex::block::decompress_size_prepended(packed).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_small_chunks() {
        for length in [0usize, 1, 100, 6 * 1024, 100_000] {
            let envelope: Vec<u8> = (0..length).map(|i| (i * i % 251) as u8).collect();
            let chunks = pack(&envelope);
            assert!(chunks.iter().all(|c| c.len() <= CHUNK));
            assert_eq!(unpack(&chunks.concat()).expect("whole"), envelope);
        }
    }

    #[test]
    fn damage_is_an_error() {
        assert!(unpack(&[]).is_err());
        assert!(unpack(&[255, 255, 255, 255, 0]).is_err());
        let chunks = pack(b"hello hello hello hello hello");
        assert!(unpack(&chunks.concat()[..8]).is_err());
    }
}
