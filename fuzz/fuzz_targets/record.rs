//! Stored records, as they might stand on a disk that lies: a record or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    leadhook::store::fuzzing::record(*kind, rest);
});
