//! How much the store holds, and how much more there is room for.

use std::path::Path;

use super::Store;
use super::error::StoreError;
use crate::domain::room::Disk;

impl Store {
    /// The size of its files, in bytes, and what is free on their disk, where the system tells. Cheap.
    pub async fn space(&self) -> Result<(u64, Option<Disk>), StoreError> {
        self.read(|inner| {
            inner.is_there()?;
            Ok((inner.db.size_on_disk()?, disk(&inner.path)))
        })
        .await
    }

    /// What its records have, in bytes. Reads all of it: seconds for gigabytes.
    pub async fn records_size(&self) -> Result<u64, StoreError> {
        self.read(|inner| {
            let mut bytes = 0;
            for entry in inner.db.iter() {
                let (key, value) = entry?;
                bytes += (key.len() + value.len()) as u64;
            }
            Ok(bytes)
        })
        .await
    }
}

/// What is free on the disk under this directory, where the system tells.
pub fn free(directory: &Path) -> Option<u64> {
    disk(directory).map(|disk| disk.free)
}

#[cfg(unix)]
fn disk(directory: &Path) -> Option<Disk> {
    // Whoever cannot say how much there is has no limit that anybody could keep.
    let told = nix::sys::statvfs::statvfs(directory).ok()?;
    // Of another width on some systems.
    #[allow(clippy::useless_conversion)]
    let of = |blocks| u64::from(blocks).saturating_mul(told.fragment_size().into());
    Some(Disk { free: of(told.blocks_available()), total: of(told.blocks()) })
}

#[cfg(not(unix))]
fn disk(_: &Path) -> Option<Disk> {
    None
}
