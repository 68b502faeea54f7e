//! A disk that fails on demand: a small library that is loaded before the C library, into leadhook alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::Place;

/// What the disk does, for whoever is started in its place.
pub struct FaultyDisk(PathBuf);

impl FaultyDisk {
    /// The place with a disk that does as it is told; it is fine to begin with.
    pub fn under(place: Place) -> (Place, FaultyDisk) {
        let orders = place.path("disk-orders");
        std::fs::write(&orders, "").unwrap();
        let below = place.path("data").display().to_string();
        let place = place.with("LD_PRELOAD", shim()).with("DISK_SHIM", orders.to_str().unwrap());
        (place.with("DISK_SHIM_BELOW", &below), FaultyDisk(orders))
    }

    /// From now on: see `disk_shim.c`.
    pub fn does(&self, orders: &str) {
        // Whole or not at all: it is read at every call.
        let new = self.0.with_extension("new");
        std::fs::write(&new, orders).unwrap();
        std::fs::rename(&new, &self.0).unwrap();
    }
}

/// The library's path; it is compiled by the first who asks.
fn shim() -> &'static str {
    static SHIM: OnceLock<String> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/disk_shim.c");
        let made = tempfile::Builder::new().suffix(".so").tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = made.into_temp_path().keep().unwrap();
        let told =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&path).arg(source).arg("-ldl").output();
        let told = told.expect("the C compiler `cc` is there (apt-get install build-essential)");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let whole = path.with_file_name("disk_shim.so");
        std::fs::rename(&path, &whole).unwrap();
        whole.to_str().unwrap().to_owned()
    })
}
